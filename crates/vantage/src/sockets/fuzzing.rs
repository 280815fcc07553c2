//! Tables of sockets, as anybody could have written them.

use super::message::{Answer, Request};
use super::{Protocol, procfs, unix};

/// A datagram of sock_diag's replies to the request 1.
pub(crate) fn replies(bytes: &[u8]) {
    for request in [Request::TcpOfAllFamilies, Request::Ipv6(Protocol::Udp)] {
        let mut answer = Answer::default();
        // A fault is an answer too.
        let _ = answer.take(bytes, request, 1);
        assert!(answer.sockets.len() <= bytes.len() / 72);
    }
}

/// `/proc/net/tcp`, `tcp6`, `udp`, `unix`: all of them are lines of fields.
pub(crate) fn lines(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let _ = procfs::socket(line, Protocol::Tcp);
        let _ = unix::listener(line);
    }
}
