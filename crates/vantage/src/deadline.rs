//! One deadline over everything an evaluation does.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The moment by which an answer must be there, on a clock that cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // An absurd limit must not overflow; a year is never reached.
        Self(now.checked_add(limit).unwrap_or(now + Duration::from_secs(31_536_000)))
    }

    /// What is left; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// The earlier of this one and `limit` from now.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        self.min(Self::after(limit))
    }

    /// Lets `time` pass; false where the deadline comes first, and then none has.
    #[must_use]
    pub(crate) fn lets_pass(self, time: Duration) -> bool {
        let enough = self.remaining() > time;
        if enough {
            std::thread::sleep(time);
        }
        enough
    }

    /// A moment before this one: `margin` before, but no more than a tenth of
    /// the time that is left.
    pub(crate) fn earlier_by(self, margin: Duration) -> Self {
        let margin = margin.min(self.remaining() / 10);
        Self(self.0.checked_sub(margin).unwrap_or(self.0))
    }

    /// Waits until a descriptor is ready for one of `events`, or has an error
    /// to tell; `ETIMEDOUT` once the deadline has passed.
    pub(crate) fn wait_for(self, fd: BorrowedFd<'_>, events: PollFlags) -> Result<(), Errno> {
        self.wait_for_any(&mut [PollFd::from_borrowed_fd(fd, events)])
    }

    /// The same for several; which are ready stands in `fds` afterwards.
    pub(crate) fn wait_for_any(self, fds: &mut [PollFd<'_>]) -> Result<(), Errno> {
        loop {
            let timeout = Timespec::try_from(self.remaining()).map_err(|_| Errno::OVERFLOW)?;
            match poll(fds, Some(&timeout)) {
                // What is ready at the very deadline is still taken.
                Ok(0) if self.has_passed() => return Err(Errno::TIMEDOUT),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
    }
}
