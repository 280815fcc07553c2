//! `/openstack/healthcheck`: the command every container carries.

use std::process::ExitCode;

fn main() -> ExitCode {
    probe::main(std::env::args_os().collect())
}
