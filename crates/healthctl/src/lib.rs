//! `healthctl`: what runs on this host, looked at from outside by the same
//! definitions that the probe uses inside.

#![cfg_attr(test, allow(missing_docs, reason = "tests are read, not rendered"))]

pub mod commands; // what can be asked for, a file each
pub mod engines; // Docker and Podman: which containers there are
mod identity; // container → service
mod look; // one container → an answer
mod survey; // many containers, side by side
mod interrupt; // Ctrl-C
mod junit; // answers, for CI
mod document; // answers, for programs
mod table; // answers, for people
mod terminal; // width, colour, and a pipe that was closed

use clap::Parser;
use std::process::ExitCode;

/// The whole command.
pub fn main() -> ExitCode {
    let commands = commands::Cli::parse();
    match commands.run() {
        Ok(exit) => exit,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}
