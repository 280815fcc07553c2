//! What is said, and the exit status. Writing never fails and never waits for
//! ever: nobody may be reading, and the status is an answer all the same.

use healthcheck::report::Report;
use healthcheck::verdict::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use vantage::Deadline;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Lines for people; the first is the verdict.
    #[default]
    Text,
    /// `application/health+json`.
    Json,
    /// A monitoring plugin's line, and its exit statuses 0 to 3.
    Nagios,
}

impl Format {
    /// Every format and the name it is asked for by.
    pub const NAMES: [(&'static str, Self); 3] =
        [("text", Self::Text), ("json", Self::Json), ("nagios", Self::Nagios)];

    /// An answer in this format, and the exit status that goes with it. `at` is
    /// when it was looked at, `took` how long that was.
    pub fn render(self, report: &Report, at: SystemTime, took: Duration) -> (String, u8) {
        match self {
            Self::Text => (report.to_text(), report.exit().into()),
            Self::Json => (report.to_json(at), report.exit().into()),
            Self::Nagios => (report.to_nagios(took), report.nagios_status()),
        }
    }
}

/// The status for an exit.
pub fn status(exit: Exit) -> ExitCode {
    ExitCode::from(u8::from(exit))
}

/// A reader that has stopped reading is waited for this long.
const PATIENCE: Duration = Duration::from_millis(100);

/// As much as a pipe takes at once when it is writable (PIPE_BUF).
const CHUNK: usize = 4096;

/// Writes to standard output, as far as it is taken.
pub fn print(text: &str) {
    write(rustix::stdio::stdout(), text);
}

/// Writes to standard error, as far as it is taken.
pub fn print_error(text: &str) {
    write(rustix::stdio::stderr(), text);
}

fn write(to: BorrowedFd<'_>, text: &str) {
    let by = Deadline::after(PATIENCE);
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let timeout = Timespec::try_from(by.remaining()).unwrap_or_default();
        let mut fds = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
        match poll(&mut fds, Some(&timeout)) {
            Err(Errno::INTR) => continue,
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        match rustix::io::write(to, rest.get(..CHUNK).unwrap_or(rest)) {
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}
