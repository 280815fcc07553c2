//! What a fixture has in place of sock_diag: `proc/net/tcp_diag` and
//! `udp_diag`, or the same in `proc/PID/net` of a host's. A socket is a line of
//! `state local remote inode uid receive_queue send_queue`, and for a TCP connection
//! `last_sent last_received` (milliseconds) `unacknowledged retransmits probes` and, unless the
//! kernel is an old one, `heard` and `said`.
//! `#` begins a comment. A fixture without the file is one where netlink is refused.

use super::types::unmapped;
use super::{Movement, Protocol, Socket, SocketState, Wanted, diag, push};
use crate::{Blind, Inode, Obstacle, Uid, Vantage};
use rustix::io::Errno;
use std::str::FromStr;
use std::time::Duration;

/// As much of such a file as is read, in bytes.
const MAX_TABLE: usize = 64 << 20;

impl Vantage {
    /// The wanted sockets, as the fixture's author wrote them down.
    pub(super) fn recorded_sockets(&self, wanted: &Wanted) -> Result<Vec<Socket>, Blind> {
        let path = self.net_file(match wanted.protocol {
            Protocol::Tcp => "tcp_diag",
            Protocol::Udp => "udp_diag",
        });
        let content = match self.read_proc(&path, MAX_TABLE) {
            Ok(content) => content,
            Err(Errno::NOENT) => return Err(diag::refused(Errno::ACCESS)),
            Err(errno) => return Err(Blind::errno(format!("read proc/{path}"), errno)),
        };
        let mut sockets = Vec::new();
        for (number, line) in String::from_utf8_lossy(&content).lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let socket = parse(line, wanted.protocol).ok_or_else(|| {
                let cause = format!("line {}: expected a socket, found {line:?}", number + 1);
                Blind::new(format!("read proc/{path}"), Obstacle::Other(cause))
            })?;
            if wanted.admits(&socket) {
                push(&mut sockets, socket)?;
            }
        }
        Ok(sockets)
    }
}

fn parse(line: &str, protocol: Protocol) -> Option<Socket> {
    let mut fields = line.split_whitespace();
    let state = match fields.next()? {
        "established" => SocketState::Established,
        "syn-sent" => SocketState::SynSent,
        "syn-received" => SocketState::SynReceived,
        "close-wait" => SocketState::CloseWait,
        "listen" => SocketState::Listen,
        "close" => SocketState::Close,
        "closing" => SocketState::Closing,
        _ => return None,
    };
    let mut socket = Socket {
        protocol,
        state,
        local: unmapped(field(&mut fields)?),
        remote: unmapped(field(&mut fields)?),
        inode: Inode(field(&mut fields)?),
        owner: Uid(field(&mut fields)?),
        receive_queue: field(&mut fields)?,
        send_queue: field(&mut fields)?,
        dropped: None,
        movement: None,
    };
    let Some(last_sent) = fields.next() else { return Some(socket) };
    socket.movement = Some(Movement {
        last_sent: Duration::from_millis(last_sent.parse().ok()?),
        last_received: Duration::from_millis(field(&mut fields)?),
        unacknowledged: field(&mut fields)?,
        retransmits: field(&mut fields)?,
        probes: field(&mut fields)?,
        heard: optional(&mut fields)?,
        said: optional(&mut fields)?,
    });
    fields.next().is_none().then_some(socket)
}

/// `Some(None)` where there is no further field.
fn optional<'line, T: FromStr>(fields: &mut impl Iterator<Item = &'line str>) -> Option<Option<T>> {
    match fields.next() {
        Some(field) => Some(Some(field.parse().ok()?)),
        None => Some(None),
    }
}

fn field<'line, T: FromStr>(fields: &mut impl Iterator<Item = &'line str>) -> Option<T> {
    fields.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_connection_with_and_without_its_movement() {
        let short = "established 172.17.0.5:43210 [::ffff:172.17.1.20]:5672 71001 42436 8 0";
        let socket = parse(short, Protocol::Tcp).unwrap();
        assert_eq!(socket.remote, "172.17.1.20:5672".parse().unwrap());
        assert_eq!((socket.receive_queue, socket.movement), (8, None));
        let long = format!("{short} 90000 1200 3 2 1");
        let movement = parse(&long, Protocol::Tcp).unwrap().movement.unwrap();
        assert_eq!(movement.last_sent, Duration::from_secs(90));
        assert_eq!((movement.unacknowledged, movement.retransmits, movement.probes), (3, 2, 1));
        assert_eq!(movement.heard, None);
        let longer = format!("{long} 0");
        let movement = parse(&longer, Protocol::Tcp).unwrap().movement.unwrap();
        assert_eq!((movement.heard, movement.said), (Some(0), None));
        let longer = format!("{longer} 25");
        let movement = parse(&longer, Protocol::Tcp).unwrap().movement.unwrap();
        assert_eq!((movement.heard, movement.said), (Some(0), Some(25)));
        for wrong in [format!("{short} 1"), format!("{longer} 1"), short.replace("8 0", "8")] {
            assert_eq!(parse(&wrong, Protocol::Tcp), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line in "\\PC*") {
            let _ = parse(&line, Protocol::Tcp);
        }
    }
}
