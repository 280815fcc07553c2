//! An answer.

use super::BodyError;
use crate::text::shown;
use std::fmt;

/// An answer's status line and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// What the status line says besides; empty where it says nothing.
    pub reason: String,
    /// Names as they came, and values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// The status in words, safe to show: `503 Service Unavailable`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shown(self.reason.trim(), 40) {
            reason if reason.is_empty() => self.status.fmt(f),
            reason => write!(f, "{} {reason}", self.status),
        }
    }
}

/// An answer, its body as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
    /// Why there is no more of it.
    pub end: BodyEnd,
}

/// How the reading of a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyEnd {
    /// That was all.
    Complete,
    /// There is more than was wanted.
    AtLimit,
    /// It did not come whole.
    Broken(BodyError),
}
