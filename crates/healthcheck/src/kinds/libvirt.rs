//! A daemon of libvirt's answers over its RPC, and opens its driver. Only to be
//! connected to, as a socket is looked at, is an error in its log.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{Hosts, Peer, Replies, Side};
use crate::plan::{Scene, Unplanned};
use crate::protocols::libvirt::{self, Answer};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Deserialize;
use vantage::{Blind, Deadline, Vantage};

/// A daemon of libvirt's answers.
pub struct Libvirt {
    peer: Peer,
    question: Question,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Its version, through the driver for a URI.
    Version(String),
    /// How it wants to be spoken to.
    Greeting,
    /// A sign of life.
    Ping,
}

/// The fields of a `libvirt` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    unix: OneOrMany<Var<String>>,
    uri: Option<Var<String>>,
    #[serde(default)]
    ping: bool,
}

impl Kind for Libvirt {
    const NAME: &'static str = "libvirt";
    const ABOUT: &'static str = "a daemon of libvirt's answers over its RPC, and opens its driver";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"libvirt\"
unix = [\"/run/libvirt/libvirt-sock-ro\", \"/run/libvirt/libvirt-sock\"]
uri = \"qemu:///system\"
";
    const FIELDS: Fields = &[
        (
            "to",
            "unix sockets of the daemon that the service needs: of several, the first there is; not looked at where not even their folder is there",
        ),
        ("unix", "the service's own unix socket; of several, the first there is"),
        (
            "uri",
            "what it is to open, to look only; without it, it is only asked how it wants to be spoken to",
        ),
        (
            "ping",
            "asks for a sign of life only: all that virtlogd and virtlockd know of what is asked here",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Answer>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let (to, unix) = (written.to.as_slice(), written.unix.as_slice());
        let (vars, side) = match (to.is_empty(), unix.is_empty()) {
            (false, true) => (to, Side::Dependency),
            (true, false) => (unix, Side::Own),
            _ => return Err(Unplanned::Nothing("expected either `to` or `unix`".into())),
        };
        let question = match (&written.uri, written.ping) {
            (Some(uri), false) => Question::Version(scene.value(uri)?),
            (None, false) => Question::Greeting,
            (None, true) => Question::Ping,
            (Some(_), true) => {
                return Err(Unplanned::Nothing("expected `uri` or `ping`, not both".into()));
            }
        };
        Ok(Self { peer: Peer::at_one_of(vars, side, scene)?, question })
    }

    fn describe(&self) -> String {
        let path = &self.peer;
        match &self.question {
            Question::Version(uri) => {
                format!("that libvirt opens {} on {path} and tells its version", shown(uri, 60))
            }
            Question::Greeting | Question::Ping => format!("that libvirt answers on {path}"),
        }
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |spoken| match &self.question {
            Question::Version(uri) => libvirt::version(spoken.link, Some(uri)),
            Question::Greeting => libvirt::version(spoken.link, None),
            Question::Ping => libvirt::ping(spoken.link),
        })
    }

    fn judge(&self, met: &Replies<Answer>) -> Judgement {
        met.judge(&self.peer, |whom, answer| match answer {
            Answer::Version(version) => {
                Judgement::healthy(format!("libvirt {} answers on {whom}", shown(version, 40)))
            }
            Answer::Alive => Judgement::healthy(format!("libvirt answers on {whom}")),
            Answer::WantsAuthentication => Judgement::healthy(format!(
                "libvirt answers on {whom}, and tells its version only after authentication"
            )),
            Answer::NoDriver(words) => {
                Verdict::degraded(format!("{whom} answers, and has {}", shown(words, 120))).into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Libvirt, Question};
    use crate::peer::{Peer, Replies, Reply, Side, Trouble, What};
    use crate::protocols::libvirt::Answer;
    use crate::settings::url::Endpoint;
    use crate::verdict::Verdict;

    const PATH: &str = "/run/libvirt/libvirt-sock-ro";

    fn check(side: Side) -> Libvirt {
        let endpoint = Endpoint::Unix(PATH.into());
        let peer = match side {
            Side::Own => Peer::own(endpoint, "x.toml"),
            Side::Dependency => Peer::dependency(vec![endpoint], "x.toml"),
        };
        Libvirt { peer, question: Question::Greeting }
    }

    fn asked(outcome: Result<Answer, Trouble>) -> Replies<Answer> {
        Replies(vec![Reply::new(PATH, outcome)])
    }

    #[test]
    fn each_answer_has_its_verdict() {
        let silent = || Trouble::new(What::Silent, "accepts connections and answers nothing");
        let no_driver = "no connection driver available for qemu:///system";
        let refused = "refuses to open qemu:///system: no";
        for (met, side, expected) in [
            (asked(Ok(Answer::Version("9.0.0".into()))), Side::Own, Verdict::Healthy),
            (asked(Ok(Answer::Alive)), Side::Own, Verdict::Healthy),
            (asked(Ok(Answer::WantsAuthentication)), Side::Dependency, Verdict::Healthy),
            (
                asked(Ok(Answer::NoDriver(no_driver.into()))),
                Side::Own,
                Verdict::degraded(format!("{PATH} answers, and has {no_driver}")),
            ),
            (
                asked(Err(silent())),
                Side::Own,
                Verdict::own_fault(format!(
                    "{PATH} accepts connections and answers nothing (x.toml)"
                )),
            ),
            (
                asked(Err(silent())),
                Side::Dependency,
                Verdict::dependency(format!(
                    "{PATH} accepts connections and answers nothing (x.toml)"
                )),
            ),
            (
                asked(Err(Trouble::failing(refused))),
                Side::Own,
                Verdict::own_fault(format!("{PATH} {refused} (x.toml)")),
            ),
        ] {
            assert_eq!(check(side).judge(&met).verdict, expected, "{met:?}");
        }
    }
}
