//! All that a peer says in one conversation. What is told of it is short, and
//! holds nothing that only the peer was to hear.

use crate::link::Timed;
use crate::peer::Trouble;
use crate::protocols::scripted::Scripted;
use crate::protocols::{
    amqp, amqp1, base64, dns, greeting, haproxy, heartbeat, jsonrpc, libvirt, memcached, mysql,
    ovsdb, postgres, resp, vty,
};
use crate::settings::secret::Secret;
use regex_lite::Regex;
use std::io::{self, Read, Write};
use std::time::Duration;
use vantage::{Deadline, DnsQuestion};

/// What only the peer is to hear.
const SECRET: &str = "Xq7secret2";

/// Whether the peer says it of its own: libFuzzer finds it in what we compare.
/// That it is told then gives nothing away.
fn has_guessed(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

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
    if has_guessed(bytes) {
        return;
    }
    let (password, name) = (Secret::new(SECRET), "a test");
    let login = amqp::Login { user: "nova", password: &password, vhost: "/", name, heartbeat: 8 };
    if let Some(broker) = check(amqp::visit(Scripted::new(bytes), &login)) {
        assert!(broker.to_string().len() < 200);
    }
    let server = amqp::Server { exchange: "nova", queue: "conductor.host1", namespace: None };
    check(amqp::ping(Timeless(Scripted::new(bytes)), &login, &server));
}

/// A server of AMQP 1.0, to one with a password and to one without.
pub(super) fn amqp1(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let login = amqp1::Login { user: "nova".to_owned(), password: Secret::new(SECRET) };
    for login in [Some(&login), None] {
        check(amqp1::visit(Scripted::new(bytes), login, "a test"));
    }
}

/// A name server by TCP; the number of the question, which is new each time, is put in.
pub(super) fn dns_server(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let Some(question) = DnsQuestion::new("version.bind", 16, 3) else { return };
    let mut said = bytes.to_vec();
    if let (Some(place), Some(number)) = (said.get_mut(2..4), question.message().get(..2)) {
        place.copy_from_slice(number);
    }
    check(dns::ask(Scripted::new(said), &question));
}

/// Whoever says first who it is, in lines or in messages.
pub(super) fn greeting(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
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
    if has_guessed(bytes) {
        return;
    }
    check(haproxy::account(Scripted::new(bytes)));
}

/// ceilometer's polling agent.
pub(super) fn heartbeat(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    if let Some(beats) = check(heartbeat::beats(bytes)) {
        assert!(beats.len() <= bytes.len());
    }
}

/// Any daemon of Open vSwitch; what it wants back is bounded.
pub(super) fn jsonrpc(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let mut server = Scripted::new(bytes);
    let mut calls = 0;
    let mut daemon = jsonrpc::Caller::new(&mut server);
    while let Some(answer) = check(daemon.call("version", &serde_json::Value::Null)) {
        calls += 1;
        drop(answer);
    }
    drop(daemon);
    // A call, and as many echoes as may come before its answer.
    let most = (calls + 1) * (64 + 32 * (4 << 10));
    assert!(server.heard().len() <= most, "{} bytes said", server.heard().len());
}

/// A daemon of libvirt's, to one that wants its version and to one that wants a sign of life.
pub(super) fn libvirt(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    for uri in [Some("qemu:///system"), None] {
        check(libvirt::version(Scripted::new(bytes), uri));
    }
    check(libvirt::running(Scripted::new(bytes), "qemu:///system"));
    check(libvirt::ping(Scripted::new(bytes)));
}

/// A cache's version.
pub(super) fn memcached(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    check(memcached::version(Scripted::new(bytes)));
}

/// A database: its greeting, a login, its state.
pub(super) fn mysql(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    for private in [false, true] {
        let Some(greeted) = check(mysql::greet(Scripted::new(bytes), private)) else { return };
        // What is no UTF-8 is replaced, by three bytes for one.
        assert!(greeted.server().len() <= 3 * bytes.len() + 10);
        let login = mysql::Login { user: "nova", password: SECRET };
        if let Some(mysql::Entered::In(mut session)) = check(greeted.login(&login)) {
            check(session.state());
            check(session.using("nova"));
        }
    }
}

/// A database server of Open vSwitch, and any daemon of it.
pub(super) fn ovsdb(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    check(ovsdb::databases(Scripted::new(bytes)));
    let mut daemon = jsonrpc::Caller::new(Scripted::new(bytes));
    while check(daemon.call("version", &serde_json::Value::Array(Vec::new()))).is_some() {}
}

/// Where it begins, then what is said: 0 an answer about TLS, 1 to one that is let in
/// already, 2 a challenge of SCRAM, 3 base64, anything else from the login on.
pub(super) fn postgres(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let Some((stage, said)) = bytes.split_first() else { return };
    let login = postgres::Login { user: "nova", password: SECRET, database: None };
    let let_in = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let said = match stage {
        0 => {
            check(postgres::wants_tls(&mut Scripted::new(said)));
            return;
        }
        1 => [let_in, said].concat(),
        2 => return postgres::fuzz_scram(&String::from_utf8_lossy(said), SECRET),
        3 => {
            let text = String::from_utf8_lossy(said);
            let decoded = base64::decode(&text).unwrap_or_default();
            assert!(decoded.len() <= text.len());
            assert_eq!(base64::decode(&base64::encode(said)).as_deref(), Some(said));
            return;
        }
        _ => said.to_vec(),
    };
    let Some(postgres::Entered::In(mut session)) =
        check(postgres::login(Scripted::new(said), &login))
    else {
        return;
    };
    while check(session.ask("select 1")).is_some() {}
}

/// redis, and a sentinel, to one with a password and to one without.
pub(super) fn redis(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let password = Secret::new(SECRET);
    for password in [Some(&password), None] {
        let mut redis = resp::Resp::new(Scripted::new(bytes));
        let questions: [&[&str]; 1] = [&["INFO", "replication"]];
        let Some(said) = check(redis.ask("nova", password, &questions)) else { continue };
        for said in said {
            let _ = (said.info("role"), said.field("name"));
        }
        while check(redis.answer()).is_some() {}
    }
}

/// A daemon of FRRouting's.
pub(super) fn vty(bytes: &[u8]) {
    if has_guessed(bytes) {
        return;
    }
    let mut daemon = vty::Vty::new(Scripted::new(bytes));
    while let Some((text, _)) = check(daemon.run("show version")) {
        // What is no UTF-8 is replaced, by three bytes for one.
        assert!(text.len() <= 3 * bytes.len());
    }
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
