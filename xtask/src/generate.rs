//! `cargo xtask generate`: the reference pages, by the package `generate`.

use std::time::Duration;

use anyhow::Result;

use crate::program::Program;
use crate::session::Session;

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Write docs/reference from the code
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Write nothing; fail where a page is not what the code says
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let session = Session::begin()?;
    if args.check { check(&session) } else { generate(&session, &[]) }
}

/// Fails where a page is not what the code says.
pub(crate) fn check(session: &Session) -> Result<()> {
    generate(session, &["--check"])
}

fn generate(session: &Session, args: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Program::new(cargo)
        .within(session.root())
        .limit(LIMIT)
        .args(["run", "--quiet", "--locked", "--package", "generate", "--"])
        .args(args)
        .in_the_open(&session.interrupt)
}
