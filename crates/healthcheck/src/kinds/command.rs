//! The service says so itself, by a command in its container. The last resort:
//! it starts something, and from outside it is blind.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::plan::{Scene, Unplanned};
use crate::text::shown;
use crate::verdict::Verdict;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use vantage::{Blind, Deadline, Ended, Vantage};

/// The service says so itself.
pub struct Command {
    run: Vec<String>,
    output: Option<Regex>,
}

/// The fields of a `command` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// The program and its arguments; there is no shell.
    run: OneOrMany<Var<String>>,
    /// What its output must match.
    output: Option<Matching>,
}

/// A regular expression of a definition.
#[derive(Debug, Clone)]
pub struct Matching(pub Regex);

impl<'de> Deserialize<'de> for Matching {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let expected = |error| format!("expected a regular expression, found \"{text}\": {error}");
        Regex::new(&text).map(Self).map_err(|error| serde::de::Error::custom(expected(error)))
    }
}

/// How it ended.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// Its exit status, if it came to that.
    status: Option<u8>,
    /// The signal that ended it, if one did.
    signal: Option<i32>,
    /// What it said.
    output: String,
}

impl Kind for Command {
    const NAME: &'static str = "command";
    const ABOUT: &'static str = "a command in the container succeeds (the last resort: it costs a process, and from outside it is blind)";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"command\"
run = [\"ovs-appctl\", \"-t\", \"ovn-northd\", \"version\"]
output = \"ovn-northd\"
";
    const FIELDS: Fields = &[
        ("run", "the program and its arguments; there is no shell"),
        ("output", "a regular expression that the output must match"),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let run: Result<Vec<String>, _> =
            written.run.as_slice().iter().map(|word| scene.value(word)).collect();
        let run = run?;
        if run.is_empty() {
            return Err(Unplanned::Nothing("run: expected a program, found nothing".into()));
        }
        Ok(Self { run, output: written.output.as_ref().map(|output| output.0.clone()) })
    }

    fn describe(&self) -> String {
        format!("that `{}` succeeds", self.shown())
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        Ok(match from.run(&self.run, by)? {
            Ended::Exited { status, output } => Seen { status: Some(status), signal: None, output },
            Ended::Signalled { signal, output } => {
                Seen { status: None, signal: Some(signal), output }
            }
            Ended::Killed { output } => Seen { status: None, signal: None, output },
        })
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let command = self.shown();
        let said = match seen.output.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!(": {}", shown(line.trim(), 100)),
            None => String::new(),
        };
        match (seen.status, seen.signal) {
            (Some(0), _) => match &self.output {
                Some(output) if !output.is_match(&seen.output) => {
                    let because =
                        format!("expected output like /{output}/ from `{command}`, found{said}");
                    Verdict::own_fault(because).into()
                }
                _ => Judgement::healthy(format!("`{command}` succeeded")),
            },
            (Some(status), _) => {
                Verdict::own_fault(format!("`{command}` exited with {status}{said}")).into()
            }
            (None, Some(signal)) => {
                Verdict::own_fault(format!("`{command}` was ended by signal {signal}{said}")).into()
            }
            (None, None) => {
                Verdict::own_fault(format!("`{command}` did not end in time{said}")).into()
            }
        }
    }
}

impl Command {
    /// The program's name: arguments may hold what is not to be shown.
    fn shown(&self) -> String {
        shown(self.run.first().map_or("", String::as_str), 80)
    }
}
