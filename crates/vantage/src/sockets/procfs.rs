//! `/proc/net/{tcp,tcp6,udp,udp6}`: the same sockets without movement, for
//! where netlink is refused (`man 5 proc_net`, net/ipv4/tcp_ipv4.c).

use super::types::unmapped;
use super::{Protocol, Socket, SocketState, Wanted, push};
use crate::lines::{Stop, for_each_line};
use crate::{Blind, Deadline, Inode, Obstacle, Uid, Vantage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

impl Vantage {
    /// The wanted sockets, as `/proc/net` lists them.
    pub(super) fn sockets_by_procfs(
        &self,
        wanted: &Wanted,
        by: Deadline,
    ) -> Result<Vec<Socket>, Blind> {
        let (ipv4, ipv6) = match wanted.protocol {
            Protocol::Tcp => ("tcp", "tcp6"),
            Protocol::Udp => ("udp", "udp6"),
        };
        let mut sockets = Vec::new();
        self.read_table(&self.net_file(ipv4), wanted, by, &mut sockets)?;
        match self.read_table(&self.net_file(ipv6), wanted, by, &mut sockets) {
            // A kernel without IPv6 has no such file.
            Err(blind) if blind.obstacle == Obstacle::Missing => {}
            other => other?,
        }
        Ok(sockets)
    }

    fn read_table(
        &self,
        path: &str,
        wanted: &Wanted,
        by: Deadline,
        sockets: &mut Vec<Socket>,
    ) -> Result<(), Blind> {
        let attempt = || format!("read /proc/{path}");
        let file = self.open_proc(path).map_err(|errno| Blind::errno(attempt(), errno))?;
        let in_time = || match by.has_passed() {
            true => Err(Blind::new(attempt(), Obstacle::TimedOut)),
            false => Ok(()),
        };
        let mut number = 0;
        let taken = for_each_line(&file, in_time, |line| {
            number += 1;
            // The first line names the columns.
            if number == 1 {
                return Ok(());
            }
            match socket(line, wanted.protocol) {
                Some(Some(socket)) if wanted.admits(&socket) => push(sockets, socket),
                Some(_) => Ok(()),
                None => {
                    let cause = format!("line {number} is no socket");
                    Err(Blind::new(attempt(), Obstacle::Other(cause)))
                }
            }
        });
        taken.map_err(|stop| match stop {
            Stop::Taker(blind) => blind,
            Stop::Errno(errno) => Blind::errno(attempt(), errno),
            Stop::LongLine => {
                let cause = format!("line {} has no end", number + 1);
                Blind::new(attempt(), Obstacle::Other(cause))
            }
        })
    }
}

/// The number at the end of a line of UDP's.
fn dropped<'a>(after_inode: impl Iterator<Item = &'a [u8]>) -> Option<u32> {
    // ref pointer drops
    let mut fields = after_inode.skip(2);
    // `/proc/net` pads its lines.
    decimal(fields.next()?.trim_ascii_end()).map(|number| number as u32)
}

/// One line; `None` where it is none, `Some(None)` where its state is of no interest.
pub(super) fn socket(line: &[u8], protocol: Protocol) -> Option<Option<Socket>> {
    let mut fields = line.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    let local = address(fields.nth(1)?)?;
    let remote = address(fields.next()?)?;
    let state = SocketState::from_kernel(hexadecimal(fields.next()?, 2)?.try_into().ok()?);
    let (sent, received) = split(fields.next()?)?;
    let (sent, received) = (hexadecimal(sent, 8)?, hexadecimal(received, 8)?);
    let owner = decimal(fields.nth(2)?)?.try_into().ok()?;
    let inode = decimal(fields.nth(1)?)?;
    let Some(state) = state else { return Some(None) };
    let dropped = if protocol == Protocol::Udp { dropped(fields) } else { None };
    Some(Some(Socket {
        protocol,
        state,
        local: unmapped(local),
        remote: unmapped(remote),
        inode: Inode(inode),
        owner: Uid(owner),
        receive_queue: received,
        send_queue: sent,
        dropped,
        movement: None,
    }))
}

/// `0100007F:1F90`: the address in words of the machine's byte order, the port plain.
fn address(field: &[u8]) -> Option<SocketAddr> {
    let (address, port) = split(field)?;
    let port = hexadecimal(port, 4)?.try_into().ok()?;
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(hexadecimal(address, 8)?.to_ne_bytes())),
        32 => {
            let mut octets = [0; 16];
            for (word, digits) in octets.chunks_exact_mut(4).zip(address.chunks_exact(8)) {
                word.copy_from_slice(&hexadecimal(digits, 8)?.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn split(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    Some((&field[..colon], &field[colon + 1..]))
}

/// A number of exactly `digits` hexadecimal digits.
fn hexadecimal(field: &[u8], digits: usize) -> Option<u32> {
    if field.len() != digits {
        return None;
    }
    field.iter().try_fold(0u32, |number, &byte| Some(number << 4 | char::from(byte).to_digit(16)?))
}

fn decimal(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |number, &byte| {
        number.checked_mul(10)?.checked_add(char::from(byte).to_digit(10)?.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IPV4: &str = "   1: 0100007F:1F90 140111AC:1628 01 00000009:00000008 02:00000F5A 00000000 42436        0 4711 2 0000000000000000 20 4 30 10 -1";
    const MAPPED: &str = "   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF0000140111AC:1628 08 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000";
    const IPV6: &str = "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4713 1 0000000000000000";

    fn parsed(line: &str) -> Socket {
        socket(line.as_bytes(), Protocol::Tcp).flatten().unwrap()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn lines_of_both_families() {
        let ipv4 = parsed(IPV4);
        assert_eq!(ipv4.local, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(ipv4.remote, "172.17.1.20:5672".parse().unwrap());
        assert_eq!((ipv4.state, ipv4.inode), (SocketState::Established, Inode(4711)));
        assert_eq!((ipv4.owner, ipv4.send_queue, ipv4.receive_queue), (Uid(42436), 9, 8));
        let mapped = parsed(MAPPED);
        assert_eq!((mapped.local, mapped.remote), (ipv4.local, ipv4.remote));
        assert_eq!(mapped.state, SocketState::CloseWait);
        let ipv6 = parsed(IPV6);
        assert_eq!(ipv6.local, "[::1]:8080".parse().unwrap());
        assert_eq!((ipv6.state, ipv6.receive_queue), (SocketState::Listen, 3));
    }

    #[test]
    fn what_udp_dropped_stands_at_the_end() {
        let line = "28083: 00000000:15B3 00000000:0000 07 00000000:00034500 00:00000000 00000000   104        0 1305 2 00000000b5f0d4a1 4321";
        let socket = socket(line.as_bytes(), Protocol::Udp).flatten().unwrap();
        assert_eq!((socket.inode, socket.receive_queue), (Inode(1305), 0x34500));
        assert_eq!(socket.dropped, Some(4321));
        assert_eq!(parsed(line).dropped, None, "TCP's lines end otherwise");
    }

    #[test]
    fn every_state_is_known_and_time_wait_is_left_out() {
        for state in 1..=12 {
            let line = IPV4.replacen(" 01 ", &format!(" {state:02X} "), 1);
            let socket = socket(line.as_bytes(), Protocol::Tcp).unwrap();
            assert_eq!(socket.is_none(), state == 6, "{state}");
        }
    }

    #[test]
    fn what_is_no_socket_is_told() {
        for wrong in [
            "",
            "   1: 0100007F:1F90",
            &IPV4.replace("0100007F", "100007F"),
            &IPV4.replace("1F90", "1G90"),
            &IPV4.replace("4711", "-1"),
            &IPV4.replace("42436", "99999999999"),
        ] {
            assert_eq!(socket(wrong.as_bytes(), Protocol::Tcp), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = socket(&line, Protocol::Tcp);
        }

        #[test]
        fn a_line_with_some_bytes_changed_is_parsed_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            for line in [IPV4, MAPPED, IPV6] {
                let mut line = line.as_bytes().to_vec();
                for (at, byte) in &changes {
                    *at.get_mut(&mut line) = *byte;
                }
                let _ = socket(&line, Protocol::Tcp);
            }
        }
    }
}
