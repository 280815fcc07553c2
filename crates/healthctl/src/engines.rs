//! The container engines of this host, asked through their unix sockets: which
//! containers there are and what each engine holds of them. Every answer has a
//! deadline and a largest size.

mod ask;
mod container;
mod docker;
mod error;
mod inspected;
mod podman;
mod sockets;

pub use container::{Container, ContainerId, Health, Listed, State};
pub use error::EngineError;
pub use sockets::{Place, Wanted};

use ask::Socket;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vantage::Vantage;

/// An answer's body: a list of containers, one of them, or a failure.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(body: &[u8]) {
    let id = "0123456789abcdef";
    let listed = docker::fuzz(body).or_else(|| podman::fuzz(body));
    let listed = listed.and_then(|mut listed| listed.pop()).or_else(|| {
        let (id, name, image) = (ContainerId::new(id)?, "a".to_owned(), String::new());
        Some(Listed { id, name, image, state: State::Running })
    });
    if let (Ok(inspected), Some(listed)) =
        (serde_json::from_slice::<inspected::Inspected>(body), listed)
    {
        let container = inspected.into_container(Kind::Podman, &listed);
        let _ = (container.state.word(), container.health.word(), container.id.short());
    }
    assert!(ask::message(body).len() <= 200);
}

/// The two APIs that are spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Docker's Engine API.
    Docker,
    /// Podman's libpod API.
    Podman,
}

impl Kind {
    /// As it is written in output and asked for by `--engine`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An engine that has answered.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Which API it speaks.
    pub kind: Kind,
    /// The version of its API, as it says.
    pub version: String,
    socket: Socket,
}

impl Engine {
    /// The engine behind a socket; it says itself which it is. `limit` is for each
    /// request to it.
    ///
    /// # Errors
    /// Where nobody answers there, or no engine does.
    pub fn at(place: &Place, limit: Duration, host: &Arc<Vantage>) -> Result<Self, EngineError> {
        let socket = Socket::new(place.clone(), Arc::clone(host), limit);
        let answer = socket.get("/_ping")?;
        // Podman serves Docker's API too, and says in a header that it is not Docker.
        if let Some(version) = answer.header("libpod-api-version") {
            return Ok(Self { kind: Kind::Podman, version: version.to_owned(), socket });
        }
        match answer.header("api-version") {
            Some(version) => Ok(Self { kind: Kind::Docker, version: version.to_owned(), socket }),
            None => Err(socket.garbage("/_ping", "no Api-Version in the answer")),
        }
    }

    /// Where it was found.
    pub fn place(&self) -> &Place {
        self.socket.place()
    }

    /// Every container it has, running or not, by name.
    ///
    /// # Errors
    /// Where it does not answer, or not what its API promises.
    pub fn list(&self) -> Result<Vec<Listed>, EngineError> {
        let mut listed = match self.kind {
            Kind::Docker => docker::list(&self.socket, &self.version)?,
            Kind::Podman => podman::list(&self.socket, &self.version)?,
        };
        listed.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        Ok(listed)
    }

    /// What it holds of one container.
    ///
    /// # Errors
    /// Where the container has gone, or the engine does not answer, or not what
    /// its API promises.
    pub fn inspect(&self, listed: &Listed) -> Result<Container, EngineError> {
        match self.kind {
            Kind::Docker => docker::inspect(&self.socket, &self.version, listed),
            Kind::Podman => podman::inspect(&self.socket, &self.version, listed),
        }
    }
}

/// The engines that answer, and why the others do not.
#[derive(Debug, Default)]
pub struct Engines {
    /// Those that answer.
    pub answering: Vec<Engine>,
    /// Those that are there and do not.
    pub failing: Vec<EngineError>,
}

impl Engines {
    /// Asks at every place that is wanted.
    ///
    /// # Errors
    /// Where there is no engine at all: all that was tried.
    pub fn find(wanted: &Wanted, host: &Arc<Vantage>) -> Result<Self, EngineError> {
        let mut engines = Self::default();
        let mut absent = Vec::new();
        for place in wanted.places(host)? {
            match Engine::at(&place, wanted.limit, host) {
                Ok(engine) if wanted.accepts(engine.kind) => engines.answering.push(engine),
                Ok(_) => {}
                Err(EngineError::Absent(place)) if wanted.guesses() => absent.push(place),
                Err(error) => engines.failing.push(error),
            }
        }
        if engines.answering.is_empty() && engines.failing.is_empty() {
            return Err(EngineError::None { tried: absent });
        }
        Ok(engines)
    }
}
