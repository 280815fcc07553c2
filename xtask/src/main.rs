//! `cargo xtask`: everything this repository does beside compiling. A doorbell: one line per command here, and one file per command beside it.

mod base_image;
mod bench;
mod demo;
mod engine;
mod fuzz;
mod generate;
mod images;
mod interrupt;
mod lab;
mod machine;
mod peers;
mod policy;
mod probe;
mod program;
mod progress;
mod session;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Args),
    Demo(demo::Args),
    Fuzz(fuzz::Args),
    Generate(generate::Args),
    Lab(lab::command::Args),
    Probe(probe::Args),
    Test(test::Args),
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Lab(args) => lab::command::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    };
    if let Err(error) = done {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
