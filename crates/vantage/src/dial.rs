//! Connections of ours, made from the container's network namespace and under
//! one deadline: names resolved as the container would, TCP, unix sockets.

use crate::{Blind, Deadline, Obstacle, Vantage};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A unix socket's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnixAddress {
    /// A path beneath the container's root.
    Path(PathBuf),
    /// A name in the abstract namespace, without its leading NUL.
    Abstract(String),
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The other side answered and refused.
    #[error("connection refused by {0}")]
    Refused(String),
    /// Nobody answered before the deadline.
    #[error("no answer from {0}")]
    NoAnswer(String),
    /// The network has no way there.
    #[error("no route to {0}: {1}")]
    Unreachable(String, String),
    /// The name could not be resolved.
    #[error("cannot resolve {name}: {cause}")]
    Unresolved {
        /// The name.
        name: String,
        /// Why not.
        cause: String,
    },
    /// We could not try.
    #[error(transparent)]
    Blind(#[from] Blind),
}

/// A connection; every read and write of it ends by the deadline it was made with.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    by: Deadline,
}

#[derive(Debug)]
enum Inner {}

impl Vantage {
    /// The addresses a name has for the container: literal addresses, its
    /// `/etc/hosts`, then its `/etc/resolv.conf`'s servers.
    ///
    /// # Errors
    /// Where the name is unknown, or no server answers by the deadline.
    pub fn resolve(&self, name: &str, by: Deadline) -> Result<Vec<IpAddr>, DialError> {
        let _ = (name, by);
        Err(Blind::new("resolve", Obstacle::NotFromHere("not built yet")).into())
    }

    /// A TCP connection to an address.
    ///
    /// # Errors
    /// Where it is refused, unanswered by the deadline, or cannot be tried.
    pub fn connect(&self, to: SocketAddr, by: Deadline) -> Result<Stream, DialError> {
        let _ = (to, by);
        Err(Blind::new("connect", Obstacle::NotFromHere("not built yet")).into())
    }

    /// A stream connection to a unix socket.
    ///
    /// # Errors
    /// As for [`Vantage::connect`].
    pub fn connect_unix(&self, to: &UnixAddress, by: Deadline) -> Result<Stream, DialError> {
        let _ = (to, by);
        Err(Blind::new("connect", Obstacle::NotFromHere("not built yet")).into())
    }
}

impl Stream {
    /// The deadline of every read and write.
    pub fn deadline(&self) -> Deadline {
        self.by
    }
}

impl Read for Stream {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner {}
    }
}

impl Write for Stream {
    fn write(&mut self, _buffer: &[u8]) -> io::Result<usize> {
        match self.inner {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.inner {}
    }
}
