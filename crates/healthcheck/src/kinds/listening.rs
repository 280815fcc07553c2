//! The service listens: the port is bound, by the right process, and the queue
//! of connections it has not yet accepted is not full.

use super::{Fields, Judgement, Kind, Level, Waits};
use crate::definition::{OneOrMany, Var};
use crate::owner::Holders;
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::text::either;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use vantage::{
    Blind, Deadline, Port, Protocol, Socket, SocketSource, SocketState, Vantage, Wanted,
};

/// The service listens.
pub struct Listening {
    program: Option<Program>,
    protocol: Protocol,
    ports: Vec<Port>,
    all: bool,
}

/// The fields of a `listening` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// Which program; the definition's if not given, any if that names none.
    process: Option<Program>,
    /// On which ports: one of them, unless `all`.
    port: OneOrMany<Var<Port>>,
    /// `tcp` or `udp`.
    #[serde(default)]
    protocol: WrittenProtocol,
    /// Whether it must listen on every port.
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenProtocol {
    #[default]
    Tcp,
    Udp,
}

/// The sockets that were seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    processes: Vec<u32>,
    listeners: Vec<Listener>,
    /// The ports that somebody else listens on.
    others: Vec<u16>,
    /// The ports on which somebody listens and nobody can tell who.
    perhaps: Vec<u16>,
    /// Why queues could not be seen.
    queueless: Option<(String, Option<String>)>,
    /// Why owners are known by their user only.
    weaker: Option<(String, Option<String>)>,
}

/// One listening socket.
#[derive(Debug, Serialize)]
struct Listener {
    address: String,
    port: u16,
    waiting: u32,
    room: u32,
}

impl Kind for Listening {
    const NAME: &'static str = "listening";
    const ABOUT: &'static str =
        "the right process listens on a TCP or UDP port, and takes the connections that come in";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"listening\"
port = 11211                   # or \"{port}\", from [settings]; a list means one of them
protocol = \"tcp\"               # or \"udp\"
";
    const FIELDS: Fields = &[
        ("process", "the program; the definition's if not given, any if that names none"),
        ("port", "the ports: one of them is enough, unless `all`"),
        ("protocol", "`tcp` or `udp`; `tcp` if not given"),
        ("all", "`true`: it must listen on every port"),
    ];
    const WAITS: Waits = Waits::Never;
    const PROVES: Level = Level::Holds;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let mut ports = scene.ports_asked_for().to_vec();
        if ports.is_empty() {
            for port in written.port.as_slice() {
                let port = scene.value(port)?;
                // A setting may say what the definition says beside it.
                if !ports.contains(&port) {
                    ports.push(port);
                }
            }
        }
        if ports.is_empty() {
            return Err(Unplanned::Nothing("port: expected a port, found nothing".into()));
        }
        let protocol = match written.protocol {
            WrittenProtocol::Tcp => Protocol::Tcp,
            WrittenProtocol::Udp => Protocol::Udp,
        };
        let program = scene.program(written.process.as_ref());
        Ok(Self { program, protocol, ports, all: written.all })
    }

    fn describe(&self) -> String {
        format!("that {} listens on {}", self.who(), self.where_())
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let wanted = Wanted { protocol: self.protocol, listening: true, ports: self.ports.clone() };
        let table = from.sockets(&wanted, by)?;
        let holders = Holders::find(table.inodes(), self.program.as_ref(), from)?;
        let mut seen = Seen {
            processes: holders.pids.iter().map(|pid| pid.get()).collect(),
            listeners: Vec::new(),
            others: Vec::new(),
            perhaps: Vec::new(),
            queueless: match (&table.source, self.protocol) {
                (SocketSource::ProcNet(blind), Protocol::Tcp) => {
                    Some((blind.to_string(), blind.hint.clone()))
                }
                _ => None,
            },
            weaker: holders.weaker().map(|blind| (blind.to_string(), blind.hint.clone())),
        };
        for socket in table.sockets.iter().filter(|socket| self.is_wanted(socket)) {
            let port = socket.local.port();
            if holders.hold(socket) {
                seen.listeners.push(Listener {
                    address: socket.local.to_string(),
                    port,
                    waiting: socket.receive_queue,
                    room: socket.send_queue,
                });
            } else if holders.may_hold(socket) {
                seen.perhaps.push(port);
            } else if !seen.others.contains(&port) {
                seen.others.push(port);
            }
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let missing: Vec<String> = self
            .ports
            .iter()
            .filter(|port| !seen.listeners.iter().any(|listener| listener.port == port.get()))
            .map(ToString::to_string)
            .collect();
        let satisfied =
            if self.all { missing.is_empty() } else { missing.len() < self.ports.len() };
        if !satisfied {
            if let (Some((blind, hint)), Some(port)) = (&seen.weaker, seen.perhaps.first()) {
                let because = format!("cannot see whose port {port} is: {blind}");
                return Judgement { hint: hint.clone(), ..Verdict::unknown(because).into() };
            }
            let mut because = match (&self.program, seen.processes.is_empty()) {
                (Some(program), true) => format!(
                    "{program} is not running, so nothing of it listens on {}",
                    self.protocol_and(&missing)
                ),
                (Some(program), false) => {
                    format!("{program} does not listen on {}", self.protocol_and(&missing))
                }
                (None, _) => format!("no process here listens on {}", self.protocol_and(&missing)),
            };
            if let Some(other) = seen.others.first() {
                because.push_str(&format!(", another process holds {other}"));
            }
            return Verdict::own_fault(because).into();
        }
        // A queue with no room makes the kernel drop what comes in: connecting
        // ends in silence. One more than the limit is let in (`sk_acceptq_is_full`).
        if self.protocol == Protocol::Tcp
            && let Some(full) =
                seen.listeners.iter().find(|one| one.room > 0 && one.waiting > one.room)
        {
            let because = format!(
                "{} does not accept: {} connections wait on {} and there is room for {}",
                self.who(),
                full.waiting,
                full.address,
                full.room
            );
            return Verdict::own_fault(because).into();
        }
        let addresses: Vec<_> =
            seen.listeners.iter().take(4).map(|one| one.address.as_str()).collect();
        let mut proof = format!("on {}", addresses.join(", "));
        let weaker = seen.weaker.iter().map(|weaker| ("owner known by its user only", weaker));
        let queueless = seen.queueless.iter().map(|queueless| ("queue not seen", queueless));
        let mut advice = None;
        for (what, (blind, hint)) in weaker.chain(queueless) {
            proof.push_str(&format!(", {what} ({blind})"));
            advice = advice.or_else(|| hint.clone());
        }
        Judgement { hint: advice, ..Judgement::healthy(proof) }
    }
}

impl Listening {
    fn who(&self) -> String {
        self.program.as_ref().map_or_else(|| "a process here".to_owned(), ToString::to_string)
    }

    fn where_(&self) -> String {
        let ports: Vec<_> = self.ports.iter().map(ToString::to_string).collect();
        self.protocol_and(&ports)
    }

    fn protocol_and(&self, ports: &[String]) -> String {
        let protocol = match self.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "UDP ",
        };
        format!("{protocol}port {}", either(ports))
    }

    fn is_wanted(&self, socket: &Socket) -> bool {
        let waits = match self.protocol {
            Protocol::Tcp => socket.state == SocketState::Listen,
            Protocol::Udp => true,
        };
        waits && self.ports.iter().any(|port| port.get() == socket.local.port())
    }
}
