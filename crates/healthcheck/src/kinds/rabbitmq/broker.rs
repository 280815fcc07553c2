//! What a broker says of itself, and what that means for those who use it.

use super::forms::Form;
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
    /// How many queues would lose their quorum without it, where it was asked and knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) critical: Option<i64>,
    /// How many queues have lost it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<i64>,
    /// Whether what it knows of queues and users is kept by a majority of all nodes (Khepri),
    /// where it was asked.
    pub(super) by_majority: bool,
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

/// With fewer nodes a queue has none to spare, however well it is.
const FEWEST_WITH_SPARE: usize = 3;

/// How long a node may take to ask the others, in milliseconds; then it is not known.
const ASKS_OTHERS: i64 = 500;

/// Who knows which queues would lose their quorum, as `check_if_node_is_quorum_critical`
/// asks: of newer releases, and of 3.10 and before.
const KNOW_QUORUM: [&str; 2] = ["rabbit_upgrade_preparation", "rabbit_quorum_queue"];

/// How many queues would lose their quorum with this node, or have lost it; counted there: each
/// of ten thousand would have some hundred bytes of the answer. It asks other nodes.
fn count_critical(node: &str, module: &str) -> Call {
    let listed = Form::call(module, "list_with_minimum_quorum_for_cli", vec![]);
    listed.count().evaluated(node, ASKS_OTHERS)
}

/// How many queues of this node have lost their quorum with those that are away: of their
/// members no more than half is there.
fn count_lost(node: &str, away: &[&str]) -> Call {
    let members =
        || Form::call("rabbit_amqqueue", "get_quorum_nodes", vec![Form::variable("Queue")]);
    let away = Form::list(away.iter().map(|name| Form::atom(name)));
    let there = Form::operation("--", members(), away).count();
    let lost =
        Form::operation("=<", Form::operation("*", Form::integer(2), there), members().count());
    let local = Form::call("rabbit_amqqueue", "list_local_quorum_queues", vec![]);
    Form::those("Queue", local, lost).count().evaluated(node, ASKS_OTHERS)
}

/// `{value, Count, Bindings}`.
fn counted(returned: &Returned) -> Option<i64> {
    match returned.value()?.tuple()? {
        [Term::Atom(tag), Term::Integer(count), _] if tag == "value" => Some(*count),
        _ => None,
    }
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
        let mut broker = Self::of(node.name(), &calls, &returned)?;
        if broker.may_be_critical() {
            for module in KNOW_QUORUM {
                let call = count_critical(node.name(), module);
                let returned = node.call(&[call], |_| false)?;
                if returned != [Returned::Unknown] {
                    broker.critical = returned.first().and_then(counted);
                    break;
                }
            }
        }
        let away = broker.away();
        if broker.may_be_critical() && !away.is_empty() {
            let is_khepri =
                Call { module: "rabbit_khepri", function: "is_enabled", arguments: vec![] };
            let returned = node.call(&[count_lost(&broker.node, &away), is_khepri], |_| false)?;
            let is_khepri = returned.get(1).and_then(Returned::value).and_then(Term::as_bool);
            broker.lost = returned.first().and_then(counted);
            broker.by_majority = is_khepri == Some(true);
        }
        Ok(broker)
    }

    /// The other nodes of its cluster that are not there.
    fn away(&self) -> Vec<&str> {
        let is_away = |member: &&String| **member != self.node && !self.connected.contains(member);
        self.members.iter().filter(is_away).map(String::as_str).collect()
    }

    /// Whether queues may lose by it what they could keep. One that is drained has left
    /// its queues to others.
    fn may_be_critical(&self) -> bool {
        self.running && !self.drained && self.members.len() >= FEWEST_WITH_SPARE
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
            critical: None,
            lost: None,
            by_majority: false,
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
        let [mut own, mut environment, mut others, mut lesser] = [const { Vec::new() }; 4];
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
        let (away, all) = (self.away(), self.members.len());
        let here = all - away.len();
        let lost = self.lost.unwrap_or_default();
        if lost > 0 {
            others.push(match lost {
                1 => "1 queue has lost its quorum and takes no messages".to_owned(),
                _ => format!("{lost} queues have lost their quorum and take no messages"),
            });
        }
        if self.by_majority && 2 * here <= all {
            others.push("there is no majority to declare queues".to_owned());
        }
        if !away.is_empty() {
            let those = if others.is_empty() { &mut lesser } else { &mut others };
            those.push(format!("{here} of {all} nodes are there, not {}", some(&away)));
        }
        // What has lost it is counted among them.
        let critical = self.critical.map_or(0, |count| count - lost);
        if critical > 0 {
            // Others are missing: this one is what still holds them.
            let lose = if critical == 1 { "queue loses its" } else { "queues lose their" };
            lesser.push(format!("{critical} {lose} quorum if {node} stops"));
        }
        if !self.unsaid.is_empty() {
            lesser.push(format!("{node} runs and does not answer {}", self.unsaid.join(", ")));
        }
        let version = self.version.as_deref().unwrap_or_default();
        let proof = format!("{node} runs RabbitMQ {}", shown(version, 20));
        let proof = proof.trim_end().to_owned();
        // The nearer decides who is blamed, and all is told.
        type Verdicts = fn(String) -> Verdict;
        let groups: [(Vec<String>, Verdicts); 4] = [
            (own, Verdict::own_fault),
            (environment, Verdict::environment),
            (others, Verdict::dependency),
            (lesser, Verdict::degraded),
        ];
        let Some((_, verdict)) = groups.iter().find(|(reasons, _)| !reasons.is_empty()) else {
            let unknown = match self.critical {
                None if self.may_be_critical() => ", not known whether queues hang on it",
                _ => "",
            };
            return Judgement::healthy(format!("{proof}, without alarms and partitions{unknown}"));
        };
        let reasons: Vec<&str> =
            groups.iter().flat_map(|(reasons, _)| reasons).map(String::as_str).collect();
        let verdict = verdict(reasons.join("; "));
        let judgement = Judgement::from(verdict).proof(proof);
        match critical + lost {
            0 => judgement,
            _ => judgement.hint("rabbitmq-diagnostics check_if_node_is_quorum_critical names them"),
        }
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
fn some(names: &[impl AsRef<str>]) -> String {
    let told: Vec<_> = names.iter().take(TOLD).map(|name| shown(name.as_ref(), 60)).collect();
    match names.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Broker, counted, questions};
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
        let members = [NODE, "rabbit@two", "rabbit@three"].map(str::to_owned).into();
        let minority = Broker { members, connected: vec![], ..all.clone() };
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
                Broker { connected: vec![], critical: Some(12), ..all.clone() },
                None,
                "degraded: 1 of 2 nodes are there, not rabbit@two; \
                 12 queues lose their quorum if rabbit@one stops",
            ),
            (
                Broker { critical: Some(1), ..all.clone() },
                None,
                "degraded: 1 queue loses its quorum if rabbit@one stops",
            ),
            (Broker { critical: Some(0), ..all.clone() }, None, "healthy"),
            (
                Broker { critical: Some(12), lost: Some(0), ..minority.clone() },
                None,
                "degraded: 1 of 3 nodes are there, not rabbit@two, rabbit@three; \
                 12 queues lose their quorum if rabbit@one stops",
            ),
            (
                Broker { critical: Some(12), lost: Some(10), ..minority.clone() },
                None,
                "unhealthy Dependency: 10 queues have lost their quorum and take no messages; \
                 1 of 3 nodes are there, not rabbit@two, rabbit@three; \
                 2 queues lose their quorum if rabbit@one stops",
            ),
            (
                Broker { critical: Some(1), lost: Some(1), by_majority: true, ..minority.clone() },
                None,
                "unhealthy Dependency: 1 queue has lost its quorum and takes no messages; \
                 there is no majority to declare queues; \
                 1 of 3 nodes are there, not rabbit@two, rabbit@three",
            ),
            (
                Broker {
                    by_majority: true,
                    connected: vec!["rabbit@two".into()],
                    ..minority.clone()
                },
                None,
                "degraded: 2 of 3 nodes are there, not rabbit@three",
            ),
            (
                Broker { by_majority: true, alarms: vec![alarm("disk", Some(NODE))], ..minority },
                None,
                "unhealthy Environment: disk alarm on rabbit@one: publishers are blocked; \
                 there is no majority to declare queues; \
                 1 of 3 nodes are there, not rabbit@two, rabbit@three",
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
    fn quorum_is_asked_for_where_there_is_a_spare() {
        let members = |count: usize| (0..count).map(|at| format!("rabbit@{at}")).collect();
        let of = |count| Broker { running: true, members: members(count), ..Broker::default() };
        assert!([1, 2].iter().all(|count| !of(*count).may_be_critical()));
        assert!([3, 5].iter().all(|count| of(*count).may_be_critical()));
        assert!(!Broker { drained: true, ..of(3) }.may_be_critical());
        assert!(!Broker { running: false, ..of(3) }.may_be_critical());
        let proof = |critical| {
            let connected = members(3);
            Broker { critical, connected, ..of(3) }.judge(None).proof.unwrap()
        };
        let unknown = "not known whether queues hang on it";
        assert!(proof(None).ends_with(unknown) && !proof(Some(0)).contains(unknown));
        let answer = |tag, count| {
            let terms = vec![Term::atom(tag), count, Term::List(vec![])];
            counted(&Returned::Value(Term::Tuple(terms)))
        };
        assert_eq!(answer("value", Term::Integer(7)), Some(7));
        assert_eq!(answer("value", Term::Other), None);
        assert_eq!(answer("badrpc", Term::Integer(7)), None);
        assert_eq!(counted(&Returned::Failed), None);
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
