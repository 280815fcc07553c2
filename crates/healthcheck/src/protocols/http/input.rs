//! What has come from the other side and was not yet taken.

use super::error::Trouble;
use std::io::{self, Read, Write};

/// How much is read at a time, in bytes.
const BLOCK: usize = 8 << 10;

/// A stream with what was read ahead from it.
pub(super) struct Input<S> {
    stream: S,
    buffer: Vec<u8>,
    /// How much of the buffer was taken.
    taken: usize,
}

impl<S: Read + Write> Input<S> {
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes)?;
        Ok(self.stream.flush()?)
    }
}

impl<S: Read> Input<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), taken: 0 }
    }

    /// What is there.
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    /// Takes some of what is there.
    pub(super) fn take(&mut self, bytes: usize) {
        self.taken = (self.taken + bytes).min(self.buffer.len());
    }

    /// Waits for more; how much came, 0 at the end. TLS that ends without
    /// saying so ends all the same: what is missing is told by the framing.
    pub(super) fn fill(&mut self) -> Result<usize, Trouble> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + BLOCK, 0);
        let came = loop {
            match self.stream.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *came.as_ref().unwrap_or(&0));
        match came.map_err(Trouble::from) {
            Err(Trouble::Closed) => Ok(0),
            other => other,
        }
    }
}
