//! The container's processes: which there are, what they were started as, and
//! what state they are in.

use crate::files::directory_names;
use crate::scope::Membership;
use crate::{Blind, Obstacle, Pid, Uid, Vantage};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::Duration;

/// As much of a command line as is read, in bytes. What tells a service from
/// another stands at its beginning; a title can be made as long as one likes.
const MAX_COMMAND_LINE: usize = 32 << 10;

/// As much of an environment as is read, in bytes: a pod has variables for
/// every service of its namespace.
const MAX_ENVIRONMENT: usize = 1 << 20;

/// As much of all command lines of one container together, in bytes of our
/// memory: a container of many processes with long titles must not fill the host's.
const MAX_COMMAND_LINES: usize = 128 << 20;

/// As many processes as are looked at in one container.
const MAX_PROCESSES: usize = 100_000;

/// As many names as are taken from `/proc`, which has others than processes.
const MAX_ENTRIES: usize = MAX_PROCESSES + 10_000;

/// USER_HZ, the unit of times in `/proc/PID/stat`: 100 on every architecture
/// Linux shows to user space (`man 5 proc`, sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND: u64 = 100;

/// A process as it was when the processes were listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id in the `/proc` that was read.
    pub pid: Pid,
    /// Its command line, or the title it gave itself; bytes that are not UTF-8
    /// are replaced. Empty for a zombie and for a thread of the kernel.
    pub arguments: Vec<String>,
}

/// The container's processes at one moment.
#[derive(Debug)]
pub(crate) struct Listing {
    processes: Vec<Process>,
    /// Why there may be more.
    unseen: Option<Blind>,
}

/// What `/proc/PID/stat` says of one process now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStatus {
    /// The kernel's short name for it, at most 15 bytes.
    pub name: String,
    /// What it is doing.
    pub state: ProcessState,
    /// Who started it.
    pub parent: Pid,
    /// How long it has been running.
    pub age: Duration,
    /// When it started, in the kernel's ticks since boot: with the pid, what
    /// tells it from another that got the same pid later.
    pub started: u64,
    /// Whose it is.
    pub owner: Uid,
}

/// The states that matter to a judgement (`man 5 proc`, field 3 of stat).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// Running, sleeping or idle: alive.
    Alive,
    /// In a system call that cannot be interrupted, mostly a disk's.
    Uninterruptible,
    /// Stopped by a signal, or frozen: it does nothing until it is continued.
    Stopped,
    /// Stopped by a debugger.
    Traced,
    /// It has ended and nobody has asked how.
    Zombie,
}

impl Vantage {
    /// All processes of the container, in the order of their ids, without
    /// this very process. Looked at once; later calls give the same answer.
    ///
    /// # Errors
    /// Blind where `/proc` cannot be listed.
    pub fn processes(&self) -> Result<&[Process], Blind> {
        match self.processes.get_or_init(|| self.list_processes()) {
            Ok(listing) => Ok(&listing.processes),
            Err(blind) => Err(blind.clone()),
        }
    }

    /// Why there may be more processes than [`Vantage::processes`] gives: one
    /// that was not found among them is not known to be absent.
    pub fn unseen_processes(&self) -> Option<&Blind> {
        self.processes.get_or_init(|| self.list_processes()).as_ref().ok()?.unseen.as_ref()
    }

    /// A process as it is now; `None` once it has gone. Its id may be another's by then.
    pub fn process(&self, pid: Pid) -> Option<Process> {
        let content = self.read_proc(&format!("{pid}/cmdline"), MAX_COMMAND_LINE).ok()?;
        Some(Process { pid, arguments: split_nul(&content) })
    }

    /// What a process is doing now; `None` once it has gone.
    ///
    /// # Errors
    /// Blind where its files cannot be read or make no sense.
    pub fn process_status(&self, pid: Pid) -> Result<Option<ProcessStatus>, Blind> {
        let path = format!("{pid}/stat");
        let blind = |errno| Blind::errno(format!("read /proc/{path}"), errno);
        let content = match self.read_proc(&path, 4096) {
            Ok(content) => content,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(blind(errno)),
        };
        let stat = Stat::parse(&content).ok_or_else(|| blind(Errno::INVAL))?;
        let owner = match rustix::fs::statat(&self.proc, pid.to_string(), AtFlags::empty()) {
            Ok(stat) => Uid(stat.st_uid),
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(blind(errno)),
        };
        let age = self.uptime()?.saturating_sub(ticks(stat.started));
        let Stat { name, state, parent, started } = stat;
        Ok(Some(ProcessStatus { name, state, parent, age, started, owner }))
    }

    /// The number a process knows itself by, in its own pid namespace: what stands
    /// in its pidfile. The one it has in this `/proc` where that is not said.
    pub fn pid_in_its_namespace(&self, pid: Pid) -> u32 {
        self.namespace_pids(pid).last().copied().unwrap_or(pid.get())
    }

    /// The environment a process was started with, as `NAME=value` strings;
    /// empty once it has gone.
    ///
    /// # Errors
    /// Blind where it belongs to another user.
    pub fn environment(&self, pid: Pid) -> Result<Vec<String>, Blind> {
        match self.read_proc(&format!("{pid}/environ"), MAX_ENVIRONMENT) {
            Ok(content) => Ok(split_nul(&content)),
            Err(Errno::NOENT | Errno::SRCH) => Ok(Vec::new()),
            Err(errno) => Err(Blind::errno(format!("read /proc/{pid}/environ"), errno)),
        }
    }

    /// How long ago whatever wrote this `stat` was started; `None` where it makes no sense.
    pub(crate) fn age(&self, stat: &[u8]) -> Option<Duration> {
        let started = Stat::parse(stat)?.started;
        Some(self.uptime().ok()?.saturating_sub(ticks(started)))
    }

    /// How long the system has been up; what process ages count from.
    fn uptime(&self) -> Result<Duration, Blind> {
        if !self.is_fixture() {
            // The file may be another than the kernel's (lxcfs); the clock counts
            // what the start of a process is counted in.
            let now = clock_gettime(ClockId::Boottime);
            return Duration::try_from(now).map_err(|_| Blind::errno("read a clock", Errno::RANGE));
        }
        let content = self
            .read_proc("uptime", 128)
            .map_err(|errno| Blind::errno("read /proc/uptime", errno))?;
        std::str::from_utf8(&content)
            .ok()
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| Blind::errno("read /proc/uptime", Errno::INVAL))
    }

    fn list_processes(&self) -> Result<Listing, Blind> {
        let membership = Membership::of(self)?;
        let mut unseen = None;
        let mut pids = match membership.listed() {
            Some(pids) => pids.to_vec(),
            None => {
                let pids = self.all_pids()?;
                // There is a first process wherever there is another.
                if !self.is_fixture() && !pids.contains(&Pid::new(1)) {
                    let cause = "other users' processes are hidden".to_owned();
                    let blind = Blind::new("list /proc", Obstacle::Other(cause));
                    unseen = Some(blind.hint("mount /proc without hidepid, or run as root"));
                }
                pids
            }
        };
        pids.sort();
        pids.dedup();
        if pids.len() > MAX_PROCESSES {
            let cause = format!("expected at most {MAX_PROCESSES} processes, found more");
            return Err(Blind::new("list processes", Obstacle::Other(cause)));
        }
        let own = self.own_pid();
        let mut processes = Vec::new();
        let mut room = MAX_COMMAND_LINES;
        for pid in pids {
            if Some(pid) == own || !membership.includes(self, pid) {
                continue;
            }
            let path = format!("{pid}/cmdline");
            match self.read_proc(&path, MAX_COMMAND_LINE) {
                Ok(content) => {
                    let arguments = split_nul(&content);
                    let size = |argument: &String| argument.len() + size_of::<String>();
                    let taken: usize = arguments.iter().map(size).sum();
                    room = room.checked_sub(taken).ok_or_else(too_long)?;
                    processes.push(Process { pid, arguments });
                }
                // A process may end between two looks; that one is simply not there.
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => {
                    let blind = Blind::errno(format!("read /proc/{path}"), errno);
                    unseen.get_or_insert_with(|| {
                        blind.hint("mount /proc without hidepid, or run as root")
                    });
                }
            }
        }
        Ok(Listing { processes, unseen })
    }

    /// Every numeric name in `/proc`.
    pub(crate) fn all_pids(&self) -> Result<Vec<Pid>, Blind> {
        let blind = |errno| Blind::errno("list /proc", errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::openat(&self.proc, Path::new("."), flags, Mode::empty()).map_err(blind)?;
        let names = directory_names(&directory, MAX_ENTRIES).map_err(blind)?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok().map(Pid::new)).collect())
    }
}

/// The fields of `/proc/PID/stat` that are used.
struct Stat {
    name: String,
    state: ProcessState,
    parent: Pid,
    started: u64,
}

impl Stat {
    /// The name stands in parentheses and may itself hold any of `) (` and
    /// line ends, so the fields after it are counted from the last `)`.
    fn parse(content: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(content);
        let (head, tail) = text.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let mut fields = tail.split_whitespace();
        let state = match fields.next()? {
            "D" => ProcessState::Uninterruptible,
            "T" => ProcessState::Stopped,
            "t" => ProcessState::Traced,
            "Z" | "X" | "x" => ProcessState::Zombie,
            _ => ProcessState::Alive,
        };
        let parent = Pid::new(fields.next()?.parse().ok()?);
        // Field 22 of the line; state was field 3, the parent field 4.
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { name, state, parent, started })
    }
}

/// Ticks as a span of time.
fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND))
}

fn too_long() -> Blind {
    let cause = format!("expected at most {MAX_COMMAND_LINES} bytes of command lines, found more");
    Blind::new("list processes", Obstacle::Other(cause))
}

/// NUL-separated strings. A title that a process gave itself is one string
/// with padding behind it.
fn split_nul(content: &[u8]) -> Vec<String> {
    let end = content.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return Vec::new();
    }
    content[..end]
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// Whatever a process writes of itself.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let _ = Stat::parse(bytes).map(|stat| ticks(stat.started));
    let _ = split_nul(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_may_hold_parentheses_and_line_ends() {
        let tail = " S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1 1";
        let stat = Stat::parse(format!("12 (a) (b\n){tail}").as_bytes()).unwrap();
        assert_eq!(stat.name, "a) (b\n");
        assert_eq!(stat.state, ProcessState::Alive);
        assert_eq!(stat.parent, Pid::new(7));
        assert_eq!(stat.started, 4242);
    }

    #[test]
    fn a_title_is_one_argument_without_its_padding() {
        assert_eq!(split_nul(b"nova-conductor: worker\0\0\0"), ["nova-conductor: worker"]);
        assert_eq!(split_nul(b"a\0\0b\0"), ["a", "", "b"]);
        assert!(split_nul(b"\0\0").is_empty());
    }

    proptest! {
        #[test]
        fn any_content_is_parsed_or_refused(content in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Stat::parse(&content), split_nul(&content));
        }

        #[test]
        fn any_name_is_told_from_the_fields_behind_it(
            name in "\\PC{0,15}", parent in any::<u32>(), started in any::<u64>(),
        ) {
            let zeros = "0 ".repeat(17);
            let line = format!("12 ({name}) D {parent} {zeros}{started} 0\n");
            let stat = Stat::parse(line.as_bytes()).unwrap();
            prop_assert_eq!((stat.name, stat.state), (name, ProcessState::Uninterruptible));
            prop_assert_eq!((stat.parent, stat.started), (Pid::new(parent), started));
            // However long that is, it is a span of time.
            let _ = ticks(started);
        }
    }
}
