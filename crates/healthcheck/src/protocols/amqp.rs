//! AMQP 0-9-1 as RabbitMQ speaks it (the specification of the AMQP working group,
//! and RabbitMQ's extensions: capabilities, `connection.blocked`): as far as a check needs
//! it, from the greeting to a farewell that the broker's log has no warning for.

mod frames;
mod ping;
mod wire;

use crate::peer::{Trouble, What};
use crate::settings::secret::Secret;
use crate::text::shown;
use frames::{Frames, Heard, Said};
pub(crate) use ping::{Pinged, Server, ping};
use std::fmt;
use std::io::{Read, Write};
use wire::{Arguments, Method, Put, code};

/// What a client says first (section 4.2.2).
const GREETING: &[u8] = b"AMQP\0\0\x09\x01";

/// The largest frame we agree to, in bytes: the least that every RabbitMQ accepts.
const FRAME: u32 = 8192;

/// Who logs in, and where.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    /// The user; RabbitMQ's usual one if there is none.
    pub(crate) user: &'a str,
    /// The user's password.
    pub(crate) password: &'a Secret,
    /// The virtual host.
    pub(crate) vhost: &'a str,
    /// What the broker's operator is to see who we are.
    pub(crate) name: &'a str,
    /// After how many seconds of silence the broker may take us for dead. As long as we stay
    /// and no longer: a broker that blocks its publishers reads no farewell, and only notices
    /// by its own heartbeats that we have left.
    pub(crate) heartbeat: u16,
}

/// What a broker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    product: String,
    version: String,
    cluster: Option<String>,
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", shown(&self.product, 30), shown(&self.version, 30))?;
        match &self.cluster {
            Some(cluster) => write!(f, " ({})", shown(cluster, 60)),
            None => Ok(()),
        }
    }
}

/// A connection to a virtual host.
pub(crate) struct Connection<S: Read + Write> {
    frames: Frames<S>,
    /// Who it is with.
    pub(crate) broker: Broker,
}

/// Logs in, asks whether messages would be taken, and takes leave.
///
/// A broker out of memory or disk blocks a connection only once it publishes, with the
/// header of the first message. So one is begun and never ended: either it answers
/// `connection.blocked`, or it reads on to our farewell and answers that. There is never a
/// message, and nothing is counted.
///
/// # Errors
/// Where it will not have us, takes no messages, or is not as AMQP has it.
pub(crate) fn visit(stream: impl Read + Write, login: &Login<'_>) -> Result<Broker, Trouble> {
    let mut connection = Connection::open(stream, login)?;
    let mut said = Said::default();
    said.method(1, wire::CHANNEL_OPEN, |arguments| arguments.short(""));
    said.publish(1, "", login.name, false);
    said.header(1, 1, &[]);
    said.farewell();
    connection.frames.say(&said)?;
    connection.answer(wire::CHANNEL_OPEN_OK)?;
    connection.answer(wire::CONNECTION_CLOSE_OK)?;
    Ok(connection.broker)
}

impl<S: Read + Write> Connection<S> {
    /// From the greeting to the open virtual host.
    ///
    /// # Errors
    /// Where the broker will not have us, or it is none.
    pub(crate) fn open(stream: S, login: &Login<'_>) -> Result<Self, Trouble> {
        let mut frames = Frames::new(stream);
        frames.greet(GREETING)?;
        let start = frames.first()?;
        let (broker, mechanisms) = started(&start).ok_or_else(|| cut(wire::CONNECTION_START))?;
        let mut connection = Self { frames, broker };

        let mut said = Said::default();
        said.method(0, wire::CONNECTION_START_OK, |arguments| {
            arguments.table(|client| {
                client.field("product", "openstack-healthcheck");
                client.field("version", env!("CARGO_PKG_VERSION"));
                client.field("connection_name", login.name);
                client
                    .flags("capabilities", &["connection.blocked", "authentication_failure_close"]);
            });
            login.respond(&mechanisms, arguments);
            arguments.short("en_US");
        });
        connection.frames.say(&said)?;

        let tune = connection.answer(wire::CONNECTION_TUNE)?;
        let (channels, largest) = tuned(&tune).ok_or_else(|| cut(wire::CONNECTION_TUNE))?;
        let mut said = Said::default();
        said.method(0, wire::CONNECTION_TUNE_OK, |arguments| {
            arguments.u16(channels);
            arguments.u32(if largest == 0 { FRAME } else { largest.min(FRAME) });
            arguments.u16(login.heartbeat);
        });
        // In one breath: what is sent in two waits for the first to be acknowledged.
        said.method(0, wire::CONNECTION_OPEN, |arguments| {
            arguments.short(login.vhost);
            arguments.short("");
            arguments.u8(0);
        });
        connection.frames.say(&said)?;
        connection.answer(wire::CONNECTION_OPEN_OK)?;
        Ok(connection)
    }

    /// The arguments of this method, which is to come next.
    fn answer(&mut self, wanted: Method) -> Result<Vec<u8>, Trouble> {
        match self.hear()? {
            Heard::Method { method, arguments, .. } if method == wanted => Ok(arguments),
            other => Err(Trouble::garbled(format!("expected {wanted}, found {other}"))),
        }
    }

    /// What comes next, but for what concerns the whole connection.
    fn hear(&mut self) -> Result<Heard, Trouble> {
        loop {
            match self.frames.hear()? {
                Heard::Method { method: wire::CONNECTION_CLOSE, arguments, .. } => {
                    let mut said = Said::default();
                    said.method(0, wire::CONNECTION_CLOSE_OK, |_| {});
                    // It has said why: whether it hears us changes nothing.
                    let _ = self.frames.say(&said);
                    return Err(closed(&arguments));
                }
                Heard::Method { method: wire::CONNECTION_BLOCKED, arguments, .. } => {
                    let reason = Arguments::new(&arguments).short().unwrap_or_default();
                    return Err(Trouble::failing(format!(
                        "takes no messages: connection.blocked: {reason}"
                    )));
                }
                Heard::Method { method: wire::CONNECTION_UNBLOCKED, .. } | Heard::Heartbeat => {}
                other => return Ok(other),
            }
        }
    }
}

impl Login<'_> {
    /// How we say who we are: the mechanism and its response.
    fn respond(&self, mechanisms: &str, arguments: &mut Vec<u8>) {
        let offered = |wanted| mechanisms.split_ascii_whitespace().any(|name| name == wanted);
        // Every broker has the first; one that has it not says so by itself.
        if offered("AMQPLAIN") && !offered("PLAIN") {
            arguments.short("AMQPLAIN");
            // A table without its length (section 5.5.3.1 of the 0-8 specification).
            let mut response = Vec::new();
            response.field("LOGIN", self.user);
            response.field("PASSWORD", self.password.expose());
            arguments.long(&response);
        } else {
            arguments.short("PLAIN");
            arguments.long(format!("\0{}\0{}", self.user, self.password.expose()).as_bytes());
        }
    }
}

/// Who has started, and by which mechanisms one may log in.
fn started(arguments: &[u8]) -> Option<(Broker, String)> {
    let mut arguments = Arguments::new(arguments);
    arguments.u16()?;
    let properties = arguments.table()?;
    let property = |name: &str| properties.iter().find(|(key, _)| key == name);
    let property = |name| property(name).map(|(_, text)| text.clone());
    let broker = Broker {
        product: property("product").unwrap_or_else(|| "a broker".to_owned()),
        version: property("version").unwrap_or_default(),
        cluster: property("cluster_name"),
    };
    Some((broker, String::from_utf8_lossy(arguments.long()?).into_owned()))
}

/// How many channels, and how large a frame the broker has.
fn tuned(arguments: &[u8]) -> Option<(u16, u32)> {
    let mut arguments = Arguments::new(arguments);
    Some((arguments.u16()?, arguments.u32()?))
}

/// Why the broker has ended the connection or a channel, in its words:
/// `NOT_ALLOWED - vhost nova not found`.
fn closed(arguments: &[u8]) -> Trouble {
    let mut arguments = Arguments::new(arguments);
    let (Some(code), Some(text)) = (arguments.u16(), arguments.short()) else {
        return cut(wire::CONNECTION_CLOSE);
    };
    let what = match code {
        // A limit of connections is spoken of as a right, too.
        code::NOT_ALLOWED if text.contains("limit") => What::Failing,
        code::ACCESS_REFUSED | code::NOT_ALLOWED => What::Denied,
        _ => What::Failing,
    };
    Trouble::new(what, format!("said {text}"))
}

fn cut(method: Method) -> Trouble {
    Trouble::garbled(format!("said {method}, cut short"))
}

#[cfg(test)]
#[path = "amqp_tests.rs"]
mod tests;
