//! RabbitMQ is well by its own account: asked in Erlang's own protocol, as its
//! command line tools ask, without the virtual machine that each of these starts.

mod broker;
mod cookie;
mod forms;

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::listeners::Looked;
use crate::peer::{self, Hosts, Peer, Replies, Trouble, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::erlang::{self, Greeted, Ourselves, Version};
use crate::text::{either, shown};
use crate::verdict::Verdict;
use broker::Broker;
use cookie::Cookies;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;
use vantage::{Blind, Deadline, Port, Vantage};

/// RabbitMQ is well by its own account.
pub struct Rabbitmq {
    /// Where its clients connect.
    clients: Peer,
    ports: Vec<Port>,
    /// Where its node may listen.
    nodes: Vec<Port>,
    /// Where the port mapper may.
    mapper: Port,
    program: Program,
    cookies: Cookies,
    /// Whether nodes speak TLS with each other.
    within_tls: bool,
}

/// The fields of a `rabbitmq` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    #[serde(default)]
    node_port: OneOrMany<Var<Port>>,
    #[serde(default)]
    cookie_file: OneOrMany<Var<String>>,
    process: Option<Program>,
}

/// Where clients connect if nothing says so.
const PORT: Port = Port::new(5672).expect("not 0");

/// Where the port mapper listens if nothing says so.
const MAPPER: Port = Port::new(4369).expect("not 0");

/// A node listens on this much more than its clients' port if nothing says so.
const NODE_PORT_ABOVE: u16 = 20_000;

/// As many names as we go by: a node never forgets one.
const NAMES: u32 = 64;

/// As often as a node is greeted: an old one takes another handshake, and a name may be taken.
const GREETINGS: usize = 4;

/// What was seen.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// What its node said, or what it did not say.
    node: Replies<Answer>,
    /// The ports for clients that it listens on.
    listens: Vec<u16>,
}

/// What a node said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// How it is.
    Told(Broker),
    /// That it is there, and no more.
    Alive { name: String, why: String, refused: bool },
    /// Nothing: it could not be asked. It accepts clients' connections.
    Accepts { why: String },
}

impl Kind for Rabbitmq {
    const NAME: &'static str = "rabbitmq";
    const ABOUT: &'static str = "RabbitMQ runs, listens, and has no alarm, no partition and no virtual host that is down, by its own account; of a cluster of three or more, whether queues would lose their quorum without it";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"rabbitmq\"
port = [5672, 5671]            # its clients'; it must listen on one
node-port = 25672              # other nodes'
";
    const FIELDS: Fields = &[
        ("port", "its clients' ports, of which it must listen on one; 5672 if not given"),
        (
            "node-port",
            "the ports its Erlang node may listen on; 20000 more than its clients', and what the port mapper says, are looked at too",
        ),
        (
            "cookie-file",
            "where Erlang's cookie may be, besides the home of the process; where it cannot be read, that its node answers is the proof",
        ),
        ("process", "which program it is; the definition's if not given"),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene.required_program(written.process.as_ref())?;
        let mut ports = scene.ports_asked_for().to_vec();
        if ports.is_empty() {
            for port in written.port.as_slice() {
                ports.push(scene.value(port)?);
            }
        }
        if ports.is_empty() {
            ports.push(PORT);
        }
        without_repeats(&mut ports);
        let mut nodes = Vec::new();
        for port in written.node_port.as_slice() {
            nodes.push(scene.value(port)?);
        }
        let mut files = Vec::new();
        for file in written.cookie_file.as_slice() {
            files.push(PathBuf::from(scene.value(file)?));
        }
        let from = scene.vantage();
        let process = program.find(from).ok().and_then(|found| found.into_iter().next());
        let arguments = process.map_or(&[][..], |process| &process.arguments);
        // Of another user's process it cannot be read.
        let environment = process.and_then(|process| from.environment(process.pid).ok());
        let environment = environment.unwrap_or_default();
        let variable = |name: &str| {
            environment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let port_of = |name: &str| Port::new(variable(name)?.parse().ok()?);
        if let Some(port) = port_of("RABBITMQ_DIST_PORT") {
            nodes.insert(0, port);
        }
        let above = ports.iter().filter_map(|port| port.get().checked_add(NODE_PORT_ABOVE));
        nodes.extend(above.filter_map(Port::new));
        without_repeats(&mut nodes);
        Ok(Self {
            clients: Peer::listening(ports.clone(), Some(program.clone())),
            ports,
            nodes,
            mapper: port_of("ERL_EPMD_PORT").unwrap_or(MAPPER),
            cookies: Cookies::new(arguments, variable, files),
            within_tls: arguments
                .windows(2)
                .any(|pair| matches!(pair, [flag, value] if flag == "-proto_dist" && value.ends_with("_tls"))),
            program,
        })
    }

    fn describe(&self) -> String {
        format!("that RabbitMQ is well by its own account and listens on {}", self.clients)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.clients)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let all = [&self.ports[..], &self.nodes].concat();
        let looked = Looked::at(&all, Some(&self.program), from, by)?;
        let listens = self.ports.iter().filter(|port| {
            let found = looked.first(std::slice::from_ref(*port), None);
            !found.addresses.is_empty()
        });
        let listens = listens.map(|port| port.get()).collect();
        Ok(Seen { node: self.node(&looked, from, by)?, listens })
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let silent = seen.listens.is_empty();
        let deaf = || {
            let ports: Vec<_> = self.ports.iter().map(ToString::to_string).collect();
            format!("{} does not listen on port {}", self.program, either(&ports))
        };
        seen.node.judge(&self.clients, |whom, answer| match answer {
            Answer::Told(broker) => broker.judge(silent.then(deaf)),
            Answer::Alive { .. } | Answer::Accepts { .. } if silent => {
                Verdict::own_fault(deaf()).into()
            }
            Answer::Alive { name, why, refused: false } => Judgement::healthy(format!(
                "{} answers; not asked for more: {why}",
                shown(name, 60)
            )),
            Answer::Alive { name, why, refused: true } => {
                let because = format!("{} {why}, so its alarms are not known", shown(name, 60));
                let degraded = Judgement::from(Verdict::degraded(because));
                degraded.proof(format!("{} answers", shown(name, 60)))
            }
            Answer::Accepts { why } => Judgement::healthy(format!(
                "accepts connections on {whom}; not asked for more: {why}"
            )),
        })
    }
}

impl Rabbitmq {
    /// Asks the node, wherever it listens.
    fn node(
        &self,
        looked: &Looked,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Replies<Answer>, Blind> {
        if self.within_tls {
            return self.accepts("its nodes speak TLS with each other", looked, from, by);
        }
        let asked = self.ask(&self.nodes, looked, from, by)?;
        if !is_not_listening(&asked) {
            return Ok(asked);
        }
        let mapped = self.mapped(from, by)?;
        if !mapped.is_empty() {
            let looked = Looked::at(&mapped, Some(&self.program), from, by)?;
            let asked = self.ask(&mapped, &looked, from, by)?;
            if !is_not_listening(&asked) {
                return Ok(asked);
            }
        }
        let ports: Vec<_> = self.nodes.iter().map(ToString::to_string).collect();
        let why = format!("its node does not listen on port {}", either(&ports));
        self.accepts(&why, looked, from, by)
    }

    /// Asks a node that listens on the first of these ports.
    fn ask(
        &self,
        ports: &[Port],
        looked: &Looked,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Replies<Answer>, Blind> {
        let peer = Peer::listening(ports.to_vec(), Some(self.program.clone()));
        let (cookie, why) = match self.cookies.read(from) {
            Ok(cookie) => (Some(cookie), "refuses Erlang's cookie as it is set now".to_owned()),
            Err(why) => (None, why),
        };
        let now = from.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut name = now.subsec_nanos();
        let mut version = Version::Six;
        let mut left = GREETINGS;
        loop {
            let ourselves = Ourselves {
                name: format!("healthcheck-{}@localhost", name % NAMES),
                creation: (now.as_secs() as u32).max(1),
            };
            left -= 1;
            let mut is_taken = false;
            let mut is_greeted = false;
            let replies = peer.speak_there(looked, Hosts::UntilOneAnswers, from, by, |spoken| {
                match erlang::greet(spoken.link, version, &ourselves, cookie.as_ref())? {
                    Greeted::Connected(mut node) => {
                        is_greeted = true;
                        Ok(Answer::Told(Broker::ask(&mut node)?))
                    }
                    Greeted::Alive { name, refused } => {
                        Ok(Answer::Alive { name, why: why.clone(), refused })
                    }
                    Greeted::NameTaken => {
                        is_taken = true;
                        Err(Trouble::failing("takes our node's name for taken"))
                    }
                }
            })?;
            let trouble =
                |reply: &peer::Reply<Answer>| reply.outcome.as_ref().err().map(|t| t.what);
            let hung_up = replies.0.iter().filter_map(trouble).any(|what| what == What::HungUp);
            match () {
                () if left == 0 => return Ok(replies),
                () if is_taken => name = name.wrapping_add(7),
                () if hung_up && !is_greeted && version == Version::Six => version = Version::Five,
                () => return Ok(replies),
            }
        }
    }

    /// The ports of nodes that the port mapper names.
    fn mapped(&self, from: &Vantage, by: Deadline) -> Result<Vec<Port>, Blind> {
        let mapper = Peer::listening(vec![self.mapper], None);
        let replies =
            mapper.speak(Hosts::UntilOneAnswers, from, by, |spoken| erlang::names(spoken.link))?;
        let names = replies.0.into_iter().filter_map(|reply| reply.outcome.ok()).flatten();
        Ok(names.map(|(_, port)| port).collect())
    }

    /// The weaker proof, where its node cannot be asked.
    fn accepts(
        &self,
        why: &str,
        looked: &Looked,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Replies<Answer>, Blind> {
        self.clients.speak_there(looked, Hosts::UntilOneAnswers, from, by, |_| {
            Ok(Answer::Accepts { why: why.to_owned() })
        })
    }
}

fn without_repeats(ports: &mut Vec<Port>) {
    let mut seen = Vec::new();
    ports.retain(|port| {
        let is_new = !seen.contains(port);
        seen.push(*port);
        is_new
    });
}

fn is_not_listening(replies: &Replies<Answer>) -> bool {
    replies
        .0
        .iter()
        .all(|reply| matches!(&reply.outcome, Err(trouble) if trouble.what == What::NotListening))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Kind, Rabbitmq, Seen};
    use crate::kinds::rabbitmq::cookie::Cookies;
    use crate::peer::{Peer, Replies, Reply};
    use crate::program::Program;
    use vantage::Port;

    fn judged(answer: Answer, listens: &[u16]) -> (String, Option<String>) {
        let program = Program::named(["beam.smp"]);
        let ports = vec![Port::new(5672).unwrap()];
        let kind = Rabbitmq {
            clients: Peer::listening(ports.clone(), Some(program.clone())),
            ports,
            nodes: Vec::new(),
            mapper: super::MAPPER,
            program,
            cookies: Cookies::new(&[], |_| None, Vec::new()),
            within_tls: false,
        };
        let reply = Reply::new("127.0.0.1:25672", Ok(answer));
        let seen = Seen { node: Replies(vec![reply]), listens: listens.to_vec() };
        let judgement = kind.judge(&seen);
        let verdict = &judgement.verdict;
        let said = format!("{}: {}", verdict.word(), verdict.because().unwrap_or_default());
        (said, judgement.proof)
    }

    #[test]
    fn without_a_cookie_an_answer_is_the_proof() {
        let alive = |refused| Answer::Alive {
            name: "rabbit@one".to_owned(),
            why: "because".to_owned(),
            refused,
        };
        let (said, proof) = judged(alive(false), &[5672]);
        assert_eq!(said, "healthy: ");
        assert_eq!(proof.unwrap(), "rabbit@one answers; not asked for more: because");
        let (said, proof) = judged(alive(true), &[5672]);
        assert_eq!(said, "degraded: rabbit@one because, so its alarms are not known");
        assert_eq!(proof.unwrap(), "rabbit@one answers");
        let accepts = Answer::Accepts { why: "because".to_owned() };
        let (said, proof) = judged(accepts.clone(), &[5672]);
        assert_eq!(said, "healthy: ");
        let expected = "accepts connections on 127.0.0.1:25672; not asked for more: because";
        assert_eq!(proof.unwrap(), expected);
        for answer in [alive(false), alive(true), accepts] {
            let (said, _) = judged(answer, &[]);
            assert_eq!(said, "unhealthy: beam.smp does not listen on port 5672");
        }
    }
}
