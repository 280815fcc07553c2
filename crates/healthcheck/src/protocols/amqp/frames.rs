//! Frames (section 2.3 of the specification): a type, a channel, a length, that
//! many bytes and an end mark.

use super::wire::{self, Arguments, Method, Put};
use crate::peer::{Trouble, What};
use std::fmt;
use std::io::{BufReader, Read, Write};

/// The longest frame that is read, in bytes: more than any that we agree to, and than a
/// broker's first.
const LONGEST: usize = 64 << 10;

/// What every frame ends with.
const END: u8 = 0xce;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// A conversation in frames.
pub(super) struct Frames<S: Read + Write> {
    stream: BufReader<S>,
}

/// A frame that came.
#[derive(Debug)]
pub(super) enum Heard {
    Method { method: Method, arguments: Vec<u8> },
    Header(Vec<u8>),
    Body(Vec<u8>),
    Heartbeat,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { method, .. } => method.fmt(f),
            Self::Header(_) => f.write_str("a content header"),
            Self::Body(_) => f.write_str("a content body"),
            Self::Heartbeat => f.write_str("a heartbeat"),
        }
    }
}

impl<S: Read + Write> Frames<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: BufReader::with_capacity(2048, stream) }
    }

    /// What is spoken over.
    pub(super) fn stream(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// Says what is no frame.
    pub(super) fn greet(&mut self, greeting: &[u8]) -> Result<(), Trouble> {
        self.stream.get_mut().write_all(greeting)?;
        Ok(self.stream.get_mut().flush()?)
    }

    pub(super) fn say(&mut self, said: &Said) -> Result<(), Trouble> {
        self.greet(&said.0)
    }

    /// The arguments of the broker's first method; or what it is that is no broker.
    pub(super) fn first(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut opening = [0; 7];
        self.stream.read_exact(&mut opening)?;
        match opening {
            [b'A', b'M', b'Q', b'P', ..] => {
                let mut minor = [0];
                self.stream.read_exact(&mut minor)?;
                let [_, _, _, _, _, major, second] = opening;
                return Err(Trouble::garbled(format!(
                    "speaks AMQP {major}.{second}.{}, expected 0.9.1",
                    minor[0]
                )));
            }
            // An alert's record (RFC 8446, section 5.1).
            [0x15, 3, ..] => {
                let words = "speaks TLS, and the service's settings say that it is plain";
                return Err(Trouble::new(What::Encryption, words));
            }
            [METHOD, ..] => {}
            other => {
                let found = String::from_utf8_lossy(&other);
                let words = format!("expected AMQP's connection.start, found \"{found}\"");
                return Err(Trouble::garbled(words));
            }
        }
        match self.rest(opening)? {
            Heard::Method { method: wire::CONNECTION_START, arguments, .. } => Ok(arguments),
            other => {
                let words = format!("expected AMQP's connection.start, found {other}");
                Err(Trouble::garbled(words))
            }
        }
    }

    /// The next frame.
    pub(super) fn hear(&mut self) -> Result<Heard, Trouble> {
        let mut opening = [0; 7];
        self.stream.read_exact(&mut opening)?;
        self.rest(opening)
    }

    fn rest(&mut self, opening: [u8; 7]) -> Result<Heard, Trouble> {
        let [kind, _, _, l1, l2, l3, l4] = opening;
        let length = usize::try_from(u32::from_be_bytes([l1, l2, l3, l4])).unwrap_or(usize::MAX);
        if length > LONGEST {
            let words = format!("announced a frame of {length} bytes, expected {LONGEST} at most");
            return Err(Trouble::garbled(words));
        }
        let mut payload = vec![0; length + 1];
        self.stream.read_exact(&mut payload)?;
        if payload.pop() != Some(END) {
            return Err(Trouble::garbled("sent a frame without its end"));
        }
        match kind {
            METHOD => {
                let mut arguments = Arguments::new(&payload);
                let (Some(class), Some(method)) = (arguments.u16(), arguments.u16()) else {
                    return Err(Trouble::garbled("sent a method without its number"));
                };
                let arguments = payload.split_off(4);
                Ok(Heard::Method { method: Method(class, method), arguments })
            }
            HEADER => Ok(Heard::Header(payload)),
            BODY => Ok(Heard::Body(payload)),
            HEARTBEAT => Ok(Heard::Heartbeat),
            _ => Err(Trouble::garbled(format!("sent a frame of type {kind}"))),
        }
    }
}

/// What is said in one breath.
#[derive(Default)]
pub(super) struct Said(Vec<u8>);

impl Said {
    pub(super) fn method(
        &mut self,
        channel: u16,
        Method(class, method): Method,
        arguments: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut payload = Vec::new();
        payload.u16(class);
        payload.u16(method);
        arguments(&mut payload);
        self.frame(METHOD, channel, &payload);
    }

    /// Announces a message to an exchange, by a key.
    pub(super) fn publish(&mut self, channel: u16, exchange: &str, key: &str, mandatory: bool) {
        self.method(channel, wire::BASIC_PUBLISH, |arguments| {
            arguments.u16(0);
            arguments.short(exchange);
            arguments.short(key);
            arguments.u8(mandatory.into());
        });
    }

    /// A message's length in bytes and its properties: their flags and values.
    pub(super) fn header(&mut self, channel: u16, length: u64, properties: &[u8]) {
        let Method(class, _) = wire::BASIC_PUBLISH;
        let mut payload = Vec::new();
        payload.u16(class);
        payload.u16(0);
        payload.u64(length);
        match properties {
            [] => payload.u16(0),
            properties => payload.extend_from_slice(properties),
        }
        self.frame(HEADER, channel, &payload);
    }

    /// What a message says, or a part of it.
    pub(super) fn body(&mut self, channel: u16, body: &[u8]) {
        self.frame(BODY, channel, body);
    }

    /// Asks for a queue, by its flags.
    pub(super) fn declare(&mut self, channel: u16, name: &str, flags: u8) {
        self.method(channel, wire::QUEUE_DECLARE, |arguments| {
            arguments.u16(0);
            arguments.short(name);
            arguments.u8(flags);
            arguments.table(|_| {});
        });
    }

    pub(super) fn farewell(&mut self) {
        const SUCCESS: u16 = 200;
        self.method(0, wire::CONNECTION_CLOSE, |arguments| {
            arguments.u16(SUCCESS);
            arguments.short("seen enough");
            arguments.u16(0);
            arguments.u16(0);
        });
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        self.0.u8(kind);
        self.0.u16(channel);
        self.0.long(payload);
        self.0.u8(END);
    }
}
