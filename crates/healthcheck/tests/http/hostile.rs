//! Servers that do what no server should: each ends in time, with a clear word.

use crate::server::{self, drip, hold, request, reset, say};
use crate::{LONG, verdict};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

/// For those that never end by themselves.
const SHORT: Duration = Duration::from_millis(600);

/// Says this until the other side has had enough.
fn endless(stream: &mut TcpStream, first: &str, then: &str) {
    request(stream);
    let block = then.repeat(1000);
    say(stream, first.as_bytes());
    while say(stream, block.as_bytes()) {}
}

/// Server, deadline, further fields, and what is said of it, with `AT` for its address.
type Case = (&'static str, server::Serve<TcpStream>, Duration, &'static str, &'static str);

const CASES: &[Case] = &[
    (
        "accepts and never answers",
        hold,
        SHORT,
        "",
        "unhealthy (self): did not answer GET / on AT within 0.5 s",
    ),
    (
        "answers a byte now and then",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\nx: ");
            drip(stream, b"y");
        },
        SHORT,
        "",
        "unhealthy (self): GET / on AT: began to answer and stopped after some bytes: no more came in time",
    ),
    (
        "a header without end",
        |stream| endless(stream, "HTTP/1.1 200 OK\r\nx: ", "y"),
        LONG,
        "",
        "unhealthy (self): GET / on AT: answered with more than 32768 bytes of headers",
    ),
    (
        "headers without end",
        |stream| endless(stream, "HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        LONG,
        "",
        "unhealthy (self): GET / on AT: answered with more than 32768 bytes of headers",
    ),
    (
        "a great many headers",
        |stream| {
            request(stream);
            let headers = "x: y\r\n".repeat(101);
            say(stream, format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes());
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: answered with more than 100 headers",
    ),
    (
        "continues without end",
        |stream| endless(stream, "", "HTTP/1.1 100 Continue\r\n\r\n"),
        LONG,
        "",
        "unhealthy (self): GET / on AT: answered with more than 32768 bytes of headers",
    ),
    (
        "a body without end",
        |stream| endless(stream, "HTTP/1.1 200 OK\r\n\r\n", "x"),
        LONG,
        "",
        "healthy: 200 OK to GET / on AT",
    ),
    (
        "a body without end where JSON is expected",
        |stream| endless(stream, "HTTP/1.1 200 OK\r\n\r\n", "["),
        LONG,
        "json = [{ at = \"/a\" }]",
        "unhealthy (self): GET / on AT: expected JSON of at most 65536 bytes",
    ),
    (
        "a slow body without end",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\n\r\n");
            drip(stream, b"y");
        },
        SHORT,
        "",
        "unhealthy (self): answered 200 OK to GET / on AT, but the body ended after some bytes: no more came in time",
    ),
    (
        "sends us round in circles",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 302 Found\r\nlocation: /again\r\n\r\n");
        },
        LONG,
        "redirects = 5",
        "unhealthy (environment): GET / on AT: redirected more than 5 times",
    ),
    (
        "sends us to what is no URL",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\n\r\n");
        },
        LONG,
        "redirects = 5",
        "unhealthy (environment): GET / on AT: redirected to what cannot be followed: expected a URL that begins with http:// or https://",
    ),
    (
        "speaks something else",
        |stream| {
            say(stream, b"SSH-2.0-OpenSSH_9.9\r\n");
            hold(stream);
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: expected an HTTP answer, found \"SSH-2.0-OpenSSH_9.9\"",
    ),
    (
        "speaks to the terminal",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 500 \x1b[31mred\x1b[0m\r\n\r\n\x1b[2J\x07");
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: expected an HTTP answer, found \"HTTP/1.1 500 \\u{1b}[31mred\\u{1b}[0m\"",
    ),
    (
        "speaks HTTP/0.9",
        |stream| {
            request(stream);
            say(stream, b"<html><body>It works</body></html>");
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: expected an HTTP answer, found \"<html><body>It works</body></html>\"",
    ),
    (
        "half a head",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\ncontent-le");
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: began to answer and stopped after 27 bytes: the connection was closed",
    ),
    (
        "closes at once",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: closed the connection without an answer",
    ),
    (
        "resets at once",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            reset(stream);
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: reset the connection without an answer",
    ),
    (
        "half a body",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf");
        },
        LONG,
        "",
        "unhealthy (self): answered 200 OK to GET / on AT, but the body ended after 4 bytes of 99: the connection was closed",
    ),
    (
        "a body of another length than two that are told",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc");
        },
        LONG,
        "",
        "unhealthy (self): GET / on AT: expected one number as content-length, found \"2, 3\"",
    ),
    (
        "chunks that are none",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
        },
        LONG,
        "",
        "unhealthy (self): answered 200 OK to GET / on AT, but the body is chunked and expected the size of a chunk, found \"zz\"",
    ),
    (
        "resets within the body",
        |stream| {
            request(stream);
            say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf");
            // Once what was said has been read: a reset would overtake it.
            while unread(stream) {
                std::thread::yield_now();
            }
            reset(stream);
        },
        LONG,
        "",
        "unhealthy (self): answered 200 OK to GET / on AT, but the body ended after 4 bytes of 99: the connection was reset",
    ),
    (
        "plain HTTP where TLS is expected",
        |stream| {
            // What Apache and nginx say of a TLS handshake.
            say(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            hold(stream);
        },
        LONG,
        "tls = true",
        "unhealthy (environment): GET / on AT: expected TLS, the server speaks plain HTTP",
    ),
    (
        "something else where TLS is expected",
        |stream| {
            say(stream, b"220 mail ESMTP\r\n");
            hold(stream);
        },
        LONG,
        "tls = true",
        "unhealthy (self): GET / on AT: expected TLS, found \"220 mail ESMTP\"",
    ),
    (
        "silence where TLS is expected",
        hold,
        SHORT,
        "tls = true",
        "unhealthy (self): did not answer GET / on AT within 0.5 s (TLS handshake)",
    ),
    (
        "an end where TLS is expected",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
        },
        LONG,
        "tls = true",
        "unhealthy (self): GET / on AT: did not complete the TLS handshake: the connection was closed",
    ),
    (
        "a TLS record without end",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            say(stream, &[0x16, 3, 3, 0x40, 0]);
            drip(stream, &[2]);
        },
        SHORT,
        "tls = true",
        "unhealthy (self): did not answer GET / on AT within 0.5 s (TLS handshake)",
    ),
    (
        "a TLS handshake message without end",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            // A ServerHello of 16 MiB, in records of 16 KiB.
            let mut record = vec![0x16, 3, 3, 0x40, 0];
            record.resize(5 + (16 << 10), 0xff);
            let mut first = record.clone();
            first[5] = 2;
            say(stream, &first);
            while say(stream, &record) {}
        },
        LONG,
        "tls = true",
        "unhealthy (self): GET / on AT: TLS: handshake payload too large",
    ),
    (
        "TLS alerts without end",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            // A warning, which may be passed over: that is all there ever is.
            while say(stream, &[0x15, 3, 3, 0, 2, 1, 90].repeat(1000)) {}
        },
        LONG,
        "tls = true",
        "unhealthy (self): GET / on AT: TLS: too many warning alerts received",
    ),
    (
        "a TLS alert where plain HTTP is expected",
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            say(stream, &[0x15, 3, 1, 0, 2, 2, 70]);
        },
        LONG,
        "tls = false",
        "unhealthy (environment): GET / on AT: expected plain HTTP, the server speaks TLS",
    ),
];

/// Whether the other side has yet to acknowledge what was said.
fn unread(stream: &TcpStream) -> bool {
    let port = vantage::Port::new(stream.local_addr().unwrap().port()).unwrap();
    let wanted =
        vantage::Wanted { protocol: vantage::Protocol::Tcp, listening: false, ports: vec![port] };
    let by = vantage::Deadline::after(LONG);
    let table = vantage::Vantage::inside().unwrap().sockets(&wanted, by).unwrap();
    let theirs = table.sockets.iter().find(|socket| {
        socket.local == stream.peer_addr().unwrap() && socket.remote == stream.local_addr().unwrap()
    });
    theirs.is_some_and(|socket| socket.receive_queue > 0)
}

#[test]
fn each_ends_in_time_and_is_told_for_what_it_is() {
    for (name, serve, deadline, fields, expected) in CASES {
        let at = server::on("127.0.0.1:0", serve);
        let told = verdict(&format!("port = {}\n{fields}", at.port()), *deadline);
        assert_eq!(told, expected.replace("AT", &at.to_string()), "{name}");
    }
}

#[test]
fn a_server_that_does_not_accept_is_not_waited_for() {
    // Room for one more than none; the kernel drops what comes then.
    let listener = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&listener, &any).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let at: std::net::SocketAddr = rustix::net::getsockname(&listener).unwrap().try_into().unwrap();
    let held = server::Server::held(at, listener.try_clone().unwrap());
    let from = vantage::Vantage::inside().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = from.connect(at, vantage::Deadline::after(SHORT)) {
        waiting.push(stream);
    }
    let told = verdict(&format!("port = {}", held.port()), SHORT);
    assert_eq!(told, format!("unhealthy (self): {at} did not accept a connection within 0.5 s"));
}
