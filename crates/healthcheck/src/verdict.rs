//! What an answer says, whose fault it is, and what it means for a role.

use serde::Deserialize;
use std::fmt;

/// The answer to "is it healthy?". There is no default: every look must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Healthy,
    /// It works, but.
    Degraded {
        /// What will be wrong soon, or is wrong with a spare.
        because: String,
    },
    /// We could not look.
    Unknown {
        /// What was in the way.
        because: String,
        /// Whose fault that is, if anybody's but ours.
        blame: Option<Blame>,
    },
    /// It does not work.
    Unhealthy {
        /// What is wrong.
        because: String,
        /// Whose fault it is.
        blame: Blame,
    },
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// What the service needs: a restart of the service would not help.
    Dependency,
    /// The host, its disk, its network, its clock.
    Environment,
    /// The service: a restart might help.
    #[serde(rename = "self")]
    Itself,
}

/// What the answer is for (DESIGN.md, section 2, item 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Docker's HEALTHCHECK, an operator, CI.
    #[default]
    Health,
    /// A liveness probe: no means restart.
    Live,
    /// A readiness probe: no means no traffic.
    Ready,
    /// A startup probe: no means not yet.
    Startup,
}

/// The exit status for a verdict in a role. There is no third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Status 0.
    Pass,
    /// Status 1.
    Fail,
}

impl Verdict {
    /// Unhealthy, the service itself to blame.
    pub fn own_fault(because: impl Into<String>) -> Self {
        Self::Unhealthy { because: because.into(), blame: Blame::Itself }
    }

    /// Unhealthy, what the service needs to blame.
    pub fn dependency(because: impl Into<String>) -> Self {
        Self::Unhealthy { because: because.into(), blame: Blame::Dependency }
    }

    /// Unhealthy, the host to blame.
    pub fn environment(because: impl Into<String>) -> Self {
        Self::Unhealthy { because: because.into(), blame: Blame::Environment }
    }

    /// Degraded.
    pub fn degraded(because: impl Into<String>) -> Self {
        Self::Degraded { because: because.into() }
    }

    /// Unknown.
    pub fn unknown(because: impl Into<String>) -> Self {
        Self::Unknown { because: because.into(), blame: None }
    }

    /// Unknown, because the host did not let anybody find out.
    pub fn starved(because: impl Into<String>) -> Self {
        Self::Unknown { because: because.into(), blame: Some(Blame::Environment) }
    }

    /// The same of what the service needs: nothing of it is the service's own fault.
    #[must_use]
    pub(crate) fn of_a_dependency(self) -> Self {
        match self {
            Self::Unhealthy { because, blame: Blame::Itself } => Self::dependency(because),
            other => other,
        }
    }

    /// The one word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded { .. } => "degraded",
            Self::Unknown { .. } => "unknown",
            Self::Unhealthy { .. } => "unhealthy",
        }
    }

    /// Why, if it is not plainly healthy.
    pub fn because(&self) -> Option<&str> {
        match self {
            Self::Healthy => None,
            Self::Degraded { because }
            | Self::Unknown { because, .. }
            | Self::Unhealthy { because, .. } => Some(because),
        }
    }

    /// Whose fault it is, if it is unhealthy; or that nothing is known, if that
    /// is the host's.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Unhealthy { blame, .. } => Some(*blame),
            Self::Unknown { blame, .. } => *blame,
            _ => None,
        }
    }

    /// Orders verdicts: the worst of several speaks for all. What is known to
    /// be wrong is worse than what is not known, and of faults the service's
    /// own comes first, because it is the one a restart can mend.
    pub fn severity(&self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Degraded { .. } => 1,
            Self::Unknown { .. } => 2,
            Self::Unhealthy { blame, .. } => 3 + *blame as u8,
        }
    }
}

impl Blame {
    /// The one word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Dependency => "dependency",
            Self::Environment => "environment",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Health => "health",
            Self::Live => "live",
            Self::Ready => "ready",
            Self::Startup => "startup",
        })
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Role {
    /// Every role and the name it is asked for by.
    pub const NAMES: [(&'static str, Self); 3] =
        [("live", Self::Live), ("ready", Self::Ready), ("startup", Self::Startup)];

    /// Whether failing restarts the service, so that only its own faults count.
    pub(crate) fn restarts(self) -> bool {
        matches!(self, Self::Live | Self::Startup)
    }

    /// What this role makes of all verdicts of an evaluation together.
    pub fn exit<'a>(self, verdicts: impl IntoIterator<Item = &'a Verdict>) -> Exit {
        let fails = |verdict: &Verdict| match (self, verdict) {
            (_, Verdict::Healthy | Verdict::Degraded { .. }) => false,
            (Self::Health | Self::Ready, _) => true,
            // A dependency's outage must never restart the service that depends on it.
            (Self::Live | Self::Startup, Verdict::Unhealthy { blame, .. }) => {
                *blame == Blame::Itself
            }
            (Self::Live, Verdict::Unknown { .. }) => false,
            (Self::Startup, Verdict::Unknown { .. }) => true,
        };
        if verdicts.into_iter().any(fails) { Exit::Fail } else { Exit::Pass }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Pass => 0,
            Exit::Fail => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Blame, Exit, Role, Verdict};

    #[test]
    fn a_role_decides_what_a_verdict_means() {
        use Exit::{Fail, Pass};
        let unhealthy = |blame| Verdict::Unhealthy { because: "x".into(), blame };
        let cases = [
            // verdict, none, live, ready, startup
            (Verdict::Healthy, Pass, Pass, Pass, Pass),
            (Verdict::degraded("x"), Pass, Pass, Pass, Pass),
            (Verdict::unknown("x"), Fail, Pass, Fail, Fail),
            (unhealthy(Blame::Itself), Fail, Fail, Fail, Fail),
            (unhealthy(Blame::Dependency), Fail, Pass, Fail, Pass),
            (unhealthy(Blame::Environment), Fail, Pass, Fail, Pass),
        ];
        for (verdict, health, live, ready, startup) in cases {
            for (role, expected) in [
                (Role::Health, health),
                (Role::Live, live),
                (Role::Ready, ready),
                (Role::Startup, startup),
            ] {
                assert_eq!(
                    role.exit([&Verdict::Healthy, &verdict]),
                    expected,
                    "{role:?} {verdict:?}"
                );
            }
        }
    }

    #[test]
    fn the_worst_verdict_wins_and_a_fault_of_its_own_is_the_worst() {
        let mut verdicts = [
            Verdict::own_fault("x"),
            Verdict::unknown("x"),
            Verdict::Healthy,
            Verdict::environment("x"),
            Verdict::degraded("x"),
            Verdict::dependency("x"),
        ];
        verdicts.sort_by_key(Verdict::severity);
        let words: Vec<_> = verdicts.iter().map(|v| (v.word(), v.blame())).collect();
        assert_eq!(
            words,
            [
                ("healthy", None),
                ("degraded", None),
                ("unknown", None),
                ("unhealthy", Some(Blame::Dependency)),
                ("unhealthy", Some(Blame::Environment)),
                ("unhealthy", Some(Blame::Itself)),
            ]
        );
    }
}
