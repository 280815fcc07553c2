//! Many containers, looked at side by side: a few at a time, each under its own
//! limit. One that is stuck is named and left behind.

use crate::engines::{Container, Engine, EngineError, Health, Listed, State};
use crate::interrupt::Interrupt;
use crate::look::{self, Asked, Looked};
use crate::table;
use healthcheck::verdict::Exit;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;
use vantage::Deadline;

/// As many containers as are looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// What a look may take beyond its evaluation: the engine's answers, and
/// finding out which service it is.
const MARGIN: Duration = Duration::from_secs(5);

/// How often a wait looks whether it was interrupted.
const SLICE: Duration = Duration::from_millis(100);

/// A container with its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// As its engine describes it.
    pub(crate) container: Container,
    /// As it was seen from outside.
    pub(crate) looked: Looked,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The containers, by engine and name.
    pub(crate) rows: Vec<Row>,
    /// Those that were gone before they could be looked at.
    pub(crate) vanished: Vec<String>,
}

/// A container to look at.
pub(crate) struct Task {
    /// Whose it is.
    pub(crate) engine: Engine,
    /// Which it is.
    pub(crate) listed: Listed,
}

type Outcome = Result<Row, EngineError>;

/// Looks at all of them. Where it is interrupted, what was not answered by then
/// is unknown.
pub(crate) fn survey(tasks: Vec<Task>, asked: &Arc<Asked>, interrupt: &Interrupt) -> Survey {
    let (sender, outcomes) = channel();
    let mut found: Vec<Option<Outcome>> = tasks.iter().map(|_| None).collect();
    let mut running: BTreeMap<usize, Deadline> = BTreeMap::new();
    let mut next = 0;
    loop {
        while next < tasks.len() && running.len() < SIDE_BY_SIDE && !interrupt.is_raised() {
            let Some(task) = tasks.get(next) else { break };
            let limit = asked.longest() + MARGIN;
            match start(next, task, asked, sender.clone()) {
                Ok(()) => drop(running.insert(next, Deadline::after(limit))),
                Err(error) => {
                    let because = format!("cannot start a thread: {error}");
                    set(&mut found, next, Ok(row_without(task, asked, because)));
                }
            }
            next += 1;
        }
        if running.is_empty() || interrupt.is_raised() {
            break;
        }
        match outcomes.recv_timeout(SLICE) {
            Ok((index, outcome)) => {
                // One that was given up may answer after all: too late.
                if running.remove(&index).is_some() {
                    set(&mut found, index, outcome);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let stuck: Vec<usize> =
            running.iter().filter(|(_, by)| by.has_passed()).map(|(index, _)| *index).collect();
        for index in stuck {
            running.remove(&index);
            let limit = humantime::format_duration(asked.longest() + MARGIN);
            if let Some(task) = tasks.get(index) {
                let because = format!("it could not be looked at within {limit}");
                set(&mut found, index, Ok(row_without(task, asked, because)));
            }
        }
    }
    gather(&tasks, found, asked)
}

fn gather(tasks: &[Task], found: Vec<Option<Outcome>>, asked: &Asked) -> Survey {
    let mut survey = Survey::default();
    for (task, outcome) in tasks.iter().zip(found) {
        match outcome {
            Some(Ok(row)) => survey.rows.push(row),
            Some(Err(EngineError::Vanished(name))) => survey.vanished.push(name),
            Some(Err(error)) => survey.rows.push(row_without(task, asked, error.to_string())),
            None => survey.rows.push(row_without(task, asked, "interrupted".to_owned())),
        }
    }
    survey
}

fn set(found: &mut [Option<Outcome>], index: usize, outcome: Outcome) {
    if let Some(place) = found.get_mut(index) {
        *place = Some(outcome);
    }
}

/// Starts a thread that nobody joins: one that is stuck must not hold us.
fn start(
    index: usize,
    task: &Task,
    asked: &Arc<Asked>,
    sender: Sender<(usize, Outcome)>,
) -> std::io::Result<()> {
    let (engine, listed, asked) = (task.engine.clone(), task.listed.clone(), Arc::clone(asked));
    let work = move || {
        let outcome = one(&engine, &listed, &asked);
        // Nobody listens any more once we have given up on it.
        let _ = sender.send((index, outcome));
    };
    thread::Builder::new().name("container".into()).spawn(work).map(drop)
}

/// One container, from its engine's description to an answer.
pub(crate) fn one(engine: &Engine, listed: &Listed, asked: &Asked) -> Outcome {
    let container = engine.inspect(listed)?;
    let looked = look::at_container(&container, asked, |pid| {
        // Its number could be another process's by now; the engine knows.
        engine.inspect(listed).is_ok_and(|now| now.pid == Some(pid))
    });
    Ok(Row { container, looked })
}

/// A container of which nothing but the list's line is known.
fn row_without(task: &Task, asked: &Asked, because: String) -> Row {
    let Listed { id, name, image, state } = task.listed.clone();
    let looked = look::unknown(&name, asked, because);
    let container = Container {
        engine: task.engine.kind,
        id,
        name,
        image,
        state,
        health: Health::Unchecked,
        pid: None,
        started: None,
        ended: None,
        exit_status: 0,
        out_of_memory: false,
        labels: BTreeMap::new(),
        environment: BTreeMap::new(),
        test: Vec::new(),
    };
    Row { container, looked }
}

impl Row {
    /// Whether it ended in peace, or was never started: a job that is done.
    pub(crate) fn is_done(&self) -> bool {
        match self.container.state {
            State::Created => true,
            State::Exited => self.container.exit_status == 0,
            _ => false,
        }
    }

    /// Whether it runs, or is about to.
    pub(crate) fn is_running(&self) -> bool {
        !matches!(self.container.state, State::Created | State::Exited)
    }

    /// Whether it is as it should be: by our answer, else by its engine's.
    pub(crate) fn passes(&self) -> bool {
        match (&self.looked.report, self.container.health) {
            (Some(report), _) => report.exit() == Exit::Pass,
            (None, Health::Unchecked) => {
                matches!(self.container.state, State::Running | State::Paused)
            }
            (None, Health::Healthy) => true,
            (None, Health::Starting | Health::Unhealthy { .. }) => false,
        }
    }

    /// How it is, in one line.
    pub(crate) fn told(&self) -> String {
        let Self { container, looked } = self;
        match &looked.report {
            Some(report) => {
                let (verdict, why) = (report.verdict(), table::why(report));
                format!("{}: {}: {why}", container.name, verdict.word())
            }
            None => {
                let word = container.health.word().unwrap_or_else(|| container.state.word());
                format!("{}: {word}, says {}", container.name, container.engine)
            }
        }
    }
}
