//! Connections of ours, made from the container's network namespace and under
//! one deadline: names resolved as the container would, TCP, unix sockets.

mod dns;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hosts;
mod resolv_conf;
mod resolve;
mod stream;

pub use dns::{DnsAnswer, DnsQuestion};
pub use stream::Stream;

use crate::blind::describe;
use crate::files::FileError;
use crate::{Blind, Deadline, FileKind, Obstacle, Vantage};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait before a unix socket whose queue is full is tried again;
/// the kernel has no event for that.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// A unix socket's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnixAddress {
    /// A path beneath the container's root.
    Path(PathBuf),
    /// A name in the abstract namespace, without its leading NUL.
    Abstract(String),
}

impl std::fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
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
    /// There is no socket at this path: whoever should listen on it never did.
    #[error("no socket at {0}")]
    Missing(String),
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

impl DialError {
    fn errno(to: &str, errno: Errno) -> Self {
        match errno {
            // RESET: it accepted and closed before we had seen that.
            Errno::CONNREFUSED | Errno::CONNRESET => Self::Refused(to.to_owned()),
            Errno::TIMEDOUT => Self::NoAnswer(to.to_owned()),
            // INVAL: a route that says blackhole, or an address that takes a zone.
            Errno::NETUNREACH
            | Errno::HOSTUNREACH
            | Errno::NETDOWN
            | Errno::HOSTDOWN
            | Errno::ADDRNOTAVAIL
            | Errno::AFNOSUPPORT
            | Errno::INVAL => Self::Unreachable(to.to_owned(), describe(errno)),
            other => Blind::errno(format!("connect to {to}"), other).into(),
        }
    }
}

impl Vantage {
    /// A TCP connection to an address.
    ///
    /// # Errors
    /// Where it is refused, unanswered by the deadline, or cannot be tried.
    pub fn connect(&self, to: SocketAddr, by: Deadline) -> Result<Stream, DialError> {
        let name = to.to_string();
        self.needs_a_network(&name)?;
        let open = if to.is_ipv4() { open_tcp4 } else { open_tcp6 };
        let socket = self.in_netns(open)?.map_err(|errno| DialError::errno(&name, errno))?;
        connect_by(&socket, &to, by).map_err(|errno| DialError::errno(&name, errno))?;
        Ok(Stream::new(socket, by))
    }

    /// A stream connection to a unix socket.
    ///
    /// # Errors
    /// As for [`Vantage::connect`]; Missing where there is nothing at the path, Blind
    /// where there is something else than a socket.
    pub fn connect_unix(&self, to: &UnixAddress, by: Deadline) -> Result<Stream, DialError> {
        let name = to.to_string();
        self.needs_a_network(&name)?;
        let socket = self.in_netns(open_unix)?.map_err(|errno| DialError::errno(&name, errno))?;
        let connected = match to {
            UnixAddress::Abstract(address) => SocketAddrUnix::new_abstract_name(address.as_bytes())
                .and_then(|address| connect_by(&socket, &address, by)),
            UnixAddress::Path(path) => {
                // The link has no limit of 108 bytes and leads nowhere else than
                // to what was found beneath the root.
                let handle = self.locate_socket(path)?;
                SocketAddrUnix::new(format!("/proc/self/fd/{}", handle.as_raw_fd()))
                    .and_then(|address| connect_by(&socket, &address, by))
            }
        };
        connected.map_err(|errno| DialError::errno(&name, errno))?;
        Ok(Stream::new(socket, by))
    }

    fn locate_socket(&self, path: &Path) -> Result<OwnedFd, DialError> {
        let attempt = || format!("connect to {}", path.display());
        let failed = |error| match error {
            FileError::Missing(path) => DialError::Missing(path.display().to_string()),
            FileError::Forbidden(_) => Blind::new(attempt(), Obstacle::Forbidden).into(),
            other => Blind::new(attempt(), Obstacle::Other(other.to_string())).into(),
        };
        let handle = self.locate(path).map_err(failed)?;
        match self.stat_handle(&handle, path).map_err(failed)?.kind {
            FileKind::Socket => Ok(handle),
            other => {
                let cause = format!("expected {}, found {other}", FileKind::Socket);
                Err(Blind::new(attempt(), Obstacle::Other(cause)).into())
            }
        }
    }

    fn needs_a_network(&self, to: &str) -> Result<(), Blind> {
        match self.is_fixture() {
            true => Err(Blind::new(format!("connect to {to}"), Obstacle::FIXTURE)),
            false => Ok(()),
        }
    }
}

fn open_tcp4() -> Result<OwnedFd, Errno> {
    open(AddressFamily::INET, SocketType::STREAM)
}

fn open_tcp6() -> Result<OwnedFd, Errno> {
    open(AddressFamily::INET6, SocketType::STREAM)
}

fn open_unix() -> Result<OwnedFd, Errno> {
    open(AddressFamily::UNIX, SocketType::STREAM)
}

fn open(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

/// Connects a socket that does not block.
fn connect_by(socket: &OwnedFd, to: &impl SocketAddrArg, by: Deadline) -> Result<(), Errno> {
    loop {
        match rustix::net::connect(socket, to) {
            Ok(()) | Err(Errno::ISCONN) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::INPROGRESS | Errno::ALREADY) => {
                by.wait_for(socket.as_fd(), PollFlags::OUT)?;
                return rustix::net::sockopt::socket_error(socket)?;
            }
            // A unix socket whose queue of connections to accept is full.
            Err(Errno::AGAIN) if by.has_passed() => return Err(Errno::TIMEDOUT),
            Err(Errno::AGAIN) => std::thread::sleep(FULL_QUEUE_PAUSE.min(by.remaining())),
            Err(errno) => return Err(errno),
        }
    }
}
