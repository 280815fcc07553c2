//! Names resolved from outside, by the files and the name server of a
//! container; the server runs in its network namespace and misbehaves by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::time::Duration;
use support::{Netns, soon};
use vantage::{Deadline, DialError, Vantage};

const HOSTS: &str = "172.17.1.20 controller-0\n";
// Nobody is at the first server; it refuses at once.
const RESOLV_CONF: &str = "search lab.test\nnameserver 127.0.0.2\nnameserver 127.0.0.1\n";

const IPV4: [u8; 4] = [192, 0, 2, 1];
const IPV6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The name asked for, and whether IPv6 addresses are wanted.
fn asked(query: &[u8]) -> (String, bool) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap());
        at = end;
    }
    (labels.join("."), query[at + 2] == 28)
}

fn answer(query: &[u8], flags: u16, records: &[&[u8]]) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
    message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for content in records {
        let kind = if content.len() == 4 { 1 } else { 28 };
        message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, content.len() as u8]);
        message.extend(*content);
    }
    message
}

/// The datagrams that answer a query.
fn misbehave(query: &[u8]) -> Vec<Vec<u8>> {
    let (name, ipv6) = asked(query);
    let addresses: &[&[u8]] = if ipv6 { &[&IPV6] } else { &[&IPV4] };
    let lawful = answer(query, 0, addresses);
    match name.as_str() {
        "both.test" | "short.lab.test" => vec![lawful],
        "big.test" => vec![answer(query, 0x0200, &[])],
        "half.test" if ipv6 => vec![],
        "half.test" => vec![lawful],
        "forged.test" => {
            let mut forged = answer(query, 0, if ipv6 { &[&[9; 16]] } else { &[&[9; 4]] });
            forged[0] ^= 1;
            vec![forged, vec![0; 3], lawful]
        }
        "fails.test" => vec![answer(query, 2, &[])],
        "empty.test" => vec![answer(query, 0, &[])],
        "silent.test" => vec![],
        _ => vec![answer(query, 3, &[])],
    }
}

/// A container whose name server is the one above.
fn container() -> Option<Netns> {
    let netns = Netns::with_etc(&[("hosts", HOSTS), ("resolv.conf", RESOLV_CONF)])?;
    let (udp, tcp) = netns.within(|| {
        (UdpSocket::bind("127.0.0.1:53").unwrap(), TcpListener::bind("127.0.0.1:53").unwrap())
    });
    // Both end with the test's process.
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut query) {
            for datagram in misbehave(&query[..length]) {
                udp.send_to(&datagram, from).unwrap();
            }
        }
    });
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = tcp.accept() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query).unwrap();
            let (_, ipv6) = asked(&query);
            let records: Vec<&[u8]> = if ipv6 { vec![&IPV6; 20] } else { vec![&IPV4; 20] };
            let message = answer(&query, 0, &records);
            stream.write_all(&(message.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&message).unwrap();
        }
    });
    Some(netns)
}

fn both() -> Vec<IpAddr> {
    vec![IPV4.into(), IPV6.into()]
}

#[test]
fn names_of_the_containers_files_and_server() {
    let Some(netns) = container() else { return };
    let outside = Vantage::outside(netns.pid()).unwrap();
    let resolve = |name: &str| outside.resolve(name, soon());
    assert_eq!(resolve("controller-0").unwrap(), ["172.17.1.20".parse::<IpAddr>().unwrap()]);
    assert_eq!(resolve("both.test").unwrap(), both());
    assert_eq!(resolve("BOTH.test.").unwrap(), both());
    assert_eq!(resolve("short").unwrap(), both(), "by the search list");
    assert_eq!(resolve("forged.test").unwrap(), both(), "not what was forged");
    assert_eq!(resolve("half.test").unwrap(), [IpAddr::from(IPV4)]);
    assert_eq!(resolve("big.test").unwrap().len(), 40, "by TCP");
    let loopback = resolve("localhost").unwrap();
    assert!(loopback.iter().all(IpAddr::is_loopback));
}

#[test]
fn why_a_name_has_no_address() {
    let Some(netns) = container() else { return };
    let outside = Vantage::outside(netns.pid()).unwrap();
    let why = |name: &str, limit: Duration| match outside.resolve(name, Deadline::after(limit)) {
        Err(DialError::Unresolved { name: told, cause }) => {
            assert_eq!(told, name);
            cause
        }
        other => panic!("{name}: {other:?}"),
    };
    let long = Duration::from_secs(20);
    let none = "127.0.0.2, 127.0.0.1 (from /etc/resolv.conf): no such name";
    assert_eq!(why("none.test", long), none);
    assert_eq!(why("empty.test", long), none);
    assert_eq!(why("not a name", long), "expected a host name");
    let refused = "127.0.0.2 (from /etc/resolv.conf): connection refused";
    let fails = format!("{refused}; 127.0.0.1 (from /etc/resolv.conf): it failed with SERVFAIL");
    assert_eq!(why("fails.test.", long), fails);
    let silent = format!("{refused}; 127.0.0.1 (from /etc/resolv.conf): no answer");
    assert_eq!(why("silent.test.", Duration::from_secs(2)), silent);
}
