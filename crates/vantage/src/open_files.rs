//! How many files a process has open, and how many it may.

use crate::{Pid, Vantage};
use rustix::fs::{AtFlags, Dir};

/// The open files of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many it has open: files, sockets, pipes and all else that has a descriptor.
    pub open: u64,
    /// How many it may have; more are refused (`EMFILE`).
    pub limit: u64,
}

impl Vantage {
    /// The open files of a process. `None` where there is no limit, where it is not told, and
    /// before Linux 6.2, which does not count them: reading them one by one costs more than
    /// they are worth.
    pub fn open_files(&self, pid: Pid) -> Option<OpenFiles> {
        let path = format!("{pid}/fd");
        let open = match self.is_fixture() {
            true => {
                let entries = Dir::read_from(self.open_proc(&path).ok()?).ok()?;
                let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
                names.filter(|name| !name.to_bytes().starts_with(b".")).count() as u64
            }
            // The size of the directory (proc(5), /proc/pid/fd).
            false => {
                let stat = rustix::fs::statat(&self.proc, &path, AtFlags::empty()).ok()?;
                u64::try_from(stat.st_size).ok().filter(|open| *open > 0)?
            }
        };
        let limits = self.read_proc(&format!("{pid}/limits"), 4096).ok()?;
        Some(OpenFiles { open, limit: soft_limit(std::str::from_utf8(&limits).ok()?)? })
    }
}

/// The soft limit of open files in `/proc/PID/limits`.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::soft_limit;
    use crate::{Pid, Vantage};
    use std::fs::File;

    #[test]
    fn what_is_opened_is_counted() {
        let from = Vantage::inside().unwrap();
        let own = || from.open_files(Pid::new(std::process::id()));
        // A kernel before 6.2 does not count.
        let Some(before) = own() else { return };
        let held: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        // Other tests open and close some of their own meanwhile.
        assert!(own().unwrap().open > before.open + 50);
        assert_eq!(before.limit, own().unwrap().limit);
        drop(held);
    }

    #[test]
    fn the_soft_limit_counts() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             unlimited            unlimited            processes \n\
            Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        let none = "Max open files            unlimited            unlimited            files";
        assert_eq!(soft_limit(none), None);
        assert_eq!(soft_limit(""), None);
    }
}
