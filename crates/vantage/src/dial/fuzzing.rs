//! Names and where they lead, as anybody could have written them.

use super::dns::{Family, Name, Question, Reply};
use super::hosts;
use super::resolv_conf::ResolvConf;

/// A name server's answer to a question with the number 1.
pub(crate) fn answer(bytes: &[u8]) {
    for (name, family) in [("rabbit.example.org", Family::Ipv4), ("db.example.org", Family::Ipv6)] {
        let Some(name) = Name::new(name) else { continue };
        let question = Question::new(1, name, family);
        if let Some(Reply::Addresses(addresses)) = question.reply(bytes) {
            assert!(addresses.len() <= 64);
        }
    }
    // Whatever can be asked for is a message of a lawful length.
    if let Some(name) = Name::new(&String::from_utf8_lossy(bytes)) {
        assert!(Question::new(1, name, Family::Ipv4).encode().len() <= 12 + 255 + 4);
    }
}

/// A name on the first line, and `/etc/hosts`.
pub(crate) fn hosts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, hosts) = text.split_once('\n').unwrap_or(("localhost", &text));
    let _ = hosts::literal(name);
    let _ = hosts::addresses(hosts, name);
    let _ = hosts::localhost(hosts, name);
}

/// A name on the first line, and `/etc/resolv.conf`.
pub(crate) fn resolv_conf(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, file) = text.split_once('\n').unwrap_or(("localhost", &text));
    let candidates = ResolvConf::parse(file).candidates(name);
    assert!(candidates.len() <= 32);
}
