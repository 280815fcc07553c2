//! What a broker says of itself, and what that means for those who use it.

use crate::kinds::Judgement;
use crate::peer::Trouble;
use crate::protocols::erlang::{Call, Node, Returned, Term};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Serialize;
use std::io::{self, ErrorKind, Read, Write};

/// As many names as are told of each thing.
const TOLD: usize = 3;

/// What a broker says of itself. What its version does not know is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Broker {
    /// Its name: `rabbit@host`.
    pub(super) node: String,
    /// RabbitMQ's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// Whether RabbitMQ runs in the Erlang node.
    pub(super) running: bool,
    /// Whether it is about to.
    pub(super) booting: bool,
    /// Alarms, of the whole cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) alarms: Vec<Alarm>,
    /// The virtual hosts that are down on this node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) down: Vec<String>,
    /// The nodes it was parted from while both ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) partitions: Vec<String>,
    /// Whether it is in maintenance mode.
    pub(super) drained: bool,
    /// The nodes of the cluster, itself among them.
    pub(super) members: Vec<String>,
    /// The nodes it is connected with.
    pub(super) connected: Vec<String>,
    /// What it was asked and has not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unsaid: Vec<String>,
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Alarm {
    /// `memory`, `disk` or another word of RabbitMQ's.
    pub(super) of: String,
    /// Where; none if only this node has such a limit.
    pub(super) node: Option<String>,
}

/// The questions, in this order.
const RUNNING: usize = 0;
const BOOTING: usize = 1;
const ALARMS: usize = 2;
const DOWN: usize = 3;
const PARTITIONS: usize = 4;
const DRAINED: usize = 5;
const MEMBERS: usize = 6;
const MEMBERS_BEFORE_3_11: usize = 7;
const CONNECTED: usize = 8;
const VERSION: usize = 9;

/// RabbitMQ's own functions, of 3.8 to 4.x, which its tools call. None of these
/// waits for another node.
fn questions(node: &str) -> Vec<Call> {
    let call = |module, function, arguments| Call { module, function, arguments };
    vec![
        call("rabbit", "is_running", vec![]),
        call("rabbit", "is_booting", vec![]),
        call("rabbit_alarm", "get_alarms", vec![]),
        call("rabbit_vhost_sup_sup", "check", vec![]),
        call("rabbit_node_monitor", "partitions", vec![]),
        call("rabbit_maintenance", "is_being_drained_local_read", vec![Term::atom(node)]),
        call("rabbit_nodes", "list_members", vec![]),
        call("rabbit_mnesia", "cluster_nodes", vec![Term::atom("all")]),
        call("erlang", "nodes", vec![]),
        call("rabbit_misc", "version", vec![]),
    ]
}

impl Broker {
    /// Asks a node.
    pub(super) fn ask(node: &mut Node<impl Read + Write>) -> Result<Self, Trouble> {
        let calls = questions(node.name());
        // What does not run may be slow to say more.
        let enough = |returned: &[Returned]| {
            let is = |at: usize, expected| {
                returned.get(at).and_then(Returned::value).and_then(Term::as_bool) == Some(expected)
            };
            let has = |at: usize| returned.get(at).is_some_and(|one| *one != Returned::Outstanding);
            is(RUNNING, false) && has(BOOTING)
        };
        let returned = node.call(&calls, enough)?;
        Self::of(node.name(), &calls, &returned)
    }

    fn of(node: &str, calls: &[Call], returned: &[Returned]) -> Result<Self, Trouble> {
        let value = |at: usize| returned.get(at).and_then(Returned::value);
        let truth = |at: usize| value(at).and_then(Term::as_bool);
        let running = match returned.get(RUNNING) {
            Some(Returned::Value(term)) => term.as_bool(),
            // It accepts us and does no more.
            Some(Returned::Outstanding) | None => {
                return Err(Trouble::from(io::Error::from(ErrorKind::TimedOut)));
            }
            Some(Returned::Unknown | Returned::Failed) => None,
        };
        let running = running.ok_or_else(|| {
            Trouble::garbled(format!("is {}, which is no RabbitMQ", shown(node, 60)))
        })?;
        let names = |at: usize| {
            let listed = value(at).and_then(Term::list).unwrap_or_default();
            listed.iter().filter_map(Term::as_atom).map(str::to_owned).collect::<Vec<_>>()
        };
        let listed = value(ALARMS).and_then(Term::list).unwrap_or_default();
        let down = value(DOWN).and_then(Term::list).unwrap_or_default();
        let mut members = names(MEMBERS);
        if members.is_empty() {
            members = names(MEMBERS_BEFORE_3_11);
        }
        let unsaid = |at: &usize| match returned.get(*at) {
            // Another version's.
            Some(Returned::Unknown) | None => false,
            Some(Returned::Value(term)) => running && term.list().is_none(),
            Some(Returned::Failed | Returned::Outstanding) => running,
        };
        let unsaid = [ALARMS, DOWN, PARTITIONS].into_iter().filter(unsaid);
        Ok(Self {
            node: node.to_owned(),
            version: value(VERSION).and_then(Term::text),
            running,
            booting: truth(BOOTING) == Some(true),
            alarms: listed.iter().filter_map(Alarm::of).collect(),
            down: down.iter().filter_map(Term::text).collect(),
            partitions: names(PARTITIONS),
            drained: truth(DRAINED) == Some(true),
            members,
            connected: names(CONNECTED),
            unsaid: unsaid.filter_map(|at| calls.get(at)).map(ToString::to_string).collect(),
        })
    }

    /// What it means. `deaf` says so where it listens on no port for clients.
    pub(super) fn judge(&self, deaf: Option<String>) -> Judgement {
        let node = shown(&self.node, 60);
        if !self.running {
            // It may wait for other nodes: a restart would have it begin anew. Nor has it started.
            return match self.booting {
                true => Verdict::unknown(format!("RabbitMQ is still booting in {node}")).into(),
                false => {
                    let stopped = Verdict::own_fault(format!("RabbitMQ is not running in {node}"));
                    Judgement::from(stopped).hint("rabbitmqctl start_app starts it")
                }
            };
        }
        let (mut own, mut environment, mut lesser) = (Vec::new(), Vec::new(), Vec::new());
        if !self.down.is_empty() {
            own.push(format!("down on {node}: virtual host {}", some(&self.down)));
        }
        match (self.drained, deaf) {
            // Who drains it does so to stop it: its listeners are closed.
            (true, _) => {
                lesser.push(format!("{node} is in maintenance mode: it accepts no clients"))
            }
            (false, Some(deaf)) => own.push(deaf),
            (false, None) => {}
        }
        for Alarm { of, node: place } in &self.alarms {
            let of = shown(of, 40);
            // Consumers that catch up, room on the disk or a limit of the host clear
            // it; a restart would find the same.
            match place {
                None => environment.push(format!("{node} has an alarm: {of}")),
                Some(place) if *place == self.node => {
                    environment.push(format!("{of} alarm on {node}: publishers are blocked"));
                }
                Some(place) => {
                    let place = shown(place, 60);
                    lesser.push(format!("{of} alarm on {place}: publishers are blocked"));
                }
            }
        }
        if !self.partitions.is_empty() {
            environment.push(format!("{node} is partitioned from {}", some(&self.partitions)));
        }
        let away: Vec<String> = self
            .members
            .iter()
            .filter(|member| **member != self.node && !self.connected.contains(member))
            .cloned()
            .collect();
        if !away.is_empty() {
            let (here, all) = (self.members.len() - away.len(), self.members.len());
            lesser.push(format!("{here} of {all} nodes are there, not {}", some(&away)));
        }
        if !self.unsaid.is_empty() {
            lesser.push(format!("{node} runs and does not answer {}", self.unsaid.join(", ")));
        }
        let version = self.version.as_deref().unwrap_or_default();
        let proof = format!("{node} runs RabbitMQ {}", shown(version, 20));
        let proof = proof.trim_end().to_owned();
        let verdict = match (own.is_empty(), environment.is_empty(), lesser.is_empty()) {
            (true, true, true) => {
                return Judgement::healthy(format!("{proof}, without alarms and partitions"));
            }
            (true, true, false) => Verdict::degraded(lesser.join("; ")),
            (true, false, _) => Verdict::environment([environment, lesser].concat().join("; ")),
            (false, _, _) => Verdict::own_fault([own, environment, lesser].concat().join("; ")),
        };
        Judgement::from(verdict).proof(proof)
    }
}

impl Alarm {
    /// `{{resource_limit, disk, Node}, []}` or `{file_descriptor_limit, []}`.
    fn of(term: &Term) -> Option<Self> {
        match term.tuple()?.first()? {
            Term::Atom(name) => Some(Self { of: name.replace('_', " "), node: None }),
            Term::Tuple(limit) => match limit.as_slice() {
                [_, Term::Atom(of), Term::Atom(node)] => {
                    Some(Self { of: of.clone(), node: Some(node.clone()) })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The first names, and how many more there are.
fn some(names: &[String]) -> String {
    let told: Vec<_> = names.iter().take(TOLD).map(|name| shown(name, 60)).collect();
    match names.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Broker, questions};
    use crate::protocols::erlang::{Returned, Term};

    const NODE: &str = "rabbit@one";

    fn healthy() -> Broker {
        let members = vec![NODE.into(), "rabbit@two".into()];
        Broker {
            node: NODE.into(),
            version: Some("3.10.8".into()),
            running: true,
            connected: vec!["rabbit@two".into()],
            members,
            ..Broker::default()
        }
    }

    fn alarm(of: &str, node: Option<&str>) -> Alarm {
        Alarm { of: of.into(), node: node.map(str::to_owned) }
    }

    #[test]
    fn a_broker_is_judged_by_what_it_says() {
        let all = healthy();
        let cases = [
            (all.clone(), None, "healthy"),
            (
                Broker { running: false, ..all.clone() },
                None,
                "unhealthy Itself: RabbitMQ is not running in rabbit@one",
            ),
            (
                Broker { running: false, booting: true, ..all.clone() },
                Some("not listening"),
                "unknown: RabbitMQ is still booting in rabbit@one",
            ),
            (
                Broker { alarms: vec![alarm("disk", Some(NODE))], ..all.clone() },
                None,
                "unhealthy Environment: disk alarm on rabbit@one: publishers are blocked",
            ),
            (
                Broker { alarms: vec![alarm("memory", Some("rabbit@two"))], ..all.clone() },
                None,
                "degraded: memory alarm on rabbit@two: publishers are blocked",
            ),
            (
                Broker { alarms: vec![alarm("file descriptor limit", None)], ..all.clone() },
                None,
                "unhealthy Environment: rabbit@one has an alarm: file descriptor limit",
            ),
            (
                Broker { partitions: vec!["rabbit@two".into()], ..all.clone() },
                None,
                "unhealthy Environment: rabbit@one is partitioned from rabbit@two",
            ),
            (
                Broker {
                    down: ["/", "a", "b", "c", "d"].map(str::to_owned).into(),
                    alarms: vec![alarm("disk", Some(NODE))],
                    ..all.clone()
                },
                None,
                "unhealthy Itself: down on rabbit@one: virtual host /, a, b and 2 more; \
                 disk alarm on rabbit@one: publishers are blocked",
            ),
            (
                all.clone(),
                Some("beam.smp does not listen"),
                "unhealthy Itself: beam.smp does not listen",
            ),
            (
                Broker { drained: true, ..all.clone() },
                Some("beam.smp does not listen"),
                "degraded: rabbit@one is in maintenance mode: it accepts no clients",
            ),
            (
                Broker { connected: vec![], ..all.clone() },
                None,
                "degraded: 1 of 2 nodes are there, not rabbit@two",
            ),
            (
                Broker { unsaid: vec!["rabbit_alarm:get_alarms".into()], ..all },
                None,
                "degraded: rabbit@one runs and does not answer rabbit_alarm:get_alarms",
            ),
        ];
        for (broker, deaf, expected) in cases {
            let verdict = broker.judge(deaf.map(str::to_owned)).verdict;
            let said = match (verdict.because(), verdict.blame()) {
                (None, _) => verdict.word().to_owned(),
                (Some(because), None) => format!("{}: {because}", verdict.word()),
                (Some(because), Some(blame)) => format!("{} {blame:?}: {because}", verdict.word()),
            };
            assert_eq!(said, expected);
        }
    }

    fn returned(known: &[(usize, Returned)]) -> Vec<Returned> {
        let mut all = vec![Returned::Unknown; questions(NODE).len()];
        for (at, one) in known {
            all[*at] = one.clone();
        }
        all
    }

    #[test]
    fn what_a_version_does_not_know_is_no_fault() {
        let running = (super::RUNNING, Returned::Value(Term::atom("true")));
        let calls = questions(NODE);
        let broker = Broker::of(NODE, &calls, &returned(std::slice::from_ref(&running))).unwrap();
        assert_eq!(broker.judge(None).verdict.word(), "healthy");
        // It knows the question, and fails, or is busy.
        for one in [Returned::Failed, Returned::Outstanding, Returned::Value(Term::atom("error"))] {
            let known = [running.clone(), (super::ALARMS, one)];
            let broker = Broker::of(NODE, &calls, &returned(&known)).unwrap();
            assert_eq!(broker.unsaid, ["rabbit_alarm:get_alarms"]);
            assert_eq!(broker.judge(None).verdict.word(), "degraded");
        }
    }

    #[test]
    fn another_program_s_node_and_a_silent_one_are_told_apart() {
        let calls = questions(NODE);
        let unknown = Broker::of(NODE, &calls, &returned(&[])).unwrap_err();
        assert_eq!(unknown.to_string(), "is rabbit@one, which is no RabbitMQ");
        let silent = vec![Returned::Outstanding; calls.len()];
        let silent = Broker::of(NODE, &calls, &silent).unwrap_err();
        assert_eq!(silent.to_string(), "accepts connections and answers nothing");
    }
}
