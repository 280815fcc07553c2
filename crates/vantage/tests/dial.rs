//! Real connections: TCP and unix sockets, from inside and from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Netns, soon};
use vantage::{Deadline, DialError, UnixAddress, Vantage};

fn inside() -> Vantage {
    Vantage::inside().unwrap()
}

fn briefly() -> Deadline {
    Deadline::after(Duration::from_secs(1))
}

#[test]
fn a_conversation_over_tcp() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let mut stream = inside().connect(listener.local_addr().unwrap(), soon()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        stream.write_all(b"ping").unwrap();
        stream.finish_writing().unwrap();
        let mut heard = String::new();
        server.read_to_string(&mut heard).unwrap();
        server.write_all(b"pong").unwrap();
        drop(server);
        stream.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "pingpong");
    }
}

#[test]
fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(inside().connect(to, soon()).unwrap_err(), DialError::Refused(to.to_string()));
}

#[test]
fn a_server_that_never_answers_or_only_drips_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let mut silent = inside().connect(to, briefly()).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    let (_silent_server, _) = listener.accept().unwrap();

    let mut drips = inside().connect(to, briefly()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let dripping = std::thread::spawn(move || while server.write_all(b"x").is_ok() {});
    // There is always another byte, and all the same it ends.
    let mut byte = [0];
    let error = loop {
        if let Err(error) = drips.read_exact(&mut byte) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(drips);
    dripping.join().unwrap();
}

#[test]
fn a_server_that_never_reads_ends_a_write_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = inside().connect(listener.local_addr().unwrap(), briefly()).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let error = stream.write_all(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_write_to_a_closed_connection_is_an_error_and_no_signal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = inside().connect(listener.local_addr().unwrap(), soon()).unwrap();
    drop(listener.accept().unwrap());
    let error = loop {
        if let Err(error) = stream.write_all(b"x") {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn from_outside_a_connection_starts_in_the_containers_network() {
    let Some(netns) = Netns::new() else { return };
    let listener = netns.within(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let to = listener.local_addr().unwrap();
    let outside = Vantage::outside(netns.pid()).unwrap();
    let mut stream = outside.connect(to, soon()).unwrap();
    let (mut server, from) = listener.accept().unwrap();
    assert!(from.ip().is_loopback());
    server.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    // A documentation address: that namespace has a loopback and nothing else.
    let nowhere: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let error = outside.connect(nowhere, soon()).unwrap_err();
    assert!(matches!(error, DialError::Unreachable(..)), "{error:?}");
}

#[test]
fn a_unix_socket_by_a_long_path() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    // It can be bound by no path of that length, only from within.
    let link = directory.path().join("l");
    std::os::unix::fs::symlink(&deep, &link).unwrap();
    let listener = UnixListener::bind(link.join("s")).unwrap();
    let path = deep.join("s");
    assert!(path.as_os_str().len() > 108);
    let mut stream = inside().connect_unix(&UnixAddress::Path(path), soon()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
}

#[test]
fn what_is_no_unix_socket_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let dial = |path: &Path| inside().connect_unix(&UnixAddress::Path(path.into()), soon());
    let missing = directory.path().join("missing");
    assert_eq!(dial(&missing).unwrap_err(), DialError::Missing(missing.display().to_string()));
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = dial(&file).unwrap_err().to_string();
    assert!(told.ends_with("expected a socket, found a file"), "{told}");
    let stale = directory.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    assert_eq!(dial(&stale).unwrap_err(), DialError::Refused(stale.display().to_string()));
}

#[test]
fn a_unix_socket_whose_queue_is_full_gives_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let address = UnixAddress::Path(path);
    let mut waiting = Vec::new();
    let error = loop {
        match inside().connect_unix(&address, briefly()) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(error, DialError::NoAnswer(address.to_string()));
}

#[test]
fn an_abstract_unix_socket_belongs_to_a_network_namespace() {
    use std::os::linux::net::SocketAddrExt;
    let Some(netns) = Netns::new() else { return };
    let name = format!("vantage-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let listener = netns.within(|| UnixListener::bind_addr(&address).unwrap());
    let outside = Vantage::outside(netns.pid()).unwrap();
    let to = UnixAddress::Abstract(name.clone());
    outside.connect_unix(&to, soon()).unwrap();
    listener.accept().unwrap();
    let error = inside().connect_unix(&to, soon()).unwrap_err();
    assert_eq!(error, DialError::Refused(format!("@{name}")));
    let listeners = outside.unix_listeners().unwrap();
    assert_eq!(listeners.len(), 1);
    assert_eq!(listeners[0].name, format!("@{name}"));
}

#[test]
fn a_unix_socket_is_listed_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("with a space");
    let listener = UnixListener::bind(&path).unwrap();
    let listed = inside().unix_listeners().unwrap();
    let found = listed.iter().find(|l| Path::new(&l.name) == path).unwrap();
    let own = inside().socket_inodes(support::own_pid()).unwrap();
    assert!(own.contains(&found.inode));
    drop(listener);
    let listed = inside().unix_listeners().unwrap();
    assert!(!listed.iter().any(|l| Path::new(&l.name) == path));
}
