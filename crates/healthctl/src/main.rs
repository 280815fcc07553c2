//! `healthctl`: the health of every container on this host.

use std::process::ExitCode;

fn main() -> ExitCode {
    healthctl::main()
}
