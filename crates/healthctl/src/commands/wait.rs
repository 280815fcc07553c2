//! `healthctl wait`: until everything is healthy, for CI and for people.

mod progress;

use super::{EngineArguments, RoleChoice, absolute, host, limit, role, select, tasks};
use crate::engines::EngineError;
use crate::interrupt::Interrupt;
use crate::look::Asked;
use crate::survey::{Row, Survey, Task, survey};
use crate::terminal::{self, Look};
use crate::{junit, table};
use anyhow::{Context, Result};
use healthcheck::verdict::Exit;
use progress::Progress;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use vantage::{Deadline, Vantage};

/// Wait until containers are healthy
///
/// Exits 0 once all of them are, and 1 with the reasons when the time is over. A container that no
/// definition is for counts by its engine's own checks, where it has any.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Containers to wait for: names, or beginnings of ids
    #[arg(value_name = "CONTAINER", required_unless_present = "all", conflicts_with = "all")]
    containers: Vec<String>,

    /// Wait for every container that runs
    #[arg(long)]
    all: bool,

    /// Wait no longer than this
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = limit)]
    timeout: Duration,

    /// Look this often
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = limit)]
    interval: Duration,

    /// What the answers are for; without it, an operator's: whoever is to blame fails
    #[arg(long, value_enum)]
    role: Option<RoleChoice>,

    /// Write a report in JUnit's XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    engines: EngineArguments,
}

/// What is to be seen at one moment.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// The containers that are waited for.
    pub(crate) rows: Vec<Row>,
    /// Those that are waited for and are not there.
    pub(crate) missing: Vec<String>,
    /// Why engines do not answer.
    pub(crate) failing: Vec<EngineError>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let host = host()?;
    let interrupt = Interrupt::listen().context("cannot listen for Ctrl-C")?;
    let asked = Arc::new(Asked { role: role(arguments.role), ..Asked::default() });
    // A report that cannot be written is better known before five minutes of waiting.
    let junit = arguments.junit.as_deref().map(absolute).transpose()?;
    if let Some(file) = &junit {
        write(file, &junit::render(&[], &[], Duration::ZERO))?;
    }
    let (by, began) = (Deadline::after(arguments.timeout), Instant::now());
    let mut progress = Progress::new(Look::of_stdout(), arguments.timeout);
    let mut last: Option<Sight> = None;
    let (sight, done) = loop {
        let next = Deadline::after(arguments.interval);
        let sight = look(arguments, &asked, &host, &interrupt);
        if interrupt.is_raised() {
            // What was cut short tells less than the look before.
            break (last.unwrap_or(sight), Exit::Fail);
        }
        if sight.is_healthy() {
            break (sight, Exit::Pass);
        }
        progress.show(&sight, began.elapsed());
        if by.has_passed() {
            break (sight, Exit::Fail);
        }
        pause(next.min(by), &interrupt);
        if interrupt.is_raised() {
            break (sight, Exit::Fail);
        }
        last = Some(sight);
    };
    progress.end();
    let took = began.elapsed();
    if let Some(file) = &junit {
        write(file, &junit::render(&sight.rows, &sight.missing, took))?;
    }
    terminal::say(&outcome(&sight, done, took, interrupt.is_raised()));
    Ok(done)
}

fn write(file: &std::path::Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Everything that is waited for, as it is now.
fn look(
    arguments: &Arguments,
    asked: &Arc<Asked>,
    host: &Arc<Vantage>,
    interrupt: &Interrupt,
) -> Sight {
    let mut engines = match arguments.engines.find(host) {
        Ok(engines) => engines,
        Err(error) => {
            let (missing, failing) = (arguments.containers.clone(), vec![error]);
            return Sight { missing, failing, ..Sight::default() };
        }
    };
    let tasks = tasks(&mut engines);
    let (tasks, mut missing) = wanted(arguments, tasks);
    let Survey { rows, vanished } = survey(tasks, asked, interrupt);
    if !arguments.all {
        missing.extend(vanished);
    }
    // What has ended and is nobody's service is not waited for, unless by name.
    let counts = |row: &Row| !row.is_done() && (row.is_running() || row.looked.report.is_some());
    let rows = rows.into_iter().filter(|row| !arguments.all || counts(row)).collect();
    Sight { rows, missing, failing: engines.failing }
}

fn wanted(arguments: &Arguments, tasks: Vec<Task>) -> (Vec<Task>, Vec<String>) {
    if arguments.all {
        return (tasks, Vec::new());
    }
    let mut missing = Vec::new();
    let mut chosen = Vec::new();
    for name in &arguments.containers {
        match select(&tasks, name) {
            Ok(Some(index)) => chosen.push(index),
            Ok(None) => missing.push(name.clone()),
            Err(ambiguous) => missing.push(ambiguous.to_string()),
        }
    }
    let chosen = tasks.into_iter().enumerate().filter(|(index, _)| chosen.contains(index));
    (chosen.map(|(_, task)| task).collect(), missing)
}

/// Sleeps until then, or until interrupted.
fn pause(until: Deadline, interrupt: &Interrupt) {
    while !until.has_passed() && !interrupt.is_raised() {
        thread::sleep(until.remaining().min(Duration::from_millis(100)));
    }
}

impl Sight {
    /// Whether there is nothing left to wait for. Nothing at all is not that:
    /// the containers may be about to come.
    fn is_healthy(&self) -> bool {
        self.failing.is_empty()
            && self.missing.is_empty()
            && !self.rows.is_empty()
            && self.rows.iter().all(Row::passes)
    }
}

/// What is said at the end.
fn outcome(sight: &Sight, done: Exit, took: Duration, interrupted: bool) -> String {
    let summary = table::summary(&sight.rows);
    let took = table::span(took);
    if done == Exit::Pass {
        return format!("all healthy after {took}: {summary}\n");
    }
    let cause = if interrupted { "interrupted" } else { "not healthy" };
    let mut text = format!("{cause} after {took}: {summary}\n");
    let failing = sight.failing.iter().map(ToString::to_string);
    let missing = sight.missing.iter().map(|name| format!("{name}: no such container"));
    let rows = sight.rows.iter().filter(|row| !row.passes()).map(Row::told);
    for line in failing.chain(missing).chain(rows) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Sight;

    #[test]
    fn nothing_to_wait_for_is_not_health() {
        assert!(!Sight::default().is_healthy());
    }
}
