//! The container's sockets, joined with the processes that own them.
//!
//! Asked of the kernel by sock_diag, which shows how long a connection has
//! been silent; read from `/proc/net` where netlink is refused.

use crate::{Blind, Deadline, Inode, Pid, Port, Uid, Vantage};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP over IPv4 and IPv6.
    Tcp,
    /// UDP over IPv4 and IPv6.
    Udp,
}

/// The states of a TCP socket (include/net/tcp_states.h); a UDP socket is
/// `Established` when it is connected and `Close` when it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketState {
    /// Both sides may send.
    Established,
    /// We have asked, nobody has answered yet.
    SynSent,
    /// Somebody has asked, the handshake goes on.
    SynReceived,
    /// The other side has closed and this one has not: the connection is dead.
    CloseWait,
    /// Waits for connections.
    Listen,
    /// An unconnected UDP socket.
    Close,
    /// The other ways of ending.
    Closing,
}

/// One TCP or UDP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its state.
    pub state: SocketState,
    /// Its own address. An IPv4 address mapped into IPv6 is given as IPv4.
    pub local: SocketAddr,
    /// The other side's, likewise.
    pub remote: SocketAddr,
    /// Joins it with descriptors.
    pub inode: Inode,
    /// Who created it.
    pub owner: Uid,
    /// Bytes received and not yet read by the process. For a listening socket:
    /// connections that wait to be accepted.
    pub receive_queue: u32,
    /// Bytes sent and not yet acknowledged. For a listening socket: how many
    /// connections may wait.
    pub send_queue: u32,
    /// What has moved on it; only from sock_diag, and only for TCP connections.
    pub movement: Option<Movement>,
}

/// How long ago, and what is outstanding (`struct tcp_info`, include/uapi/linux/tcp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Since data was last sent.
    pub last_sent: Duration,
    /// Since data was last received.
    pub last_received: Duration,
    /// Segments sent and not acknowledged.
    pub unacknowledged: u32,
    /// Retransmissions of the segment that waits now.
    pub retransmits: u8,
    /// Probes of a window of zero, or keepalives, that were not answered.
    pub probes: u8,
}

/// Which sockets are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Listening sockets (for UDP: unconnected ones), or connections in any other state.
    pub listening: bool,
    /// With one of these ports, the local one or the remote one; any where empty.
    pub ports: Vec<Port>,
}

/// How sockets were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketSource {
    /// The kernel's sock_diag: with movement.
    SockDiag,
    /// `/proc/net`: without movement, and why sock_diag was not to be had.
    ProcNet(Blind),
}

/// The sockets that were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketTable {
    /// The sockets.
    pub sockets: Vec<Socket>,
    /// How they were seen.
    pub source: SocketSource,
}

/// A listening unix socket of the container's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListener {
    /// Its path, or `@` and its abstract name.
    pub name: String,
    /// Joins it with descriptors.
    pub inode: Inode,
}

impl Vantage {
    /// The TCP or UDP sockets of the container's network namespace. With the
    /// host's network that is the whole host: join them with
    /// [`Vantage::socket_inodes`].
    ///
    /// # Errors
    /// Blind where neither netlink nor `/proc/net` can be had.
    pub fn sockets(&self, wanted: &Wanted, by: Deadline) -> Result<SocketTable, Blind> {
        let _ = (wanted, by);
        Err(Blind::new("list sockets", crate::Obstacle::NotFromHere("not built yet")))
    }

    /// The listening unix sockets of the container's network namespace, from `/proc/net/unix`.
    ///
    /// # Errors
    /// Blind where that cannot be read.
    pub fn unix_listeners(&self) -> Result<Vec<UnixListener>, Blind> {
        Err(Blind::new("list sockets", crate::Obstacle::NotFromHere("not built yet")))
    }

    /// The inodes of all sockets that a process holds; empty once it has gone.
    ///
    /// # Errors
    /// Blind where it belongs to another user and we lack CAP_SYS_PTRACE.
    pub fn socket_inodes(&self, pid: Pid) -> Result<HashSet<Inode>, Blind> {
        let _ = pid;
        Err(Blind::new("list sockets", crate::Obstacle::NotFromHere("not built yet")))
    }
}
