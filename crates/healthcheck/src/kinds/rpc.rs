//! The service answers a call through the bus: a ping to its own queue, and to
//! no other member's. A frozen service holds its connections and its place at
//! its queue, and answers nothing.

use super::amqp::{Account, accounts, encryption, heartbeat, name};
use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::owner::Holders;
use crate::peer::{self, Hosts, Peer, Replies, Reply};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::amqp::{Pinged, Server, ping};
use crate::protocols::http::Address;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use vantage::{Blind, Deadline, Port, Protocol, SocketState, Vantage, Wanted};

/// The service answers a call through the bus.
pub struct Rpc {
    peer: Peer,
    accounts: Vec<Account>,
    name: String,
    program: Program,
    exchange: String,
    queue: String,
    namespace: Option<String>,
}

/// The fields of an `rpc` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    to: OneOrMany<Var<String>>,
    enabled: Option<Var<bool>>,
    exchange: Var<String>,
    topic: Var<String>,
    process: Option<Program>,
    host: Option<Var<String>>,
    namespace: Option<Var<String>>,
    tls: Option<Var<bool>>,
    ca: Option<Var<String>>,
    certificate: Option<Var<String>>,
    key: Option<Var<String>>,
    verify_name: Option<Var<bool>>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    replies: Replies<Pinged>,
    /// Whether the service is connected to a broker; looked at only where nobody takes calls.
    connected: bool,
    /// How long ago it started, in seconds; likewise.
    age: Option<u64>,
}

/// How long a service may take to begin taking calls: nova-compute looks after all its
/// instances first.
const STARTING: Duration = Duration::from_secs(120);

/// How long a service that works may take to answer, in milliseconds: it does one thing after
/// the other, and its broker is a queue.
const PATIENCE: u64 = 2000;

/// Where RabbitMQ listens if nothing says so.
const PORT: Port = Port::new(5672).expect("not 0");

impl Kind for Rpc {
    const NAME: &'static str = "rpc";
    const ABOUT: &'static str = "the service answers an RPC ping through RabbitMQ, in its own queue: its project's own, or oslo.messaging's, which it does where `rpc_ping_enabled` is set";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"rpc\"
to = \"rabbit://user:password@rabbit1:5672/\"   # mostly \"{transport_url}\"
exchange = \"nova\"
topic = \"conductor\"
host = \"compute-1\"             # mostly \"{host}\"; the host's name if not given
";
    const FIELDS: Fields = &[
        (
            "to",
            "the broker's URL, mostly `\"{transport_url}\"`; where that is not to be read, the service is not pinged",
        ),
        (
            "enabled",
            "whether the service answers pings, its `rpc_ping_enabled`; where that is not to be read, it is not pinged",
        ),
        ("process", "the program; the definition's if not given"),
        ("exchange", "the project's `control_exchange`"),
        ("topic", "what the service takes calls under"),
        (
            "host",
            "the service's name among those of its topic; if not given or not set, the host's name as the service sees it",
        ),
        (
            "namespace",
            "where the service has a `ping` of its own, as nova has in `baseapi`; if not given or empty, oslo.messaging's is called",
        ),
        ("tls", "whether to speak TLS; `false` if not given"),
        ("ca", "a PEM file of authorities in the container; without it nobody verifies the broker"),
        ("certificate", "a PEM file with our own certificate, for a broker that wants it"),
        ("key", "and its key, if that is another file"),
        (
            "verify-name",
            "whether the broker's certificate must name its host; `false` if not given",
        ),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        if let Some(enabled) = &written.enabled {
            let origin = scene.origins(enabled);
            match scene.value(enabled) {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Unplanned::Moot(format!("it answers no pings ({origin})")));
                }
                // It would call a ping that it does not know an error, in its log.
                Err(Unplanned::Unfound(unfound)) => {
                    return Err(Unplanned::Moot(unfound.to_string()));
                }
                Err(other) => return Err(other),
            }
        }
        let program = scene.required_program(written.process.as_ref())?;
        let whom = peer::Written {
            to: &written.to,
            port: &OneOrMany::default(),
            unix: None,
            process: None,
        };
        let accounts = match accounts(written.to.as_slice(), scene) {
            // Who may not know how to log in has weaker proofs.
            Err(Unplanned::Unfound(unfound)) => return Err(Unplanned::Moot(unfound.to_string())),
            accounts => accounts?,
        };
        let mut peer = Peer::plan(&whom, PORT, scene)?;
        let files = [&written.ca, &written.certificate, &written.key];
        let verify_name = written.verify_name.as_ref();
        if let Some(encryption) = encryption(written.tls.as_ref(), files, verify_name, scene)? {
            peer = peer.encrypted(encryption);
        }
        let host = match written.host.as_ref().map(|host| scene.value(host)) {
            Some(Ok(host)) if !host.is_empty() => host,
            // oslo.config's default: what the kernel says.
            None | Some(Ok(_)) => scene.vantage().host_name()?,
            Some(Err(Unplanned::Unfound(unfound))) if !unfound.unreadable => {
                scene.vantage().host_name()?
            }
            Some(Err(other)) => return Err(other),
        };
        let exchange = scene.value(&written.exchange)?;
        let queue = format!("{}.{host}", scene.value(&written.topic)?);
        let namespace = written.namespace.as_ref().map(|name| scene.value(name)).transpose()?;
        let namespace = namespace.filter(|name| !name.is_empty());
        Ok(Self { peer, accounts, name: name(scene), program, exchange, queue, namespace })
    }

    fn describe(&self) -> String {
        format!("that {} answers a ping in the queue {}", self.program, shown(&self.queue, 80))
    }

    fn peer(&self) -> Option<&Peer> {
        // The broker passes a call on: who does not answer it is the service.
        None
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let mut ports = Vec::new();
        let server = Server {
            exchange: &self.exchange,
            queue: &self.queue,
            namespace: self.namespace.as_deref(),
        };
        let replies = self.peer.speak(Hosts::UntilOneAnswers, from, by, |spoken| {
            let Some(account) = Account::at(&self.accounts, spoken.host) else {
                return Err(peer::Trouble::denied("nobody to log in as"));
            };
            let heartbeat = heartbeat(&spoken.link);
            let address = spoken.address;
            let pinged = ping(spoken.link, &account.login(&self.name, heartbeat), &server)?;
            if let Address::Tcp(address) = address {
                ports.extend(Port::new(address.port()));
            }
            Ok(pinged)
        })?;
        let nobody = |reply: &Reply<Pinged>| matches!(reply.outcome, Ok(Pinged::Nobody(_)));
        match replies.0.iter().any(nobody) {
            true => self.without_a_queue(replies, &ports, from, by),
            false => Ok(Seen { replies, connected: true, age: None }),
        }
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let (program, queue) = (&self.program, shown(&self.queue, 80));
        seen.replies.judge(&self.peer, |whom, pinged| match pinged {
            Pinged::Answered => {
                Judgement::healthy(format!("{program} answers a ping in {queue} through {whom}"))
            }
            Pinged::Nobody(why) => {
                let because = format!("{program} takes no calls: {}", shown(why, 100));
                match (seen.connected, seen.age) {
                    // It will, once it has found its broker again.
                    (false, _) => {
                        let because = format!("{because}, and it is not connected to a broker");
                        Verdict::dependency(because).into()
                    }
                    (true, Some(age)) if age < STARTING.as_secs() => {
                        Verdict::unknown(format!("{because}; it started {age} s ago")).into()
                    }
                    (true, _) => Verdict::own_fault(because).into(),
                }
            }
            Pinged::Silent { waited_ms, .. } | Pinged::Stranded { waited_ms }
                if *waited_ms < PATIENCE => Verdict::unknown(format!(
                "{program} has not answered a ping in {queue} within {waited_ms} ms, which says little"
            ))
            .into(),
            // A service cannot answer what has not reached it.
            Pinged::Stranded { .. } => Judgement::from(Verdict::dependency(format!(
                "{whom} has not put a ping into {queue}; a queue whose replicas have no majority takes none"
            )))
            .late(),
            Pinged::Silent { waiting, consumers, .. } => {
                let mut because = format!("{program} does not answer a ping in {queue}");
                if *waiting > 0 {
                    because.push_str(&format!(", where {waiting} calls wait"));
                }
                if *consumers > 1 {
                    because.push_str(&format!(", or one of its {consumers} workers does not"));
                }
                Judgement::from(Verdict::own_fault(because)).late()
            }
        })
    }
}

impl Rpc {
    /// Nobody takes calls: whether the service holds a connection to the broker's port, since one
    /// that it has lost is not its own fault, and how long it has had to begin.
    fn without_a_queue(
        &self,
        replies: Replies<Pinged>,
        ports: &[Port],
        from: &Vantage,
        by: Deadline,
    ) -> Result<Seen, Blind> {
        let wanted = Wanted { protocol: Protocol::Tcp, listening: false, ports: ports.to_vec() };
        let table = from.sockets(&wanted, by)?;
        let holders = Holders::find(table.inodes(), Some(&self.program), from)?;
        let connected = table.sockets.iter().any(|socket| {
            socket.state == SocketState::Established
                && ports.iter().any(|port| port.get() == socket.remote.port())
                && (holders.hold(socket) || holders.may_hold(socket))
        });
        let ages = holders.pids.iter().filter_map(|pid| Some(from.process_status(*pid).ok()??.age));
        Ok(Seen { replies, connected, age: ages.max().map(|age| age.as_secs()) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, PORT, Pinged, Program, Rpc, Seen};
    use crate::peer::{Peer, Replies, Reply};
    use crate::settings::url::Endpoint;

    fn judged(pinged: Pinged, connected: bool, age: Option<u64>) -> String {
        let host = Endpoint::Tcp { host: "rabbit1".into(), port: PORT };
        let kind = Rpc {
            peer: Peer::dependency(vec![host], "nova.conf:2"),
            accounts: Vec::new(),
            name: String::new(),
            program: Program::named(["nova-compute"]),
            exchange: "nova".into(),
            queue: "compute.a".into(),
            namespace: None,
        };
        let replies = Replies(vec![Reply::new("rabbit1:5672", Ok(pinged))]);
        let judgement = kind.judge(&Seen { replies, connected, age });
        let (verdict, late) = (&judgement.verdict, judgement.late);
        let blame = verdict.blame().map_or("", |blame| blame.word());
        let because = verdict.because().unwrap_or_default();
        format!("{} {blame} {}: {because}", verdict.word(), if late { "late" } else { "" })
    }

    #[test]
    fn who_answers_is_healthy_and_who_does_not_is_late() {
        assert!(judged(Pinged::Answered, true, None).starts_with("healthy"));
        let silent = |waited_ms| Pinged::Silent { waiting: 3, consumers: 2, waited_ms };
        let early = judged(silent(1999), true, None);
        assert!(early.starts_with("unknown"), "{early}");
        assert_eq!(
            judged(silent(2000), true, None),
            "unhealthy self late: nova-compute does not answer a ping in compute.a, where 3 calls \
             wait, or one of its 2 workers does not"
        );
    }

    #[test]
    fn what_has_not_reached_it_is_not_its_fault() {
        let stranded = |waited_ms| judged(Pinged::Stranded { waited_ms }, true, None);
        assert!(stranded(1999).starts_with("unknown"));
        assert_eq!(
            stranded(2000),
            "unhealthy dependency late: rabbit1:5672 has not put a ping into compute.a; a queue \
             whose replicas have no majority takes none"
        );
    }

    #[test]
    fn who_takes_no_calls_is_at_fault_unless_it_has_lost_its_broker_or_just_started() {
        let nobody = || Pinged::Nobody("NOT_FOUND".to_owned());
        let takes_none = "nova-compute takes no calls: NOT_FOUND";
        let old = judged(nobody(), true, Some(120));
        assert_eq!(old, format!("unhealthy self : {takes_none}"));
        assert_eq!(judged(nobody(), true, None), old);
        let lost = judged(nobody(), false, Some(5));
        assert!(lost.starts_with("unhealthy dependency"), "{lost}");
        let fresh = judged(nobody(), true, Some(119));
        assert_eq!(fresh, format!("unknown  : {takes_none}; it started 119 s ago"));
    }
}
