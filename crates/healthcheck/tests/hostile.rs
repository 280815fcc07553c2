//! Servers that speak garbage, half of something, another protocol, without end
//! or not at all: each kind has an answer by its deadline, and it is a clear no.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use healthcheck::catalog::Catalog;
use healthcheck::evaluate::evaluate;
use healthcheck::plan::{Plan, Request};
use healthcheck::verdict::Blame;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vantage::Vantage;

/// The checks that need nothing but a unix socket, which stands for `SOCKET`.
const CHECKS: [&str; 3] = [
    "kind = \"ovsdb\"\nto = \"unix:SOCKET\"",
    "kind = \"libvirt\"\nto = \"SOCKET\"",
    "kind = \"libvirt\"\nto = \"SOCKET\"\nping = true",
];

/// What is said to whoever connects, before the connection is left as it is, or closed.
const SAYINGS: [(&[u8], Then); 9] = [
    (b"", Then::Silence),
    (b"", Then::End),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", Then::End),
    (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Then::Silence),
    (b"{\"id\":0,\"result\":[\"Open_vSw", Then::End),
    (b"{\"id\":0,\"result\":[\"Open_vSw", Then::Silence),
    (b"\0\0\0\x24\x20\0\x80\x86\0\0\0\x01\0\0\0\x42\0\0\0\x01", Then::End),
    (b"[[[[[[[[[[[[[[[[[[[[", Then::Flood),
    (b"{\"id\":null,\"method\":\"update\"}", Then::Flood),
];

#[derive(Clone, Copy)]
enum Then {
    Silence,
    End,
    Flood,
}

fn serve(path: &Path, words: &'static [u8], then: Then) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection: UnixStream = connection.unwrap();
            // It may have been given up already.
            let _ = connection.write_all(words);
            match then {
                Then::Silence => kept.push(connection),
                Then::End => drop(connection),
                Then::Flood => while connection.write_all(words).is_ok() {},
            }
        }
    });
}

#[test]
fn whatever_a_server_says_the_answer_is_a_clear_no() {
    for check in CHECKS {
        let folder = tempfile::tempdir().unwrap();
        for (number, (words, then)) in SAYINGS.into_iter().enumerate() {
            let socket = folder.path().join(number.to_string());
            serve(&socket, words, then);
            let check = check.replace("SOCKET", &socket.to_string_lossy());
            let text = format!("service = \"hostile\"\n\n[[check]]\n{check}\n");
            let mut catalog = Catalog::embedded();
            let service = catalog.add_text("hostile.toml".into(), text).unwrap();
            let definition = catalog.definition(&service).unwrap();
            let deadline = Some(Duration::from_millis(500));
            let request = Request { deadline, ..Request::default() };
            let from = Arc::new(Vantage::inside().unwrap());
            let findings = evaluate(&Plan::new(&definition, &request, &from), &from);
            let [finding] = findings.as_slice() else { unreachable!("{findings:?}") };
            let of = String::from_utf8_lossy(words).into_owned();
            assert_eq!(finding.verdict.word(), "unhealthy", "{check}, {of:?}: {finding:?}");
            assert_eq!(finding.verdict.blame(), Some(Blame::Dependency), "{finding:?}");
        }
    }
}
