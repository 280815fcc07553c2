//! HTTP/1.1 over any stream, as a client: one request, one answer, every wait
//! under the stream's own deadline and every buffer under [`Limits`]. It makes
//! no connection, follows nothing and consults no environment; [`fetch()`] does
//! the rest of what a check needs.

mod body;
mod chunked;
mod error;
mod fetch;
mod head;
mod input;
mod request;
mod response;
mod url;

pub use body::Body;
pub use error::{BodyError, HttpError, Trouble};
pub use fetch::{Address, Cause, Errand, Failure, Fetched, Place, fetch};
pub use request::{Malformed, Method, Request};
pub use response::{BodyEnd, Head, Response};
pub use url::{Scheme, Url, UrlError, bracketed};

use std::io::{Read, Write};

/// What an answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Status line and headers, those of interim answers included, in bytes.
    pub head: usize,
    /// How many headers.
    pub headers: usize,
    /// The body, in bytes.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 32 << 10, headers: 100, body: 64 << 10 }
    }
}

impl Limits {
    /// The same with room for a body of this many bytes.
    #[must_use]
    pub fn body(self, bytes: usize) -> Self {
        Self { body: bytes, ..self }
    }
}

/// Sends a request and reads the answer's head; its body can be read from what
/// is returned, however long it is.
///
/// # Errors
/// Where the request could not be sent, or what came back is no answer.
pub fn open<S: Read + Write>(
    stream: S,
    request: &Request,
    limits: Limits,
) -> Result<(Head, Body<S>), HttpError> {
    let mut input = input::Input::new(stream);
    // A server may refuse a request before it has read all of it: what it said
    // is worth more than that we could not finish.
    let sent = input.send(&request.encode());
    let head = match (head::read(&mut input, limits), sent) {
        (Ok(head), _) => head,
        (Err(HttpError::Closed | HttpError::Reset), Err(trouble)) => {
            return Err(HttpError::Unsent(trouble));
        }
        (Err(error), _) => return Err(error),
    };
    let framing = body::Framing::of(&head, request.method())?;
    Ok((head, Body::new(input, framing)))
}

/// A request and the answer to it, the body as far as it came and fits: for
/// those who judge the answer.
///
/// # Errors
/// As for [`open`].
pub fn exchange<S: Read + Write>(
    stream: S,
    request: &Request,
    limits: Limits,
) -> Result<Response, HttpError> {
    let (head, mut body) = open(stream, request, limits)?;
    let (body, end) = body.collect(limits.body);
    Ok(Response { head, body, end })
}

/// A request and the whole answer to it, whatever its status: for those who
/// need all of its body.
///
/// # Errors
/// As for [`open`]; and where the body is cut short, or larger than the limit.
pub fn get<S: Read + Write>(
    stream: S,
    request: &Request,
    limits: Limits,
) -> Result<Response, HttpError> {
    let response = exchange(stream, request, limits)?;
    match &response.end {
        BodyEnd::Complete => Ok(response),
        BodyEnd::AtLimit => Err(HttpError::TooLarge(limits.body)),
        BodyEnd::Broken(error) => Err(error.clone().into()),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
