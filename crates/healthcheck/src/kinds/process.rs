//! The service's process runs: the right program, alive, not stopped, and not
//! only a zombie.

use super::{Fields, Judgement, Kind, Level, Waits};
use crate::definition::Var;
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use vantage::{Blind, Deadline, OpenFiles, ProcessState, Vantage};

/// Of how many processes the open files are counted.
const COUNTED: usize = 8;

/// From which part of the limit on it is told, in percent: by then it leaks, or its limit is too
/// low for its work.
const NEARLY_ALL: u64 = 95;

/// The service's process runs.
pub struct Process {
    program: Program,
    at_least: u64,
}

/// The fields of a `process` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// Which program; the definition's if not given.
    process: Option<Program>,
    /// How many of it there must be.
    at_least: Option<Var<u64>>,
}

/// The processes that were seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// Those of the program, in the order of their ids.
    running: Vec<One>,
    /// Zombies that bear its name.
    zombies: Vec<u32>,
}

/// One process.
#[derive(Debug, Serialize)]
struct One {
    pid: u32,
    state: &'static str,
    age_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files>,
}

/// Its open files, and the most it may have.
#[derive(Debug, Serialize)]
struct Files {
    open: u64,
    limit: u64,
}

impl Kind for Process {
    const NAME: &'static str = "process";
    const ABOUT: &'static str = "the right program runs, is not stopped or frozen by a signal or a debugger, is not only a zombie, and can open files; few left are degraded";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"process\"
process = \"nova-compute\"       # by its name, whatever interpreter runs it
";
    const FIELDS: Fields = &[
        ("process", "the program; the definition's if not given"),
        ("at-least", "how many processes of it there must be; 1 if not given"),
    ];
    const PROVES: Level = Level::Runs;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene.required_program(written.process.as_ref())?;
        let at_least = written.at_least.as_ref().map_or(Ok(1), |number| scene.value(number))?;
        Ok(Self { program, at_least })
    }

    fn describe(&self) -> String {
        format!("that {} runs", self.program)
    }

    fn observe(&self, from: &Vantage, _by: Deadline) -> Result<Seen, Blind> {
        let mut running = Vec::new();
        let mut zombies = Vec::new();
        for process in self.program.find(from)? {
            // It may end between two looks; then it does not run.
            let Some(status) = from.process_status(process.pid)? else { continue };
            // Or another may have its id by now, a zombie's command line being empty.
            if status.state != ProcessState::Zombie && !self.program.is_still(process.pid, from) {
                continue;
            }
            let state = match status.state {
                ProcessState::Alive => "alive",
                ProcessState::Uninterruptible => "uninterruptible",
                ProcessState::Stopped => "stopped",
                ProcessState::Traced => "traced",
                ProcessState::Zombie => {
                    zombies.push(process.pid.get());
                    continue;
                }
            };
            let age_seconds = status.age.as_secs();
            let files = (running.len() < COUNTED).then(|| from.open_files(process.pid)).flatten();
            let files = files.map(|OpenFiles { open, limit }| Files { open, limit });
            running.push(One { pid: process.pid.get(), state, age_seconds, files });
        }
        if running.is_empty() {
            zombies.extend(zombies_named(self.program.names(), from)?);
        }
        Ok(Seen { running, zombies })
    }

    fn waits(&self) -> Waits {
        Waits::Never
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        for (state, how) in [
            ("stopped", "is stopped by a signal, or frozen"),
            ("traced", "is stopped by a debugger"),
        ] {
            if let Some(one) = seen.running.iter().find(|one| one.state == state) {
                let because = format!("{} (process {}) {how}", self.program, one.pid);
                return Verdict::own_fault(because).into();
            }
        }
        let count = seen.running.len() as u64;
        match (seen.running.first(), seen.zombies.first()) {
            (None, Some(zombie)) => {
                let because =
                    format!("{} has ended and is a zombie (process {zombie})", self.program);
                Verdict::own_fault(because).into()
            }
            (None, None) => Verdict::own_fault(format!("{} is not running", self.program)).into(),
            (Some(_), _) if count < self.at_least => {
                let because = format!("{count} of {} {} run", self.at_least, self.program);
                Verdict::own_fault(because).into()
            }
            (Some(_), _) => {
                if let Some((pid, files)) = seen.running.iter().find_map(One::full) {
                    let Files { open, limit } = files;
                    let because = format!(
                        "{} (process {pid}) has {open} of the {limit} files open that it may have: soon it can open none and connect to nothing",
                        self.program
                    );
                    return Judgement::from(Verdict::degraded(because))
                        .hint("it leaks them, or its limit (nofile) is too low for its work");
                }
                let mut pids: Vec<_> =
                    seen.running.iter().take(4).map(|one| one.pid.to_string()).collect();
                if seen.running.len() > pids.len() {
                    pids.push(format!("{} more", seen.running.len() - pids.len()));
                }
                let noun = if count == 1 { "process" } else { "processes" };
                Judgement::healthy(format!("{noun} {}", pids.join(", ")))
            }
        }
    }
}

impl One {
    /// Its open files, where it has nearly as many as it may.
    fn full(&self) -> Option<(u32, &Files)> {
        let files = self.files.as_ref()?;
        let most = files.limit.saturating_mul(NEARLY_ALL) / 100;
        (files.open >= most.max(1)).then_some((self.pid, files))
    }
}

/// Zombies have no command line left, only the kernel's name of 15 bytes.
fn zombies_named(names: &[String], from: &Vantage) -> Result<Vec<u32>, Blind> {
    let mut zombies = Vec::new();
    for process in from.processes()?.iter().filter(|process| process.arguments.is_empty()) {
        if let Some(status) = from.process_status(process.pid)?
            && status.state == ProcessState::Zombie
            && names.iter().any(|name| name.get(..15).unwrap_or(name) == status.name)
        {
            zombies.push(process.pid.get());
        }
    }
    Ok(zombies)
}
