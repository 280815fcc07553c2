//! A unix socket that is at one of several paths: found, spoken to, and judged
//! where that cannot be done.

use super::{Hosts, Peer, Replies, Side, Spoken, Trouble};
use crate::definition::Var;
use crate::kinds::Judgement;
use crate::plan::{Scene, Unplanned};
use crate::settings::url::Endpoint;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use vantage::{Blind, Deadline, Obstacle, Vantage};

/// A unix socket.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    peer: Peer,
}

/// What came of speaking to whoever listens on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Met<T> {
    /// It was spoken to.
    Asked(Replies<T>),
    /// There is nothing at the path.
    Missing,
    /// The socket is not for us.
    NotOurs {
        /// What was in the way.
        because: String,
        /// What can be done about it.
        hint: Option<String>,
    },
}

impl Socket {
    /// The first of these paths that there is something at, else the first. For
    /// what a service needs, only where there is a folder for one of them: what
    /// is reached in another way is not looked for.
    ///
    /// # Errors
    /// Where none is given, or one cannot be filled in; Moot without a folder.
    pub(crate) fn plan(
        paths: &[Var<String>],
        side: Side,
        scene: &Scene<'_>,
    ) -> Result<Self, Unplanned> {
        let mut places = Vec::new();
        for path in paths {
            places.push((PathBuf::from(scene.value(path)?), scene.origins(path)));
        }
        let is_there = |path: &std::path::Path| {
            !scene.vantage().stat(path).is_err_and(|error| error.is_missing())
        };
        let found = places.iter().find(|(path, _)| is_there(path)).or_else(|| places.first());
        let Some((path, origin)) = found else {
            return Err(Unplanned::Nothing("expected the path of a unix socket".into()));
        };
        if side == Side::Dependency
            && !places.iter().filter_map(|(path, _)| path.parent()).any(is_there)
        {
            let path = shown(&path.display().to_string(), 100);
            return Err(Unplanned::Moot(format!("there is no folder for {path}")));
        }
        Ok(Self::at(path.clone(), side, origin))
    }

    /// The one at this path.
    pub(crate) fn at(path: PathBuf, side: Side, origin: &str) -> Self {
        let endpoint = Endpoint::Unix(path.clone());
        let peer = match side {
            Side::Own => Peer::own(endpoint, origin),
            Side::Dependency => Peer::dependency(vec![endpoint], origin),
        };
        Self { path, peer }
    }

    /// Speaks to whoever listens on it.
    ///
    /// # Errors
    /// Blind where not even trying is possible.
    pub(crate) fn speak<T>(
        &self,
        from: &Vantage,
        by: Deadline,
        talk: impl FnMut(Spoken<'_>) -> Result<T, Trouble>,
    ) -> Result<Met<T>, Blind> {
        if from.stat(&self.path).is_err_and(|error| error.is_missing()) {
            return Ok(Met::Missing);
        }
        match self.peer.speak(Hosts::Each, from, by, talk) {
            Ok(replies) => Ok(Met::Asked(replies)),
            // It may be for root alone, or for a group that the probe is not in.
            Err(blind) if blind.obstacle == Obstacle::Forbidden => {
                Ok(Met::NotOurs { because: blind.to_string(), hint: blind.hint })
            }
            Err(blind) => Err(blind),
        }
    }

    /// The verdict: that of what was answered, or what it means that nothing was.
    pub(crate) fn judge<T>(
        &self,
        met: &Met<T>,
        judge: impl Fn(&str, &T) -> Judgement,
    ) -> Judgement {
        match met {
            Met::Asked(replies) => replies.judge(&self.peer, judge),
            Met::Missing => {
                let because = format!("no socket at {self}");
                match self.peer.side() {
                    Side::Own => Verdict::own_fault(because).into(),
                    Side::Dependency => Verdict::dependency(because).into(),
                }
            }
            Met::NotOurs { because, hint } => Judgement {
                hint: hint.clone(),
                ..Judgement::healthy(format!("{self} is there, not asked ({because})"))
            },
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.path.display().to_string(), 100))
    }
}
