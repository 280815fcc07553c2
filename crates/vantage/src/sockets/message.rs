//! The words of sock_diag: requests written, replies read (`man 7 sock_diag`,
//! include/uapi/linux/{netlink,inet_diag,tcp}.h). Replies are read as if
//! anybody could have sent them.

use super::types::unmapped;
use super::{Movement, Protocol, Socket, SocketState};
use crate::{Inode, Uid};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const NETLINK_HEADER: usize = 16;

const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
const INET_DIAG_INFO: u16 = 2;
/// The size of `struct inet_diag_msg`.
const REPLY: usize = 72;
/// The size of `struct inet_diag_sockid`.
const SOCKET_ID: usize = 48;

/// Which of the two ways of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// TCP over IPv4 and IPv6 at once, as the first version of the interface could.
    TcpOfAllFamilies,
    /// One protocol over IPv4.
    Ipv4(Protocol),
    /// One protocol over IPv6.
    Ipv6(Protocol),
}

impl Request {
    /// The whole netlink message. `states` has bit N set for the kernel's state N.
    pub(super) fn encode(self, states: u32, program: Option<&[u8]>, sequence: u32) -> Vec<u8> {
        let mut message = vec![0; NETLINK_HEADER];
        let extensions = 1 << (INET_DIAG_INFO - 1);
        let kind = match self {
            Self::TcpOfAllFamilies => {
                // struct inet_diag_req
                message.extend([0, 0, 0, extensions]);
                message.extend([0; SOCKET_ID]);
                message.extend(states.to_ne_bytes());
                message.extend([0; 4]);
                TCPDIAG_GETSOCK
            }
            Self::Ipv4(protocol) | Self::Ipv6(protocol) => {
                // struct inet_diag_req_v2
                let family = if matches!(self, Self::Ipv4(_)) { AF_INET } else { AF_INET6 };
                let protocol = match protocol {
                    Protocol::Tcp => IPPROTO_TCP,
                    Protocol::Udp => IPPROTO_UDP,
                };
                message.extend([family, protocol, extensions, 0]);
                message.extend(states.to_ne_bytes());
                message.extend([0; SOCKET_ID]);
                SOCK_DIAG_BY_FAMILY
            }
        };
        if let Some(program) = program {
            message.extend((program.len() as u16 + 4).to_ne_bytes());
            message.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
            message.extend(program);
        }
        let length = message.len() as u32;
        message[0..4].copy_from_slice(&length.to_ne_bytes());
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        message[8..12].copy_from_slice(&sequence.to_ne_bytes());
        message
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::TcpOfAllFamilies => Protocol::Tcp,
            Self::Ipv4(protocol) | Self::Ipv6(protocol) => protocol,
        }
    }
}

/// What is to be done after a datagram of replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More will come.
    More,
    /// That was all.
    Done,
}

/// What is wrong with a datagram of replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The kernel refuses.
    Refused(Errno),
    /// The kernel dropped replies.
    Lost,
    /// It is no sequence of replies.
    Malformed,
}

/// What came in one answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The sockets.
    pub(super) sockets: Vec<Socket>,
    /// The tables changed meanwhile in a way that may have hidden some.
    pub(super) interrupted: bool,
}

impl Answer {
    /// Takes what a datagram holds of the answer to the request `sequence`.
    pub(super) fn take(
        &mut self,
        datagram: &[u8],
        request: Request,
        sequence: u32,
    ) -> Result<Next, Fault> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let length = u32_at(rest, 0).ok_or(Fault::Malformed)? as usize;
            let message = rest.get(..length).ok_or(Fault::Malformed)?;
            let payload = message.get(NETLINK_HEADER..).ok_or(Fault::Malformed)?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if u32_at(message, 8) != Some(sequence) {
                // Left over from a request that was given up.
                continue;
            }
            self.interrupted |=
                u16_at(message, 6).is_some_and(|flags| flags & NLM_F_DUMP_INTR != 0);
            match u16_at(message, 4).ok_or(Fault::Malformed)? {
                NLMSG_NOOP => {}
                NLMSG_ERROR => refusal(payload, Fault::Malformed)?,
                NLMSG_DONE => {
                    // Old kernels say nothing more; newer ones how the dump ended.
                    if !payload.is_empty() {
                        refusal(payload, Fault::Malformed)?;
                    }
                    return Ok(Next::Done);
                }
                NLMSG_OVERRUN => return Err(Fault::Lost),
                _ => self.sockets.extend(socket(payload, request.protocol())?),
            }
        }
        Ok(Next::More)
    }
}

/// The negative error number at the start of a payload; 0 is none.
fn refusal(payload: &[u8], short: Fault) -> Result<(), Fault> {
    match u32_at(payload, 0).ok_or(short)? as i32 {
        0 => Ok(()),
        number => Err(Fault::Refused(Errno::from_raw_os_error(number.saturating_neg()))),
    }
}

/// `struct inet_diag_msg` and the attributes behind it; `None` for a socket
/// of a family or state that is of no interest.
fn socket(reply: &[u8], protocol: Protocol) -> Result<Option<Socket>, Fault> {
    if reply.len() < REPLY {
        return Err(Fault::Malformed);
    }
    let (head, attributes) = reply.split_at(REPLY);
    let Some(state) = SocketState::from_kernel(head[1]) else { return Ok(None) };
    let (Some(local), Some(remote)) = (end(head, 4, 8), end(head, 6, 24)) else { return Ok(None) };
    let number = |at| u32_at(head, at).unwrap_or_default();
    // Its last moments before it was established are not counted yet.
    let moves = !matches!(
        state,
        SocketState::Listen | SocketState::SynSent | SocketState::SynReceived | SocketState::Close
    );
    let info = if moves { attribute(attributes, INET_DIAG_INFO) } else { None };
    Ok(Some(Socket {
        protocol,
        state,
        local: unmapped(local),
        remote: unmapped(remote),
        receive_queue: number(56),
        send_queue: number(60),
        owner: Uid(number(64)),
        inode: Inode(number(68).into()),
        movement: info.and_then(movement),
    }))
}

/// A port and an address of `struct inet_diag_sockid`, both in network order.
fn end(head: &[u8], port_at: usize, address_at: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(head.get(port_at..port_at + 2)?.try_into().ok()?);
    let address = match *head.first()? {
        AF_INET => {
            let octets: [u8; 4] = head.get(address_at..address_at + 4)?.try_into().ok()?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        AF_INET6 => {
            let octets: [u8; 16] = head.get(address_at..address_at + 16)?.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// The payload of the first attribute of a kind.
fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let payload = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == kind {
            return Some(payload);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

/// The fields of `struct tcp_info` that are used. It has grown at its end with
/// every few kernels; these have been where they are since Linux 2.6.
fn movement(info: &[u8]) -> Option<Movement> {
    Some(Movement {
        retransmits: *info.get(2)?,
        probes: *info.get(3)?,
        unacknowledged: u32_at(info, 24)?,
        last_sent: Duration::from_millis(u32_at(info, 44)?.into()),
        last_received: Duration::from_millis(u32_at(info, 52)?.into()),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
