//! A peer for tests that says what it was told to say, whatever it hears.

use std::io::{self, Cursor, Read, Write};

/// A stream that has been written down.
pub(crate) struct Scripted {
    says: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Scripted {
    /// Says this, then ends.
    pub(crate) fn new(says: impl Into<Vec<u8>>) -> Self {
        Self { says: Cursor::new(says.into()), heard: Vec::new() }
    }

    /// All that was said to it.
    pub(crate) fn heard(&self) -> &[u8] {
        &self.heard
    }
}

impl Read for Scripted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.says.read(into)
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
