//! Messages: a letter, four bytes of length, and what is said.

use std::io::{self, BufReader, ErrorKind, Read, Write};

/// A conversation in messages.
pub(super) struct Messages<S: Read + Write> {
    stream: BufReader<S>,
    longest: usize,
}

impl<S: Read + Write> Messages<S> {
    /// Over a stream, with messages of at most so many bytes.
    pub(super) fn new(stream: S, longest: usize) -> Self {
        Self { stream: BufReader::with_capacity(1024, stream), longest }
    }

    /// What the server says next: its letter, and what follows.
    ///
    /// # Errors
    /// UnexpectedEof where it ends, InvalidData where it is too long, and those
    /// of the stream.
    pub(super) fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        // It counts itself.
        let length = (u32::from_be_bytes(length) as usize).checked_sub(4);
        let length = length.filter(|length| *length <= self.longest).ok_or_else(|| {
            let shown = String::from_utf8_lossy(&head).into_owned();
            io::Error::new(
                ErrorKind::InvalidData,
                format!("expected a message of PostgreSQL's protocol, found \"{shown}\""),
            )
        })?;
        let mut message = vec![0; length];
        self.stream.read_exact(&mut message)?;
        Ok((kind, message))
    }

    /// Says something; the first of all has no letter.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn write(&mut self, kind: Option<u8>, message: &[u8]) -> io::Result<()> {
        let mut bytes: Vec<u8> = kind.into_iter().collect();
        bytes.extend((message.len() as u32).saturating_add(4).to_be_bytes());
        bytes.extend(message);
        let stream = self.stream.get_mut();
        stream.write_all(&bytes)?;
        stream.flush()
    }

    /// Says a password, or what proves it.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn password(&mut self, password: &[u8]) -> io::Result<()> {
        self.write(Some(b'p'), &[password, &[0]].concat())
    }
}

/// Text that a NUL ends, and what follows it.
pub(super) fn text_to_nul(rest: &mut &[u8]) -> Option<String> {
    let length = rest.iter().position(|byte| *byte == 0)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after.get(1..)?;
    Some(String::from_utf8_lossy(text).into_owned())
}
