//! What `cargo xtask generate` runs. A program of its own, because it needs the whole library, and
//! whoever runs the demo should not wait for that twice.

mod commands;
mod definitions;
mod kinds;
mod pages;
mod services;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    pages::write(pages::Args::parse().check)
}
