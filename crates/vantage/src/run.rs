//! A command, run in the container. The last resort: everything else looks
//! without starting anything.

mod output;
mod stragglers;

use crate::{Blind, Deadline, Obstacle, Place, Vantage};
use output::Output;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use stragglers::Running;

/// As much of a command's output as is kept, in bytes.
pub const MAX_COMMAND_OUTPUT: usize = 64 << 10;

/// How long before the deadline a command is killed, so that by the deadline
/// nothing of it is left: at most this, and at most a tenth of the time there is.
const TO_CLEAN_UP: Duration = Duration::from_millis(200);

/// How long the end of a killed process is waited for. It takes longer only
/// where it hangs in a system call that nothing interrupts.
const TO_DIE: Duration = Duration::from_secs(1);

/// Between two looks at a child on kernels that give no descriptor for it (before 5.3).
const PAUSE: Duration = Duration::from_millis(10);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited {
        /// 0 to 255.
        status: u8,
        /// Its standard output and standard error, at most [`MAX_COMMAND_OUTPUT`] bytes.
        output: String,
    },
    /// By this signal.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// What it said before.
        output: String,
    },
    /// By us, at the deadline; none of its children is left.
    Killed {
        /// What it said before.
        output: String,
    },
}

impl Vantage {
    /// Runs a command in a process group of its own, standard input empty, and
    /// kills all of it shortly before the deadline. Once it has ended, however
    /// that was, whatever it left behind is killed too, even what has escaped
    /// to a session of its own.
    ///
    /// # Errors
    /// Blind from outside and at a fixture, and where the program cannot be started.
    pub fn run(&self, command: &[String], by: Deadline) -> Result<Ended, Blind> {
        let [program, arguments @ ..] = command else {
            return Err(Blind::new("run a command", Obstacle::Other("it has no program".into())));
        };
        let attempt = || format!("run {program}");
        match self.place() {
            Place::Inside => {}
            Place::Outside(_) => {
                let why = "a command runs inside the container only";
                return Err(Blind::new(attempt(), Obstacle::NotFromHere(why)));
            }
            Place::Fixture(_) => return Err(Blind::new(attempt(), Obstacle::FIXTURE)),
        }
        let failed = |error: std::io::Error| match Errno::from_io_error(&error) {
            Some(errno) => Blind::errno(attempt(), errno),
            None => Blind::new(attempt(), Obstacle::Other(error.to_string())),
        };
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let output = Output::new(reader).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).stdin(Stdio::null());
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let (running, child) = Running::start(command).map_err(failed)?;
        let taken = "somebody else has taken its exit status";
        Started::new(child)
            .until(by.earlier_by(TO_CLEAN_UP), output, running)
            .ok_or_else(|| Blind::new(attempt(), Obstacle::Other(taken.to_owned())))
    }
}

/// Kills every command that runs now, and lets no other start: for whoever is
/// about to end this process while they run.
pub fn kill_commands(by: Deadline) {
    stragglers::kill_all(by);
}

/// A command's first process.
struct Started {
    child: Child,
    /// Readable once it has ended; not on kernels before 5.3.
    ending: Option<OwnedFd>,
}

impl Started {
    fn new(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        Self { child, ending: rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok() }
    }

    /// Collects what it says until it ends or is killed at the deadline, and
    /// clears away what is left of it. `None` where how it ended cannot be
    /// known: whoever started us left SIGCHLD ignored.
    fn until(mut self, by: Deadline, mut output: Output, running: Running) -> Option<Ended> {
        let in_time = self.has_ended_by(by, &mut output);
        // Its number is its group's too, and nobody else's before it is waited for.
        running.kill_group();
        let cleaned = Deadline::after(TO_DIE);
        let status = match self.has_ended_by(cleaned, &mut output) {
            true => self.child.wait().ok(),
            false => None,
        };
        running.kill_stragglers(cleaned);
        output.take_ready();
        let output = output.into_text();
        if !in_time {
            return Some(Ended::Killed { output });
        }
        let status = status?;
        Some(match (status.code(), status.signal()) {
            (Some(status), _) => Ended::Exited { status: status as u8, output },
            (None, signal) => Ended::Signalled { signal: signal.unwrap_or_default(), output },
        })
    }

    /// Whether it has ended; it is not waited for yet.
    fn has_ended_by(&self, by: Deadline, output: &mut Output) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            output.take_ready();
            let pid = WaitId::Pid(Pid::from_child(&self.child));
            if !matches!(rustix::process::waitid(pid, look), Ok(None) | Err(Errno::INTR)) {
                return true;
            }
            if by.has_passed() {
                return false;
            }
            let until = if self.ending.is_some() { by } else { by.at_most(PAUSE) };
            let ending = self.ending.as_ref().map(AsFd::as_fd);
            let mut events: Vec<PollFd<'_>> = [ending, output.source()]
                .into_iter()
                .flatten()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            // Whichever it was, the next turn looks.
            let _ = until.wait_for_any(&mut events);
        }
    }
}
