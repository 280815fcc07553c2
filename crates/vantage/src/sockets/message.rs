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
const INET_DIAG_SKMEMINFO: u16 = 7;
/// The place of SK_MEMINFO_DROPS among its numbers (include/uapi/linux/sock_diag.h).
const DROPS: usize = 8 * 4;
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
        let extensions = match self.protocol() {
            Protocol::Tcp => 1 << (INET_DIAG_INFO - 1),
            Protocol::Udp => 1 << (INET_DIAG_SKMEMINFO - 1),
        };
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
                NLMSG_ERROR => refusal(payload)?,
                NLMSG_DONE => {
                    // Old kernels say nothing more; newer ones how the dump ended.
                    if !payload.is_empty() {
                        refusal(payload)?;
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

/// The negative error number at the start of a payload; 0 is none (MAX_ERRNO,
/// include/linux/err.h).
fn refusal(payload: &[u8]) -> Result<(), Fault> {
    match u32_at(payload, 0).ok_or(Fault::Malformed)? as i32 {
        0 => Ok(()),
        number @ -4095..=-1 => Err(Fault::Refused(Errno::from_raw_os_error(-number))),
        _ => Err(Fault::Malformed),
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
    let dropped = match protocol {
        Protocol::Tcp => None,
        Protocol::Udp => {
            attribute(attributes, INET_DIAG_SKMEMINFO).and_then(|memory| u32_at(memory, DROPS))
        }
    };
    Ok(Some(Socket {
        protocol,
        state,
        local: unmapped(local),
        remote: unmapped(remote),
        receive_queue: number(56),
        send_queue: number(60),
        owner: Uid(number(64)),
        inode: Inode(number(68).into()),
        dropped,
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
/// every few kernels; these have been where they are since Linux 2.6, `heard` and
/// `said` since 4.1.
fn movement(info: &[u8]) -> Option<Movement> {
    Some(Movement {
        retransmits: *info.get(2)?,
        probes: *info.get(3)?,
        unacknowledged: u32_at(info, 24)?,
        last_sent: Duration::from_millis(u32_at(info, 44)?.into()),
        last_received: Duration::from_millis(u32_at(info, 52)?.into()),
        heard: u64_at(info, 128),
        said: u64_at(info, 120),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEQUENCE: u32 = 7;
    const REQUEST: Request = Request::TcpOfAllFamilies;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut message = (16 + payload.len() as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(payload);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    /// An established connection of 10.0.0.1:80 with 10.0.0.2:5672.
    fn reply(info: &[u8]) -> Vec<u8> {
        let mut reply = vec![0; REPLY];
        reply[0..2].copy_from_slice(&[AF_INET, 1]);
        reply[4..8].copy_from_slice(&[0, 80, 0x16, 0x28]);
        reply[8..12].copy_from_slice(&[10, 0, 0, 1]);
        reply[24..28].copy_from_slice(&[10, 0, 0, 2]);
        for (at, number) in [(56, 8u32), (60, 9), (64, 42436), (68, 4711)] {
            reply[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        for (kind, content) in [(1, &[1; 6][..]), (INET_DIAG_INFO, info)] {
            reply.extend((4 + content.len() as u16).to_ne_bytes());
            reply.extend(u16::to_ne_bytes(kind));
            reply.extend(content);
            reply.resize(reply.len().next_multiple_of(4), 0);
        }
        reply
    }

    fn info(length: usize) -> Vec<u8> {
        let mut info = vec![0; 256];
        info[2..4].copy_from_slice(&[3, 4]);
        for (at, number) in [(24, 5u32), (44, 6000), (52, 7000)] {
            info[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        info[120..128].copy_from_slice(&4711u64.to_ne_bytes());
        info[128..136].copy_from_slice(&12_345_678_901u64.to_ne_bytes());
        info.truncate(length);
        info
    }

    fn take(datagram: &[u8]) -> (Result<Next, Fault>, Answer) {
        let mut answer = Answer::default();
        (answer.take(datagram, REQUEST, SEQUENCE), answer)
    }

    #[test]
    fn a_connection_with_its_movement_from_short_and_long_kernels() {
        // Linux 2.6 gave 104 bytes, 6.x gives more than 240.
        let counted = (Some(12_345_678_901), Some(4711));
        for (length, (heard, said)) in [(56, (None, None)), (104, (None, None)), (256, counted)] {
            let (next, answer) = take(&message(20, 2, SEQUENCE, &reply(&info(length))));
            assert_eq!(next, Ok(Next::More));
            let [socket] = &answer.sockets[..] else { panic!("{answer:?}") };
            assert_eq!(socket.local, "10.0.0.1:80".parse().unwrap());
            assert_eq!(socket.remote, "10.0.0.2:5672".parse().unwrap());
            assert_eq!((socket.receive_queue, socket.send_queue), (8, 9));
            assert_eq!((socket.owner, socket.inode), (Uid(42436), Inode(4711)));
            let expected = Movement {
                last_sent: Duration::from_secs(6),
                last_received: Duration::from_secs(7),
                unacknowledged: 5,
                retransmits: 3,
                probes: 4,
                heard,
                said,
            };
            assert_eq!(socket.movement, Some(expected));
        }
        let (_, answer) = take(&message(20, 2, SEQUENCE, &reply(&info(55))));
        assert_eq!(answer.sockets[0].movement, None, "too short to tell");
    }

    #[test]
    fn a_connection_that_is_being_made_has_not_moved() {
        let mut syn_sent = reply(&info(256));
        syn_sent[1] = 2;
        let (_, answer) = take(&message(20, 2, SEQUENCE, &syn_sent));
        assert_eq!(answer.sockets[0].state, SocketState::SynSent);
        assert_eq!(answer.sockets[0].movement, None);
    }

    #[test]
    fn how_an_answer_ends() {
        let done = |payload: &[u8]| take(&message(NLMSG_DONE, 2, SEQUENCE, payload)).0;
        assert_eq!(done(&[]), Ok(Next::Done));
        assert_eq!(done(&0i32.to_ne_bytes()), Ok(Next::Done));
        let refused = Err(Fault::Refused(Errno::PERM));
        assert_eq!(done(&(-1i32).to_ne_bytes()), refused);
        let error = |number: i32| take(&message(NLMSG_ERROR, 0, SEQUENCE, &number.to_ne_bytes())).0;
        assert_eq!(error(-1), refused);
        assert_eq!(error(0), Ok(Next::More), "an acknowledgement");
        assert_eq!(take(&message(NLMSG_OVERRUN, 0, SEQUENCE, &[])).0, Err(Fault::Lost));
    }

    #[test]
    fn a_number_that_is_no_error_is_malformed() {
        for number in [1, -4096, i32::MIN] {
            let (next, _) = take(&message(NLMSG_ERROR, 0, SEQUENCE, &number.to_ne_bytes()));
            assert_eq!(next, Err(Fault::Malformed), "{number}");
        }
    }

    #[test]
    fn what_was_left_over_from_another_request_does_not_count() {
        let mut datagram = message(20, NLM_F_DUMP_INTR, SEQUENCE - 1, &reply(&[]));
        datagram.extend(message(NLMSG_DONE, 2, SEQUENCE - 1, &[]));
        let (next, answer) = take(&datagram);
        assert_eq!((next, answer.sockets.len(), answer.interrupted), (Ok(Next::More), 0, false));
    }

    #[test]
    fn an_interrupted_answer_says_so() {
        let (_, answer) = take(&message(20, NLM_F_DUMP_INTR, SEQUENCE, &reply(&[])));
        assert!(answer.interrupted);
    }

    #[test]
    fn what_is_cut_off_is_malformed() {
        let whole = message(20, 2, SEQUENCE, &reply(&[]));
        for length in [1, 15, 16, 87, whole.len() - 4] {
            assert_eq!(take(&whole[..length]).0, Err(Fault::Malformed), "{length}");
        }
        let mut short = whole.clone();
        short[0..4].copy_from_slice(&8u32.to_ne_bytes());
        assert_eq!(take(&short).0, Err(Fault::Malformed));
        assert_eq!(take(&message(20, 2, SEQUENCE, &[0; REPLY - 1])).0, Err(Fault::Malformed));
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = take(&bytes);
        }

        #[test]
        fn any_payload_of_a_lawful_message_is_read_or_refused(
            kind in prop_oneof![Just(20u16), Just(2), Just(3), any::<u16>()],
            payload in prop::collection::vec(any::<u8>(), 0..400),
            family in prop_oneof![Just(AF_INET), Just(AF_INET6)],
        ) {
            let mut payload = payload;
            if let Some(first) = payload.first_mut() {
                *first = family;
            }
            let _ = take(&message(kind, 2, SEQUENCE, &payload));
        }

        #[test]
        fn a_lawful_message_with_some_bytes_changed_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut datagram = message(20, 2, SEQUENCE, &reply(&info(240)));
            datagram.extend(message(NLMSG_DONE, 2, SEQUENCE, &[0; 4]));
            for (at, byte) in changes {
                *at.get_mut(&mut datagram) = byte;
            }
            let _ = take(&datagram);
        }
    }
}
