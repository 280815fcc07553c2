//! `cargo xtask lab`: real OpenStack services on a network of their own.

use anyhow::Result;
use clap::Subcommand;

use super::services;
use crate::session::Session;

/// Real services in containers, to do faults to and to watch.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The services there are.
    List(Which),
}

/// Which services are meant.
#[derive(clap::Args, Debug)]
struct Which {
    /// These and what they need; all of them when none is named.
    services: Vec<String>,
    /// Only the few that the test run takes.
    #[arg(long, conflicts_with = "services")]
    short: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let session = Session::begin()?;
    match &args.command {
        Command::List(which) => list(&which.choose(&session)?),
    }
    Ok(())
}

impl Which {
    fn choose(&self, session: &Session) -> Result<Vec<services::Service>> {
        let all = services::read(session.root())?;
        if self.short { Ok(services::short(&all)) } else { services::select(&all, &self.services) }
    }
}

fn list(services: &[services::Service]) {
    for service in services {
        let trap = if service.trap { "  (a trap: never unhealthy)" } else { "" };
        println!("{:<24} {:<12} {}{trap}", service.name, service.image, service.healthcheck());
    }
}
