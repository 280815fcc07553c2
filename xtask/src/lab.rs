//! Containers under test on a network of their own, and the faults done to them. All of it is
//! marked by a label and is removed, whatever happens, when the lab is dropped.

pub(crate) mod command;
mod faults;
mod judges;
mod referee;
mod results;
mod ruling;
mod run;
pub(crate) mod services;
pub(crate) mod stage;
mod table;
mod watch;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::engine::Engine;
use crate::images::Image;

/// Signals every process named `$2`, and fails when there is none. Needs nothing in the image but a shell.
const SIGNAL_BY_NAME: &str = r#"
none=1
for dir in /proc/[0-9]*; do
    read -r name 2>/dev/null < "$dir/comm" || continue
    [ "$name" = "$2" ] && kill -s "$1" "${dir#/proc/}" && none=0
done
exit $none
"#;

/// A set of containers, named and labelled after the lab.
#[derive(Debug)]
pub(crate) struct Lab<'e> {
    engine: &'e Engine,
    name: &'static str,
    kept: bool,
    /// Held as long as the lab is open. A name and no file: nothing of it outlives us.
    _alone: UnixListener,
}

/// How a container of the lab is run, beside what its image says.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Its name on the lab's network, and what its container's name ends with.
    pub(crate) name: &'static str,
    /// What it runs.
    pub(crate) image: Image,
}

/// The engine's own pace of a HEALTHCHECK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From the end of one check to the start of the next.
    pub(crate) interval: Duration,
    /// After which the engine ends a check itself.
    pub(crate) timeout: Duration,
    /// Failures in a row that make a container unhealthy.
    pub(crate) retries: u32,
    /// While this lasts, failures of a container that was never healthy do not count.
    pub(crate) start_period: Duration,
}

/// What the engine says of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The engine's word.
    pub(crate) health: Health,
    /// First line of what the last check that ended had printed.
    pub(crate) message: String,
}

/// The engine's health state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not healthy yet, and not given up on.
    Starting,
    /// The last check succeeded.
    Healthy,
    /// Too many checks in a row failed.
    Unhealthy,
    /// The container does not run, or has no check.
    Absent,
}

/// What is done to a container, and undone again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Every process of this name gets SIGSTOP: it is there, holds its sockets, and does nothing.
    Freeze {
        /// Which service's container.
        service: &'static str,
        /// The process's name, as `/proc/PID/comm` has it.
        process: &'static str,
    },
    /// The container is taken off the network, its processes untouched.
    CutOff {
        /// Which service's container.
        service: &'static str,
    },
}

impl<'e> Lab<'e> {
    /// Opens a lab: removes what an earlier one of this name left, and makes its network.
    pub(crate) fn open(engine: &'e Engine, name: &'static str) -> Result<Self> {
        let alone =
            SocketAddr::from_abstract_name(name).and_then(|at| UnixListener::bind_addr(&at));
        let alone = alone.with_context(|| format!("another {name} runs on this machine"))?;
        let lab = Self { engine, name, kept: false, _alone: alone };
        lab.clear().with_context(|| format!("cannot remove what an earlier {name} left"))?;
        engine
            .ask(&["network", "create", "--label", name, name])
            .with_context(|| format!("cannot make the network {name}"))?;
        Ok(lab)
    }

    /// Leaves everything in place when the lab is dropped.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// The name of the container of `service`.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}", self.name)
    }

    /// Starts `service` with its image's own HEALTHCHECK at another pace. The first process is a
    /// tiny init, so that faults done to the service leave the container running.
    pub(crate) fn run(&self, service: &Service, pace: Pace) -> Result<()> {
        let container = self.container(service.name);
        let seconds = |time: Duration| format!("{}s", time.as_secs());
        self.engine
            .ask(&[
                "run",
                "--detach",
                "--init",
                "--label",
                self.name,
                "--name",
                &container,
                "--network",
                self.name,
                "--network-alias",
                service.name,
                "--hostname",
                service.name,
                "--health-interval",
                &seconds(pace.interval),
                "--health-timeout",
                &seconds(pace.timeout),
                "--health-retries",
                &pace.retries.to_string(),
                "--health-start-period",
                &seconds(pace.start_period),
                &service.image.tag(),
            ])
            .with_context(|| format!("cannot start {container}"))?;
        Ok(())
    }

    /// Runs `command` to its end in a container of its own, made like that of `service`.
    pub(crate) fn run_once(&self, service: &Service, command: &str) -> Result<String> {
        self.engine
            .ask(&[
                "run",
                "--rm",
                "--init",
                "--no-healthcheck",
                "--label",
                self.name,
                "--network",
                self.name,
                "--entrypoint",
                "sh",
                &service.image.tag(),
                "-ec",
                command,
            ])
            .with_context(|| format!("in the image of {}", service.name))
    }

    /// Runs `command` in the container of `service`, as the container's own user; returns its exit
    /// status and its output.
    pub(crate) fn exec(&self, service: &str, command: &[&str]) -> Result<(i32, String)> {
        let container = self.container(service);
        let exec = self.engine.docker().args(["exec", &container]).args(command);
        exec.exit_status(self.engine.interrupt())
    }

    /// What the engine says of each of `services` now, in their order.
    pub(crate) fn look(&self, services: &[Service]) -> Result<Vec<Standing>> {
        let names: Vec<String> = services.iter().map(|each| self.container(each.name)).collect();
        let mut args = vec!["inspect", "--type", "container", "--format", "{{json .State}}"];
        args.extend(names.iter().map(String::as_str));
        let said = self.engine.ask(&args)?;
        let states: Vec<Standing> = said.lines().map(parse_state).collect::<Result<_>>()?;
        if states.len() != services.len() {
            bail!(
                "asked the engine for {} containers, it told of {}",
                services.len(),
                states.len()
            );
        }
        Ok(states)
    }

    /// Does `fault`.
    pub(crate) fn inject(&self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Freeze { service, process } => self.signal(service, process, "STOP"),
            Fault::CutOff { service } => self.plug("disconnect", service, &[]),
        }
        .with_context(|| format!("cannot {}", fault.describe()))
    }

    /// Undoes `fault`.
    pub(crate) fn undo(&self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Freeze { service, process } => self.signal(service, process, "CONT"),
            Fault::CutOff { service } => self.plug("connect", service, &["--alias", service]),
        }
        .with_context(|| format!("cannot undo: {}", fault.describe()))
    }

    fn signal(&self, service: &str, process: &str, signal: &str) -> Result<()> {
        let container = self.container(service);
        let sent = self.engine.ask(&[
            "exec",
            "--user",
            "0",
            &container,
            "sh",
            "-c",
            SIGNAL_BY_NAME,
            "sh",
            signal,
            process,
        ]);
        sent.map(drop)
            .with_context(|| format!("no process {process} in {container} took SIG{signal}"))
    }

    fn plug(&self, verb: &str, service: &str, options: &[&str]) -> Result<()> {
        let container = self.container(service);
        let mut args = vec!["network", verb];
        args.extend(options);
        args.extend([self.name, &container]);
        self.engine.ask(&args).map(drop)
    }

    /// Removes every container and network that carries the lab's label.
    fn clear(&self) -> Result<()> {
        let filter = format!("label={}", self.name);
        let containers =
            self.engine.ask_regardless(&["ps", "--all", "--quiet", "--filter", &filter])?;
        if !containers.is_empty() {
            let mut args = vec!["rm", "--force", "--volumes"];
            args.extend(containers.lines());
            self.engine.ask_regardless(&args)?;
        }
        let networks =
            self.engine.ask_regardless(&["network", "ls", "--quiet", "--filter", &filter])?;
        for network in networks.lines() {
            self.engine.ask_regardless(&["network", "rm", network])?;
        }
        Ok(())
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = self.clear() {
            eprintln!("error: cannot remove what {} started: {error:#}", self.name);
        }
    }
}

impl Fault {
    /// In a few words, to follow "cannot" or to be a heading.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Freeze { service, process } => format!("freeze {service} (SIGSTOP to {process})"),
            Self::CutOff { service } => format!("cut {service} off the network"),
        }
    }

    /// In a few words, how it is undone.
    pub(crate) fn describe_undoing(self) -> String {
        match self {
            Self::Freeze { service, process } => format!("thaw {service} (SIGCONT to {process})"),
            Self::CutOff { service } => format!("connect {service} to the network again"),
        }
    }
}

impl Health {
    /// The engine's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Absent => "not running",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    health: Option<HealthState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    status: String,
    log: Option<Vec<Look>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Look {
    exit_code: i64,
    output: String,
}

fn parse_state(json: &str) -> Result<Standing> {
    let state: State =
        serde_json::from_str(json).context("the engine's answer is not understood")?;
    let Some(health) = state.health.filter(|_| state.running) else {
        return Ok(Standing { health: Health::Absent, message: String::new() });
    };
    let message = health.log.unwrap_or_default().pop().map(|last| last.first_line());
    let health = match health.status.as_str() {
        "starting" => Health::Starting,
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        _ => Health::Absent,
    };
    Ok(Standing { health, message: message.unwrap_or_default() })
}

impl Look {
    fn first_line(self) -> String {
        match self.output.lines().next() {
            Some(line) => line.to_owned(),
            None => format!("(exit status {}, no output)", self.exit_code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, parse_state};

    #[test]
    fn the_last_look_of_the_engine_is_the_message() {
        let json = r#"{"Status":"running","Running":true,"Pid":7,"Health":{"Status":"unhealthy","FailingStreak":4,
            "Log":[{"Start":"a","End":"b","ExitCode":0,"Output":"healthy: x: 1 check\n"},
                   {"Start":"a","End":"b","ExitCode":1,"Output":"unhealthy: x: process: gone (self)\nmore\n"}]}}"#;
        let standing = parse_state(json).unwrap();
        assert_eq!(standing.health, Health::Unhealthy);
        assert_eq!(standing.message, "unhealthy: x: process: gone (self)");
    }

    #[test]
    fn a_container_that_ended_is_not_healthy_whatever_was_said_of_it_last() {
        let json = r#"{"Status":"exited","Running":false,"Health":{"Status":"healthy","Log":[]}}"#;
        assert_eq!(parse_state(json).unwrap().health, Health::Absent);
    }

    #[test]
    fn before_the_first_look_there_is_no_message() {
        let json = r#"{"Running":true,"Health":{"Status":"starting","Log":null}}"#;
        let standing = parse_state(json).unwrap();
        assert_eq!((standing.health, standing.message.as_str()), (Health::Starting, ""));
    }

    #[test]
    fn silence_is_shown_with_the_exit_status() {
        let json =
            r#"{"Running":true,"Health":{"Status":"healthy","Log":[{"ExitCode":0,"Output":""}]}}"#;
        assert_eq!(parse_state(json).unwrap().message, "(exit status 0, no output)");
    }

    #[test]
    fn a_container_without_a_check_is_told_from_a_healthy_one() {
        assert_eq!(parse_state(r#"{"Running":true}"#).unwrap().health, Health::Absent);
    }
}
