//! Servers that do as they are told with each connection.

use rustix::net::sockopt::set_socket_linger;
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// What a server does with a connection.
pub(crate) type Serve<S> = fn(&mut S);

/// A server, and a process of its own that holds its listener: who looks is
/// never one of those that are looked at.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    holder: Child,
}

impl Server {
    pub(crate) fn port(&self) -> u16 {
        self.at.port()
    }

    /// Has the listener held, whoever accepts.
    pub(crate) fn held(at: SocketAddr, listener: OwnedFd) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a process to be looked at")]
        let mut holder = Command::new("sleep");
        let holder = holder.arg("600").stdin(listener).spawn().unwrap();
        Self { at, holder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

/// Serves on an address until the test ends.
pub(crate) fn on(address: &str, serve: impl Fn(&mut TcpStream) + Send + 'static) -> Server {
    let listener = TcpListener::bind(address).unwrap();
    let at = listener.local_addr().unwrap();
    let server = Server::held(at, listener.try_clone().unwrap().into());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(&mut stream.unwrap());
        }
    });
    server
}

/// The same on a unix socket.
pub(crate) fn on_unix(path: &Path, serve: impl Fn(&mut TcpStream) + Send + 'static) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A stream is a stream: what reads and writes does not ask of which family.
            serve(&mut TcpStream::from(OwnedFd::from(stream.unwrap())));
        }
    });
}

/// The head of the request that comes.
pub(crate) fn request(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Answers any request with this text.
pub(crate) fn answer(text: &str) -> impl Fn(&mut TcpStream) + Send + 'static {
    let text = text.to_owned();
    move |stream| {
        request(stream);
        say(stream, text.as_bytes());
    }
}

/// Says something; nobody may be there any more.
pub(crate) fn say(stream: &mut impl Write, bytes: &[u8]) -> bool {
    stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
}

/// Waits until the other side has closed.
pub(crate) fn hold(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Says this again and again, slowly, until the other side has closed.
pub(crate) fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    loop {
        let gone = !say(stream, bytes);
        // The wait is for the other side's end; the timeout is the pace.
        if gone || matches!(stream.read(&mut [0; 64]), Ok(0)) {
            return;
        }
    }
}

/// Resets the connection instead of closing it.
pub(crate) fn reset(stream: &TcpStream) {
    set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}
