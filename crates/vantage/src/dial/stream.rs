//! A connection that cannot outlast its deadline: however slowly the other
//! side answers, all reads and writes together end by then.

use crate::Deadline;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A connection; every read and write of it ends by the deadline it was made
/// with, with [`io::ErrorKind::TimedOut`]. A write to a closed connection is
/// an error and no signal.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
    by: Deadline,
}

impl Stream {
    /// `socket` is connected and does not block.
    pub(super) fn new(socket: OwnedFd, by: Deadline) -> Self {
        Self { socket, by }
    }

    /// The deadline of every read and write.
    pub fn deadline(&self) -> Deadline {
        self.by
    }

    /// The same connection under another deadline.
    #[must_use]
    pub fn with_deadline(self, by: Deadline) -> Self {
        Self { by, ..self }
    }

    /// Moves the deadline.
    pub fn set_deadline(&mut self, by: Deadline) {
        self.by = by;
    }

    /// Tells the other side that no more will be written.
    ///
    /// # Errors
    /// Where the connection has ended already.
    pub fn finish_writing(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.socket, Shutdown::Write)?)
    }

    /// Tries until it is done, waiting for `events` in between. A deadline that
    /// has passed ends it even if there is always something to read.
    fn within<T>(
        &self,
        events: PollFlags,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> io::Result<T> {
        loop {
            if self.by.has_passed() {
                return Err(Errno::TIMEDOUT.into());
            }
            match attempt() {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.by.wait_for(self.socket.as_fd(), events)?,
                other => return Ok(other?),
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.within(PollFlags::IN, || {
            let (_, length) = rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::empty())?;
            Ok(length)
        })
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.within(PollFlags::OUT, || rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
