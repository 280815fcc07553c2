//! The faults and traps of the lab, as `lab/faults.toml` lists them: data, not code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::services::Service;

/// Seconds that a fault is looked at where it says nothing else: what the project promises.
const WITHIN: u64 = 90;

/// `lab/faults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Faults {
    /// Words for several services, each with its members; a word may name other words.
    groups: BTreeMap<String, Vec<String>>,
    /// The port that the predecessors are told a service is connected to.
    port: String,
    /// Another that it may as well be connected to: they are told both, to be fair.
    other_port: String,
    /// All of them, in the order of the table.
    fault: Vec<Fault>,
}

/// Something done to the lab, and what every judge should then say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Fault {
    /// How it is called on the command line.
    pub(crate) name: String,
    /// What happened, for the table.
    pub(crate) title: String,
    /// The heading it stands under.
    pub(crate) section: String,
    /// Services or groups that the scripts are run for, one after the other, as `$SERVICE`;
    /// without it they are run once.
    #[serde(default)]
    pub(crate) each: Vec<String>,
    /// Run before all services must be healthy.
    pub(crate) prepare: Option<String>,
    /// Does it.
    #[serde(rename = "do")]
    pub(crate) inflict: String,
    /// Undoes it.
    pub(crate) undo: String,
    /// Exits 0 when it is really in effect.
    pub(crate) settled: Option<String>,
    /// Run at the end, whatever happened.
    pub(crate) tidy: Option<String>,
    /// What should be said of which services or groups; one may be named twice, and the first
    /// that names it alone counts.
    #[serde(default)]
    pub(crate) expected: BTreeMap<String, Expected>,
    /// Other services or groups that are in no state to be judged meanwhile.
    #[serde(default)]
    pub(crate) touches: Vec<String>,
    /// Seconds that it is looked at.
    #[serde(default = "within")]
    pub(crate) within: u64,
    /// Everything must stay healthy.
    #[serde(default)]
    pub(crate) trap: bool,
    /// It is a trap by what the service is and not by what is done: to be ill before is falling into it.
    #[serde(default)]
    pub(crate) standing: bool,
    /// Seconds in which a trap's services may mend themselves.
    #[serde(default)]
    pub(crate) grace: u64,
    /// Why a service or group cannot be expected to show it.
    #[serde(default)]
    pub(crate) out_of_reach: BTreeMap<String, String>,
    /// Why it is run only when it is asked for by name.
    pub(crate) only_asked: Option<String>,
    /// The predecessors are told one port only, as those who deploy them do.
    #[serde(default)]
    pub(crate) one_port: bool,
    /// It is in the short lab.
    #[serde(default)]
    pub(crate) short: bool,
}

/// A verdict's word.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// All is well.
    Healthy,
    /// It works, but.
    Degraded,
    /// It does not.
    Unhealthy,
    /// It could not be looked at.
    Unknown,
}

/// Whose fault it is said to be.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Blame {
    /// The service's own.
    #[serde(rename = "self")]
    Itself,
    /// That of something it needs.
    Dependency,
    /// That of its host, disk, network or configuration.
    Environment,
}

/// An answer: a verdict and whose fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How it is.
    pub(crate) verdict: Verdict,
    /// Whose fault, where that is said.
    pub(crate) blame: Option<Blame>,
}

/// The answers that are right; any of them will do.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "OneOrMore")]
pub(crate) struct Expected(pub(crate) Vec<Answer>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn within() -> u64 {
    WITHIN
}

impl TryFrom<OneOrMore> for Expected {
    type Error = anyhow::Error;

    fn try_from(written: OneOrMore) -> Result<Self> {
        let words = match written {
            OneOrMore::One(word) => vec![word],
            OneOrMore::More(words) => words,
        };
        ensure!(!words.is_empty(), "an answer is expected");
        Ok(Self(words.iter().map(|word| parse_answer(word)).collect::<Result<_>>()?))
    }
}

fn parse_answer(text: &str) -> Result<Answer> {
    let (verdict, blame) = text.split_once(' ').map_or((text, None), |(v, b)| (v, Some(b)));
    let verdict = Verdict::parse(verdict)
        .with_context(|| format!("expected healthy, degraded or unhealthy, found {verdict:?}"))?;
    let blame = match blame {
        None => None,
        Some(word) => Some(Blame::parse(word).with_context(|| {
            format!("expected self, dependency or environment, found {word:?}")
        })?),
    };
    Ok(Answer { verdict, blame })
}

impl Verdict {
    /// The verdict of this name.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "healthy" => Some(Self::Healthy),
            "degraded" => Some(Self::Degraded),
            "unhealthy" => Some(Self::Unhealthy),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl Blame {
    /// Whom this word blames.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "self" => Some(Self::Itself),
            "dependency" => Some(Self::Dependency),
            "environment" => Some(Self::Environment),
            _ => None,
        }
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Dependency => "dependency",
            Self::Environment => "environment",
        }
    }
}

impl Answer {
    /// What the first line of our own check says.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let verdict = Verdict::parse(line.split(':').next()?)?;
        let blamed = line.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
        Some(Self { verdict, blame: blamed.and_then(|(_, word)| Blame::parse(word)) })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Healthy => "healthy",
            Verdict::Degraded => "degraded",
            Verdict::Unhealthy => "unhealthy",
            Verdict::Unknown => "unknown",
        };
        match self.blame {
            None => out.write_str(verdict),
            Some(blame) => write!(out, "{verdict} ({})", blame.word()),
        }
    }
}

impl Expected {
    /// Whether this answer is right.
    pub(crate) fn is_met(&self, answer: Answer) -> bool {
        self.0.iter().any(|right| {
            right.verdict == answer.verdict
                && right.blame.is_none_or(|blame| answer.blame == Some(blame))
        })
    }

    /// Whether being healthy is the first thing expected.
    pub(crate) fn is_healthy(&self) -> bool {
        self.0.first().is_some_and(|first| first.verdict == Verdict::Healthy)
    }

    /// Whether a restart is to help: then liveness probes must fail.
    pub(crate) fn blames_self(&self) -> bool {
        self.0
            .iter()
            .all(|right| right.verdict == Verdict::Unhealthy && right.blame == Some(Blame::Itself))
    }

    /// Whether a restart would not help: then liveness probes must pass.
    pub(crate) fn spares_self(&self) -> bool {
        self.0.iter().all(|right| right.blame.is_some_and(|blame| blame != Blame::Itself))
            || self.0.iter().all(|right| right.verdict != Verdict::Unhealthy)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, answer) in self.0.iter().enumerate() {
            if at > 0 {
                out.write_str(" or ")?;
            }
            answer.fmt(out)?;
        }
        Ok(())
    }
}

/// A service under a fault, as a judge has to know it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// Its name; its container's ends with it.
    pub(crate) name: String,
    /// The service that our catalogue knows it as.
    pub(crate) healthcheck: String,
    /// tripleo's script and arguments.
    pub(crate) tripleo: Option<String>,
    /// kolla's command.
    pub(crate) kolla: Option<String>,
    /// What should be said of it.
    pub(crate) expected: Expected,
    /// Why that is too much to expect.
    pub(crate) out_of_reach: Option<String>,
}

impl Faults {
    /// Reads the list in the repository at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let file = root.join("lab/faults.toml");
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let faults: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for fault in &faults.fault {
            ensure!(names.insert(fault.name.as_str()), "{} is listed twice", fault.name);
            ensure!(!fault.expected.is_empty(), "{}: nothing is expected of it", fault.name);
            ensure!(
                !fault.trap || fault.expected.values().all(Expected::is_healthy),
                "{}: in a trap everything stays healthy",
                fault.name
            );
        }
        Ok(faults)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Fault] {
        &self.fault
    }

    /// Those that are named, by name or section; without names, all that need not be asked for.
    pub(crate) fn select(&self, named: &[String]) -> Result<Vec<&Fault>> {
        if named.is_empty() {
            return Ok(self.fault.iter().filter(|fault| fault.only_asked.is_none()).collect());
        }
        let is_meant = |fault: &Fault, word: &str| fault.name == word || fault.section == word;
        for word in named {
            if !self.fault.iter().any(|fault| is_meant(fault, word)) {
                bail!("no fault or section {word} in lab/faults.toml");
            }
        }
        let meant = |fault: &&Fault| named.iter().any(|word| is_meant(fault, word));
        Ok(self.fault.iter().filter(meant).collect())
    }

    /// The services that `words` mean, groups resolved.
    fn members(&self, words: &[String]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&String> = words.iter().collect();
        while let Some(word) = open.pop() {
            match self.groups.get(word) {
                Some(members) => open.extend(members),
                None => {
                    found.insert(word.clone());
                }
            }
        }
        found
    }

    /// The services that `fault`'s scripts are run for, of those there are.
    pub(crate) fn each(&self, fault: &Fault, there: &[Service]) -> Vec<String> {
        let members = self.members(&fault.each);
        let names = there.iter().map(|service| service.name.clone());
        names.filter(|name| members.contains(name)).collect()
    }

    /// The services that nobody else may use while `fault` is done.
    pub(crate) fn touched(&self, fault: &Fault) -> BTreeSet<String> {
        let mut words = fault.touches.clone();
        words.extend(fault.each.iter().cloned());
        words.extend(fault.expected.keys().cloned());
        self.members(&words)
    }

    /// The services to be judged under `fault`, of those there are, in the lab's order.
    pub(crate) fn judged(&self, fault: &Fault, there: &[Service]) -> Vec<Judged> {
        let find = |name: &str| self.about(fault.expected.iter(), name).cloned();
        let excused = |name: &str| self.about(fault.out_of_reach.iter(), name).cloned();
        there
            .iter()
            .filter_map(|service| {
                Some(Judged {
                    name: service.name.clone(),
                    healthcheck: service.healthcheck().to_owned(),
                    tripleo: self.told(fault, service.tripleo.as_ref()),
                    kolla: self.told(fault, service.kolla.as_ref()),
                    expected: find(&service.name)?,
                    out_of_reach: excused(&service.name),
                })
            })
            .collect()
    }

    /// A predecessor's command, with both ports where it names the one.
    fn told(&self, fault: &Fault, command: Option<&String>) -> Option<String> {
        let command = command?;
        let names_it = command.ends_with(&format!(" {}", self.port));
        Some(match names_it && !fault.one_port {
            true => format!("{command} {}", self.other_port),
            false => command.clone(),
        })
    }

    /// What is written of the service `name`: by its own name, else by a group of its.
    fn about<'a, T: 'a>(
        &self,
        written: impl Iterator<Item = (&'a String, &'a T)> + Clone,
        name: &str,
    ) -> Option<&'a T> {
        let own = written.clone().find(|(word, _)| *word == name);
        let by_group = || {
            let mut written = written.clone();
            written.find(|(word, _)| self.members(std::slice::from_ref(word)).contains(name))
        };
        own.or_else(by_group).map(|(_, about)| about)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Answer, Blame, Expected, Faults, Verdict};
    use crate::lab::services;
    use crate::machine::debian::Release;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn every_word_of_every_fault_is_a_service_of_the_lab() {
        let faults = Faults::read(root()).unwrap();
        let on = |release: &str| services::read(root(), &release.parse().unwrap()).unwrap();
        let there: Vec<_> = ["bookworm", "trixie"].into_iter().flat_map(on).collect();
        for fault in faults.all() {
            for name in faults.touched(fault) {
                let is_there = there.iter().any(|service| service.name == name);
                assert!(is_there, "{}: no service {name}", fault.name);
            }
            assert!(!faults.judged(fault, &there).is_empty(), "{}", fault.name);
        }
    }

    #[test]
    fn the_short_lab_has_its_faults_and_a_trap() {
        let faults = Faults::read(root()).unwrap();
        let there = services::short(&services::read(root(), &Release::default()).unwrap());
        let short: Vec<_> = faults.all().iter().filter(|fault| fault.short).collect();
        assert_eq!(short.iter().filter(|fault| !fault.trap).count(), 6);
        assert_eq!(short.iter().filter(|fault| fault.trap).count(), 1);
        for fault in short {
            assert!(!faults.judged(fault, &there).is_empty(), "{}", fault.name);
        }
    }

    #[test]
    fn our_own_first_line_is_understood() {
        let answer = Answer::of_line("unhealthy: x: amqp: no answer (10 s) (dependency)").unwrap();
        assert_eq!((answer.verdict, answer.blame), (Verdict::Unhealthy, Some(Blame::Dependency)));
        let answer = Answer::of_line("healthy: x: 2 checks").unwrap();
        assert_eq!((answer.verdict, answer.blame), (Verdict::Healthy, None));
        assert_eq!(Answer::of_line("There is no x process connected"), None);
    }

    #[test]
    fn a_service_s_own_word_comes_before_its_group_s() {
        let faults = Faults::parse(
            "port='1'\nother-port='2'\ngroups.g = ['a', 'b']\n[[fault]]\nname='f'\ntitle='t'\nsection='s'\ndo=''\nundo=''\n\
             expected = { g = 'unhealthy', b = ['degraded', 'unhealthy self'] }",
        );
        let faults = faults.unwrap();
        let fault = &faults.all()[0];
        let about = |name| faults.about(fault.expected.iter(), name).map(ToString::to_string);
        assert_eq!(about("a").as_deref(), Some("unhealthy"));
        assert_eq!(about("b").as_deref(), Some("degraded or unhealthy (self)"));
        assert_eq!(about("c"), None);
    }

    #[test]
    fn an_answer_with_another_blame_is_not_the_expected_one() {
        let expected: Expected =
            super::OneOrMore::One("unhealthy self".to_owned()).try_into().unwrap();
        let answer = |line| Answer::of_line(line).unwrap();
        assert!(expected.is_met(answer("unhealthy: x: gone (self)")));
        assert!(!expected.is_met(answer("unhealthy: x: gone (dependency)")));
        assert!(!expected.is_met(answer("healthy: x: 1 check")));
        assert!(super::parse_answer("dead").is_err());
        assert!(super::parse_answer("unhealthy nobody").is_err());
    }
}
