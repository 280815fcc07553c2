//! A container as its engine describes it.

use super::Kind;
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;
use vantage::Pid;

/// A container's full id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(String);

impl ContainerId {
    /// An id; only hexadecimal ones are, since it becomes part of a URL.
    pub fn new(id: &str) -> Option<Self> {
        let fits = (12..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(id.to_owned()))
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of it as people are shown.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container in an engine's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without Docker's leading slash.
    pub name: String,
    /// The image it was made from.
    pub image: String,
    /// What it is doing.
    pub state: State,
}

/// A container, as its engine holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Whose it is.
    pub engine: Kind,
    /// Its id.
    pub id: ContainerId,
    /// Its name, without Docker's leading slash.
    pub name: String,
    /// The image it was made from.
    pub image: String,
    /// What it is doing.
    pub state: State,
    /// What the engine's own checks say.
    pub health: Health,
    /// Its first process on this host, while it runs.
    pub pid: Option<Pid>,
    /// When it was last started.
    pub started: Option<SystemTime>,
    /// When it last ended.
    pub ended: Option<SystemTime>,
    /// The exit status it last ended with.
    pub exit_status: i64,
    /// Whether the kernel ended it for lack of memory.
    pub out_of_memory: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Of its environment, what a check in it would heed: `PATH` and `HEALTHCHECK_*`.
    pub environment: BTreeMap<String, String>,
    /// The command the engine checks it by: `["CMD", "/openstack/healthcheck"]`.
    pub test: Vec<String>,
}

/// What a container is doing, in the engine's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Made and never started.
    Created,
    /// Running.
    Running,
    /// Frozen by its engine.
    Paused,
    /// Between an end and the next start.
    Restarting,
    /// Ended.
    Exited,
    /// Any other word of the engine.
    Other(String),
}

impl State {
    /// From the engine's word.
    pub fn new(word: &str) -> Self {
        match word {
            "created" | "configured" | "initialized" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            // Podman says `stopped` of what it ended and has not cleaned up yet.
            "exited" | "stopped" => Self::Exited,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The one word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Other(word) => word,
        }
    }
}

/// What an engine's own checks say of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It is not checked.
    Unchecked,
    /// Not yet decided.
    Starting,
    /// The last check was passed.
    Healthy,
    /// This many checks in a row were failed.
    Unhealthy {
        /// How many.
        failing_streak: u64,
    },
}

impl Health {
    /// The one word for it; `None` where it is not checked.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Unchecked => None,
            Self::Starting => Some("starting"),
            Self::Healthy => Some("healthy"),
            Self::Unhealthy { .. } => Some("unhealthy"),
        }
    }
}
