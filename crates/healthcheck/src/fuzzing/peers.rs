//! All that a peer says in one conversation. What is told of it is short, and
//! holds nothing that only the peer was to hear.

use crate::peer::Trouble;
use crate::protocols::scripted::Scripted;
use crate::protocols::{dns, greeting, haproxy, memcached};
use regex_lite::Regex;
use vantage::DnsQuestion;

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
