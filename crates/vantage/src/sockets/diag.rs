//! The conversation with sock_diag: a netlink socket in the container's
//! network namespace, one dump after another, within the deadline.

use super::filter::{self, End};
use super::message::{Answer, Fault, Next, Request};
use super::{Protocol, Socket, Wanted, push};
use crate::{Blind, Deadline, Obstacle, Vantage};
use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::os::fd::{AsFd, OwnedFd};

/// As often as a dump is begun again because the tables changed under it, or
/// because replies were lost.
const ATTEMPTS: u32 = 3;

/// What the kernel fills at most with one receive (`netlink_dump`, net/netlink/af_netlink.c).
const DATAGRAM: usize = 32 << 10;

/// The state numbers of include/net/tcp_states.h as bits.
const ESTABLISHED: u32 = 1 << 1;
const TIME_WAIT: u32 = 1 << 6;
const CLOSE: u32 = 1 << 7;
const LISTEN: u32 = 1 << 10;
const ALL: u32 = (1 << 13) - 1;

const ATTEMPT: &str = "ask sock_diag for sockets";

/// The wanted sockets, as sock_diag tells them.
pub(super) fn sockets(
    vantage: &Vantage,
    wanted: &Wanted,
    by: Deadline,
) -> Result<Vec<Socket>, Blind> {
    let states = match (wanted.protocol, wanted.listening) {
        (Protocol::Tcp, true) => LISTEN,
        // Closed TCP sockets are in no table. Nobody owns one in TIME_WAIT, and
        // there can be tens of thousands.
        (Protocol::Tcp, false) => ALL & !(LISTEN | TIME_WAIT | CLOSE),
        (Protocol::Udp, true) => CLOSE,
        (Protocol::Udp, false) => ESTABLISHED,
    };
    let ends: &[End] = if wanted.listening { &[End::Local] } else { &[End::Local, End::Remote] };
    let program = filter::program(&wanted.ports, ends);
    let netlink = vantage.spare_netlink();
    let mut question = Question { vantage, wanted, states, program, by, netlink };
    let sockets = match wanted.protocol {
        Protocol::Tcp => match question.ask(Request::TcpOfAllFamilies) {
            Err(Failure::Refused(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOENT)) => {
                question.ask_of_both_families()
            }
            other => other,
        },
        Protocol::Udp => question.ask_of_both_families(),
    }?;
    vantage.spare(question.netlink);
    Ok(sockets)
}

/// Why there is no answer.
enum Failure {
    Refused(Errno),
    Blind(Blind),
}

impl From<Failure> for Blind {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(errno) => refused(errno),
            Failure::Blind(blind) => blind,
        }
    }
}

/// Why sock_diag is not to be had, and what an operator can do about it.
pub(super) fn refused(errno: Errno) -> Blind {
    let blind = Blind::errno(ATTEMPT, errno);
    match errno {
        Errno::ACCESS => blind.hint("with SELinux: setsebool -P virt_sandbox_use_netlink on"),
        Errno::PERM | Errno::AFNOSUPPORT => {
            blind.hint("let the seccomp profile allow sockets of AF_NETLINK")
        }
        Errno::NOENT => blind.hint("load the kernel's modules tcp_diag and udp_diag"),
        _ => blind,
    }
}

/// What is asked, once or for each family.
struct Question<'a> {
    vantage: &'a Vantage,
    wanted: &'a Wanted,
    states: u32,
    program: Option<Vec<u8>>,
    by: Deadline,
    /// One on which no answer is under way.
    netlink: Option<OwnedFd>,
}

impl Question<'_> {
    fn ask_of_both_families(&mut self) -> Result<Vec<Socket>, Failure> {
        let mut sockets = self.ask(Request::Ipv4(self.wanted.protocol))?;
        sockets.extend(self.ask(Request::Ipv6(self.wanted.protocol))?);
        Ok(sockets)
    }

    /// One dump, begun again where it was spoilt.
    fn ask(&mut self, request: Request) -> Result<Vec<Socket>, Failure> {
        // Not filled with anything: no page of it is touched that the kernel does not fill.
        let mut buffer = Vec::with_capacity(DATAGRAM);
        let mut attempt = 1;
        loop {
            let last = attempt == ATTEMPTS;
            let netlink = match self.netlink.take() {
                Some(netlink) => netlink,
                None => (self.vantage.in_netns(open))
                    .map_err(Failure::Blind)?
                    .map_err(Failure::Refused)?,
            };
            let message = request.encode(self.states, self.program.as_deref(), attempt);
            rustix::net::send(&netlink, &message, SendFlags::empty()).map_err(Failure::Refused)?;
            let conversation =
                Conversation { netlink: &netlink, request, sequence: attempt, by: self.by };
            match conversation.receive(&mut buffer, self.wanted) {
                // The kernel promises no more than this of a table in motion.
                Ok((sockets, interrupted)) if !interrupted || last => {
                    self.netlink = Some(netlink);
                    return Ok(sockets);
                }
                Ok(_) => self.netlink = Some(netlink),
                Err(Trouble::Truncated(needed)) if !last => buffer.reserve(needed),
                Err(Trouble::Fault(Fault::Lost)) if !last => {}
                Err(Trouble::Fault(Fault::Refused(errno))) => return Err(Failure::Refused(errno)),
                Err(Trouble::Blind(blind)) => return Err(Failure::Blind(blind)),
                Err(Trouble::Truncated(_) | Trouble::Fault(Fault::Lost)) => {
                    return Err(Failure::Refused(Errno::NOBUFS));
                }
                Err(Trouble::Fault(Fault::Malformed)) => {
                    return Err(Failure::Refused(Errno::BADMSG));
                }
            }
            attempt += 1;
        }
    }
}

/// A netlink socket in the network namespace of the thread that calls.
fn open() -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        Some(netlink::SOCK_DIAG),
    )
}

struct Conversation<'a> {
    netlink: &'a OwnedFd,
    request: Request,
    sequence: u32,
    by: Deadline,
}

/// What can go wrong on the way of an answer.
enum Trouble {
    Fault(Fault),
    /// A datagram had this many bytes.
    Truncated(usize),
    Blind(Blind),
}

impl Conversation<'_> {
    /// The wanted sockets of one answer, and whether it was interrupted.
    fn receive(
        &self,
        buffer: &mut Vec<u8>,
        wanted: &Wanted,
    ) -> Result<(Vec<Socket>, bool), Trouble> {
        let mut answer = Answer::default();
        let mut sockets = Vec::new();
        loop {
            let datagram = self.datagram(buffer)?;
            let next =
                answer.take(datagram, self.request, self.sequence).map_err(Trouble::Fault)?;
            for socket in answer.sockets.drain(..) {
                if wanted.admits(&socket) {
                    push(&mut sockets, socket).map_err(Trouble::Blind)?;
                }
            }
            if next == Next::Done {
                return Ok((sockets, answer.interrupted));
            }
        }
    }

    /// The next datagram. The kernel fills it while it is received, so there
    /// is nearly always one.
    fn datagram<'buffer>(&self, buffer: &'buffer mut Vec<u8>) -> Result<&'buffer [u8], Trouble> {
        loop {
            if self.by.has_passed() {
                return Err(Trouble::Blind(Blind::new(ATTEMPT, Obstacle::TimedOut)));
            }
            buffer.clear();
            match rustix::net::recv(self.netlink, spare_capacity(buffer), RecvFlags::TRUNC) {
                Ok((taken, length)) if length > taken => return Err(Trouble::Truncated(length)),
                Ok(_) => return Ok(buffer),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self
                    .by
                    .wait_for(self.netlink.as_fd(), PollFlags::IN)
                    .map_err(|errno| Trouble::Blind(Blind::errno(ATTEMPT, errno)))?,
                Err(Errno::NOBUFS) => return Err(Trouble::Fault(Fault::Lost)),
                Err(errno) => return Err(Trouble::Fault(Fault::Refused(errno))),
            }
        }
    }
}
