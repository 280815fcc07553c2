//! A connection, plain or within TLS, under its own deadline.

use crate::protocols::tls::{self, Failed, Peer, Served, TlsStream};
use std::io::{self, Read, Write};
use vantage::Stream;

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
