//! `healthctl check`: one container, with the report that the probe would give.

use super::{EngineArguments, JudgeArguments, host, no_such_container, select, tasks};
use crate::interrupt::Interrupt;
use crate::look::{self, Asked, Looked};
use crate::survey::{Task, survey};
use crate::terminal;
use anyhow::{Result, anyhow};
use clap::ValueEnum;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use vantage::{Pid, Vantage};

/// Check one container from outside, as the command within it would
///
/// Exits 0 when it is healthy or degraded, else 1; with --format nagios as monitoring plugins do.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A container's name, the beginning of its id, or the number of any process in it
    #[arg(value_name = "CONTAINER|PID")]
    target: String,

    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    judge: JudgeArguments,

    #[command(flatten)]
    engines: EngineArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// lines; the first is the verdict
    Text,
    /// application/health+json
    Json,
    /// a monitoring plugin's line and exit status
    Nagios,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let host = host()?;
    let asked = arguments.judge.asked(&host)?;
    let (at, began) = (host.now(), Instant::now());
    let looked = looked(&arguments.target, asked, &arguments.engines, &host)?;
    let report = looked.report.ok_or_else(|| no_definition(&arguments.target))?;
    let text = match arguments.format {
        Format::Text => report.to_text(),
        Format::Json => report.to_json(at),
        Format::Nagios => report.to_nagios(began.elapsed()),
    };
    terminal::say(&text);
    Ok(match arguments.format {
        Format::Nagios => ExitCode::from(report.nagios_status()),
        Format::Text | Format::Json => ExitCode::from(u8::from(report.exit())),
    })
}

/// A container without a definition can be told what it is.
pub(super) fn no_definition(target: &str) -> anyhow::Error {
    let target = healthcheck::text::shown(target, 60);
    anyhow!(
        "{target}: no definition is for what runs in it\n  hint: say which service it is with \
         --service, or give a definition with --definition"
    )
}

/// A container as it was found.
pub(super) enum Target {
    /// A process of this host.
    Process(Pid),
    /// A container of an engine.
    Container(Task),
}

/// What a name, an id or a number means.
pub(super) fn target(name: &str, engines: &EngineArguments, host: &Arc<Vantage>) -> Result<Target> {
    // Ids have numbers in them too: it is a process where there is one.
    if let Some(pid) = process(name, host)? {
        return Ok(Target::Process(pid));
    }
    let mut engines = engines.find(host)?;
    let mut tasks = tasks(&mut engines);
    match select(&tasks, name)? {
        Some(index) => Ok(Target::Container(tasks.swap_remove(index))),
        // It may be one of an engine's that does not answer.
        None => match engines.failing.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Err(no_such_container(&tasks, name)),
        },
    }
}

/// The process of this host that has this number.
fn process(name: &str, host: &Vantage) -> Result<Option<Pid>> {
    let number = (!name.starts_with('0')).then(|| name.parse().ok()).flatten().map(Pid::new);
    let Some(pid) = number else { return Ok(None) };
    Ok(host.process_status(pid)?.map(|_| pid))
}

fn looked(
    name: &str,
    asked: Asked,
    engines: &EngineArguments,
    host: &Arc<Vantage>,
) -> Result<Looked> {
    match target(name, engines, host)? {
        Target::Process(pid) => Ok(look::at_process(pid, &asked)?),
        Target::Container(task) => {
            let name = task.listed.name.clone();
            let survey = survey(vec![task], &Arc::new(asked), &Interrupt::default());
            let row = survey.rows.into_iter().next();
            Ok(row.ok_or_else(|| anyhow!("container {name} has gone meanwhile"))?.looked)
        }
    }
}
