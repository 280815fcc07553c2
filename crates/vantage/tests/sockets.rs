//! Real sockets, seen by sock_diag and by `/proc/net`, from inside and from
//! outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use rustix::net::{AddressFamily, SocketType};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use support::{Netns, connections, listeners, own_pid, set_loopback, soon};
use vantage::{Inode, Protocol, Socket, SocketSource, SocketState, Vantage, Wanted};

/// The same look by both ways of looking; what they have in common is equal,
/// except for sockets that nobody owns any more: those go on changing.
fn look(from: impl Fn() -> Vantage, wanted: &Wanted) -> Vec<Socket> {
    let asked = from().sockets(wanted, soon()).unwrap();
    assert_eq!(asked.source, SocketSource::SockDiag);
    let read = from().without_netlink().sockets(wanted, soon()).unwrap();
    assert!(matches!(read.source, SocketSource::ProcNet(_)));
    let owned = |socket: &Socket| socket.inode.is_owned();
    let mut common = asked.sockets.clone();
    common.retain(owned);
    for socket in &mut common {
        socket.movement = None;
        if socket.state == SocketState::Listen {
            socket.send_queue = 0;
        }
    }
    let by_inode = |socket: &Socket| (socket.inode, socket.local.port());
    common.sort_by_key(by_inode);
    let mut read = read.sockets;
    read.retain(owned);
    read.sort_by_key(by_inode);
    assert_eq!(common, read);
    asked.sockets
}

fn inside() -> Vantage {
    Vantage::inside().unwrap()
}

fn own_inodes() -> HashSet<Inode> {
    inside().socket_inodes(own_pid()).unwrap()
}

#[test]
fn a_listener_is_seen_with_its_owner() {
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let local = listener.local_addr().unwrap();
        let sockets = look(inside, &listeners(Protocol::Tcp, &[local.port()]));
        let [socket] = &sockets[..] else { panic!("{sockets:?}") };
        assert_eq!((socket.local, socket.state), (local, SocketState::Listen));
        assert_eq!(socket.remote.port(), 0);
        assert!(own_inodes().contains(&socket.inode));
        assert_eq!(socket.owner.0, rustix::process::geteuid().as_raw());
        assert_eq!((socket.receive_queue, socket.movement), (0, None));
        assert!(socket.send_queue > 0, "room for connections");
        assert!(look(inside, &connections(Protocol::Tcp, &[local.port()])).is_empty());
    }
}

#[test]
fn a_connection_is_seen_from_both_ends_with_what_moved() {
    // A dual-stack listener: the kernel calls its connection IPv6, we do not.
    for (bind, connect) in
        [("[::]:0", "127.0.0.1"), ("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")]
    {
        let listener = TcpListener::bind(bind).unwrap();
        let to = SocketAddr::new(connect.parse().unwrap(), listener.local_addr().unwrap().port());
        let mut client = TcpStream::connect(to).unwrap();
        let (_server, from) = listener.accept().unwrap();
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        client.write_all(b"hello").unwrap();
        let sockets = look(inside, &connections(Protocol::Tcp, &[to.port()]));
        assert_eq!(sockets.len(), 2, "{sockets:?}");
        let theirs = sockets.iter().find(|socket| socket.local == to).unwrap();
        let ours = sockets.iter().find(|socket| socket.remote == to).unwrap();
        assert_eq!((theirs.remote, ours.local), (from, from));
        assert_eq!((theirs.receive_queue, ours.receive_queue), (5, 0));
        for socket in [theirs, ours] {
            assert_eq!(socket.state, SocketState::Established);
            let movement = socket.movement.unwrap();
            assert_eq!((movement.retransmits, movement.probes), (0, 0));
            // Far from a test of time: it catches a field read from the wrong place.
            assert!(movement.last_sent.as_secs() < 3600, "{movement:?}");
            assert!(movement.last_received.as_secs() < 3600, "{movement:?}");
        }
    }
}

#[test]
fn a_connection_the_other_side_closed_is_not_established() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(to).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let sockets = look(inside, &connections(Protocol::Tcp, &[to.port()]));
    let ours = sockets.iter().find(|socket| socket.remote == to).unwrap();
    assert_eq!(ours.state, SocketState::CloseWait);
    assert!(own_inodes().contains(&ours.inode));
}

#[test]
fn a_connection_in_time_wait_is_nobodys_and_not_listed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop(server);
    let line = format!("0100007F:{:04X} 06", to.port());
    while !std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&line) {
        std::thread::yield_now();
    }
    assert!(look(inside, &connections(Protocol::Tcp, &[to.port()])).is_empty());
}

#[test]
fn a_full_queue_of_connections_to_accept() {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
    rustix::net::listen(&socket, 1).unwrap();
    let listener = TcpListener::from(socket);
    let to = listener.local_addr().unwrap();
    // A queue for one takes two.
    let _clients = [TcpStream::connect(to).unwrap(), TcpStream::connect(to).unwrap()];
    let sockets = look(inside, &listeners(Protocol::Tcp, &[to.port()]));
    assert_eq!((sockets[0].receive_queue, sockets[0].send_queue), (2, 1));
    // Not accepted yet, so nobody owns them.
    let waiting = look(inside, &connections(Protocol::Tcp, &[to.port()]));
    assert_eq!(waiting.iter().filter(|socket| !socket.inode.is_owned()).count(), 2);
}

#[test]
fn udp_sockets_are_unconnected_or_connected() {
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let two = UdpSocket::bind("127.0.0.1:0").unwrap();
    let six = UdpSocket::bind("[::1]:0").unwrap();
    let (at_one, at_two) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    let at_six = six.local_addr().unwrap();
    two.connect(at_one).unwrap();
    let ports = [at_one.port(), at_two.port(), at_six.port()];
    let open: Vec<_> = look(inside, &listeners(Protocol::Udp, &ports))
        .iter()
        .map(|socket| (socket.local, socket.state))
        .collect();
    assert_eq!(open, [(at_one, SocketState::Close), (at_six, SocketState::Close)]);
    let connected = look(inside, &connections(Protocol::Udp, &ports));
    let [socket] = &connected[..] else { panic!("{connected:?}") };
    assert_eq!((socket.local, socket.remote), (at_two, at_one));
    assert_eq!(socket.state, SocketState::Established);
}

#[test]
fn all_ports_and_many_ports_are_the_same_sockets() {
    let listeners_here: Vec<_> =
        (0..20).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut ports: Vec<u16> =
        listeners_here.iter().map(|l| l.local_addr().unwrap().port()).collect();
    let found = |wanted: &Wanted| -> HashSet<u16> {
        let table = inside().sockets(wanted, soon()).unwrap();
        assert_eq!(table.source, SocketSource::SockDiag);
        table.sockets.iter().map(|socket| socket.local.port()).collect()
    };
    let expected: HashSet<u16> = ports.iter().copied().collect();
    assert_eq!(found(&listeners(Protocol::Tcp, &ports)), expected);
    assert!(found(&listeners(Protocol::Tcp, &[])).is_superset(&expected));
    // More than the kernel's filter is given.
    ports.extend(1..300);
    assert!(found(&listeners(Protocol::Tcp, &ports)).is_superset(&expected));
}

#[test]
fn from_outside_the_containers_sockets_are_seen_and_not_the_hosts() {
    let Some(netns) = Netns::new() else { return };
    let theirs = netns.within(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let port = theirs.local_addr().unwrap().port();
    let outside = || Vantage::outside(netns.pid()).unwrap();
    assert_eq!(look(outside, &listeners(Protocol::Tcp, &[])).len(), 1);
    let udp = netns.within(|| UdpSocket::bind("127.0.0.1:0").unwrap());
    assert_eq!(look(outside, &listeners(Protocol::Udp, &[])).len(), 1);
    // The test itself holds them, so its descriptors own them.
    let sockets = look(outside, &listeners(Protocol::Tcp, &[port]));
    assert!(own_inodes().contains(&sockets[0].inode));
    assert!(outside().socket_inodes(netns.pid()).unwrap().is_empty());
    drop(udp);
}

#[test]
fn a_network_that_goes_away_shows_in_the_movement() {
    let Some(netns) = Netns::new() else { return };
    let (listener, mut client) = netns.within(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener, client)
    });
    let to = listener.local_addr().unwrap();
    let (_server, _) = listener.accept().unwrap();
    netns.within(|| set_loopback(0));
    client.write_all(b"hello").unwrap();
    let by = soon();
    loop {
        assert!(!by.has_passed(), "no retransmission was seen");
        let outside = Vantage::outside(netns.pid()).unwrap();
        let table = outside.sockets(&connections(Protocol::Tcp, &[to.port()]), by).unwrap();
        let ours = table.sockets.iter().find(|socket| socket.remote == to).unwrap();
        assert_eq!(ours.send_queue, 5);
        let movement = ours.movement.unwrap();
        if movement.retransmits > 0 || movement.probes > 0 {
            return;
        }
    }
}

#[test]
fn a_deadline_that_has_passed_is_no_reason_to_look_elsewhere() {
    let passed = vantage::Deadline::after(std::time::Duration::ZERO);
    let blind = inside().sockets(&listeners(Protocol::Tcp, &[1]), passed).unwrap_err();
    assert_eq!(blind.obstacle, vantage::Obstacle::TimedOut);
}
