//! The host's name as the container has it: its UTS namespace's, whatever
//! `/etc/hostname` says.

use crate::{Blind, Obstacle, Place, Vantage};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::system::uname;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;
use std::path::Path;

/// Enough for a few system calls.
const STACK: usize = 64 << 10;

impl Vantage {
    /// What `gethostname` answers in the container; at a fixture, what its `/etc/hostname` says.
    ///
    /// # Errors
    /// Blind where the container's namespace is not ours to enter.
    pub fn host_name(&self) -> Result<String, Blind> {
        let pid = match self.place() {
            Place::Inside => return Ok(own()),
            Place::Outside(pid) => *pid,
            Place::Fixture(_) => {
                let text = self.read_text(Path::new("/etc/hostname"));
                let text = text.map_err(|_| Blind::new(ATTEMPT, Obstacle::FIXTURE))?;
                return Ok(text.trim().to_owned());
            }
        };
        let blind =
            |errno: Errno| Blind::errno(ATTEMPT, errno).hint("run as root, or grant CAP_SYS_ADMIN");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let namespace = format!("{pid}/ns/uts");
        let namespace =
            rustix::fs::openat(&self.proc, namespace, flags, Mode::empty()).map_err(blind)?;
        // On a thread of its own that moves there and ends, so that there is no way back to miss.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                let kind = Some(LinkNameSpaceType::HostNameAndNISDomainName);
                move_into_link_name_space(namespace.as_fd(), kind)?;
                Ok(own())
            });
            let thread = thread.map_err(|error| {
                Blind::new(ATTEMPT, Obstacle::Other(format!("no thread can be started: {error}")))
            })?;
            thread.join().unwrap_or(Err(Errno::CANCELED)).map_err(blind)
        })
    }
}

const ATTEMPT: &str = "see the host's name";

fn own() -> String {
    uname().nodename().to_string_lossy().into_owned()
}
