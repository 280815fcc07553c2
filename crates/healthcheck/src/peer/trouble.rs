//! Why a conversation came to nothing, and whose fault that is.

use super::Side;
use crate::protocols::tls::TlsError;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Serialize;
use std::io::{self, ErrorKind};
use vantage::DialError;

/// Why a conversation came to nothing: no secret, and safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Trouble {
    /// What was the trouble.
    pub(crate) what: What,
    /// In words: the protocol's own where it has said something.
    pub(crate) words: String,
}

/// The kinds of trouble that are judged differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// The program does not run.
    NotRunning,
    /// It does not listen.
    NotListening,
    /// It refuses connections.
    Refused,
    /// It accepts no connection.
    NotAccepting,
    /// It accepts and says nothing, or not enough.
    Silent,
    /// It ended the connection without a word.
    HungUp,
    /// What it said is not the protocol.
    Garbled,
    /// It said, in the protocol's words, that it cannot serve.
    Failing,
    /// It will not have us: a password, a right. What was set and what it knows disagree.
    Denied,
    /// It spoke, and does not say in time whether it will have us: whoever guesses passwords is
    /// made to wait.
    Withheld,
    /// There is no way there.
    Unreachable,
    /// Its name leads nowhere.
    Unresolved,
    /// Its socket is not for us: the words say what else is known of it.
    NotAsked,
    /// TLS was expected and it is plain, or the other way round, or its certificate is not accepted.
    Encryption,
}

/// As much of a peer's words as is shown, in bytes.
const SHOWN: usize = 160;

impl Trouble {
    /// Trouble, in words; what a peer said is escaped and cut.
    pub(crate) fn new(what: What, words: impl AsRef<str>) -> Self {
        Self { what, words: shown(words.as_ref(), SHOWN) }
    }

    /// What came is not what the protocol has here.
    pub(crate) fn garbled(words: impl AsRef<str>) -> Self {
        Self::new(What::Garbled, words)
    }

    /// Its socket is not for us to connect to; what else is known of it, which is well.
    pub(super) fn not_asked(words: impl AsRef<str>) -> Self {
        Self::new(What::NotAsked, words)
    }

    /// It said that it cannot serve.
    pub(crate) fn failing(words: impl AsRef<str>) -> Self {
        Self::new(What::Failing, words)
    }

    /// It will not have us.
    pub(crate) fn denied(words: impl AsRef<str>) -> Self {
        Self::new(What::Denied, words)
    }

    /// Whether it was not asked, and is well by what else is known.
    pub(super) fn is_not_asked(&self) -> bool {
        self.what == What::NotAsked
    }

    /// Whether nothing was heard in time.
    pub(crate) fn is_silence(&self) -> bool {
        self.what == What::Silent
    }

    pub(crate) fn from_dial(error: &DialError) -> Self {
        let what = match error {
            DialError::Refused(_) => What::Refused,
            DialError::Missing(_) => What::NotListening,
            DialError::NoAnswer(_) => What::NotAccepting,
            DialError::Unreachable(..) | DialError::Blind(_) => What::Unreachable,
            DialError::Unresolved { .. } => What::Unresolved,
        };
        Self::new(what, error.to_string())
    }

    /// Whose fault it is.
    pub(super) fn verdict(&self, side: Side, because: String) -> Verdict {
        match (self.what, side) {
            (What::NotAsked, _) => Verdict::Healthy,
            // Settings and server disagree: a restart of neither mends that.
            (What::Denied | What::Withheld, _) => Verdict::environment(because),
            (What::Encryption | What::Unreachable, Side::Own) => Verdict::environment(because),
            (_, Side::Own) => Verdict::own_fault(because),
            (_, Side::Dependency) => Verdict::dependency(because),
        }
    }

    /// Whether it is that something did not happen in time.
    pub(super) fn is_late(&self) -> bool {
        matches!(self.what, What::Silent | What::Withheld | What::NotAccepting)
    }

    /// The same with whom it was with, where its words do not say that.
    pub(super) fn told(&self, whom: &str) -> String {
        let names_whom = matches!(
            self.what,
            What::NotRunning
                | What::NotListening
                | What::Refused
                | What::NotAccepting
                | What::Unreachable
                | What::Unresolved
        );
        if names_whom { self.words.clone() } else { format!("{whom} {}", self.words) }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => {
                Self::new(What::Silent, "accepts connections and answers nothing")
            }
            ErrorKind::UnexpectedEof => Self::new(What::HungUp, "closed the connection"),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                Self::new(What::HungUp, "reset the connection")
            }
            // What our own readers say of a peer's bytes.
            ErrorKind::InvalidData => Self::garbled(error.to_string()),
            _ => Self::new(What::HungUp, error.to_string()),
        }
    }
}

impl From<TlsError> for Trouble {
    fn from(error: TlsError) -> Self {
        let what = match &error {
            TlsError::Broken(crate::protocols::http::Trouble::TimedOut) => What::Silent,
            _ => What::Encryption,
        };
        Self::new(what, format!("TLS: {error}"))
    }
}
