//! What sockets look like to those who judge them.

use crate::{Blind, Inode, Port, Uid};
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
    /// connections may wait; `/proc/net` does not say and gives 0.
    pub send_queue: u32,
    /// Of UDP: datagrams that were thrown away since it was opened, mostly because its queue was
    /// full; counted modulo 2^32. `None` where the kernel does not say, and at a fixture.
    pub dropped: Option<u32>,
    /// What has moved on it; only from sock_diag, and only for TCP connections
    /// that were established once.
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
    /// Bytes received since it was established; `None` from a kernel before 4.1.
    pub heard: Option<u64>,
    /// Bytes sent and acknowledged since then, and one more at the end that connected; `None`
    /// likewise.
    pub said: Option<u64>,
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

impl SocketTable {
    /// The inodes of those that some process holds.
    pub fn inodes(&self) -> impl Iterator<Item = Inode> {
        self.sockets.iter().map(|socket| socket.inode).filter(|inode| inode.is_owned())
    }
}

impl Wanted {
    /// Whether a socket is one of those wanted. TIME_WAIT is left out by every
    /// source: such a connection belongs to nobody any more.
    pub(crate) fn admits(&self, socket: &Socket) -> bool {
        let listening = match self.protocol {
            Protocol::Tcp => socket.state == SocketState::Listen,
            Protocol::Udp => socket.state == SocketState::Close,
        };
        let mut ports = self.ports.iter().map(|port| port.get());
        listening == self.listening
            && (self.ports.is_empty()
                || ports.any(|port| {
                    socket.local.port() == port || (!listening && socket.remote.port() == port)
                }))
    }
}

impl SocketState {
    /// The state the kernel numbers so; `None` for TIME_WAIT and for numbers it has not.
    pub(crate) fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is NEW_SYN_RECV: the same, kept in a smaller structure.
            3 | 12 => Self::SynReceived,
            4 | 5 | 9 | 11 => Self::Closing,
            7 => Self::Close,
            8 => Self::CloseWait,
            10 => Self::Listen,
            _ => return None,
        })
    }
}

/// Unmaps an IPv4 address that was mapped into IPv6.
pub(crate) fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
