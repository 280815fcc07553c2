//! A daemon of Open vSwitch or OVN answers on its control socket, as
//! `ovs-appctl` asks there: its main loop turns.

use super::command::Matching;
use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::ovs::{Daemon, Socket};
use crate::peer::{Replies, Trouble};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::jsonrpc::{Caller, garbled};
use crate::text::shown;
use crate::verdict::{Blame, Verdict};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use vantage::{Blind, Deadline, Vantage};

/// A daemon answers on its control socket.
pub struct Unixctl {
    daemon: Daemon,
    command: String,
    arguments: Vec<String>,
    expect: Option<Regex>,
    blame: Blame,
}

/// The fields of a `unixctl` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    process: Option<Program>,
    #[serde(default)]
    unix: OneOrMany<Var<String>>,
    command: Option<Var<String>>,
    #[serde(default)]
    arguments: OneOrMany<Var<String>>,
    expect: Option<Matching>,
    blame: Option<Blame>,
}

/// What a daemon said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Its answer.
    Answer(String),
    /// It does not know the command: it is older than that.
    UnknownCommand,
}

/// As much of an answer as is kept, in bytes.
const KEPT: usize = 200;

impl Kind for Unixctl {
    const NAME: &'static str = "unixctl";
    const ABOUT: &'static str =
        "a daemon of Open vSwitch or OVN answers a command on its control socket, as it should";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"unixctl\"
command = \"connection-status\"
expect = \"^connected$\"
blame = \"dependency\"          # whose fault another answer is
";
    const FIELDS: Fields = &[
        ("process", "which daemon; the definition's if not given"),
        (
            "unix",
            "where its control socket is, if its command line, its name and its pid do not say; of several, the first there is",
        ),
        ("command", "what it is asked; `version` if not given"),
        ("arguments", "what the command takes"),
        (
            "expect",
            "a regular expression that the answer, without its last line end, matches; any answer if not given",
        ),
        (
            "blame",
            "whose fault it is if it does not: `self` (if not given), `dependency`, `environment`",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Said>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene.required_program(written.process.as_ref())?;
        let unix = written.unix.as_slice().iter().map(|path| scene.value(path).map(PathBuf::from));
        let unix = unix.collect::<Result<Vec<_>, _>>()?;
        let command = match &written.command {
            Some(command) => scene.value(command)?,
            None => "version".to_owned(),
        };
        let arguments = written.arguments.as_slice().iter().map(|argument| scene.value(argument));
        Ok(Self {
            daemon: Daemon::plan(Socket::Control, &program, &unix, scene.vantage())?,
            command,
            arguments: arguments.collect::<Result<_, _>>()?,
            expect: written.expect.as_ref().map(|expect| expect.0.clone()),
            blame: written.blame.unwrap_or(Blame::Itself),
        })
    }

    fn describe(&self) -> String {
        let (program, command) = (&self.daemon.name, &self.command);
        let expected = self.expect.as_ref().map_or_else(String::new, |expect| {
            format!(" with what matches /{}/", shown(expect.as_str(), 60))
        });
        format!("that {program} answers {command} on {}{expected}", self.daemon.shown())
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Self::Seen, Blind> {
        let arguments = Value::from(self.arguments.clone());
        self.daemon.ask(from, by, |spoken| {
            match Caller::new(spoken.link).call(&self.command, &arguments)? {
                Ok(Value::String(answer)) => {
                    Ok(Said::Answer(shown(answer.trim_end_matches('\n'), KEPT)))
                }
                Ok(other) => Err(garbled("text", &other)),
                Err(words) if words.contains("is not a valid command") => Ok(Said::UnknownCommand),
                Err(words) => Err(Trouble::failing(format!("refuses {}: {words}", self.command))),
            }
        })
    }

    fn judge(&self, seen: &Self::Seen) -> Judgement {
        let (program, command) = (&self.daemon.name, &self.command);
        self.daemon.judge(seen, |_, said| {
            let answer = match said {
                Said::Answer(answer) => answer,
                Said::UnknownCommand => {
                    let proof = format!("{program} answers, and is too old to know {command}");
                    return Judgement::healthy(proof);
                }
            };
            match &self.expect {
                Some(expect) if !expect.is_match(answer) => {
                    let because = format!(
                        "{program} answers \"{answer}\" to {command}, expected what matches /{}/",
                        shown(expect.as_str(), 60)
                    );
                    Verdict::Unhealthy { because, blame: self.blame }.into()
                }
                _ => Judgement::healthy(format!("{program} answers {command}: {answer}")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Said, Unixctl};
    use crate::ovs::{Daemon, Socket, Whereabouts};
    use crate::peer::{Replies, Reply, Trouble, What};
    use crate::verdict::{Blame, Verdict};
    use regex_lite::Regex;

    fn check(blame: Blame) -> Unixctl {
        Unixctl {
            daemon: Daemon::at("ovn-controller", "/run/ovn/ovn-controller.7.ctl"),
            command: "connection-status".into(),
            arguments: Vec::new(),
            expect: Some(Regex::new("^connected$").unwrap()),
            blame,
        }
    }

    fn asked(outcome: Result<Said, Trouble>) -> Replies<Said> {
        Replies(vec![Reply::new("/run/ovn/ovn-controller.7.ctl", outcome)])
    }

    #[test]
    fn each_answer_has_its_verdict() {
        let answer = |text: &str| asked(Ok(Said::Answer(text.into())));
        let unlike = "ovn-controller answers \"not connected\" to connection-status, expected what matches /^connected$/";
        let silent = Trouble::new(What::Silent, "accepts connections and answers nothing");
        let refuses = Trouble::failing("refuses connection-status: no");
        let at = "/run/ovn/ovn-controller.7.ctl";
        let named = " (ovn-controller)";
        for (seen, blame, expected) in [
            (answer("connected"), Blame::Itself, Verdict::Healthy),
            (asked(Ok(Said::UnknownCommand)), Blame::Itself, Verdict::Healthy),
            (answer("not connected"), Blame::Itself, Verdict::own_fault(unlike)),
            (answer("not connected"), Blame::Dependency, Verdict::dependency(unlike)),
            (answer("not connected"), Blame::Environment, Verdict::environment(unlike)),
            (
                asked(Err(silent)),
                Blame::Dependency,
                Verdict::own_fault(format!("{at} accepts connections and answers nothing{named}")),
            ),
            (
                asked(Err(refuses)),
                Blame::Dependency,
                Verdict::own_fault(format!("{at} refuses connection-status: no{named}")),
            ),
        ] {
            assert_eq!(check(blame).judge(&seen).verdict, expected, "{seen:?}");
        }
    }

    #[test]
    fn one_that_has_no_socket_is_judged_by_why() {
        let nowhere =
            "ovn-controller runs, its control socket cannot be found, looked for at /x.ctl first";
        for (whereabouts, expected) in [
            (Whereabouts::NotRunning, Verdict::own_fault("ovn-controller is not running")),
            (Whereabouts::Without, Verdict::Healthy),
            (
                Whereabouts::Nowhere { looked: vec!["/x.ctl".into()], named: false },
                Verdict::degraded(nowhere),
            ),
        ] {
            let daemon = Daemon::absent("ovn-controller", Socket::Control, whereabouts);
            let check = Unixctl { daemon, ..check(Blame::Dependency) };
            assert_eq!(check.judge(&Replies(Vec::new())).verdict, expected);
        }
    }
}
