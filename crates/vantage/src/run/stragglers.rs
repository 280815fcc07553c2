//! What a command leaves behind. A process that escapes its group and its
//! parent comes to us, as the nearest that asked for orphans; what came and
//! does not belong to another command still running is killed and waited for.

use super::PAUSE;
use crate::Deadline;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// In a command's environment, so that what escapes from it can be told from
/// what escapes from another.
const MARK: &str = "HEALTHCHECK_COMMAND";

/// No command is started any more.
static ENDED: AtomicBool = AtomicBool::new(false);

/// The commands running now. Held while one starts, so that nobody takes its
/// first process for a straggler.
static ALL: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

static NEXT: AtomicU32 = AtomicU32::new(0);

struct Entry {
    leader: Pid,
    mark: String,
}

/// A command that has been started.
pub(super) struct Running {
    leader: Pid,
    mark: String,
    /// Children we had before.
    before: HashSet<Pid>,
}

impl Running {
    pub(super) fn start(mut command: Command) -> io::Result<(Self, Child)> {
        // Where this is refused, only the command's own group is cleared away.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", std::process::id());
        command.env(MARK, &mark).process_group(0).stdin(Stdio::null());
        let mut all = lock();
        if ENDED.load(Ordering::SeqCst) {
            return Err(Errno::CANCELED.into());
        }
        let before = children();
        let child = command.spawn()?;
        let leader = Pid::from_child(&child);
        all.push(Entry { leader, mark: mark.clone() });
        Ok((Self { leader, mark, before }, child))
    }

    /// Kills the process group, whose leader has not been waited for yet.
    pub(super) fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(self.leader, Signal::KILL);
    }

    /// Kills what has escaped, and what comes to us when that dies, until
    /// nothing does. The leader has been waited for.
    pub(super) fn kill_stragglers(self, by: Deadline) {
        let mut given_up = HashSet::new();
        while !by.has_passed() {
            let stragglers: Vec<Pid> = {
                let all = lock();
                let others: Vec<&Entry> =
                    all.iter().filter(|entry| entry.mark != self.mark).collect();
                children()
                    .into_iter()
                    .filter(|pid| !self.before.contains(pid) && !given_up.contains(pid))
                    .filter(|pid| !others.iter().any(|other| other.owns(*pid)))
                    .collect()
            };
            if stragglers.is_empty() {
                return;
            }
            for pid in &stragglers {
                let _ = rustix::process::kill_process(*pid, Signal::KILL);
            }
            given_up.extend(stragglers.into_iter().filter(|pid| !wait_for(*pid, by)));
        }
    }
}

/// Kills every command that runs now, with what has escaped from it, and lets
/// no other start: for a process that is about to end out of turn.
pub(super) fn kill_all(by: Deadline) {
    let all = lock();
    ENDED.store(true, Ordering::SeqCst);
    for entry in all.iter() {
        let _ = rustix::process::kill_process_group(entry.leader, Signal::KILL);
        wait_for(entry.leader, by);
    }
    while !all.is_empty() && !by.has_passed() {
        let left = children();
        let theirs: Vec<&Pid> =
            left.iter().filter(|pid| all.iter().any(|entry| entry.owns(**pid))).collect();
        if theirs.is_empty() {
            return;
        }
        for pid in theirs {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
            wait_for(*pid, by);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock().retain(|entry| entry.mark != self.mark);
    }
}

impl Entry {
    /// Whether a child of ours is this command's first process or carries its mark.
    fn owns(&self, pid: Pid) -> bool {
        let path = format!("/proc/{}/environ", pid.as_raw_pid());
        let mark = format!("{MARK}={}", self.mark);
        self.leader == pid
            || std::fs::read(path).is_ok_and(|environment| {
                environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
            })
    }
}

fn lock() -> MutexGuard<'static, Vec<Entry>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our children, without those that other threads than the first started:
/// orphans come to the first.
fn children() -> HashSet<Pid> {
    let own = std::process::id();
    let listed = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
    let numbers = listed.unwrap_or_default();
    numbers.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Waits for a killed child; whether it is gone.
fn wait_for(pid: Pid, by: Deadline) -> bool {
    let ending = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
    loop {
        match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
            Err(Errno::INTR) => {}
            Ok(Some(_)) | Err(_) => return true,
            Ok(None) if by.has_passed() => return false,
            Ok(None) => match &ending {
                Some(ending) => {
                    let _ = by.wait_for(ending.as_fd(), PollFlags::IN);
                }
                None => std::thread::sleep(PAUSE),
            },
        }
    }
}
