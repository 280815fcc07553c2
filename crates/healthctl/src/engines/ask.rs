//! One request to an engine: a connection of its own, a deadline over all of
//! it, a largest answer.

use super::sockets::is_no_socket;
use super::{EngineError, Place};
use healthcheck::protocols::http::{self, HttpError, Limits, Request};
use healthcheck::text::shown;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use vantage::{Deadline, DialError, Obstacle, UnixAddress, Vantage};

/// The largest answer, in bytes: a list of some ten thousand containers.
const MAX_ANSWER: usize = 64 << 20;

/// An engine's socket.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    place: Place,
    host: Arc<Vantage>,
    limit: Duration,
}

/// An answer with status 200.
pub(super) struct Answer(http::Response);

impl Answer {
    /// The first header of this name, as far as it can be part of a URL.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
        self.0
            .head
            .header(name)
            .filter(|value| (1..=40).contains(&value.len()) && value.bytes().all(harmless))
    }
}

impl Socket {
    pub(super) fn new(place: Place, host: Arc<Vantage>, limit: Duration) -> Self {
        Self { place, host, limit }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What is at a path of the API.
    pub(super) fn get(&self, path: &str) -> Result<Answer, EngineError> {
        let by = Deadline::after(self.limit);
        let to = UnixAddress::Path(self.place.path().to_owned());
        let stream =
            self.host.connect_unix(&to, by).map_err(|error| self.not_connected(path, error))?;
        let request =
            Request::get(path, "localhost").map_err(|error| self.other(error.to_string()))?;
        let response = http::get(stream, &request, Limits::default().body(MAX_ANSWER))
            .map_err(|error| self.not_answered(path, &error))?;
        if response.head.status == 200 {
            return Ok(Answer(response));
        }
        Err(EngineError::Refused {
            place: self.place.clone(),
            request: asked(path),
            status: response.head.status,
            message: message(&response.body),
        })
    }

    /// The same, read as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let Answer(response) = self.get(path)?;
        serde_json::from_slice(&response.body).map_err(|error| {
            let start = String::from_utf8_lossy(&response.body[..response.body.len().min(200)]);
            self.garbage(path, &format!("\"{}\" ({error})", shown(&start, 60)))
        })
    }

    /// Something came that the API does not have.
    pub(super) fn garbage(&self, path: &str, found: &str) -> EngineError {
        let (place, found) = (self.place.clone(), found.to_owned());
        EngineError::Garbage { place, request: asked(path), found }
    }

    fn hangs(&self, path: &str) -> EngineError {
        EngineError::Hangs { place: self.place.clone(), request: asked(path), limit: self.limit }
    }

    fn other(&self, cause: String) -> EngineError {
        EngineError::Other { place: self.place.clone(), cause }
    }

    fn not_connected(&self, path: &str, error: DialError) -> EngineError {
        let place = self.place.clone();
        match error {
            DialError::Missing(_) => EngineError::Absent(place),
            DialError::Refused(_) => EngineError::NotRunning(place),
            DialError::NoAnswer(_) => self.hangs(path),
            DialError::Blind(blind) if blind.obstacle == Obstacle::Forbidden => {
                EngineError::Forbidden(place)
            }
            DialError::Blind(blind) => match is_no_socket(&self.place, &self.host) {
                Some(found) => self.other(format!("expected a socket, found {found}")),
                None => self.other(blind.to_string()),
            },
            other => self.other(other.to_string()),
        }
    }

    fn not_answered(&self, path: &str, error: &HttpError) -> EngineError {
        use healthcheck::protocols::http::{BodyError, Trouble};
        let silent = matches!(
            error,
            HttpError::Silent
                | HttpError::Unsent(Trouble::TimedOut)
                | HttpError::HeadCut { trouble: Trouble::TimedOut, .. }
                | HttpError::Body(BodyError::Cut { trouble: Trouble::TimedOut, .. })
        );
        match error {
            _ if silent => self.hangs(path),
            HttpError::NotHttp(found) => self.garbage(path, &format!("\"{found}\"")),
            other => self.other(format!("{}: the engine {other}", asked(path))),
        }
    }
}

fn asked(path: &str) -> String {
    format!("GET {path}")
}

/// What an engine says of its failure: `{"message":"…"}`, or whatever came.
pub(super) fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Failure {
        message: String,
    }
    let start = &body[..body.len().min(2000)];
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) => shown(failure.message.trim(), 200),
        Err(_) => shown(String::from_utf8_lossy(start).trim(), 200),
    }
}
