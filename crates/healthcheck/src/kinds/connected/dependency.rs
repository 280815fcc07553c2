//! What a service is to be connected to: the addresses its settings name
//! today, or, where none can be found, ports alone.

use crate::definition::{OneOrMany, Var};
use crate::plan::{Scene, Unplanned};
use crate::settings::endpoints::endpoints;
use crate::settings::url::Endpoint;
use crate::text::shown;
use serde::Serialize;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use vantage::{Deadline, DialError, Port, Socket, Stream, Vantage};

/// Databases in a file, and transports within one process for trials.
const CONNECTIONLESS: [&str; 4] = ["sqlite:", "fake:", "kombu+memory:", "memory:"];

/// How long a living program may take to answer a greeting.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a service is to be connected to.
pub(super) enum Dependency {
    /// These, and where they were found.
    Named { endpoints: Vec<(String, Port)>, origin: String },
    /// Anything on these ports, and why nothing better is known.
    Ports { ports: Vec<Port>, because: Option<String>, end: End },
}

/// Which end of a connection a port is looked for at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Remote,
    Either,
}

/// The addresses of the names.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    addresses: Vec<SocketAddr>,
    /// Ports whose host's name could not be resolved: judged by the port alone.
    blind_ports: Vec<Port>,
    /// Why.
    pub(super) unresolved: Vec<String>,
}

/// What an address answered.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) address: String,
    pub(super) answer: Answer,
    /// In words.
    pub(super) said: String,
}

/// How an address answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Accepts,
    Refuses,
    Silent,
}

impl Dependency {
    pub(super) fn plan(
        to: &OneOrMany<Var<String>>,
        port: &OneOrMany<Var<Port>>,
        end: End,
        scene: &Scene<'_>,
    ) -> Result<Self, Unplanned> {
        let asked_for = scene.ports_asked_for();
        let ports: Result<Vec<Port>, _> = match asked_for {
            [] => port.as_slice().iter().map(|port| scene.value(port)).collect(),
            asked_for => Ok(asked_for.to_vec()),
        };
        let ports = ports?;
        match named(to, &ports, scene) {
            // Ports that were asked for win; where the settings name them too,
            // the settings say more.
            Ok(Some(named)) if !asked_for.is_empty() && !named.has_one_of(asked_for) => {
                Ok(Self::Ports { ports, because: None, end })
            }
            Err(Unplanned::Moot(why)) => Err(Unplanned::Moot(why)),
            Err(_) if !asked_for.is_empty() => Ok(Self::Ports { ports, because: None, end }),
            Ok(Some(named)) => Ok(named),
            Ok(None) if ports.is_empty() => {
                Err(Unplanned::Nothing("expected `to` or `port`, found neither".into()))
            }
            Ok(None) => Ok(Self::Ports { ports, because: None, end }),
            // The predecessors knew the port alone; that much is still proof.
            Err(Unplanned::Unfound(unfound)) if !ports.is_empty() => {
                Ok(Self::Ports { ports, because: Some(unfound.to_string()), end })
            }
            Err(other) => Err(other),
        }
    }

    /// The ports to look for.
    pub(super) fn ports(&self) -> Vec<Port> {
        let mut ports: Vec<Port> = match self {
            Self::Named { endpoints, .. } => endpoints.iter().map(|(_, port)| *port).collect(),
            Self::Ports { ports, .. } => ports.clone(),
        };
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    pub(super) fn has_port(&self, port: u16) -> bool {
        self.ports().iter().any(|wanted| wanted.get() == port)
    }

    /// Whether a socket may be one that is looked for, by its ports.
    pub(super) fn may_be(&self, socket: &Socket) -> bool {
        self.has_port(socket.remote.port())
            || (self.is_at_either_end() && self.has_port(socket.local.port()))
    }

    /// Why nothing better than ports is known, if something was to be.
    pub(super) fn doubt(&self) -> Option<&str> {
        match self {
            Self::Named { .. } => None,
            Self::Ports { because, .. } => because.as_deref(),
        }
    }

    fn has_one_of(&self, ports: &[Port]) -> bool {
        ports.iter().any(|port| self.has_port(port.get()))
    }

    /// Whether a port may be the process's own.
    fn is_at_either_end(&self) -> bool {
        matches!(self, Self::Ports { end: End::Either, .. })
    }

    /// Whether a UDP socket may stand in place of a connection.
    pub(super) fn counts_datagrams(&self) -> bool {
        self.is_at_either_end()
    }

    /// Where it was found out, for messages.
    pub(super) fn origin(&self) -> &str {
        match self {
            Self::Named { origin, .. } => origin,
            Self::Ports { .. } => "by its port",
        }
    }

    /// The addresses of the names, as the container would have them.
    pub(super) fn resolve(&self, from: &Vantage, by: Deadline) -> Resolved {
        let mut resolved = Resolved::default();
        let Self::Named { endpoints, .. } = self else { return resolved };
        for (host, port) in endpoints {
            match from.resolve(host, by) {
                Ok(addresses) => {
                    let addresses = addresses.into_iter().map(unmapped);
                    resolved.addresses.extend(addresses.map(|ip| SocketAddr::new(ip, port.get())));
                }
                Err(error) => {
                    resolved.blind_ports.push(*port);
                    resolved.unresolved.push(error.to_string());
                }
            }
        }
        resolved
    }

    /// Whether a socket's other side is one of those that are named.
    pub(super) fn names(&self, socket: &Socket, resolved: &Resolved) -> bool {
        let remote = SocketAddr::new(unmapped(socket.remote.ip()), socket.remote.port());
        match self {
            Self::Named { .. } => {
                resolved.addresses.contains(&remote)
                    || resolved.blind_ports.iter().any(|port| port.get() == remote.port())
            }
            Self::Ports { ports, end, .. } => ports.iter().any(|port| {
                port.get() == remote.port()
                    || (*end == End::Either && port.get() == socket.local.port())
            }),
        }
    }
}

impl Resolved {
    /// Adds the other sides of sockets.
    pub(super) fn add(&mut self, sockets: &[&Socket]) {
        for socket in sockets {
            let remote = SocketAddr::new(unmapped(socket.remote.ip()), socket.remote.port());
            if !self.addresses.contains(&remote) {
                self.addresses.push(remote);
            }
        }
    }

    /// Knocks at each address, until one answers; and why one could not be tried. That a kernel accepts proves nothing of the
    /// program behind it, so where there is a `greeting`, something must come back for it.
    pub(super) fn try_each(
        &self,
        greeting: Option<&[u8]>,
        from: &Vantage,
        by: Deadline,
    ) -> (Vec<Tried>, Option<String>) {
        let mut tried = Vec::new();
        let mut untried = None;
        for (index, address) in self.addresses.iter().enumerate() {
            // What is left is shared, so that a silent first host leaves time for a living second.
            let left = (self.addresses.len() - index) as u32;
            let by = by.at_most(by.remaining() / left);
            let greeted = from.connect(*address, by);
            let greeted = greeted.map(|stream| greeting.is_none_or(|words| answers(stream, words)));
            let (answer, said) = match greeted {
                Ok(true) => (Answer::Accepts, format!("{address} accepts connections")),
                Ok(false) => {
                    (Answer::Silent, format!("{address} accepts connections and answers nothing"))
                }
                Err(error @ DialError::Refused(_)) => (Answer::Refuses, error.to_string()),
                // We could not try: that says nothing of the other side.
                Err(DialError::Blind(blind)) => {
                    untried.get_or_insert_with(|| blind.to_string());
                    continue;
                }
                Err(error) => (Answer::Silent, error.to_string()),
            };
            tried.push(Tried { address: address.to_string(), answer, said });
            if answer == Answer::Accepts {
                break;
            }
        }
        (tried, untried)
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { endpoints, origin } => {
                let names: Vec<_> = endpoints
                    .iter()
                    .map(|(host, port)| shown(&format!("{host}:{port}"), 60))
                    .collect();
                write!(f, "{} ({origin})", crate::text::either(&names))
            }
            Self::Ports { ports, because, .. } => {
                let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
                write!(f, "port {}", crate::text::either(&ports))?;
                match because {
                    Some(because) => write!(f, " ({because})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Whether anything comes back for `greeting`: bytes, or an end. Only silence is none.
fn answers(stream: Stream, greeting: &[u8]) -> bool {
    let by = stream.deadline().at_most(PATIENCE);
    let mut stream = stream.with_deadline(by);
    let answered = stream.write_all(greeting).and_then(|()| stream.read(&mut [0; 8]));
    !answered.is_err_and(|error| error.kind() == ErrorKind::TimedOut)
}

/// The addresses that settings name; `None` where the definition refers to none.
fn named(
    to: &OneOrMany<Var<String>>,
    ports: &[Port],
    scene: &Scene<'_>,
) -> Result<Option<Dependency>, Unplanned> {
    let mut found = Vec::new();
    let mut origins = Vec::new();
    let mut moot = None;
    for address in to.as_slice() {
        let text = scene.text(address)?;
        let origin = scene.origins(address);
        let places = endpoints(&text, ports).map_err(|error| Unplanned::Malformed {
            origin: origin.clone(),
            error: error.to_string(),
        })?;
        for place in places {
            match place {
                Endpoint::Tcp { host, port } => found.push((host, port)),
                Endpoint::Unix(path) => moot = Some(format!("the unix socket {}", path.display())),
            }
        }
        if CONNECTIONLESS.iter().any(|scheme| text.trim().starts_with(scheme)) {
            moot = Some("what takes no connection".into());
        }
        origins.push(origin);
    }
    found.dedup();
    let origin = origins.join(", ");
    if let (true, Some(what)) = (found.is_empty(), moot) {
        return Err(Unplanned::Moot(format!("{origin} names {what}")));
    }
    Ok((!found.is_empty()).then_some(Dependency::Named { endpoints: found, origin }))
}

/// An IPv4 address that is written as an IPv6 one, as IPv4.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Resolved};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;
    use vantage::{Deadline, Vantage};

    fn knock(listener: &TcpListener) -> Answer {
        let addresses = vec![listener.local_addr().unwrap()];
        let by = Deadline::after(Duration::from_secs(10));
        let resolved = Resolved { addresses, ..Resolved::default() };
        let (tried, _) = resolved.try_each(Some(b"hello"), &Vantage::inside().unwrap(), by);
        tried[0].answer
    }

    #[test]
    fn a_frozen_program_whose_kernel_accepts_has_not_answered() {
        let never_accepts = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(knock(&never_accepts), Answer::Silent);
    }

    #[test]
    fn a_program_that_speaks_or_hangs_up_has_answered() {
        for reply in [&b"AMQP"[..], b""] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let own = listener.try_clone().unwrap();
            let server = thread::spawn(move || {
                let mut client = own.accept().unwrap().0;
                client.read_exact(&mut [0; 5]).unwrap();
                client.write_all(reply).unwrap();
            });
            assert_eq!(knock(&listener), Answer::Accepts);
            server.join().unwrap();
        }
    }
}
