//! A peer for tests that says what it was told to say, whatever it hears.

use crate::link::Timed;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::time::Duration;
use vantage::Deadline;

/// A stream that has been written down.
pub(crate) struct Scripted {
    says: Cursor<Vec<u8>>,
    heard: Vec<u8>,
    stays: bool,
    /// What it says after a silence.
    late: Option<Vec<u8>>,
}

impl Scripted {
    /// Says this, then ends.
    pub(crate) fn new(says: impl Into<Vec<u8>>) -> Self {
        Self { says: Cursor::new(says.into()), heard: Vec::new(), stays: false, late: None }
    }

    /// Keeps silent instead of ending.
    #[cfg(test)]
    pub(crate) fn staying(self) -> Self {
        Self { stays: true, ..self }
    }

    /// Is silent until somebody has waited in vain, then says this.
    #[cfg(test)]
    pub(crate) fn later(self, says: impl Into<Vec<u8>>) -> Self {
        Self { late: Some(says.into()), ..self }
    }

    /// All that was said to it.
    pub(crate) fn heard(&self) -> &[u8] {
        &self.heard
    }
}

impl Timed for Scripted {
    fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    fn set_deadline(&mut self, _: Deadline) {}
}

impl<S: Timed> Timed for &mut S {
    fn deadline(&self) -> Deadline {
        (**self).deadline()
    }

    fn set_deadline(&mut self, by: Deadline) {
        (**self).set_deadline(by);
    }
}

impl Read for Scripted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.says.read(into)? {
            0 if !into.is_empty() && self.late.is_some() => {
                self.says = Cursor::new(self.late.take().unwrap_or_default());
                Err(ErrorKind::TimedOut.into())
            }
            0 if self.stays && !into.is_empty() => Err(ErrorKind::TimedOut.into()),
            length => Ok(length),
        }
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
