//! All that a peer says in one conversation. What is told of it is short, and
//! holds nothing that only the peer was to hear.

use crate::link::Timed;
use crate::peer::Trouble;
use crate::protocols::scripted::Scripted;
use crate::protocols::{amqp, dns, greeting, haproxy, jsonrpc, memcached, mysql, ovsdb};
use crate::settings::secret::Secret;
use regex_lite::Regex;
use std::io::{self, Read, Write};
use std::time::Duration;
use vantage::{Deadline, DnsQuestion};

/// What only the peer is to hear.
const SECRET: &str = "Xq7secret2";

fn check<T>(outcome: Result<T, Trouble>) -> Option<T> {
    outcome
        .inspect_err(|trouble| {
            let words = &trouble.words;
            assert!(words.len() <= 200 && !words.contains(SECRET), "{words}");
            assert!(!words.contains(char::is_control), "{words:?}");
        })
        .ok()
}

/// A broker, to one that looks in and to one that calls who listens there.
pub(super) fn amqp(bytes: &[u8]) {
    let (password, name) = (Secret::new(SECRET), "a test");
    let login = amqp::Login { user: "nova", password: &password, vhost: "/", name, heartbeat: 8 };
    if let Some(broker) = check(amqp::visit(Scripted::new(bytes), &login)) {
        assert!(broker.to_string().len() < 200);
    }
    let server = amqp::Server { exchange: "nova", queue: "conductor.host1" };
    check(amqp::ping(Timeless(Scripted::new(bytes)), &login, &server));
}

/// A name server by TCP; the number of the question, which is new each time, is put in.
pub(super) fn dns_server(bytes: &[u8]) {
    let Some(question) = DnsQuestion::new("version.bind", 16, 3) else { return };
    let mut said = bytes.to_vec();
    if let (Some(place), Some(number)) = (said.get_mut(2..4), question.message().get(..2)) {
        place.copy_from_slice(number);
    }
    check(dns::ask(Scripted::new(said), &question));
}

/// Whoever says first who it is, in lines or in messages.
pub(super) fn greeting(bytes: &[u8]) {
    for messages in [greeting::Messages::Lines, greeting::Messages::Multipath] {
        let (Ok(expect), Ok(refusing)) = (Regex::new("^SSH-2"), Regex::new("^Exceeded")) else {
            return;
        };
        let say = Some("show daemon".to_owned());
        let script =
            greeting::Script { say, expect, refusing: Some(refusing), farewell: None, messages };
        check(greeting::greet(Scripted::new(bytes), &script));
    }
}

/// A load balancer's statistics.
pub(super) fn haproxy(bytes: &[u8]) {
    check(haproxy::account(Scripted::new(bytes)));
}

/// A cache's version.
pub(super) fn memcached(bytes: &[u8]) {
    check(memcached::version(Scripted::new(bytes)));
}

/// A database: its greeting, a login, its state.
pub(super) fn mysql(bytes: &[u8]) {
    for private in [false, true] {
        let Some(greeted) = check(mysql::greet(Scripted::new(bytes), private)) else { return };
        assert!(greeted.server().len() <= bytes.len() + 10);
        let login = mysql::Login { user: "nova", password: SECRET };
        if let Some(mysql::Entered::In(mut session)) = check(greeted.login(&login)) {
            check(session.state());
            check(session.using("nova"));
        }
    }
}

/// A database server of Open vSwitch, and any daemon of it.
pub(super) fn ovsdb(bytes: &[u8]) {
    check(ovsdb::databases(Scripted::new(bytes)));
    let mut daemon = jsonrpc::Caller::new(Scripted::new(bytes));
    while check(daemon.call("version", &serde_json::Value::Array(Vec::new()))).is_some() {}
}

/// A stream on which nobody waits.
struct Timeless(Scripted);

impl Read for Timeless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Timeless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Timed for Timeless {
    fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    fn set_deadline(&mut self, _: Deadline) {}
}
