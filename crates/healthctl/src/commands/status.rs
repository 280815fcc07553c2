//! `healthctl status`: every container of this host, the engine's word beside ours.

use super::{EngineArguments, RoleChoice, host, limit, role, tasks};
use crate::document::Document;
use crate::engines::Engines;
use crate::interrupt::Interrupt;
use crate::look::Asked;
use crate::survey::{Survey, survey};
use crate::table::Table;
use crate::terminal::{self, Look};
use anyhow::Result;
use clap::ValueEnum;
use healthcheck::verdict::Exit;
use std::sync::Arc;
use std::time::Duration;

/// Show every container: what its engine says, and what is seen from outside
///
/// Exits 0 when every container that a definition is for is healthy or degraded, else 1.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// Show those too that have ended well or were never started
    #[arg(long)]
    all: bool,

    /// What the answers are for; without it, an operator's: whoever is to blame fails
    #[arg(long, value_enum)]
    role: Option<RoleChoice>,

    /// Look at each for no longer than this
    #[arg(long, value_name = "TIME", value_parser = limit)]
    deadline: Option<Duration>,

    #[command(flatten)]
    engines: EngineArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// for people
    Table,
    /// for programs
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let host = host()?;
    let mut engines = arguments.engines.find(&host)?;
    let tasks = tasks(&mut engines);
    let (role, deadline) = (role(arguments.role), arguments.deadline);
    let asked = Arc::new(Asked { role, deadline, ..Asked::default() });
    let Survey { mut rows, vanished } = survey(tasks, &asked, &Interrupt::default());
    let before = rows.len();
    if !arguments.all {
        rows.retain(|row| !row.is_done());
    }
    let hidden = before - rows.len();
    for name in vanished {
        terminal::remark(&format!("container {name} has gone meanwhile"));
    }
    let look = Look::of_stdout();
    let table = Table { rows: &rows, several_engines: engines.answering.len() > 1 };
    match arguments.format {
        // Where no engine answers, nothing is known: not even that there is nothing.
        Format::Table
            if engines.answering.is_empty() || (rows.is_empty() && !engines.failing.is_empty()) => {
        }
        Format::Table => {
            terminal::say(&table.render(look, host.now()));
            if hidden > 0 {
                let verb = if hidden == 1 { "has" } else { "have" };
                terminal::say(&format!(
                    "{hidden} that {verb} ended or never started: not shown (--all)\n"
                ));
            }
        }
        Format::Json => terminal::say(&Document::new(&rows, &engines, host.now()).render()),
    }
    for error in &engines.failing {
        terminal::complain(&error.clone().into());
    }
    Ok(exit(&rows, &engines))
}

fn exit(rows: &[crate::survey::Row], engines: &Engines) -> Exit {
    let passes = |row: &crate::survey::Row| {
        row.is_done() || row.looked.report.as_ref().is_none_or(|report| report.exit() == Exit::Pass)
    };
    // An engine that does not answer hides its containers.
    match engines.failing.is_empty() && rows.iter().all(passes) {
        true => Exit::Pass,
        false => Exit::Fail,
    }
}
