//! Why we could not look. Never to be mistaken for what we would have seen.

use rustix::io::Errno;
use std::fmt;

/// We could not look, so nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {attempt}: {obstacle}")]
pub struct Blind {
    /// What was tried, as a verb and its object: `read /proc/412/fd`.
    pub attempt: String,
    /// What was in the way.
    pub obstacle: Obstacle,
    /// What an operator can do about it.
    pub hint: Option<String>,
}

/// What was in the way of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel refused: another uid, a missing capability, SELinux, seccomp.
    Forbidden,
    /// What was to be looked at is not there.
    Missing,
    /// The deadline passed first.
    TimedOut,
    /// Not possible from this vantage at all.
    NotFromHere(&'static str),
    /// Anything else, in words.
    Other(String),
}

impl Blind {
    /// Nothing is known because `attempt` met `obstacle`.
    pub fn new(attempt: impl Into<String>, obstacle: Obstacle) -> Self {
        Self { attempt: attempt.into(), obstacle, hint: None }
    }

    /// The same for an error number of the kernel.
    pub fn errno(attempt: impl Into<String>, errno: Errno) -> Self {
        Self::new(attempt, Obstacle::from(errno))
    }

    /// With advice for an operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Errno> for Obstacle {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::NOENT | Errno::SRCH | Errno::NOTDIR => Self::Missing,
            Errno::TIMEDOUT | Errno::AGAIN => Self::TimedOut,
            other => Self::Other(describe(other)),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden => f.write_str("permission denied"),
            Self::Missing => f.write_str("not there"),
            Self::TimedOut => f.write_str("no answer before the deadline"),
            Self::NotFromHere(why) => f.write_str(why),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// The kernel's own words for an error number, without std's `(os error N)`.
pub(crate) fn describe(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text.to_lowercase(),
    }
}
