//! What can be wrong with an answer, in words that follow the server's name.

use crate::protocols::tls::TlsError;
use std::io;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request could not be sent.
    #[error("did not take the request: {0}")]
    Unsent(Trouble),
    /// Nothing came by the deadline.
    #[error("did not answer")]
    Silent,
    /// The connection was closed and nothing had come.
    #[error("closed the connection without an answer")]
    Closed,
    /// The connection was reset and nothing had come.
    #[error("reset the connection without an answer")]
    Reset,
    /// Something came, and then no more.
    #[error("began to answer and stopped after {bytes} bytes: {trouble}")]
    HeadCut {
        /// How much came.
        bytes: usize,
        /// What ended it.
        trouble: Trouble,
    },
    /// The headers have no end.
    #[error("answered with more than {0} bytes of headers")]
    HeadTooLong(usize),
    /// There are too many headers.
    #[error("answered with more than {0} headers")]
    TooManyHeaders(usize),
    /// This is another protocol; what came first, safe to show.
    #[error("expected an HTTP answer, found \"{0}\"")]
    NotHttp(String),
    /// This is TLS.
    #[error("expected plain HTTP, found TLS")]
    Tls,
    /// It wants to know who we are, and we have nothing to show.
    #[error("wants a client certificate")]
    ClientCertificate,
    /// The body's length cannot be told.
    #[error("expected one number as content-length, found \"{0}\"")]
    Length(String),
    /// The body is coded in a way that was not asked for.
    #[error("expected the transfer coding chunked, found \"{0}\"")]
    Coding(String),
    /// The connection itself failed.
    #[error("{0}")]
    Connection(String),
    /// The body did not come whole.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is larger than what is taken.
    #[error("answered with a body of more than {0} bytes")]
    TooLarge(usize),
}

/// Why a body did not come whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It ended early.
    #[error("the body ended after {got} bytes{}: {trouble}", of(*.expected))]
    Cut {
        /// How much came.
        got: u64,
        /// How much was promised, if it was.
        expected: Option<u64>,
        /// What ended it.
        trouble: Trouble,
    },
    /// Its chunks are not what they should be; what was found, safe to show.
    #[error("the body is chunked and expected {expected}, found \"{found}\"")]
    Chunk {
        /// What should have been there.
        expected: &'static str,
        /// What was.
        found: String,
    },
}

fn of(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

/// What a connection can do to an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The deadline passed.
    #[error("no more came in time")]
    TimedOut,
    /// The other side closed it.
    #[error("the connection was closed")]
    Closed,
    /// The other side reset it.
    #[error("the connection was reset")]
    Reset,
    /// The other side wants to know who we are; in TLS 1.3 that comes after
    /// the handshake.
    #[error("the server wants a client certificate")]
    ClientCertificate,
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        if inner == Some(&TlsError::ClientCertificate) {
            return Self::ClientCertificate;
        }
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Other(crate::text::shown(&error.to_string(), 120)),
        }
    }
}

impl From<Trouble> for HttpError {
    /// Trouble before anything came.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::TimedOut => Self::Silent,
            Trouble::Closed => Self::Closed,
            Trouble::Reset => Self::Reset,
            Trouble::ClientCertificate => Self::ClientCertificate,
            Trouble::Other(words) => Self::Connection(words),
        }
    }
}
