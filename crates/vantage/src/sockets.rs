//! The container's sockets, joined with the processes that own them.
//!
//! Asked of the kernel by sock_diag, which shows how long a connection has
//! been silent; read from `/proc/net` where netlink is refused.

mod descriptors;
mod diag;
mod filter;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod message;
mod procfs;
mod table;
mod types;
mod unix;

pub use types::{Movement, Protocol, Socket, SocketSource, SocketState, SocketTable, Wanted};
pub use unix::UnixListener;

use crate::vantage::NetOf;
use crate::{Blind, Deadline, Obstacle, Vantage};
use std::time::Duration;

/// As many sockets as are taken into one answer, so that what runs in a
/// container cannot spend the memory of whoever looks at it.
const MAX_SOCKETS: usize = 200_000;

impl Vantage {
    /// The TCP or UDP sockets of the container's network namespace. With the
    /// host's network that is the whole host: join them with
    /// [`Vantage::socket_inodes`].
    ///
    /// # Errors
    /// Blind where neither netlink nor `/proc/net` can be had, where more
    /// than 200,000 sockets match, or at the deadline.
    pub fn sockets(&self, wanted: &Wanted, by: Deadline) -> Result<SocketTable, Blind> {
        let refused = match self.sockets_by_diag(wanted, by) {
            Ok(sockets) => return Ok(SocketTable { sockets, source: SocketSource::SockDiag }),
            Err(blind) if blind.obstacle == Obstacle::TimedOut => return Err(blind),
            // A fixture with a mistake is no fixture where netlink is refused.
            Err(blind) if self.is_fixture() && blind.obstacle != Obstacle::Forbidden => {
                return Err(blind);
            }
            Err(blind) => blind,
        };
        let sockets = self.sockets_by_procfs(wanted, by)?;
        Ok(SocketTable { sockets, source: SocketSource::ProcNet(refused) })
    }

    /// The same again, `after` a while: what has changed meanwhile is seen by comparing.
    /// A fixture is one moment, so nobody waits for it. `None` where the deadline comes
    /// first.
    ///
    /// # Errors
    /// As for [`Vantage::sockets`].
    pub fn sockets_again(
        &self,
        wanted: &Wanted,
        after: Duration,
        by: Deadline,
    ) -> Result<Option<SocketTable>, Blind> {
        if !self.is_fixture() && !by.lets_pass(after) {
            return Ok(None);
        }
        self.sockets(wanted, by).map(Some)
    }

    fn sockets_by_diag(&self, wanted: &Wanted, by: Deadline) -> Result<Vec<Socket>, Blind> {
        if self.is_fixture() {
            return self.recorded_sockets(wanted);
        }
        if !self.uses_netlink() {
            return Err(diag::refused(rustix::io::Errno::ACCESS));
        }
        diag::sockets(self, wanted, by)
    }

    /// The path in `/proc` of a file in the container's `net` directory.
    pub(crate) fn net_file(&self, name: &str) -> String {
        match self.net_of {
            NetOf::Own => format!("net/{name}"),
            NetOf::Process(pid) => format!("{pid}/net/{name}"),
        }
    }
}

/// Adds a socket, unless there are too many.
fn push(sockets: &mut Vec<Socket>, socket: Socket) -> Result<(), Blind> {
    if sockets.len() >= MAX_SOCKETS {
        let many = format!("more than {MAX_SOCKETS} sockets match");
        return Err(Blind::new("list sockets", Obstacle::Other(many)).hint("name the ports"));
    }
    sockets.push(socket);
    Ok(())
}
