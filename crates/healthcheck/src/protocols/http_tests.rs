//! Answers of all kinds, from a stream that is a script.

use super::{BodyEnd, Limits, Method, Request, exchange, get, open};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use std::io::{self, Read, Write};

/// What the other side does next.
#[derive(Debug, Clone)]
enum Does {
    Sends(Vec<u8>),
    Resets,
    /// Nothing, until the deadline.
    Waits,
}

/// Plays its script, and then closes.
struct Script {
    steps: std::vec::IntoIter<Does>,
    left: Vec<u8>,
    heard: Vec<u8>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Does>) -> Self {
        let steps: Vec<_> = steps.into_iter().collect();
        Self { steps: steps.into_iter(), left: Vec::new(), heard: Vec::new() }
    }

    fn of(text: &[u8], then: Option<Does>) -> Self {
        Self::new([Does::Sends(text.to_vec())].into_iter().chain(then))
    }
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.steps.next() {
                Some(Does::Sends(bytes)) => self.left = bytes,
                Some(Does::Resets) => return Err(io::ErrorKind::ConnectionReset.into()),
                Some(Does::Waits) => return Err(io::ErrorKind::TimedOut.into()),
                None => return Ok(0),
            }
        }
        let length = self.left.len().min(into.len());
        into[..length].copy_from_slice(&self.left[..length]);
        self.left.drain(..length);
        Ok(length)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn request() -> Request {
    Request::get("/", "localhost").unwrap()
}

/// Status, body, and how it ended; or what is wrong.
fn outcome(script: Script, request: &Request, limits: Limits) -> String {
    match exchange(script, request, limits) {
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            let end = match response.end {
                BodyEnd::Complete => "complete".to_owned(),
                BodyEnd::AtLimit => "at limit".to_owned(),
                BodyEnd::Broken(error) => error.to_string(),
            };
            format!("{} | {body} | {end}", response.head)
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn each_answer_is_told_for_what_it_is() {
    use Does::{Resets, Waits};
    let cases: &[(&str, Option<Does>, &str)] = &[
        // Framing.
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore", None, "200 OK | ok | complete"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", None, "200 OK | until the end | complete"),
        ("HTTP/1.1 200\nContent-Length: 2\n\nok", None, "200 | ok | complete"),
        ("HTTP/1.1 204 No Content\r\n\r\n", Some(Waits), "204 No Content |  | complete"),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
            Some(Waits),
            "304 Not Modified |  | complete",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nt: u\r\n\r\nmore",
            Some(Waits),
            "200 OK | abc | complete",
        ),
        // Both are given: the coding wins (RFC 9112, section 6.3).
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Some(Waits),
            "200 OK |  | complete",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok", None, "200 OK | ok | complete"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            None,
            "200 OK | ok | complete",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            Some(Waits),
            "101 Switching Protocols |  | complete",
        ),
        // A header that is none is passed over, as curl does.
        (
            "HTTP/1.1 200 OK\r\nno colon\r\ncontent-length : 2\r\n\r\nok",
            None,
            "200 OK | ok | complete",
        ),
        // Nothing, or not enough.
        ("", None, "error: closed the connection without an answer"),
        ("", Some(Resets), "error: reset the connection without an answer"),
        ("", Some(Waits), "error: did not answer"),
        (
            "HTTP/1.1 20",
            None,
            "error: began to answer and stopped after 11 bytes: the connection was closed",
        ),
        (
            "HTTP/1.1 200 OK\r\na: b\r\n",
            Some(Waits),
            "error: began to answer and stopped after 23 bytes: no more came in time",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\n",
            Some(Waits),
            "error: began to answer and stopped after 25 bytes: no more came in time",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            None,
            "200 OK | half | the body ended after 4 bytes of 9: the connection was closed",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            Some(Resets),
            "200 OK | half | the body ended after 4 bytes of 9: the connection was reset",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\nhalf",
            Some(Waits),
            "200 OK | half | the body ended after 4 bytes: no more came in time",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            None,
            "200 OK | ab | the body ended after 2 bytes: the connection was closed",
        ),
        // Lies and garbage.
        ("<html>hello", Some(Waits), "error: expected an HTTP answer, found \"<html>hello\""),
        (
            "SSH-2.0-OpenSSH_9\r\n",
            Some(Waits),
            "error: expected an HTTP answer, found \"SSH-2.0-OpenSSH_9\"",
        ),
        ("\u{1b}[31m\u{0}", None, "error: expected an HTTP answer, found \"\\u{1b}[31m\\u{0}\""),
        (
            "HTTP/2.0 200 OK\r\n\r\n",
            None,
            "error: expected an HTTP answer, found \"HTTP/2.0 200 OK\"",
        ),
        ("HTTP/1.1 ok\r\n\r\n", None, "error: expected an HTTP answer, found \"HTTP/1.1 ok\""),
        (
            "HTTP/1.1 007 Bond\r\n\r\n",
            None,
            "error: expected an HTTP answer, found \"HTTP/1.1 007 Bond\"",
        ),
        ("\u{15}\u{3}\u{1}\u{0}", None, "error: expected plain HTTP, found TLS"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            None,
            "error: expected one number as content-length, found \"-1\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
            None,
            "error: expected one number as content-length, found \"+1\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            None,
            "error: expected one number as content-length, found \"99999999999999999999\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            None,
            "error: expected one number as content-length, found \"1, 2\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            None,
            "error: expected the transfer coding chunked, found \"chunked\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nlots\r\n",
            None,
            "200 OK |  | the body is chunked and expected the size of a chunk, found \"lots\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+2\r\nab",
            None,
            "200 OK |  | the body is chunked and expected the size of a chunk, found \"+2\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
            None,
            "200 OK | a | the body is chunked and expected the end of a chunk, found \"bc\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            None,
            "200 OK |  | the body is chunked and expected the size of a chunk, found \"ffffffffffffffffff\"",
        ),
        // The largest size there is is only a promise.
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nab",
            None,
            "200 OK | ab | the body ended after 2 bytes: the connection was closed",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nab",
            None,
            "200 OK | ab | the body ended after 2 bytes of 18446744073709551615: the connection was closed",
        ),
    ];
    for (text, then, expected) in cases {
        // What comes at once, and what comes a byte at a time, is the same.
        let whole = Script::of(text.as_bytes(), then.clone());
        assert_eq!(outcome(whole, &request(), Limits::default()), *expected, "{text:?}");
        let dripping = text.bytes().map(|byte| Does::Sends(vec![byte])).chain(then.clone());
        let told = outcome(Script::new(dripping), &request(), Limits::default());
        if !expected.contains("found") {
            assert_eq!(told, *expected, "{text:?}, dripping");
        }
    }
}

#[test]
fn what_has_no_end_ends_at_its_limit() {
    let limits = Limits { head: 1000, headers: 10, body: 5 };
    let endless_header = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(5000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(11));
    let cases = [
        (endless_header, "error: answered with more than 1000 bytes of headers"),
        (
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(100),
            "error: answered with more than 1000 bytes of headers",
        ),
        (many, "error: answered with more than 10 headers"),
        ("HTTP/1.1 200 OK\r\n\r\n1234567".into(), "200 OK | 12345 | at limit"),
        ("HTTP/1.1 200 OK\r\n\r\n12345".into(), "200 OK | 12345 | complete"),
    ];
    for (text, expected) in cases {
        let told = outcome(Script::of(text.as_bytes(), None), &request(), limits);
        assert_eq!(told, expected);
        let dripping = text.bytes().map(|byte| Does::Sends(vec![byte]));
        assert_eq!(outcome(Script::new(dripping), &request(), limits), expected, "dripping");
    }
    let chunks = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{}",
        "a: b\r\n".repeat(5000)
    );
    let told = outcome(Script::of(chunks.as_bytes(), None), &request(), Limits::default());
    assert!(told.ends_with("expected the end of the body, found \"more trailers\""), "{told}");
    let line =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}", "x".repeat(5000));
    let told = outcome(Script::of(line.as_bytes(), None), &request(), Limits::default());
    assert!(told.contains("expected a line, found"), "{told}");
}

#[test]
fn who_needs_the_whole_body_gets_it_or_an_error() {
    let answer = |text: &str| {
        let limits = Limits::default().body(4);
        get(Script::of(text.as_bytes(), None), &request(), limits)
            .map(|response| response.body)
            .map_err(|error| error.to_string())
    };
    assert_eq!(answer("HTTP/1.1 500 No\r\n\r\nwhy?"), Ok(b"why?".to_vec()));
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\n\r\n12345"),
        Err("answered with a body of more than 4 bytes".into())
    );
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n123"),
        Err("the body ended after 3 bytes of 4: the connection was closed".into())
    );
}

#[test]
fn a_body_without_end_can_be_read_as_it_comes() {
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n";
    let script = Script::of(text.as_bytes(), Some(Does::Waits));
    let (head, mut body) = open(script, &request(), Limits::default()).unwrap();
    assert_eq!(head.status, 200);
    let mut events = [0; 6];
    body.read_exact(&mut events).unwrap();
    assert_eq!(&events, b"onetwo");
    assert_eq!(body.read(&mut events).unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_request_is_what_was_asked_for() {
    let password = crate::settings::secret::Secret::new("s:e%c ret");
    let request = Request::get("/a?b=c", "[::1]:8080")
        .unwrap()
        .with_method(Method::HEAD)
        .header("User-Agent", "curl-healthcheck")
        .unwrap()
        .basic("user", &password);
    let text = String::from_utf8(request.encode()).unwrap();
    assert_eq!(
        text,
        "HEAD /a?b=c HTTP/1.1\r\nhost: [::1]:8080\r\naccept: */*\r\nconnection: close\r\n\
         User-Agent: curl-healthcheck\r\nauthorization: Basic dXNlcjpzOmUlYyByZXQ=\r\n\r\n"
    );
    assert!(!format!("{request:?}").contains("dXNlcjp"), "{request:?}");
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    let told = outcome(Script::of(text.as_bytes(), Some(Does::Waits)), &request, Limits::default());
    assert_eq!(told, "200 OK |  | complete");
}

#[test]
fn a_request_that_would_be_another_one_is_not_made() {
    for target in ["", "a", "/a b", "/\r\nx: y", "/\u{7f}"] {
        assert!(Request::get(target, "h").is_err(), "{target:?}");
    }
    assert!(Request::get("/", "a b").is_err());
    assert!(Request::get("/", "a\r\nb").is_err());
    assert!(request().header("a b", "c").is_err());
    assert!(request().header("a", "b\r\nc: d").is_err());
    assert!(request().header("a", "b\0").is_err());
    assert!(Method::new("GET /").is_err());
    assert!(Method::new("").is_err());
}

/// Cuts bytes at places taken from `cuts`.
fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Does> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for cut in cuts {
        let (piece, after) = rest.split_at(cut % (rest.len() + 1));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces.push(rest.to_vec());
    pieces.into_iter().filter(|piece| !piece.is_empty()).map(Does::Sends).collect()
}

proptest! {
    #[test]
    fn garbage_is_an_error_or_an_answer_and_never_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        head in prop::option::of("HTTP/1\\.1 [0-9]{3} [a-z]{0,9}\r\n(transfer-encoding: chunked\r\n)?(content-length: [0-9]{1,3}\r\n)?\r\n"),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        if let Some(head) = head {
            bytes.splice(0..0, head.into_bytes());
        }
        let limits = Limits { head: 200, headers: 4, body: 50 };
        if let Ok(response) = exchange(Script::new(in_pieces(&bytes, &cuts)), &request(), limits) {
            prop_assert!(response.body.len() <= 50);
            prop_assert!(!response.head.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn a_body_is_the_same_however_it_is_sent(
        body in prop::collection::vec(any::<u8>(), 0..3000),
        sizes in prop::collection::vec(1_usize..500, 1..20),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n".to_vec();
        let mut rest = &body[..];
        for size in sizes.iter().cycle() {
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
            chunked.extend(chunk);
            chunked.extend(b"\r\n");
            if chunk.is_empty() {
                break;
            }
        }
        let mut counted = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        counted.extend(&body);
        for sent in [chunked, counted] {
            let response = get(Script::new(in_pieces(&sent, &cuts)), &request(), Limits::default()).unwrap();
            prop_assert_eq!(&response.body, &body);
        }
    }
}
