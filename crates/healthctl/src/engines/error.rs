//! Why an engine could not be asked, in words for the person who asked.

use super::Place;
use std::time::Duration;

/// Why an engine could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// None was found anywhere.
    #[error("no container engine found: nothing at {}", list(tried))]
    None {
        /// Where it was looked for.
        tried: Vec<Place>,
    },
    /// There is no socket here.
    #[error("{0}: no such socket")]
    Absent(Place),
    /// We may not connect.
    #[error("{0}: permission denied")]
    Forbidden(Place),
    /// Nobody listens on the socket.
    #[error("{0}: nobody listens there: the engine is not running")]
    NotRunning(Place),
    /// It took the connection, and no answer came.
    #[error("{place}: {request}: no answer within {}: the engine hangs", humantime::format_duration(*.limit))]
    Hangs {
        /// Where.
        place: Place,
        /// What was asked.
        request: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It answered that it could not.
    #[error("{place}: {request}: the engine answered with status {status}: {message}")]
    Refused {
        /// Where.
        place: Place,
        /// What was asked.
        request: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It answered something that its API does not have.
    #[error("{place}: {request}: expected the answer of a container engine, found {found}")]
    Garbage {
        /// Where.
        place: Place,
        /// What was asked.
        request: String,
        /// What came.
        found: String,
    },
    /// The container was there and is no more.
    #[error("container {0} has gone meanwhile")]
    Vanished(String),
    /// An address that is no unix socket.
    #[error(
        "{variable}={value}: only unix sockets can be asked: containers are looked at on their own host"
    )]
    Remote {
        /// The variable that holds it.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// Anything else about the connection.
    #[error("{place}: {cause}")]
    Other {
        /// Where.
        place: Place,
        /// What was in the way.
        cause: String,
    },
}

impl EngineError {
    /// What an operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::None { .. } => {
                Some("start Docker or podman.socket, or name a socket with --socket".into())
            }
            Self::Forbidden(_) => Some("run as root, or as a member of the socket's group".into()),
            _ => None,
        }
    }
}

fn list(places: &[Place]) -> String {
    let paths: Vec<_> = places.iter().map(|place| place.path().display().to_string()).collect();
    paths.join(", ")
}
