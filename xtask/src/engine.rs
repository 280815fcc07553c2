//! The container engine: the one that answers, or one that is installed and started for this run
//! and stopped at its end.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::interrupt::Interrupt;
use crate::machine;
use crate::program::{self, Program, is_installed};
use crate::session::Session;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A Docker engine that answers; dropped, it stops the daemon that this run started.
#[derive(Debug)]
pub(crate) struct Engine {
    daemon: Option<Daemon>,
    interrupt: Interrupt,
}

#[derive(Debug)]
struct Daemon {
    process: Child,
    log: PathBuf,
}

/// What becomes of a daemon that was started here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It is stopped, unless somebody else uses it by then.
    Stop,
    /// It is left running.
    Keep,
}

impl Engine {
    /// The engine that answers at `DOCKER_HOST` or the usual socket; where none does, Debian's
    /// `docker.io` is installed and its daemon started.
    pub(crate) fn bring_up(session: &Session) -> Result<Self> {
        let interrupt = session.interrupt.clone();
        if is_installed("docker") {
            if let Ok(version) = ask_version(&interrupt) {
                session
                    .progress
                    .start("container engine")
                    .done(&format!("Docker {version}, was running"));
                return Ok(Self { daemon: None, interrupt });
            }
            interrupt.check()?;
        }
        ensure_possible()?;
        machine::install(session, &["docker.io"])?;
        let step = session.progress.start("container engine");
        // Where systemd runs, installing has started it.
        if let Ok(version) = ask_version(&interrupt) {
            step.done(&format!("Docker {version}, started by its package"));
            return Ok(Self { daemon: None, interrupt });
        }
        let mut daemon = Daemon::start(session)?;
        match daemon.wait_until_it_answers(&interrupt) {
            Ok(version) => {
                step.done(&format!("Docker {version}, started for this run"));
                Ok(Self { daemon: Some(daemon), interrupt })
            }
            Err(error) => {
                program::end(&mut daemon.process, STOP_LIMIT);
                Err(error)
            }
        }
    }

    /// The run's own, for programs that are run beside the engine's command line.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// A call of the engine's command line, with the classic builder: it needs no plugin.
    pub(crate) fn docker(&self) -> Program {
        Program::new("docker").env("DOCKER_BUILDKIT", "0")
    }

    /// Runs the command line with `args` and returns what it printed.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String> {
        let said = self.docker().args(args).output(&self.interrupt)?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Like [`Self::ask`], but also when the run was interrupted: for cleaning up.
    pub(crate) fn ask_regardless(&self, args: &[&str]) -> Result<String> {
        let said = self.docker().uninterrupted().args(args).output(&self.interrupt)?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Ends our use of the engine; returns what was done with it when that is worth saying.
    pub(crate) fn finish(mut self, afterwards: Afterwards) -> Option<String> {
        let daemon = self.daemon.as_ref()?;
        let (pid, log) = (daemon.process.id(), daemon.log.display().to_string());
        if afterwards == Afterwards::Keep || self.is_in_use() {
            self.daemon = None;
            return Some(format!(
                "dockerd (pid {pid}) is left running; stop it with: kill {pid}; log: {log}"
            ));
        }
        drop(self);
        Some(format!("dockerd stopped; log: {log}"))
    }

    fn is_in_use(&self) -> bool {
        self.ask_regardless(&["ps", "--quiet"]).is_ok_and(|running| !running.is_empty())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            program::end(&mut daemon.process, STOP_LIMIT);
        }
    }
}

impl Daemon {
    fn start(session: &Session) -> Result<Self> {
        let log = session.log("dockerd");
        let pid_file = format!("--pidfile={}", session.work("dockerd.pid").display());
        let process = Program::new("dockerd").args([pid_file]).started(&log)?;
        Ok(Self { process, log })
    }

    fn wait_until_it_answers(&mut self, interrupt: &Interrupt) -> Result<String> {
        let started = Instant::now();
        loop {
            let refused = match ask_version(interrupt) {
                Ok(version) => return Ok(version),
                Err(refused) => refused,
            };
            interrupt.check()?;
            if let Some(status) = self.process.try_wait()? {
                bail!("dockerd ended at once ({status}){}", program::tail_of(&self.log));
            }
            if started.elapsed() > START_LIMIT {
                let waited = START_LIMIT.as_secs();
                return Err(refused.context(format!(
                    "dockerd does not answer after {waited} s{}",
                    program::tail_of(&self.log)
                )));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn ask_version(interrupt: &Interrupt) -> Result<String> {
    let said = Program::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .limit(ANSWER_LIMIT)
        .output(interrupt)?;
    let version = String::from_utf8_lossy(&said).trim().to_owned();
    if version.is_empty() { Err(anyhow!("the engine says no version")) } else { Ok(version) }
}

/// Fails with everything that stands in the way of an engine of our own, and what to do.
fn ensure_possible() -> Result<()> {
    let mut missing = Vec::new();
    if let Some(host) = std::env::var_os("DOCKER_HOST") {
        let host = host.display().to_string();
        missing.push(format!(
            "nothing answers at DOCKER_HOST={host}: start that engine, or unset DOCKER_HOST"
        ));
    }
    if !is_installed("dockerd") && !is_installed("apt-get") {
        missing.push("no dockerd, and no apt-get to install it with: install Docker".to_owned());
    }
    if !machine::is_root() {
        missing.push(
            "not root, so dockerd cannot be started: start it, or run this as root".to_owned(),
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut list = String::from("no container engine answers, and none can be started here:");
    for reason in missing {
        write!(list, "\n  - {reason}").context("cannot list what is missing")?;
    }
    Err(anyhow!(list))
}
