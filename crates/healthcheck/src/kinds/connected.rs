//! The service holds a living connection to what it needs: owned by the right
//! process, established, to an address that its settings name today, and
//! moving. What the kernel knows of that very socket tells a wedged process, a
//! frozen peer and a cut network apart, with no traffic of ours.

mod dependency;
mod movement;
mod speaks;

use super::amqp::{self, Amqp};
use super::{Fields, Judgement, Kind, Level};
use crate::definition::{OneOrMany, Var};
use crate::owner::Holders;
use crate::peer::{Hosts, Replies};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::settings::Unfound;
use crate::text::either;
use crate::verdict::Verdict;
use dependency::{Answer, Dependency, End, Tried};
use movement::{Expected, Heartbeat};
use serde::{Deserialize, Serialize};
use speaks::Speaks;
use std::net::SocketAddr;
use std::time::Duration;
use vantage::{
    Blind, Deadline, Port, Protocol, Socket, SocketSource, SocketState, Vantage, Wanted,
};

/// The service holds a living connection.
pub struct Connected {
    program: Program,
    dependency: Dependency,
    /// How it would log in, where that is known. Whose fault it is that it has not depends on whether it could.
    login: Option<Amqp>,
    /// What must move, or why that is not known.
    heartbeat: Result<Option<Heartbeat>, Unfound>,
    /// What is spoken, where that is known.
    speaks: Option<Speaks>,
}

/// The fields of a `connected` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// Which program; the definition's if not given.
    process: Option<Program>,
    /// To what: URLs or addresses, mostly `"{transport_url}"`.
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    /// To which ports, when `to` is not given or not to be found.
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    /// How often something must move, if it must.
    heartbeat: Option<Var<Duration>>,
    /// How often the service looks after that; oslo.messaging's `heartbeat_rate`.
    heartbeat_rate: Option<Var<u64>>,
    /// What is spoken, so that who never answers is known by that.
    speaks: Option<Speaks>,
    /// Whether a port may as well be the process's own, or a UDP socket's.
    #[serde(default)]
    either_end: bool,
    tls: Option<Var<bool>>,
    ca: Option<Var<String>>,
    certificate: Option<Var<String>>,
    key: Option<Var<String>>,
    verify_name: Option<Var<bool>>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    processes: Vec<u32>,
    /// Established, to what is named.
    connections: Vec<Connection>,
    /// UDP sockets on such a port.
    datagrams: Vec<String>,
    /// Established on such a port, to something else.
    elsewhere: Vec<String>,
    /// Asked for and not answered.
    asking: Vec<String>,
    /// Closed by the other side.
    closed: Vec<String>,
    /// Established, to what is named, and nobody can tell whose.
    perhaps: Vec<String>,
    /// Names that could not be resolved, and why.
    unresolved: Vec<String>,
    /// What each address answered when nothing was connected.
    tried: Vec<Tried>,
    /// What came of logging in instead, as the service would.
    login: Option<Replies<amqp::Answer>>,
    /// Why one could not be tried.
    untried: Option<String>,
    /// Why movement could not be seen.
    motionless: Option<(String, Option<String>)>,
    /// Why owners are known by their user only.
    weaker: Option<(String, Option<String>)>,
}

/// One connection.
#[derive(Debug, Serialize)]
struct Connection {
    local: String,
    remote: String,
    unread: u32,
    unsent: u32,
    movement: Option<movement::Moved>,
}

impl Kind for Connected {
    const NAME: &'static str = "connected";
    const ABOUT: &'static str = "the right process holds an established connection to an address its settings name today, and bytes move on it";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"connected\"
to = \"amqp://rabbit1:5672,rabbit2:5672\"   # mostly \"{transport_url}\", from [settings]
port = [5671, 5672]                       # when nothing says where to
heartbeat = \"60s\"                         # oslo.messaging's heartbeat_timeout_threshold
";
    const FIELDS: Fields = &[
        ("process", "the program; the definition's if not given"),
        ("to", "URLs or addresses, mostly `\"{transport_url}\"`"),
        (
            "port",
            "the ports, for an address without one, and when `to` is not given or not to be found",
        ),
        (
            "either-end",
            "a connection that others made to such a port counts as well, and a UDP socket on it",
        ),
        ("heartbeat", "how often something must move; `0` or not given: nothing must"),
        ("heartbeat-rate", "oslo.messaging's `heartbeat_rate`; 2 if not given"),
        (
            "speaks",
            "`amqp`, `ovsdb` or `redis`: a connection on which the other side never answered is dead, heartbeats or not; `amqp` where there is a heartbeat",
        ),
        (
            "tls",
            "this and the next: how the service speaks to RabbitMQ, as in `amqp`. Where it holds no connection, whose fault that is depends on whether it is let in",
        ),
        ("ca", "as in `amqp`"),
        ("certificate", "as in `amqp`"),
        ("key", "as in `amqp`"),
        ("verify-name", "as in `amqp`"),
    ];
    const PROVES: Level = Level::Moves;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene.required_program(written.process.as_ref())?;
        let end = if written.either_end { End::Either } else { End::Remote };
        let dependency = Dependency::plan(&written.to, &written.port, end, scene)?;
        let timeout = written.heartbeat.as_ref().map(|every| scene.value(every));
        let rate = written.heartbeat_rate.as_ref().map_or(Ok(2), |rate| scene.value(rate));
        let heartbeat = match timeout.map(|timeout| timeout.and_then(|t| Ok((t, rate?)))) {
            None => Ok(None),
            Some(Ok((timeout, rate))) => Ok(Heartbeat::new(timeout, rate)),
            // Whose it is and that it stands is still proof.
            Some(Err(Unplanned::Unfound(unfound))) => Err(unfound),
            Some(Err(other)) => return Err(other),
        };
        let login = written.login(scene).ok();
        // Heartbeats are the bus's.
        let speaks = written.speaks.or(written.heartbeat.is_some().then_some(Speaks::Amqp));
        Ok(Self { program, dependency, login, heartbeat, speaks })
    }

    fn describe(&self) -> String {
        format!("that {} holds a living connection to {}", self.program, self.dependency)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let ports = self.dependency.ports();
        let wanted = Wanted { protocol: Protocol::Tcp, listening: false, ports };
        let mut table = from.sockets(&wanted, by)?;
        // The broker's own ends of others' connections are nobody's that is looked for.
        table.sockets.retain(|socket| self.dependency.may_be(socket));
        let holders = Holders::find(table.inodes(), Some(&self.program), from)?;
        // A name server that is gone must not take the time the rest needs.
        let mut resolved = self.dependency.resolve(from, by.at_most(Duration::from_secs(1)));
        let mut seen = Seen {
            processes: holders.pids.iter().map(|pid| pid.get()).collect(),
            connections: Vec::new(),
            datagrams: Vec::new(),
            elsewhere: Vec::new(),
            asking: Vec::new(),
            closed: Vec::new(),
            perhaps: Vec::new(),
            unresolved: resolved.unresolved.clone(),
            tried: Vec::new(),
            login: None,
            untried: None,
            motionless: match &table.source {
                SocketSource::SockDiag => None,
                SocketSource::ProcNet(blind) => Some((blind.to_string(), blind.hint.clone())),
            },
            weaker: holders.weaker().map(|blind| (blind.to_string(), blind.hint.clone())),
        };
        for socket in &table.sockets {
            if !holders.hold(socket) {
                let alive = socket.state == SocketState::Established;
                if alive && holders.may_hold(socket) && self.dependency.names(socket, &resolved) {
                    push_once(&mut seen.perhaps, socket.remote);
                }
                continue;
            }
            let named = self.dependency.names(socket, &resolved);
            match (socket.state, named) {
                (SocketState::Established, true) => seen.connections.push(Connection::new(socket)),
                (SocketState::Established, false)
                    if self.dependency.has_port(socket.remote.port()) =>
                {
                    push_once(&mut seen.elsewhere, socket.remote);
                }
                (SocketState::SynSent, true) => push_once(&mut seen.asking, socket.remote),
                (SocketState::CloseWait, true) => push_once(&mut seen.closed, socket.remote),
                _ => {}
            }
        }
        if self.dependency.counts_datagrams() && seen.connections.is_empty() {
            for listening in [true, false] {
                let ports = self.dependency.ports();
                let wanted = Wanted { protocol: Protocol::Udp, listening, ports };
                let table = from.sockets(&wanted, by)?;
                let holders = Holders::find(table.inodes(), Some(&self.program), from)?;
                for socket in table.sockets.iter().filter(|socket| holders.hold(socket)) {
                    push_once(&mut seen.datagrams, socket.local);
                }
            }
        }
        // Only now, when it is broken anyway, do we knock: whose fault it is
        // depends on whether the dependency answers.
        let absent =
            seen.connections.is_empty() && seen.datagrams.is_empty() && seen.elsewhere.is_empty();
        if !absent || !seen.perhaps.is_empty() || seen.processes.is_empty() {
            return Ok(seen);
        }
        if let Some(login) = &self.login {
            match login.observe(from, by) {
                Ok(replies) => seen.login = Some(replies),
                Err(blind) => seen.untried = Some(blind.to_string()),
            }
        } else {
            // Where ports are all that is known, the dead connections say who was meant.
            let is_dead = |socket: &&Socket| {
                matches!(socket.state, SocketState::SynSent | SocketState::CloseWait)
                    && holders.hold(socket)
                    && self.dependency.names(socket, &resolved)
            };
            let dead: Vec<&Socket> = table.sockets.iter().filter(is_dead).collect();
            resolved.add(&dead);
            (seen.tried, seen.untried) =
                resolved.try_each(self.speaks.map(Speaks::first_word), from, by);
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let mut judgement = if seen.processes.is_empty() {
            let because = format!("{} is not running, so it is connected to nothing", self.program);
            Verdict::own_fault(because).into()
        } else if seen.connections.is_empty() && !seen.datagrams.is_empty() {
            Judgement::healthy(format!("UDP socket on {}", seen.datagrams.join(", ")))
        } else if seen.connections.is_empty() {
            let judgement = self.judge_absence(seen);
            match &seen.untried {
                Some(why) => judgement.proof(format!("whether it accepts is not known ({why})")),
                None => judgement,
            }
        } else {
            self.judge_movement(seen)
        };
        if let Some((blind, hint)) = seen.weaker.as_ref().or(seen.motionless.as_ref()) {
            let what = if seen.weaker.is_some() {
                "owner known by its user only"
            } else {
                "movement not seen"
            };
            let proof =
                judgement.proof.take().map_or_else(String::new, |proof| format!("{proof}, "));
            judgement.proof = Some(format!("{proof}{what} ({blind})"));
            judgement.hint = judgement.hint.or_else(|| hint.clone());
        }
        judgement
    }
}

impl Written {
    fn login(&self, scene: &Scene<'_>) -> Result<Amqp, Unplanned> {
        let files = [&self.ca, &self.certificate, &self.key];
        let (tls, verify_name) = (self.tls.as_ref(), self.verify_name.as_ref());
        Amqp::at(&self.to, tls, files, verify_name, Hosts::UntilOneAnswers, scene)
    }
}

impl Connected {
    fn heartbeat(&self) -> Option<&Heartbeat> {
        self.heartbeat.as_ref().ok()?.as_ref()
    }

    /// No connection to what is named: whose fault is it?
    fn judge_absence(&self, seen: &Seen) -> Judgement {
        let (program, dependency) = (&self.program, &self.dependency);
        if let (Some((blind, _)), Some(remote)) = (&seen.weaker, seen.perhaps.first()) {
            let because = format!("cannot see whose connection to {remote} is: {blind}");
            return Verdict::unknown(because).into();
        }
        if !seen.elsewhere.is_empty() {
            let because = format!(
                "{program} is connected to {}, which {} does not name today",
                either(&seen.elsewhere),
                dependency.origin()
            );
            return Verdict::degraded(because).into();
        }
        match (&self.login, &seen.login) {
            (Some(login), Some(replies)) => match replies.answered() {
                Some(whom) => self.judge_idleness(seen, whom, "lets it in").into(),
                None => login.judge(replies),
            },
            _ => self.judge_knock(seen).into(),
        }
    }

    /// No connection to one who would take it.
    fn judge_idleness(&self, seen: &Seen, whom: &str, does: &str) -> Verdict {
        let program = &self.program;
        let because = match seen.closed.is_empty() {
            true => format!("{program} holds no connection to {whom}, which {does}"),
            false => format!(
                "{program} keeps a connection that {} has closed, and made no other",
                either(&seen.closed)
            ),
        };
        Verdict::own_fault(because)
    }

    fn judge_knock(&self, seen: &Seen) -> Verdict {
        let (program, dependency) = (&self.program, &self.dependency);
        let accepting = seen.tried.iter().find(|tried| tried.answer == Answer::Accepts);
        let silent = seen.tried.iter().find(|tried| tried.answer != Answer::Accepts);
        match (accepting, silent) {
            (Some(tried), _) => self.judge_idleness(seen, &tried.address, "accepts connections"),
            (None, Some(tried)) => {
                Verdict::dependency(format!("{} ({})", tried.said, dependency.origin()))
            }
            (None, None) => match seen.unresolved.first() {
                Some(unresolved) => {
                    Verdict::dependency(format!("{unresolved} ({})", dependency.origin()))
                }
                None if !seen.asking.is_empty() => Verdict::dependency(format!(
                    "no answer from {}, which {program} is trying to reach",
                    either(&seen.asking)
                )),
                None if !seen.closed.is_empty() => Verdict::dependency(format!(
                    "{} has closed the connection",
                    either(&seen.closed)
                )),
                // Nobody could be asked whose fault it is. A restart is not known to help.
                None => {
                    Verdict::dependency(format!("{program} holds no connection to {dependency}"))
                }
            },
        }
    }

    fn judge_movement(&self, seen: &Seen) -> Judgement {
        let connections = &seen.connections;
        let expected = Expected { heartbeat: self.heartbeat(), answers: self.speaks.is_some() };
        let stalls: Vec<_> = connections
            .iter()
            .map(|connection| {
                let moved = connection.movement.as_ref()?;
                movement::stall(moved, connection.unread, connection.unsent, expected)
            })
            .collect();
        let told = |index: usize, stall: &movement::Stall| {
            stall.told(&self.program, &connections[index].remote)
        };
        let first =
            stalls.iter().enumerate().find_map(|(index, stall)| Some((index, stall.as_ref()?)));
        // What lies unread is proof of a wedge on its own; silence on one of
        // several connections may be one that is about to be replaced.
        let unread = stalls
            .iter()
            .enumerate()
            .filter_map(|(index, stall)| Some((index, stall.as_ref()?)))
            .find(|(_, stall)| matches!(stall, movement::Stall::Unread { .. }));
        if let Some((index, stall)) = unread {
            return Judgement::from(stall.verdict(told(index, stall))).late();
        }
        if let Some((index, stall)) = first {
            if stalls.iter().all(Option::is_some) {
                return Judgement::from(stall.verdict(told(index, stall))).late();
            }
            let count = stalls.iter().flatten().count();
            let because =
                format!("{} ({count} of {} connections)", told(index, stall), stalls.len());
            return Verdict::degraded(because).into();
        }
        let mut remotes: Vec<&str> = connections.iter().map(|one| one.remote.as_str()).collect();
        remotes.sort_unstable();
        remotes.dedup();
        let count = connections.len();
        let noun = if count == 1 { "connection" } else { "connections" };
        let mut proof = format!("{count} {noun} to {}", remotes.join(", "));
        if let Some(heard) = connections
            .iter()
            .filter_map(|one| one.movement.as_ref())
            .map(|moved| moved.received_ms)
            .min()
        {
            proof.push_str(&format!(", last heard {} s ago", heard / 1000));
        }
        match &self.heartbeat {
            Ok(Some(_)) => {}
            Ok(None) => proof.push_str(", with no heartbeat to expect"),
            Err(why) => proof.push_str(&format!(", with no heartbeat known ({why})")),
        }
        if let Some(why) = self.dependency.doubt() {
            proof.push_str(&format!(", judged by the port ({why})"));
        }
        if let Some(unresolved) = seen.unresolved.first() {
            proof.push_str(&format!(" ({unresolved}: judged by the port)"));
        }
        Judgement::healthy(proof)
    }
}

impl Connection {
    fn new(socket: &Socket) -> Self {
        Self {
            local: socket.local.to_string(),
            remote: socket.remote.to_string(),
            unread: socket.receive_queue,
            unsent: socket.send_queue,
            movement: socket.movement.as_ref().map(movement::Moved::from),
        }
    }
}

fn push_once(list: &mut Vec<String>, address: SocketAddr) {
    let address = address.to_string();
    if !list.contains(&address) {
        list.push(address);
    }
}
