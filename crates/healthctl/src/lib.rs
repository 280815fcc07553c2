//! `healthctl`: what runs on this host, looked at from outside by the same
//! definitions that the probe uses inside.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]
#![cfg_attr(test, allow(missing_docs, reason = "tests are read, not rendered"))]

pub mod commands; // what can be asked for, a file each
pub mod engines; // Docker and Podman: which containers there are
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
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
    let commands = match commands::Cli::try_parse() {
        Ok(commands) => commands,
        Err(error) => {
            // Where even that cannot be printed, the exit status still tells.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match commands.run() {
        Ok(exit) => exit,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}
