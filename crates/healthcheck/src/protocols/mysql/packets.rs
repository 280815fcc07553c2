//! Packets: three bytes of length, one that counts them, and what is said.

use crate::peer::Trouble;
use std::io::{self, BufReader, ErrorKind, Read, Write};

/// A conversation in packets.
pub(super) struct Packets<S: Read + Write> {
    stream: BufReader<S>,
    longest: usize,
    next: u8,
}

impl<S: Read + Write> Packets<S> {
    /// Over a stream, with packets of at most so many bytes, beneath 16 MiB.
    pub(super) fn new(stream: S, longest: usize) -> Self {
        Self { stream: BufReader::with_capacity(1024, stream), longest, next: 0 }
    }

    /// Begins a new exchange, whose packets are counted from 0.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// What the server says next.
    ///
    /// # Errors
    /// UnexpectedEof where it ends, InvalidData where the packet is too long or
    /// out of turn, and those of the stream.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, count] = head;
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        if length > self.longest {
            return Err(invalid(format!("answered with a packet of {length} bytes")));
        }
        // A server that has no room for us may begin to count elsewhere.
        if count != self.next && self.next != 0 {
            return Err(invalid("answered out of turn"));
        }
        self.next = count.wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet)?;
        Ok(packet)
    }

    /// Says something.
    ///
    /// # Errors
    /// Where it is too long, and those of the stream.
    pub(super) fn write(&mut self, packet: &[u8]) -> io::Result<()> {
        if packet.len() > self.longest {
            return Err(invalid("was to be told more than fits in a packet"));
        }
        let [a, b, c, _] = (packet.len() as u32).to_le_bytes();
        let bytes = [&[a, b, c, self.next], packet].concat();
        self.next = self.next.wrapping_add(1);
        let stream = self.stream.get_mut();
        stream.write_all(&bytes)?;
        stream.flush()
    }

    /// Goes on over another stream, made of this one.
    ///
    /// # Errors
    /// Where the server has said more than it was asked: it would be taken for
    /// said within TLS.
    pub(super) fn map(self, make: impl FnOnce(S) -> Result<S, Trouble>) -> Result<Self, Trouble> {
        if !self.stream.buffer().is_empty() {
            return Err(Trouble::garbled("said something before TLS had begun"));
        }
        let stream = make(self.stream.into_inner())?;
        Ok(Self { stream: BufReader::with_capacity(1024, stream), ..self })
    }
}

fn invalid(words: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, words.into())
}

/// What is within a packet, read from its beginning.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(packet: &'a [u8]) -> Self {
        Self(packet)
    }

    /// So many bytes; `None` where there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Text that a NUL ends.
    pub(super) fn text_to_nul(&mut self) -> Option<String> {
        let length = self.0.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Some(text)
    }

    /// The same where the last NUL may be missing.
    pub(super) fn text_to_nul_or_end(&mut self) -> String {
        self.text_to_nul().unwrap_or_else(|| String::from_utf8_lossy(self.rest()).into_owned())
    }

    /// What is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// A number of its own length.
    pub(super) fn number(&mut self) -> Option<u64> {
        let width = match self.byte()? {
            small @ 0..=250 => return Some(small.into()),
            252 => 2,
            253 => 3,
            254 => 8,
            _ => return None,
        };
        let mut bytes = [0; 8];
        bytes.get_mut(..width)?.copy_from_slice(self.take(width)?);
        Some(u64::from_le_bytes(bytes))
    }

    /// A value of a row; the inner `None` is NULL.
    pub(super) fn value(&mut self) -> Option<Option<String>> {
        if self.0.first() == Some(&251) {
            self.byte();
            return Some(None);
        }
        let length = usize::try_from(self.number()?).ok()?;
        Some(Some(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }
}
