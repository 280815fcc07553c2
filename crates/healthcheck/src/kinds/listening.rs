//! The service listens: the port is bound, by the right process, and the queue
//! of connections it has not yet accepted is not full. What comes in by UDP is read.

use super::{Fields, Judgement, Kind, Level, Waits};
use crate::definition::{OneOrMany, Var};
use crate::owner::Holders;
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::text::either;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;
use vantage::{
    Blind, Deadline, Pid, Port, Protocol, Scheduled, Socket, SocketSource, SocketState, Vantage,
    Wanted,
};

/// How long datagrams may wait and nobody reads any. Who is alive reads at once, or, where
/// it is busy with one, soon the next.
const WATCHED: Duration = Duration::from_secs(2);

/// What a look with little time must have watched at least to say anything of it.
const WATCHED_AT_LEAST: Duration = Duration::from_millis(500);

/// Between two looks at what waits, in milliseconds: so uneven that nothing regular falls
/// between them.
const PAUSES: [u64; 5] = [7, 19, 11, 29, 17];

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
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<Unread>,
}

/// Datagrams waited from the first look to the last, and their queue never shrank.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Unread {
    /// For so many milliseconds.
    watched: u64,
    /// So many others found no room meanwhile.
    dropped: u32,
    /// Whether a process that holds the socket has run meanwhile; absent where that is not
    /// known. A queue that is filled as fast as it is read does not shrink either.
    #[serde(skip_serializing_if = "Option::is_none")]
    ran: Option<bool>,
}

impl Kind for Listening {
    const NAME: &'static str = "listening";
    const ABOUT: &'static str = "the right process listens on a TCP or UDP port, and takes the connections or reads the datagrams that come in";
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
        let mut held = Vec::new();
        for socket in table.sockets.iter().filter(|socket| self.is_wanted(socket)) {
            let port = socket.local.port();
            if holders.hold(socket) {
                held.push(socket);
                seen.listeners.push(Listener {
                    address: socket.local.to_string(),
                    port,
                    waiting: socket.receive_queue,
                    room: socket.send_queue,
                    unread: None,
                });
            } else if holders.may_hold(socket) {
                seen.perhaps.push(port);
            } else if !seen.others.contains(&port) {
                seen.others.push(port);
            }
        }
        if self.protocol == Protocol::Udp {
            watch(&mut seen.listeners, &held, &holders.pids, &wanted, from, by);
        }
        Ok(seen)
    }

    fn waits(&self) -> Waits {
        match self.protocol {
            Protocol::Tcp => Waits::Never,
            // For those who read.
            Protocol::Udp => Waits::ForAnAnswer,
        }
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
        let unread = seen.listeners.iter().find_map(|one| Some((one, one.unread?)));
        if let Some(verdict) = unread.and_then(|(one, unread)| self.unread(one, unread)) {
            return Judgement::from(verdict).late();
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

/// A socket for which datagrams wait.
struct Waiting<'a> {
    listener: &'a mut Listener,
    socket: &'a Socket,
    dropped: u32,
    /// Who holds it, and what they had run when the watch began.
    holders: Option<(Vec<Pid>, Scheduled)>,
}

/// Which of these processes hold a socket; `None` where that is not to be seen.
fn holders(socket: &Socket, pids: &[Pid], from: &Vantage) -> Option<Vec<Pid>> {
    let wanted = HashSet::from([socket.inode]);
    let mut holders = Vec::new();
    for pid in pids {
        if !from.sockets_held_of(*pid, &wanted).ok()?.is_empty() {
            holders.push(*pid);
        }
    }
    Some(holders)
}

/// Looks again and again at the sockets for which datagrams wait, until a queue has shrunk
/// or is gone: then somebody reads.
fn watch(
    listeners: &mut [Listener],
    held: &[&Socket],
    pids: &[Pid],
    wanted: &Wanted,
    from: &Vantage,
    by: Deadline,
) {
    let mut waiting: Vec<Waiting<'_>> = listeners
        .iter_mut()
        .zip(held)
        .filter(|(listener, _)| listener.waiting > 0)
        .map(|(listener, socket)| {
            let holders = holders(socket, pids, from).map(|pids| {
                let begun = from.scheduled(&pids);
                (pids, begun)
            });
            Waiting { listener, socket, dropped: 0, holders }
        })
        .collect();
    let mut watched = Duration::ZERO;
    for pause in PAUSES.iter().cycle().map(|pause| Duration::from_millis(*pause)) {
        if waiting.is_empty() || watched >= WATCHED {
            break;
        }
        // What cannot be seen any more is not held against it.
        let Ok(again) = from.sockets_again(wanted, pause, by) else { return };
        let Some(again) = again else { break };
        watched += pause;
        waiting.retain_mut(|one| {
            let now = again.sockets.iter().find(|now| now.inode == one.socket.inode);
            let bytes = now.map_or(0, |now| now.receive_queue);
            let shrunk = bytes < one.listener.waiting;
            one.listener.waiting = bytes;
            if let (Some(now), Some(then)) = (now.and_then(|now| now.dropped), one.socket.dropped) {
                one.dropped = now.wrapping_sub(then);
            }
            !shrunk
        });
    }
    if watched < WATCHED_AT_LEAST {
        return;
    }
    let watched = watched.as_millis() as u64;
    for Waiting { listener, dropped, holders, .. } in waiting {
        let ran = holders.and_then(|(pids, begun)| from.scheduled(&pids).ran_since(&begun));
        listener.unread = Some(Unread { watched, dropped, ran });
    }
}

impl Listening {
    fn who(&self) -> String {
        self.program.as_ref().map_or_else(|| "a process here".to_owned(), ToString::to_string)
    }

    /// Who has not run has not read. Who has may read as much as comes in, unless some was lost.
    fn unread(&self, listener: &Listener, unread: Unread) -> Option<Verdict> {
        let (who, Listener { address, waiting, .. }) = (self.who(), listener);
        let Unread { watched, dropped, ran } = unread;
        let over = format!("{:.1} s", Duration::from_millis(watched).as_secs_f64());
        if ran == Some(false) {
            return Some(Verdict::own_fault(format!(
                "{who} does not read what comes in on UDP {address}: {waiting} bytes wait, and \
                 it has not run for {over}"
            )));
        }
        (dropped > 0).then(|| {
            Verdict::degraded(format!(
                "{who} does not keep up with what comes in on UDP {address}: {dropped} datagrams \
                 were dropped in {over}, and {waiting} bytes wait"
            ))
        })
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

#[cfg(test)]
mod tests {
    use super::{Judgement, Kind, Listener, Listening, Program, Protocol, Seen, Unread};
    use vantage::Port;

    fn judged(unread: Option<Unread>) -> Judgement {
        let kind = Listening {
            program: Some(Program::named(["octavia-health-manager"])),
            protocol: Protocol::Udp,
            ports: vec![Port::new(5555).unwrap()],
            all: false,
        };
        let address = "0.0.0.0:5555".to_owned();
        kind.judge(&Seen {
            processes: vec![7],
            listeners: vec![Listener { address, port: 5555, waiting: 768, room: 0, unread }],
            others: Vec::new(),
            perhaps: Vec::new(),
            queueless: None,
            weaker: None,
        })
    }

    const WATCHED: Unread = Unread { watched: 2000, dropped: 0, ran: Some(true) };

    #[test]
    fn datagrams_that_nobody_reads_are_its_fault() {
        let stuck = judged(Some(Unread { ran: Some(false), dropped: 3, ..WATCHED }));
        assert_eq!(
            stuck.verdict.because().unwrap(),
            "octavia-health-manager does not read what comes in on UDP 0.0.0.0:5555: 768 bytes \
             wait, and it has not run for 2.0 s"
        );
        assert_eq!(stuck.verdict.blame().unwrap().to_string(), "self");
        assert!(stuck.late, "who was not let run is not to blame");
    }

    #[test]
    fn who_is_busy_may_have_read_them() {
        for ran in [Some(true), None] {
            let judged_as = |dropped| judged(Some(Unread { ran, dropped, ..WATCHED }));
            assert_eq!(judged_as(0).verdict.word(), "healthy");
            let lossy = judged_as(401);
            assert_eq!(lossy.verdict.word(), "degraded");
            let because = lossy.verdict.because().unwrap();
            assert!(because.contains("401 datagrams were dropped in 2.0 s"), "{because}");
        }
        assert_eq!(judged(None).verdict.word(), "healthy");
    }
}
