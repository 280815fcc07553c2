//! A name server answers, by UDP and by TCP. Any answer proves that it lives: one
//! that is asked for what it does not serve refuses, and is healthy. So it is
//! asked for its version, which needs no zone, no database and no other server;
//! or for a name that it must know.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Hosts, Peer, Replies, Spoken, Trouble, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::dns::{ask, code_name};
use crate::protocols::http::Address;
use crate::text::{either, shown};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use vantage::{Blind, Deadline, DialError, DnsQuestion, Port, Vantage};

/// A name server answers.
pub struct Dns {
    peer: Peer,
    question: DnsQuestion,
    /// The question in words: `. SOA`.
    asked: String,
    expect: Vec<Code>,
}

/// The fields of a `dns` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    process: Option<Program>,
    question: Option<Var<String>>,
    #[serde(rename = "type")]
    kind: Option<Type>,
    #[serde(default)]
    expect: OneOrMany<Code>,
}

/// What is asked for; the number is the record's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Type {
    A = 1,
    Ns = 2,
    Soa = 6,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Srv = 33,
}

/// What may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Code {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
}

/// What a server said: its response codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Codes {
    tcp: u16,
    udp: u16,
}

const PORT: Port = Port::new(53).expect("not 0");

const CLASS_IN: u16 = 1;
/// Chaosnet's class, in which name servers speak of themselves.
const CLASS_CH: u16 = 3;
/// What BIND calls its version, and the others since.
const VERSION: &str = "version.bind";

impl Kind for Dns {
    const NAME: &'static str = "dns";
    const ABOUT: &'static str = "a name server answers a question, by TCP and by UDP";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"dns\"
port = 53                      # the service's own; or to = \"{servers}\"
question = \"example.org\"       # its version if not given
type = \"SOA\"
expect = \"NOERROR\"
";
    const FIELDS: Fields = &[
        ("to", "addresses of those the service needs; each must answer"),
        ("port", "the service's own port; of several, the first it listens on"),
        ("process", "whose the port must be; the definition's if not given"),
        (
            "question",
            "the name to ask for; if not given, the server's version (`version.bind`, class CH), which needs no zone and no other server",
        ),
        ("type", "`A`, `AAAA`, `MX`, `NS`, `PTR`, `SOA`, `SRV` or `TXT`; `SOA` if not given"),
        (
            "expect",
            "`NOERROR`, `NXDOMAIN`, `REFUSED` …: what may be answered, or a list; anything but `SERVFAIL` if not given",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Codes>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, process, .. } = written;
        let whom = peer::Written { to, port, unix: None, process: process.as_ref() };
        let (name, kind, class) = match &written.question {
            None => (VERSION.to_owned(), Type::Txt, CLASS_CH),
            Some(name) => (scene.value(name)?, written.kind.unwrap_or(Type::Soa), CLASS_IN),
        };
        let question = DnsQuestion::new(&name, kind as u16, class).ok_or_else(|| {
            Unplanned::Nothing(format!(
                "question: expected a host name, found \"{}\"",
                shown(&name, 60)
            ))
        })?;
        let asked = format!("{} {}", shown(&name, 60), format!("{kind:?}").to_ascii_uppercase());
        let expect = written.expect.as_slice().to_vec();
        Ok(Self { peer: Peer::plan(&whom, PORT, scene)?, question, asked, expect })
    }

    fn describe(&self) -> String {
        format!("that {} answers {} by TCP and UDP", self.peer, self.asked)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Codes>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |spoken| self.ask_both(spoken, from))
    }

    fn judge(&self, seen: &Replies<Codes>) -> Judgement {
        seen.judge(&self.peer, |whom, codes| self.judge_codes(whom, *codes))
    }
}

impl Dns {
    fn ask_both(&self, spoken: Spoken<'_>, from: &Vantage) -> Result<Codes, Trouble> {
        let by = spoken.link.deadline();
        let tcp = ask(spoken.link, &self.question)?;
        let Address::Tcp(address) = spoken.address else {
            return Err(Trouble::new(What::Unreachable, "has no address"));
        };
        let udp = from.ask_by_udp(*address, &self.question, by).map_err(|error| match error {
            DialError::NoAnswer(_) => {
                Trouble::new(What::Silent, "answers by TCP, and nothing by UDP")
            }
            DialError::Refused(_) => {
                Trouble::new(What::Silent, "answers by TCP, and does not listen by UDP")
            }
            other => Trouble::from_dial(&other),
        })?;
        Ok(Codes { tcp: tcp.code, udp: udp.code })
    }

    fn judge_codes(&self, whom: &str, codes: Codes) -> Judgement {
        let accepted = |code: u16| match self.expect.as_slice() {
            [] => code != Code::ServFail as u16,
            expected => expected.iter().any(|one| *one as u16 == code),
        };
        let asked = &self.asked;
        for (code, way) in [(codes.tcp, "TCP"), (codes.udp, "UDP")] {
            if accepted(code) {
                continue;
            }
            let answered = format!("{whom} answered {} to {asked} by {way}", code_name(code));
            // It lives: what it lacks is a zone's master, a database, another server.
            if code == Code::ServFail as u16 {
                return Verdict::dependency(answered).into();
            }
            let expected: Vec<_> = self.expect.iter().map(|one| code_name(*one as u16)).collect();
            let because = format!("{answered}, expected {}", either(&expected));
            return Verdict::environment(because).into();
        }
        Judgement::healthy(format!("{whom} answered {} to {asked}", code_name(codes.udp)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Codes, Dns};
    use crate::kinds::Kind;
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::settings::url::Endpoint;
    use vantage::{DnsQuestion, Port};

    fn judged(expect: &[Code], outcome: Result<Codes, Trouble>) -> (String, String) {
        let endpoint = Endpoint::Tcp { host: "10.0.0.1".to_owned(), port: Port::new(53).unwrap() };
        let kind = Dns {
            peer: Peer::own(endpoint, "test"),
            question: DnsQuestion::new(".", 6, 1).unwrap(),
            asked: ". SOA".to_owned(),
            expect: expect.to_vec(),
        };
        let whom = "10.0.0.1:53".to_owned();
        let judgement = kind.judge(&Replies(vec![Reply::new(whom, outcome)]));
        let blame = judgement.verdict.blame().map_or_else(String::new, |blame| format!(" {blame}"));
        let because = judgement.verdict.because().map(str::to_owned).or(judgement.proof);
        (format!("{}{blame}", judgement.verdict.word()), because.unwrap_or_default())
    }

    #[test]
    fn any_answer_is_one_unless_something_else_is_expected() {
        let both = |code| Ok(Codes { tcp: code, udp: code });
        type Case<'a> = (&'a [Code], Result<Codes, Trouble>, &'a str, &'a str);
        let cases: [Case<'_>; 7] = [
            (&[], both(0), "healthy", "10.0.0.1:53 answered NOERROR to . SOA"),
            (&[], both(5), "healthy", "10.0.0.1:53 answered REFUSED to . SOA"),
            (&[], both(2), "unhealthy dependency", "10.0.0.1:53 answered SERVFAIL to . SOA by TCP"),
            (
                &[Code::NoError, Code::NxDomain],
                Ok(Codes { tcp: 0, udp: 5 }),
                "unhealthy environment",
                "10.0.0.1:53 answered REFUSED to . SOA by UDP, expected NOERROR or NXDOMAIN",
            ),
            (&[Code::Refused], both(5), "healthy", "10.0.0.1:53 answered REFUSED to . SOA"),
            (&[Code::ServFail], both(2), "healthy", "10.0.0.1:53 answered SERVFAIL to . SOA"),
            (
                &[],
                Err(Trouble::new(What::Silent, "answers by TCP, and nothing by UDP")),
                "unhealthy self",
                "10.0.0.1:53 answers by TCP, and nothing by UDP (test)",
            ),
        ];
        for (expect, outcome, verdict, because) in cases {
            assert_eq!(judged(expect, outcome), (verdict.to_owned(), because.to_owned()));
        }
    }
}
