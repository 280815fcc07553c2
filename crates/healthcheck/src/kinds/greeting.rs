//! A server says what its kind says first, or answers one thing that is said to
//! it: a frozen one still accepts connections. What there is to say and to hear
//! is a definition's to know; most daemons with a line of their own need no more.

use super::command::Matching;
use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Hosts, Peer, Replies};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::greeting::{Messages, Script, greet};
use crate::text::shown;
use serde::Deserialize;
use vantage::{Blind, Deadline, Port, Vantage};

/// A server greets as it should.
pub struct Greeting {
    peer: Peer,
    script: Script,
}

/// The fields of a `greeting` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    unix: Option<Var<String>>,
    process: Option<Program>,
    say: Option<String>,
    expect: Matching,
    refusing: Option<Matching>,
    farewell: Option<String>,
    #[serde(default)]
    messages: WrittenMessages,
}

/// How messages are divided.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenMessages {
    #[default]
    Lines,
    Multipath,
}

/// SSH's, for addresses that name none.
const PORT: Port = Port::new(22).expect("not 0");

impl Kind for Greeting {
    const NAME: &'static str = "greeting";
    const ABOUT: &'static str = "a server says the line that its kind says first, or in answer to one thing that is said to it";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"greeting\"
port = 2022                    # the service's own; or to = \"{addresses}\", or unix
expect = \"^SSH-2\\\\.0-\"
refusing = \"^(Exceeded MaxStartups|Not allowed at this time)\"
farewell = \"SSH-2.0-healthcheck\\r\\n\"
";
    const FIELDS: Fields = &[
        ("to", "addresses of those the service needs; each must greet"),
        ("port", "the service's own port; of several, the first it listens on"),
        ("unix", "the service's own unix socket; `@name` in the abstract namespace"),
        ("process", "whose the port must be; the definition's if not given"),
        ("say", "what is said first; nothing if not given"),
        (
            "expect",
            "a regular expression for the line that is to be heard, be it the first or a later one",
        ),
        (
            "refusing",
            "a regular expression for a line by which the server refuses us; a restart would not mend that",
        ),
        ("farewell", "what is said in the end, so that the server logs no broken conversation"),
        (
            "messages",
            "`lines`, or `multipath`: each message with its length in eight bytes before it, as multipathd speaks; `lines` if not given",
        ),
    ];
    type Written = Written;
    type Seen = Replies<String>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let whom = peer::Written { to, port, unix, process };
        let script = Script {
            say: written.say.clone(),
            expect: written.expect.0.clone(),
            refusing: written.refusing.as_ref().map(|refusing| refusing.0.clone()),
            farewell: written.farewell.clone(),
            messages: match written.messages {
                WrittenMessages::Lines => Messages::Lines,
                WrittenMessages::Multipath => Messages::Multipath,
            },
        };
        Ok(Self { peer: Peer::plan(&whom, PORT, scene)?, script })
    }

    fn describe(&self) -> String {
        let to = match &self.script.say {
            Some(words) => format!(" to \"{}\"", shown(words.trim_end(), 40)),
            None => String::new(),
        };
        let expected = shown(self.script.expect.as_str(), 60);
        format!("that {} answers{to} with a line like /{expected}/", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<String>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |mut spoken| {
            let greeting = greet(&mut spoken.link, &self.script);
            spoken.link.close();
            greeting
        })
    }

    fn judge(&self, seen: &Replies<String>) -> Judgement {
        seen.judge(&self.peer, |whom, greeting| {
            Judgement::healthy(format!("{whom} says \"{}\"", shown(greeting, 80)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Greeting;
    use crate::kinds::Kind;
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::protocols::greeting::{Messages, Script};
    use crate::settings::url::Endpoint;
    use regex_lite::Regex;

    #[test]
    fn what_is_heard_is_judged() {
        let kind = Greeting {
            peer: Peer::own(Endpoint::Unix("@multipathd".into()), "test"),
            script: Script {
                say: Some("show daemon".to_owned()),
                expect: Regex::new("^pid").unwrap(),
                refusing: None,
                farewell: None,
                messages: Messages::Multipath,
            },
        };
        let judged = |outcome| {
            let judgement = kind.judge(&Replies(vec![Reply::new("@multipathd", outcome)]));
            let because = judgement.verdict.because().map(str::to_owned);
            (judgement.verdict.word(), because.or(judgement.proof).unwrap_or_default())
        };
        let healthy = ("healthy", "@multipathd says \"pid 7 idle\"".to_owned());
        assert_eq!(judged(Ok("pid 7 idle".to_owned())), healthy);
        let refused = judged(Err(Trouble::new(What::Denied, "said \"no\"")));
        assert_eq!(refused, ("unhealthy", "@multipathd said \"no\" (test)".to_owned()));
        assert_eq!(
            kind.describe(),
            "that @multipathd (test) answers to \"show daemon\" with a line like /^pid/"
        );
    }
}
