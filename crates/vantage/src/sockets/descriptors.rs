//! Which sockets a process holds: the links in its `/proc/PID/fd`.

use crate::{Blind, Inode, Obstacle, Pid, Vantage};
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::collections::HashSet;
use std::mem::MaybeUninit;

/// What is taken of a directory at once, in bytes: some forty descriptors. The kernel makes an
/// inode for each that it names, so that naming all of a busy process costs more than the rest.
const NAMES: usize = 1024;

impl Vantage {
    /// The inodes of all sockets that a process holds; empty once it has gone.
    ///
    /// # Errors
    /// Blind where it belongs to another user and we lack CAP_SYS_PTRACE.
    pub fn socket_inodes(&self, pid: Pid) -> Result<HashSet<Inode>, Blind> {
        self.socket_inodes_until(pid, |_| false)
    }

    /// Which of these sockets a process holds; none once it has gone. No more of its descriptors
    /// are looked at than it takes, and one at least: whether they may be seen is known thereby.
    ///
    /// # Errors
    /// As for [`Vantage::socket_inodes`].
    pub fn sockets_held_of(
        &self,
        pid: Pid,
        wanted: &HashSet<Inode>,
    ) -> Result<HashSet<Inode>, Blind> {
        let mut held = self.socket_inodes_until(pid, |held| wanted.is_subset(held))?;
        held.retain(|inode| wanted.contains(inode));
        Ok(held)
    }

    fn socket_inodes_until(
        &self,
        pid: Pid,
        enough: impl Fn(&HashSet<Inode>) -> bool,
    ) -> Result<HashSet<Inode>, Blind> {
        match self.list_socket_inodes(pid, enough) {
            Ok(inodes) => Ok(inodes),
            Err(Errno::NOENT | Errno::SRCH) => Ok(HashSet::new()),
            Err(errno) => {
                let blind = Blind::errno(format!("read /proc/{pid}/fd"), errno);
                Err(match blind.obstacle {
                    Obstacle::Forbidden => {
                        blind.hint("run as the service's own user or root, or grant CAP_SYS_PTRACE")
                    }
                    _ => blind,
                })
            }
        }
    }

    fn list_socket_inodes(
        &self,
        pid: Pid,
        enough: impl Fn(&HashSet<Inode>) -> bool,
    ) -> Result<HashSet<Inode>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.proc, format!("{pid}/fd"), flags, Mode::empty())?;
        let mut inodes = HashSet::new();
        let mut names = [MaybeUninit::uninit(); NAMES];
        let mut entries = RawDir::new(&directory, &mut names);
        // `socket:[4294967295]` is 19 bytes; what is longer is no socket.
        let mut target = [MaybeUninit::<u8>::uninit(); 40];
        while let Some(entry) = entries.next() {
            let entry = entry?;
            // `.` and `..` are no descriptors.
            if entry.file_name().to_bytes().starts_with(b".") {
                continue;
            }
            let link = rustix::fs::readlinkat_raw(&directory, entry.file_name(), &mut target[..]);
            match link {
                Ok((target, _)) => inodes.extend(socket_inode(target)),
                // Closed meanwhile, or a fixture's that is no link. The kernel forbids each link
                // by itself, not their directory.
                Err(Errno::INVAL | Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
            if enough(&inodes) {
                break;
            }
        }
        Ok(inodes)
    }
}

/// The number in `socket:[NUMBER]`.
fn socket_inode(target: &[u8]) -> Option<Inode> {
    let number = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok().map(Inode).filter(|inode| inode.is_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(b"socket:[4711]"), Some(Inode(4711)));
        for other in ["socket:[]", "socket:[0]", "socket:[1", "pipe:[1]", "/socket:[1]", ""] {
            assert_eq!(socket_inode(other.as_bytes()), None, "{other}");
        }
    }
}
