//! A connection, plain or within TLS, under its own deadline.

use crate::protocols::tls::{self, Failed, Peer, Served, TlsStream};
use std::io::{self, Read, Write};
use std::time::Duration;
use vantage::{Deadline, Stream};

/// How long the other side is heard out when we take leave: who closes while
/// there is more to read resets the connection, which some servers log.
const LEAVE: Duration = Duration::from_millis(250);

/// As much as is heard by then, in bytes.
const LAST_WORDS: usize = 4 << 20;

/// A connection.
pub(crate) enum Link {
    /// As it was made.
    Plain(Stream),
    /// Within TLS.
    Tls(Box<TlsStream<Stream>>),
}

impl Link {
    /// The same within TLS, and what the server served.
    ///
    /// # Errors
    /// As for [`tls::connect`].
    pub(crate) fn encrypt(self, peer: Peer<'_>) -> Result<(Self, Option<Served>), Failed> {
        match self {
            Self::Plain(stream) => {
                let stream = tls::connect(stream, peer)?;
                let served = stream.served();
                Ok((Self::Tls(Box::new(stream)), Some(served)))
            }
            Self::Tls(_) => Ok((self, None)),
        }
    }

    /// The deadline of every read and write.
    pub(crate) fn deadline(&self) -> Deadline {
        self.stream().deadline()
    }

    fn stream(&self) -> &Stream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.beneath(),
        }
    }

    /// Takes leave: says that no more will come, and hears the other side out.
    pub(crate) fn close(self) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.close(),
        };
        if stream.finish_writing().is_err() {
            return;
        }
        let by = stream.deadline().at_most(LEAVE);
        let mut stream = stream.with_deadline(by);
        let (mut buffer, mut heard) = ([0; 4096], 0);
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            heard += length;
            if heard > LAST_WORDS {
                break;
            }
        }
    }
}

/// A stream that has a deadline, which may be moved.
pub(crate) trait Timed {
    /// The deadline of every read and write.
    fn deadline(&self) -> Deadline;

    /// Moves it.
    fn set_deadline(&mut self, by: Deadline);
}

impl Timed for Link {
    fn deadline(&self) -> Deadline {
        Self::deadline(self)
    }

    fn set_deadline(&mut self, by: Deadline) {
        match self {
            Self::Plain(stream) => stream.set_deadline(by),
            Self::Tls(stream) => stream.beneath_mut().set_deadline(by),
        }
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
