//! Sockets made in the container's network namespace. A socket stays in the
//! namespace it was made in, so only its making has to happen there.

use crate::{Blind, Obstacle, Vantage};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

/// Enough for a few system calls.
const STACK: usize = 64 << 10;

impl Vantage {
    /// Does `work` in the container's network namespace: on a thread of its
    /// own that moves there and ends, so that there is no way back to miss.
    pub(crate) fn in_netns<T: Send>(&self, work: fn() -> T) -> Result<T, Blind> {
        let Some(netns) = &self.netns else { return Ok(work()) };
        let attempt = "enter the container's network namespace";
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(work())
            });
            let thread = thread.map_err(|error| {
                // A limit on processes: EAGAIN, which is no deadline here.
                Blind::new(attempt, Obstacle::Other(format!("no thread can be started: {error}")))
            })?;
            let moved = thread.join().unwrap_or(Err(Errno::CANCELED));
            moved.map_err(|errno| {
                Blind::errno(attempt, errno).hint("run as root, or grant CAP_SYS_ADMIN")
            })
        })
    }
}
