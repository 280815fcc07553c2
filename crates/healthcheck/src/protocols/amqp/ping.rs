//! oslo.messaging's RPC as its RabbitMQ driver has it on the wire, as far as a ping needs it:
//! an envelope of JSON within JSON, to a queue that is one server's own, and an answer to a
//! queue of ours.

use super::frames::{Heard, Said};
use super::wire::{self, Arguments, Put};
use super::{Connection, Login, cut};
use crate::link::Timed;
use crate::peer::Trouble;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;
use vantage::Deadline;

/// Whom to ping.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    /// Where it takes calls from: its project's `control_exchange`.
    pub(crate) exchange: &'a str,
    /// Its own queue, and what leads there: `conductor.host1`.
    pub(crate) queue: &'a str,
    /// Where its project has a `ping` of its own, as nova has in `baseapi`; else it is
    /// oslo.messaging's that is called.
    pub(crate) namespace: Option<&'a str>,
}

/// What came of a ping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pinged {
    /// It answered, if only that it has no ping.
    Answered,
    /// It has no queue, or nobody takes calls from there: why, in words.
    Nobody(String),
    /// The broker has not put the call into the server's queue: one whose replicas have no
    /// majority takes none.
    Stranded {
        /// How long it had to, in milliseconds.
        waited_ms: u64,
    },
    /// It has not answered in time; so many others wait before ours, or did.
    Silent {
        /// As the broker counted before.
        waiting: u32,
        /// Who takes calls from the queue.
        consumers: u32,
        /// How long it had to answer, in milliseconds.
        waited_ms: u64,
    },
}

/// As much of an answer as is read, in bytes: a failure has a traceback.
const LONGEST: u64 = 64 << 10;

/// What is kept for the farewell.
const FAREWELL: Duration = Duration::from_millis(200);

const CHANNEL: u16 = 1;

/// Calls the server's ping and waits for the answer.
///
/// The broker confirms that the call is in the server's queue: only then is it the server that
/// does not answer. The call expires when we stop waiting. Our own queue is the connection's,
/// and ends with it; its name is the broker's to choose, so that policies for queues that are
/// to be mirrored pass over it.
///
/// # Errors
/// Where the broker will not have us, takes no messages, or is silent itself.
pub(crate) fn ping(
    stream: impl Read + Write + Timed,
    login: &Login<'_>,
    server: &Server<'_>,
) -> Result<Pinged, Trouble> {
    let mut connection = Connection::open(stream, login)?;
    let pinged = connection.ping(server)?;
    let mut said = Said::default();
    said.farewell();
    connection.frames.say(&said)?;
    loop {
        // Else it is an answer that came too late, or the news of its queue's end.
        if let Heard::Method { method: wire::CONNECTION_CLOSE_OK, .. } = connection.hear()? {
            return Ok(pinged);
        }
    }
}

impl<S: Read + Write + Timed> Connection<S> {
    fn ping(&mut self, server: &Server<'_>) -> Result<Pinged, Trouble> {
        let mut said = Said::default();
        said.method(CHANNEL, wire::CHANNEL_OPEN, |arguments| arguments.short(""));
        said.declare(CHANNEL, server.queue, wire::PASSIVE);
        self.frames.say(&said)?;
        self.answer(wire::CHANNEL_OPEN_OK)?;
        let counts = match self.hear()? {
            Heard::Method { method: wire::QUEUE_DECLARE_OK, arguments } => counts(&arguments)?,
            Heard::Method { method: wire::CHANNEL_CLOSE, arguments } => {
                return self.refused(&arguments);
            }
            other => return Err(unexpected(wire::QUEUE_DECLARE_OK, &other)),
        };

        let mut said = Said::default();
        said.method(CHANNEL, wire::CONFIRM_SELECT, |arguments| arguments.u8(wire::NO_WAIT));
        said.declare(CHANNEL, "", wire::EXCLUSIVE | wire::AUTO_DELETE);
        self.frames.say(&said)?;
        let ours = self.answer(wire::QUEUE_DECLARE_OK)?;
        let (ours, _) = declared(&ours).ok_or_else(|| cut(wire::QUEUE_DECLARE_OK))?;

        let by = self.frames.stream().deadline();
        let patience = by.remaining().saturating_sub(FAREWELL);
        let call = call(server.namespace, &ours);
        let mut said = Said::default();
        said.method(CHANNEL, wire::BASIC_CONSUME, |arguments| {
            arguments.u16(0);
            arguments.short(&ours);
            arguments.short("");
            arguments.u8(wire::NO_ACK | wire::CONSUME_EXCLUSIVE);
            arguments.table(|_| {});
        });
        said.publish(CHANNEL, server.exchange, server.queue, true);
        said.header(CHANNEL, call.len() as u64, &properties(patience));
        said.body(CHANNEL, call.as_bytes());
        self.frames.say(&said)?;
        self.frames.stream().set_deadline(Deadline::after(patience));
        let mut waiting = Waiting { counts, consuming: false, taken: false };
        let heard = self.wait(server, &mut waiting);
        self.frames.stream().set_deadline(by);
        let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let Waiting { counts: (before, consumers), consuming, taken } = waiting;
        match heard {
            // The broker has answered: it is the server that has not.
            Err(trouble) if consuming && trouble.is_silence() => Ok(match taken {
                true => Pinged::Silent { waiting: before, consumers, waited_ms },
                false => Pinged::Stranded { waited_ms },
            }),
            Err(trouble) => Err(trouble),
            Ok(Heard::Method { method: wire::BASIC_DELIVER, .. }) => {
                answered(&self.content()?, &ours)
            }
            Ok(Heard::Method { method: wire::QUEUE_DECLARE_OK, .. }) => {
                Ok(Pinged::Nobody(format!("nobody takes calls from the queue {}", server.queue)))
            }
            Ok(Heard::Method { method: wire::BASIC_RETURN, .. }) => {
                self.content()?;
                Ok(Pinged::Nobody(format!(
                    "the exchange {} does not lead to the queue {}",
                    server.exchange, server.queue
                )))
            }
            Ok(Heard::Method { method: wire::BASIC_NACK, .. }) => Err(Trouble::failing(format!(
                "does not take a message for the queue {}",
                server.queue
            ))),
            Ok(Heard::Method { method: wire::CHANNEL_CLOSE, arguments }) => {
                self.refused(&arguments)
            }
            Ok(other) => Err(unexpected(wire::BASIC_DELIVER, &other)),
        }
    }

    /// Waits for the answer, or what comes in its stead: a queue that nobody takes calls from is
    /// declared once more, since who has lost its majority may say that for a moment, too.
    fn wait(&mut self, server: &Server<'_>, waiting: &mut Waiting) -> Result<Heard, Trouble> {
        loop {
            match self.hear()? {
                Heard::Method { method: wire::BASIC_CONSUME_OK, .. } => waiting.consuming = true,
                Heard::Method { method: wire::BASIC_ACK, .. } => {
                    waiting.taken = true;
                    if waiting.counts.1 == 0 {
                        let mut said = Said::default();
                        said.declare(CHANNEL, server.queue, wire::PASSIVE);
                        self.frames.say(&said)?;
                    }
                }
                Heard::Method { method: wire::QUEUE_DECLARE_OK, arguments }
                    if counts(&arguments)?.1 > 0 =>
                {
                    waiting.counts = counts(&arguments)?;
                }
                other => return Ok(other),
            }
        }
    }

    /// What the end of our channel means: something is not there, or not ours to use.
    fn refused(&mut self, arguments: &[u8]) -> Result<Pinged, Trouble> {
        let mut said = Said::default();
        said.method(CHANNEL, wire::CHANNEL_CLOSE_OK, |_| {});
        self.frames.say(&said)?;
        let mut parts = Arguments::new(arguments);
        match (parts.u16(), parts.short()) {
            (Some(wire::code::NOT_FOUND), Some(text)) => Ok(Pinged::Nobody(text)),
            _ => {
                let mut said = Said::default();
                said.farewell();
                self.frames.say(&said)?;
                Err(super::closed(arguments))
            }
        }
    }

    /// The message that a method has announced.
    fn content(&mut self) -> Result<Vec<u8>, Trouble> {
        let length = match self.hear()? {
            Heard::Header(header) => {
                let mut header = Arguments::new(&header);
                let length = (|| {
                    header.take(4)?;
                    header.u64()
                })();
                length.ok_or_else(|| Trouble::garbled("sent a content header, cut short"))?
            }
            other => return Err(Trouble::garbled(format!("expected a message, found {other}"))),
        };
        if length > LONGEST {
            let words =
                format!("announced a message of {length} bytes, expected {LONGEST} at most");
            return Err(Trouble::garbled(words));
        }
        let mut content = Vec::new();
        while (content.len() as u64) < length {
            match self.hear()? {
                Heard::Body(body) if !body.is_empty() => content.extend(body),
                other => {
                    return Err(Trouble::garbled(format!("expected a message, found {other}")));
                }
            }
        }
        Ok(content)
    }
}

/// What is known while the answer is waited for.
struct Waiting {
    /// How many calls there were before ours, and who takes them.
    counts: (u32, u32),
    /// Whether our own queue is listened to.
    consuming: bool,
    /// Whether the call is in the server's queue.
    taken: bool,
}

/// How many messages and consumers a queue has.
fn counts(arguments: &[u8]) -> Result<(u32, u32), Trouble> {
    declared(arguments).map(|(_, counts)| counts).ok_or_else(|| cut(wire::QUEUE_DECLARE_OK))
}

/// A queue's name, and how many messages and consumers it has.
fn declared(arguments: &[u8]) -> Option<(String, (u32, u32))> {
    let mut arguments = Arguments::new(arguments);
    Some((arguments.short()?, (arguments.u32()?, arguments.u32()?)))
}

/// The call, as `rpc_common.serialize_msg` writes it; our queue's name is unique, and so
/// names the call as well.
fn call(namespace: Option<&str>, ours: &str) -> String {
    let mut message = match namespace {
        // Of any version: what is not said is 1.0, which all are compatible with.
        Some(namespace) => {
            json!({ "method": "ping", "namespace": namespace, "args": { "arg": "healthcheck" } })
        }
        None => json!({ "method": "oslo_rpc_server_ping", "args": {} }),
    };
    // The caller's context: cinder, manila and masakari make none without this, and log that.
    message["_context_read_deleted"] = "no".into();
    message["_msg_id"] = ours.into();
    message["_reply_q"] = ours.into();
    message["_timeout"] = Value::Null;
    message["_unique_id"] = ours.into();
    json!({ "oslo.version": "2.0", "oslo.message": message.to_string() }).to_string()
}

/// A message's properties (section 1.8.1 of the specification's class `basic`): content type
/// and encoding, delivery mode and expiration, their flags first. It need not outlive the broker.
fn properties(patience: Duration) -> Vec<u8> {
    const TRANSIENT: u8 = 1;
    let mut properties = Vec::new();
    properties.u16(1 << 15 | 1 << 14 | 1 << 12 | 1 << 8);
    properties.short("application/json");
    properties.short("utf-8");
    properties.u8(TRANSIENT);
    properties.short(&patience.as_millis().to_string());
    properties
}

/// Whether this answers our call. A failure does, too: the server took it and answered.
fn answered(content: &[u8], ours: &str) -> Result<Pinged, Trouble> {
    let message = || {
        let envelope: Value = serde_json::from_slice(content).ok()?;
        serde_json::from_str::<Value>(envelope.get("oslo.message")?.as_str()?).ok()
    };
    match message() {
        Some(message) if message.get("_msg_id").and_then(Value::as_str) == Some(ours) => {
            Ok(Pinged::Answered)
        }
        _ => Err(Trouble::garbled("brought an answer that is not oslo.messaging's")),
    }
}

fn unexpected(wanted: wire::Method, found: &Heard) -> Trouble {
    Trouble::garbled(format!("expected {wanted}, found {found}"))
}
