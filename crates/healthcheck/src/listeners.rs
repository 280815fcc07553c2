//! Where a service listens: the addresses on which a process of the container
//! accepts, so that a service bound to one address only is asked there.

use crate::owner::Holders;
use crate::program::Program;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use vantage::{
    Blind, Deadline, Obstacle, Port, Protocol, SocketState, SocketTable, Vantage, Wanted,
};

/// What was found of the listeners on some ports.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// Where to connect, the best place first; all with the same port.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The ports that only somebody else listens on.
    pub(crate) others: Vec<u16>,
    /// Whether a process of the program runs.
    pub(crate) running: bool,
    /// Why it is not certain whose the listeners are.
    pub(crate) weaker: Option<Blind>,
}

/// Who listens on some ports, looked at once.
pub(crate) struct Looked {
    table: SocketTable,
    holders: Holders,
}

impl Looked {
    /// Looks at these ports.
    pub(crate) fn at(
        ports: &[Port],
        program: Option<&Program>,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Self, Blind> {
        let wanted = Wanted { protocol: Protocol::Tcp, listening: true, ports: ports.to_vec() };
        let table = from.sockets(&wanted, by)?;
        let holders = Holders::find(table.inodes(), program, from)?;
        Ok(Self { table, holders })
    }

    /// The first of these ports, of those looked at, that a process of the container
    /// listens on. `preferred` comes first where there are several addresses.
    pub(crate) fn first(&self, ports: &[Port], preferred: Option<IpAddr>) -> Listeners {
        let Self { table, holders } = self;
        let mut found = Listeners {
            running: !holders.pids.is_empty(),
            weaker: holders.weaker().cloned(),
            ..Listeners::default()
        };
        for port in ports {
            let on_port = table.sockets.iter().filter(|socket| {
                socket.state == SocketState::Listen && socket.local.port() == port.get()
            });
            let mut others = false;
            for socket in on_port {
                // Where nobody can tell whose it is, the answer is still worth having.
                if holders.hold(socket) || holders.may_hold(socket) {
                    for address in reachable(socket.local) {
                        if !found.addresses.contains(&address) {
                            found.addresses.push(address);
                        }
                    }
                } else {
                    others = true;
                }
            }
            if !found.addresses.is_empty() {
                break;
            }
            if others {
                found.others.push(port.get());
            }
        }
        // The one that was named, then loopback, then the others as they are bound.
        found
            .addresses
            .sort_by_key(|address| (Some(address.ip()) != preferred, !address.ip().is_loopback()));
        found
    }
}

impl Listeners {
    /// Looks for the first of these ports that a process of the container
    /// listens on. `preferred` comes first where there are several addresses.
    pub(crate) fn find(
        ports: &[Port],
        program: Option<&Program>,
        preferred: Option<IpAddr>,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Self, Blind> {
        match Looked::at(ports, program, from, by) {
            Ok(looked) => Ok(looked.first(ports, preferred)),
            // Neither is to be had: the loopback is where most services answer.
            Err(blind) if blind.obstacle != Obstacle::TimedOut && program.is_none() => {
                Ok(Self::unseen(ports, blind))
            }
            Err(blind) => Err(blind),
        }
    }

    fn unseen(ports: &[Port], blind: Blind) -> Self {
        let addresses = ports.first().map(|port| {
            [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
                .map(|ip: IpAddr| SocketAddr::new(ip, port.get()))
        });
        Self {
            addresses: addresses.into_iter().flatten().collect(),
            running: true,
            weaker: Some(blind),
            ..Self::default()
        }
    }
}

/// Where to connect to reach what is bound to an address. What is bound to
/// `[::]` mostly takes IPv4 too, for where there is no IPv6 loopback.
fn reachable(bound: SocketAddr) -> Vec<SocketAddr> {
    let on = |ip: IpAddr| SocketAddr::new(ip, bound.port());
    match bound.ip() {
        ip if !ip.is_unspecified() => vec![bound],
        IpAddr::V4(_) => vec![on(Ipv4Addr::LOCALHOST.into())],
        IpAddr::V6(_) => vec![on(Ipv6Addr::LOCALHOST.into()), on(Ipv4Addr::LOCALHOST.into())],
    }
}

/// Whether a text means every address, as services write it.
pub(crate) fn is_every_address(host: &str) -> bool {
    let host = host.trim();
    host.is_empty()
        || host == "*"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::{is_every_address, reachable};

    #[test]
    fn a_wildcard_is_reached_by_the_loopback_of_its_family() {
        let reach = |text: &str| {
            let places = reachable(text.parse().unwrap());
            places.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(reach("0.0.0.0:80"), ["127.0.0.1:80"]);
        assert_eq!(reach("[::]:80"), ["[::1]:80", "127.0.0.1:80"]);
        assert_eq!(reach("10.0.0.1:80"), ["10.0.0.1:80"]);
        assert_eq!(reach("[fd00::1]:80"), ["[fd00::1]:80"]);
    }

    #[test]
    fn every_address_is_written_in_many_ways() {
        assert!(["", "*", "0.0.0.0", "::", " :: "].iter().all(|host| is_every_address(host)));
        assert!(!["127.0.0.1", "::1", "localhost"].iter().any(|host| is_every_address(host)));
    }
}
