//! Whom a kind speaks to: found, connected to from the container's own network,
//! within TLS where the service speaks it; and what it means where that fails.

mod encryption;
mod replies;
mod socket;
mod trouble;

pub(crate) use encryption::{Encryption, Ready, Verify};
pub(crate) use replies::{Replies, Reply, Weaker};
pub(crate) use trouble::{Trouble, What};

use crate::definition::{OneOrMany, Var};
use crate::link::Link;
use crate::listeners::{Listeners, Looked};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::http::Address;
use crate::protocols::tls::Served;
use crate::settings::endpoints::endpoints;
use crate::settings::url::Endpoint;
use crate::text::{either, shown};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use vantage::{Blind, Deadline, DialError, Obstacle, Port, UnixAddress, Vantage};

/// Whose fault it is when a peer does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The peer is the service itself.
    Own,
    /// The peer is what the service needs.
    Dependency,
}

/// Whom a kind speaks to.
#[derive(Debug, Clone)]
pub struct Peer {
    at: At,
    side: Side,
    /// Whose the listener is, where that is known; any process's of the container if not.
    program: Option<Program>,
    encryption: Option<Encryption>,
}

#[derive(Debug, Clone)]
enum At {
    /// Where a setting says, any of them.
    Named { endpoints: Vec<Endpoint>, origin: String },
    /// Where the service is found to listen: the first of these ports.
    Listening(Vec<Port>),
}

/// How many of a peer's hosts are to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// One after the other until one answers as it should.
    UntilOneAnswers,
    /// All of them.
    Each,
}

/// One host of a peer, connected to.
pub(crate) struct Spoken<'a> {
    /// The connection; within TLS already where the peer speaks it from the start.
    pub(crate) link: Link,
    /// The host's name as it was set: what a certificate is for.
    pub(crate) host: &'a str,
    /// Where it is.
    pub(crate) address: &'a Address,
}

/// How an author says whom a kind is to speak to: by one of these.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    /// URLs or addresses of what the service needs.
    pub(crate) to: &'a OneOrMany<Var<String>>,
    /// The ports of the service itself.
    pub(crate) port: &'a OneOrMany<Var<Port>>,
    /// A unix socket of the service itself; `@name` in the abstract namespace.
    pub(crate) unix: Option<&'a Var<String>>,
    /// Whose the listener must be; the definition's if not given.
    pub(crate) process: Option<&'a Program>,
}

impl Peer {
    /// Whom a definition means. `usual` is the port of addresses that name none.
    ///
    /// # Errors
    /// Where none or several of the ways are written, or a setting is not what
    /// is needed; Moot where the setting names nobody.
    pub(crate) fn plan(
        written: &Written<'_>,
        usual: Port,
        scene: &Scene<'_>,
    ) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process } = written;
        let program = scene.program(*process);
        let ways = [!to.as_slice().is_empty(), !port.as_slice().is_empty(), unix.is_some()];
        if ways.iter().filter(|way| **way).count() != 1 {
            return Err(Unplanned::Nothing("expected one of `to`, `port` and `unix`".into()));
        }
        if let Some(var) = unix {
            let path = PathBuf::from(scene.value(var)?);
            return Ok(Self::own(Endpoint::Unix(path), scene.origins(var)).run_by(program));
        }
        if ways[1] {
            let mut ports = scene.ports_asked_for().to_vec();
            if ports.is_empty() {
                for port in port.as_slice() {
                    ports.push(scene.value(port)?);
                }
            }
            return Ok(Self::listening(ports, program));
        }
        let (mut found, mut origins) = (Vec::new(), Vec::new());
        for address in to.as_slice() {
            let origin = scene.origins(address);
            // It may be a URL with a password in it.
            let text = scene.addresses(address)?;
            found.extend(endpoints(text.expose(), &[usual]).map_err(|error| {
                Unplanned::Malformed { origin: origin.clone(), error: error.to_string() }
            })?);
            origins.push(origin);
        }
        found.dedup();
        let origin = origins.join(", ");
        match found.is_empty() {
            true => Err(Unplanned::Moot(format!("{origin} names no address"))),
            false => Ok(Self::dependency(found, origin)),
        }
    }

    /// What the service needs, where a setting says.
    pub(crate) fn dependency(endpoints: Vec<Endpoint>, origin: impl Into<String>) -> Self {
        let at = At::Named { endpoints, origin: origin.into() };
        Self { at, side: Side::Dependency, program: None, encryption: None }
    }

    /// The service itself, where it says that it is to be found.
    pub(crate) fn own(endpoint: Endpoint, origin: impl Into<String>) -> Self {
        let at = At::Named { endpoints: vec![endpoint], origin: origin.into() };
        Self { at, side: Side::Own, program: None, encryption: None }
    }

    /// The service itself, on the first of these ports that it listens on. With
    /// no program, any process of the container.
    pub(crate) fn listening(ports: Vec<Port>, program: Option<Program>) -> Self {
        Self { at: At::Listening(ports), side: Side::Own, program, encryption: None }
    }

    /// Run by this program. Where its socket is not ours, that it runs has to do.
    #[must_use]
    pub(crate) fn run_by(self, program: Option<Program>) -> Self {
        Self { program, ..self }
    }

    /// Within TLS from the first byte.
    #[must_use]
    pub(crate) fn encrypted(self, encryption: Encryption) -> Self {
        Self { encryption: Some(encryption), ..self }
    }

    /// Whether TLS is spoken with it from the first byte.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encryption.is_some()
    }

    /// Whose fault it is when it does not answer.
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Where it was set, if anywhere.
    pub(crate) fn origin(&self) -> Option<&str> {
        match &self.at {
            At::Named { origin, .. } => Some(origin),
            At::Listening(_) => None,
        }
    }

    /// Speaks to its hosts under one deadline, which hosts that are still to
    /// come share. A host that cannot be reached has its trouble for a reply.
    ///
    /// # Errors
    /// Blind where not even trying is possible.
    pub(crate) fn speak<T>(
        &self,
        hosts: Hosts,
        from: &Vantage,
        by: Deadline,
        talk: impl FnMut(Spoken<'_>) -> Result<T, Trouble>,
    ) -> Result<Replies<T>, Blind> {
        let find = |ports: &[Port]| Listeners::find(ports, self.program.as_ref(), None, from, by);
        self.speak_where(find, hosts, from, by, talk)
    }

    /// The same, of a program's ports that have been looked at already.
    ///
    /// # Errors
    /// As for [`Peer::speak`].
    pub(crate) fn speak_there<T>(
        &self,
        looked: &Looked,
        hosts: Hosts,
        from: &Vantage,
        by: Deadline,
        talk: impl FnMut(Spoken<'_>) -> Result<T, Trouble>,
    ) -> Result<Replies<T>, Blind> {
        self.speak_where(|ports| Ok(looked.first(ports, None)), hosts, from, by, talk)
    }

    fn speak_where<T>(
        &self,
        find: impl FnOnce(&[Port]) -> Result<Listeners, Blind>,
        hosts: Hosts,
        from: &Vantage,
        by: Deadline,
        mut talk: impl FnMut(Spoken<'_>) -> Result<T, Trouble>,
    ) -> Result<Replies<T>, Blind> {
        let mut weaker = None;
        let (places, mut replies) = match &self.at {
            At::Named { endpoints, .. } => resolve(endpoints, from, by)?,
            At::Listening(ports) => {
                let found = find(ports)?;
                if found.addresses.is_empty() {
                    let trouble = self.not_listening(ports, &found);
                    return Ok(Replies(vec![Reply::new(Self::ports(ports), Err(trouble))]));
                }
                weaker = found.weaker.map(Weaker::from);
                let addresses = found.addresses.into_iter().map(Address::Tcp).collect();
                (vec![Place { host: "localhost".to_owned(), addresses }], Vec::new())
            }
        };
        let mut left = places.iter().map(|place| place.addresses.len()).sum::<usize>();
        for place in &places {
            let mut reply = None;
            for address in &place.addresses {
                let by = by.at_most(by.remaining() / left.max(1) as u32);
                left -= 1;
                let mut weaker = weaker.clone();
                let outcome = match self.reach(&place.host, address, from, by) {
                    Ok((link, _)) => talk(Spoken { link, host: &place.host, address }),
                    Err(Unreached::Blind(blind)) => return Err(blind),
                    Err(Unreached::NotOurs(socket, blind)) => {
                        let trouble = self.not_asked(&socket, &blind, from)?;
                        weaker = trouble.is_not_asked().then(|| Weaker::from(blind));
                        Err(trouble)
                    }
                    Err(Unreached::Trouble(trouble)) => Err(trouble),
                };
                let answered = outcome.is_ok();
                reply = Some(Reply { weaker, ..Reply::new(address.to_string(), outcome) });
                // Any address of one host will do.
                if answered {
                    break;
                }
            }
            let Some(reply) = reply else { continue };
            let enough = reply.outcome.is_ok() && hosts == Hosts::UntilOneAnswers;
            replies.push(reply);
            if enough {
                break;
            }
        }
        Ok(Replies(replies))
    }

    fn reach(
        &self,
        host: &str,
        address: &Address,
        from: &Vantage,
        by: Deadline,
    ) -> Result<(Link, Option<Served>), Unreached> {
        let stream = match address {
            Address::Tcp(address) => from.connect(*address, by)?,
            // A fixture cannot be connected to, but looked at.
            Address::Unix(UnixAddress::Path(path))
                if from.stat(path).is_err_and(|error| error.is_missing()) =>
            {
                let path = shown(&path.display().to_string(), 100);
                let words = format!("no socket at {path}");
                return Err(Unreached::Trouble(Trouble::new(What::NotListening, words)));
            }
            Address::Unix(address) => match from.connect_unix(address, by) {
                // It may be for root alone, or for a group that the probe is not in.
                Err(DialError::Blind(blind)) if blind.obstacle == Obstacle::Forbidden => {
                    return Err(Unreached::NotOurs(address.clone(), blind));
                }
                connected => connected?,
            },
        };
        match &self.encryption {
            None => Ok((Link::Plain(stream), None)),
            Some(encryption) => {
                encryption.start(Link::Plain(stream), host, from)?.map_err(Unreached::Trouble)
            }
        }
    }

    /// In what way the service does not listen.
    fn not_listening(&self, ports: &[Port], found: &Listeners) -> Trouble {
        let whom = Self::ports(ports);
        let who =
            self.program.as_ref().map_or_else(|| "the service".to_owned(), Program::to_string);
        match (found.running, found.others.first()) {
            (false, _) => Trouble::new(
                What::NotRunning,
                format!("{who} is not running, so nothing of it listens on {whom}"),
            ),
            (true, None) => {
                Trouble::new(What::NotListening, format!("{who} does not listen on {whom}"))
            }
            (true, Some(other)) => Trouble::new(
                What::NotListening,
                format!("{who} does not listen on {whom}, a process elsewhere holds {other}"),
            ),
        }
    }

    fn ports(ports: &[Port]) -> String {
        let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
        format!("port {}", either(&ports))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Named { endpoints, origin } => {
                let names: Vec<_> =
                    endpoints.iter().map(|endpoint| shown(&endpoint.to_string(), 60)).collect();
                write!(f, "{} ({origin})", either(&names))
            }
            At::Listening(ports) => f.write_str(&Self::ports(ports)),
        }
    }
}

/// A host, and where it is.
struct Place {
    host: String,
    addresses: Vec<Address>,
}

/// Where the hosts are, and the troubles of those whose names lead nowhere.
fn resolve<T>(
    endpoints: &[Endpoint],
    from: &Vantage,
    by: Deadline,
) -> Result<(Vec<Place>, Vec<Reply<T>>), Blind> {
    let (mut places, mut replies) = (Vec::new(), Vec::new());
    for (index, endpoint) in endpoints.iter().enumerate() {
        match endpoint {
            Endpoint::Unix(path) => {
                // As systemd and `ss` write a name in the abstract namespace.
                let address = match path.to_str().and_then(|path| path.strip_prefix('@')) {
                    Some(name) => UnixAddress::Abstract(name.to_owned()),
                    None => UnixAddress::Path(path.clone()),
                };
                let addresses = vec![Address::Unix(address)];
                places.push(Place { host: "localhost".to_owned(), addresses });
            }
            Endpoint::Tcp { host, port } => {
                // A name server that is gone must not take the time that the others need.
                let by = by.at_most(by.remaining() / (2 * (endpoints.len() - index)) as u32);
                match from.resolve(host, by) {
                    Ok(ips) => {
                        let addresses = ips.into_iter().map(|ip| SocketAddr::new(ip, port.get()));
                        let addresses = addresses.map(Address::Tcp).collect();
                        places.push(Place { host: host.clone(), addresses });
                    }
                    Err(DialError::Blind(blind)) => return Err(blind),
                    Err(error) => {
                        let whom = shown(&endpoint.to_string(), 80);
                        replies.push(Reply::new(whom, Err(Trouble::from_dial(&error))));
                    }
                }
            }
        }
    }
    Ok((places, replies))
}

enum Unreached {
    Blind(Blind),
    /// A socket that is not for us to connect to.
    NotOurs(UnixAddress, Blind),
    Trouble(Trouble),
}

impl From<Blind> for Unreached {
    fn from(blind: Blind) -> Self {
        Self::Blind(blind)
    }
}

impl From<DialError> for Unreached {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Blind(blind) => Self::Blind(blind),
            error => Self::Trouble(Trouble::from_dial(&error)),
        }
    }
}
