//! Names, resolved as the container would and without its C library: glibc's
//! resolver, linked statically, crashes on a foreign `nsswitch.conf`, and no
//! C library's keeps our deadline.

use super::dns::{DnsAnswer, DnsQuestion, Family, Name, Question, Reply, random_id};
use super::resolv_conf::ResolvConf;
use super::{DialError, connect_by, hosts, open};
use crate::blind::describe;
use crate::{Blind, Deadline, Obstacle, Vantage};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

const PORT: u16 = 53;

/// How much longer to wait for the addresses of the other family once those
/// of one are there: a server that answers both does so at once.
const GRACE: Duration = Duration::from_millis(500);

/// The largest message by UDP without extensions is 512 bytes; some send more.
const DATAGRAM: usize = 4096;

impl Vantage {
    /// The addresses a name has for the container: literal addresses, its
    /// `/etc/hosts`, then its `/etc/resolv.conf`'s servers. A zone is cut off.
    ///
    /// # Errors
    /// Where the name is unknown, or no server answers by the deadline.
    pub fn resolve(&self, name: &str, by: Deadline) -> Result<Vec<IpAddr>, DialError> {
        if let Some(address) = hosts::literal(name) {
            return Ok(vec![address]);
        }
        let file = |path| {
            let content = self.read(Path::new(path)).unwrap_or_default();
            String::from_utf8_lossy(&content).into_owned()
        };
        let table = file("/etc/hosts");
        if let Some(loopback) = hosts::localhost(&table, name) {
            return Ok(loopback);
        }
        let listed = hosts::addresses(&table, name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        if self.is_fixture() {
            return Err(Blind::new(format!("resolve {name}"), Obstacle::FIXTURE).into());
        }
        let conf = ResolvConf::parse(&file("/etc/resolv.conf"));
        self.resolve_by_servers(name, &conf, by).map_err(|failure| match failure {
            Failure::Blind(blind) => blind.into(),
            Failure::Because(cause) => DialError::Unresolved { name: name.to_owned(), cause },
        })
    }

    /// Asks one server one question by UDP.
    ///
    /// # Errors
    /// Where it is refused, unanswered by the deadline, or cannot be tried.
    pub fn ask_by_udp(
        &self,
        server: SocketAddr,
        question: &DnsQuestion,
        by: Deadline,
    ) -> Result<DnsAnswer, DialError> {
        let name = server.to_string();
        self.needs_a_network(&name)?;
        let failed = |errno| DialError::errno(&name, errno);
        let open = if server.is_ipv4() { open_udp4 } else { open_udp6 };
        let socket = self.in_netns(open)?.map_err(failed)?;
        connect_by(&socket, &server, by).map_err(failed)?;
        rustix::net::send(&socket, &question.message(), SendFlags::NOSIGNAL).map_err(failed)?;
        let mut buffer = [0; DATAGRAM];
        // Someone may send without end what is no answer.
        while !by.has_passed() {
            match rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length)) => {
                    if let Some(answer) =
                        buffer.get(..length).and_then(|said| question.answer(said))
                    {
                        return Ok(answer);
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => by.wait_for(socket.as_fd(), PollFlags::IN).map_err(failed)?,
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(DialError::NoAnswer(name))
    }

    fn resolve_by_servers(
        &self,
        name: &str,
        conf: &ResolvConf,
        by: Deadline,
    ) -> Result<Vec<IpAddr>, Failure> {
        let mut trouble = None;
        for candidate in conf.candidates(name) {
            // A search domain can make a name too long; another may not.
            let Some(candidate) = Name::new(&candidate) else { continue };
            match self.ask_all(&candidate, conf, by) {
                Ok(addresses) if addresses.is_empty() => {}
                Ok(addresses) => return Ok(addresses),
                Err(Failure::Because(cause)) => trouble = Some(cause),
                Err(blind) => return Err(blind),
            }
        }
        let servers = conf.servers.join(", ");
        Err(Failure::Because(trouble.unwrap_or_else(|| {
            match Name::new(name.strip_suffix('.').unwrap_or(name)) {
                Some(_) => format!("{servers} (from /etc/resolv.conf): no such name"),
                None => "expected a host name".to_owned(),
            }
        })))
    }

    /// Asks one server after another until one knows; no addresses where it
    /// knows that there are none.
    fn ask_all(
        &self,
        name: &Name,
        conf: &ResolvConf,
        by: Deadline,
    ) -> Result<Vec<IpAddr>, Failure> {
        let tries = conf.attempts * conf.servers.len() as u32;
        let servers = std::iter::repeat_n(&conf.servers, conf.attempts as usize).flatten();
        let mut trouble: Vec<String> = Vec::new();
        for (tried, server) in (0..tries).zip(servers) {
            // No server may use up the time of those after it.
            let share = by.remaining() / (tries - tried);
            let asked = self.ask(name, server, conf.only_tcp, by.at_most(conf.timeout.min(share)));
            match asked {
                Err(Failure::Because(cause)) => {
                    let cause = format!("{server} (from /etc/resolv.conf): {cause}");
                    if !trouble.contains(&cause) {
                        trouble.push(cause);
                    }
                }
                other => return other,
            }
        }
        Err(Failure::Because(trouble.join("; ")))
    }

    /// Asks one server for the addresses of both families.
    fn ask(
        &self,
        name: &Name,
        server: &str,
        only_tcp: bool,
        by: Deadline,
    ) -> Result<Vec<IpAddr>, Failure> {
        let server = self.server(server)?;
        let questions = [Family::Ipv4, Family::Ipv6]
            .map(|family| Question::new(random_id(), name.clone(), family));
        let mut replies = if only_tcp {
            [Some(Reply::Truncated), Some(Reply::Truncated)]
        } else {
            self.ask_both_by_udp(&questions, server, by)?
        };
        for (reply, question) in replies.iter_mut().zip(&questions) {
            if *reply == Some(Reply::Truncated) {
                *reply = self.ask_by_tcp(question, server, by)?;
            }
        }
        let mut addresses = Vec::new();
        let mut code = None;
        let mut knows = true;
        for reply in &replies {
            match reply {
                Some(Reply::Addresses(found)) => addresses.extend(found),
                Some(Reply::NoName) => {}
                Some(Reply::Failed(failed)) => code = Some(*failed),
                Some(Reply::Truncated) | None => knows = false,
            }
        }
        match code {
            _ if !addresses.is_empty() => Ok(addresses),
            Some(code) => Err(Failure::Because(format!("it failed with {}", code_name(code)))),
            None if knows => Ok(addresses),
            None => Err(Failure::Because("no answer".to_owned())),
        }
    }

    /// The replies that came in time.
    fn ask_both_by_udp(
        &self,
        questions: &[Question; 2],
        server: SocketAddr,
        by: Deadline,
    ) -> Result<[Option<Reply>; 2], Failure> {
        let open = if server.is_ipv4() { open_udp4 } else { open_udp6 };
        let socket = self.in_netns(open).map_err(Failure::Blind)??;
        // Connected, it hears that server only, on a port the kernel drew.
        connect_by(&socket, &server, by)?;
        for question in questions {
            rustix::net::send(&socket, &question.encode(), SendFlags::NOSIGNAL)?;
        }
        let mut replies = [None, None];
        let mut until = by;
        let mut buffer = [0; DATAGRAM];
        while replies.contains(&None) {
            match rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length)) => {
                    for (reply, question) in replies.iter_mut().zip(questions) {
                        if reply.is_none() {
                            *reply = question.reply(&buffer[..length]);
                        }
                    }
                    let found = |reply: &Option<Reply>| matches!(reply, Some(Reply::Addresses(found)) if !found.is_empty());
                    if replies.iter().any(found) {
                        until = until.at_most(GRACE);
                    }
                    // Someone may send without end what is no answer.
                    if until.has_passed() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => match until.wait_for(socket.as_fd(), PollFlags::IN) {
                    Err(Errno::TIMEDOUT) => break,
                    other => other?,
                },
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(replies)
    }

    fn ask_by_tcp(
        &self,
        question: &Question,
        server: SocketAddr,
        by: Deadline,
    ) -> Result<Option<Reply>, Failure> {
        let mut stream = self.connect(server, by).map_err(|error| match error {
            DialError::Blind(blind) => Failure::Blind(blind),
            other => Failure::Because(other.to_string()),
        })?;
        let message = question.encode();
        let mut framed = (message.len() as u16).to_be_bytes().to_vec();
        framed.extend(message);
        stream.write_all(&framed)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut message)?;
        Ok(question.reply(&message))
    }

    /// A server's address as written in resolv.conf, its zone's interface
    /// looked up in the container's network.
    fn server(&self, written: &str) -> Result<SocketAddr, Failure> {
        let ip = hosts::literal(written)
            .ok_or_else(|| Failure::Because("expected an address".to_owned()))?;
        let IpAddr::V6(address) = ip else { return Ok(SocketAddr::new(ip, PORT)) };
        let scope = match written.split_once('%') {
            Some((_, zone)) => self.interface(zone)?,
            None => 0,
        };
        Ok(on_interface(address, scope))
    }

    fn interface(&self, zone: &str) -> Result<u32, Failure> {
        if let Ok(number) = zone.parse() {
            return Ok(number);
        }
        let socket = self.in_netns(open_udp6).map_err(Failure::Blind)??;
        Ok(rustix::net::netdevice::name_to_index(&socket, zone)?)
    }
}

fn on_interface(address: Ipv6Addr, scope: u32) -> SocketAddr {
    SocketAddrV6::new(address, PORT, 0, scope).into()
}

/// Why there are no addresses.
enum Failure {
    Because(String),
    Blind(Blind),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Because(match errno {
            Errno::TIMEDOUT => "no answer".to_owned(),
            other => describe(other),
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            // The only other error of reading an exact number of bytes.
            None => Self::Because("it closed the connection early".to_owned()),
        }
    }
}

fn open_udp4() -> Result<OwnedFd, Errno> {
    open(AddressFamily::INET, SocketType::DGRAM)
}

fn open_udp6() -> Result<OwnedFd, Errno> {
    open(AddressFamily::INET6, SocketType::DGRAM)
}

/// The names of response codes (RFC 1035 section 4.1.1).
fn code_name(code: u16) -> String {
    match code {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        other => format!("response code {other}"),
    }
}
