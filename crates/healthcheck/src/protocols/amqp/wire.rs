//! AMQP's values as they are on the wire (sections 4.2.5 and 1.2 of the
//! specification), and the numbers of its methods.

use std::fmt;

/// A method by its class's number and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method(pub(super) u16, pub(super) u16);

pub(super) const CONNECTION_START: Method = Method(10, 10);
pub(super) const CONNECTION_START_OK: Method = Method(10, 11);
pub(super) const CONNECTION_TUNE: Method = Method(10, 30);
pub(super) const CONNECTION_TUNE_OK: Method = Method(10, 31);
pub(super) const CONNECTION_OPEN: Method = Method(10, 40);
pub(super) const CONNECTION_OPEN_OK: Method = Method(10, 41);
pub(super) const CONNECTION_CLOSE: Method = Method(10, 50);
pub(super) const CONNECTION_CLOSE_OK: Method = Method(10, 51);
pub(super) const CONNECTION_BLOCKED: Method = Method(10, 60);
pub(super) const CONNECTION_UNBLOCKED: Method = Method(10, 61);
pub(super) const CHANNEL_OPEN: Method = Method(20, 10);
pub(super) const CHANNEL_OPEN_OK: Method = Method(20, 11);
pub(super) const CHANNEL_CLOSE: Method = Method(20, 40);
pub(super) const CHANNEL_CLOSE_OK: Method = Method(20, 41);
pub(super) const QUEUE_DECLARE: Method = Method(50, 10);
pub(super) const QUEUE_DECLARE_OK: Method = Method(50, 11);
pub(super) const BASIC_CONSUME: Method = Method(60, 20);
pub(super) const BASIC_CONSUME_OK: Method = Method(60, 21);
pub(super) const BASIC_RETURN: Method = Method(60, 50);
pub(super) const BASIC_DELIVER: Method = Method(60, 60);
pub(super) const BASIC_PUBLISH: Method = Method(60, 40);
pub(super) const BASIC_ACK: Method = Method(60, 80);
pub(super) const BASIC_NACK: Method = Method(60, 120);
pub(super) const CONFIRM_SELECT: Method = Method(85, 10);

/// The methods as the specification calls them, for messages.
const NAMES: &[(Method, &str)] = &[
    (CONNECTION_START, "connection.start"),
    (CONNECTION_TUNE, "connection.tune"),
    (CONNECTION_OPEN_OK, "connection.open-ok"),
    (CONNECTION_CLOSE, "connection.close"),
    (CONNECTION_CLOSE_OK, "connection.close-ok"),
    (CHANNEL_OPEN_OK, "channel.open-ok"),
    (CHANNEL_CLOSE, "channel.close"),
    (QUEUE_DECLARE_OK, "queue.declare-ok"),
    (BASIC_CONSUME_OK, "basic.consume-ok"),
    (BASIC_RETURN, "basic.return"),
    (BASIC_DELIVER, "basic.deliver"),
    (BASIC_ACK, "basic.ack"),
    (BASIC_NACK, "basic.nack"),
];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(method, _)| method == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "method {}.{}", self.0, self.1),
        }
    }
}

// The flags of queue.declare, from its lowest bit.
pub(super) const PASSIVE: u8 = 1;
pub(super) const EXCLUSIVE: u8 = 1 << 2;
pub(super) const AUTO_DELETE: u8 = 1 << 3;

// That of confirm.select.
pub(super) const NO_WAIT: u8 = 1;

// The flags of basic.consume.
pub(super) const NO_ACK: u8 = 1 << 1;
pub(super) const CONSUME_EXCLUSIVE: u8 = 1 << 2;

/// Reply codes that are judged apart from the others.
pub(super) mod code {
    pub(in super::super) const ACCESS_REFUSED: u16 = 403;
    pub(in super::super) const NOT_FOUND: u16 = 404;
    pub(in super::super) const NOT_ALLOWED: u16 = 530;
}

/// Values as they are written.
pub(super) trait Put {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    /// Text of at most 255 bytes; the names of AMQP cannot be longer, so what is left of one
    /// that is leads nowhere.
    fn short(&mut self, text: &str);
    /// Text or bytes.
    fn long(&mut self, bytes: &[u8]);
    /// A table, its fields written by `fields`.
    fn table(&mut self, fields: impl FnOnce(&mut Vec<u8>));
    /// A field of a table: text.
    fn field(&mut self, name: &str, text: &str);
    /// A field of a table: a table of what is true.
    fn flags(&mut self, name: &str, flags: &[&str]);
}

impl Put for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn short(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.push(length);
        self.extend(bytes.iter().take(length.into()));
    }

    fn long(&mut self, bytes: &[u8]) {
        // Settings are never as long as that.
        self.u32(u32::try_from(bytes.len()).unwrap_or_default());
        self.extend_from_slice(bytes);
    }

    fn table(&mut self, fields: impl FnOnce(&mut Vec<u8>)) {
        let mut table = Vec::new();
        fields(&mut table);
        self.long(&table);
    }

    fn field(&mut self, name: &str, text: &str) {
        self.short(name);
        self.push(b'S');
        self.long(text.as_bytes());
    }

    fn flags(&mut self, name: &str, flags: &[&str]) {
        self.short(name);
        self.push(b'F');
        self.table(|table| {
            for flag in flags {
                table.short(flag);
                table.extend_from_slice(b"t\x01");
            }
        });
    }
}

/// Values as they are read; `None` where they are cut short.
pub(super) struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Text of at most 255 bytes, whatever is no UTF-8 replaced.
    pub(super) fn short(&mut self) -> Option<String> {
        let length = self.u8()?;
        Some(String::from_utf8_lossy(self.take(length.into())?).into_owned())
    }

    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length.try_into().ok()?)
    }

    /// The texts of a table; what else it has is passed over.
    pub(super) fn table(&mut self) -> Option<Vec<(String, String)>> {
        let mut fields = Self(self.long()?);
        let mut texts = Vec::new();
        while !fields.0.is_empty() {
            let name = fields.short()?;
            // The types as RabbitMQ has them, which are not quite the specification's.
            let length = match fields.u8()? {
                b'S' => {
                    let text = String::from_utf8_lossy(fields.long()?).into_owned();
                    texts.push((name, text));
                    continue;
                }
                b'F' | b'A' | b'x' => {
                    fields.long()?;
                    continue;
                }
                b'V' => 0,
                b't' | b'b' | b'B' => 1,
                b's' | b'u' => 2,
                b'I' | b'i' | b'f' => 4,
                b'D' => 5,
                b'l' | b'L' | b'T' | b'd' => 8,
                _ => return None,
            };
            fields.take(length)?;
        }
        Some(texts)
    }
}
