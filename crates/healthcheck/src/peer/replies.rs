//! What came of speaking to a peer's hosts, and the verdict of all of them.

use super::{Peer, Trouble};
use crate::kinds::Judgement;
use crate::verdict::Verdict;
use serde::Serialize;

/// What came of speaking to one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reply<T> {
    /// Who was spoken to: an address, or a name that leads nowhere.
    pub(crate) whom: String,
    /// What came of it.
    pub(crate) outcome: Result<T, Trouble>,
}

/// What came of speaking to each host, in the order they were spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Replies<T>(pub(crate) Vec<Reply<T>>);

impl<T> Replies<T> {
    /// Who answered first.
    pub(crate) fn answered(&self) -> Option<&str> {
        let reply = self.0.iter().find(|reply| reply.outcome.is_ok())?;
        Some(&reply.whom)
    }

    /// The verdict of all: the worst of what those that answered are judged by
    /// `judge` (which is told who it was), or whose fault it is that none did. Of a
    /// peer whose hosts were all to answer, some that did not are news.
    pub(crate) fn judge(&self, peer: &Peer, judge: impl Fn(&str, &T) -> Judgement) -> Judgement {
        let answered = self
            .0
            .iter()
            .filter_map(|reply| Some(judge(&reply.whom, reply.outcome.as_ref().ok()?)));
        let worst = answered.max_by_key(|judgement| judgement.verdict.severity());
        let troubles: Vec<(&str, &Trouble)> = self
            .0
            .iter()
            .filter_map(|reply| Some((reply.whom.as_str(), reply.outcome.as_ref().err()?)))
            .collect();
        let origin = peer.origin().map_or_else(String::new, |origin| format!(" ({origin})"));
        match (worst, troubles.first()) {
            (Some(judgement), None) => judgement,
            (Some(judgement), Some((whom, trouble))) => {
                let count = format!("{} of {}", troubles.len(), self.0.len());
                let told = format!("{}{origin}: {count} did not answer", trouble.told(whom));
                match judgement.verdict {
                    Verdict::Healthy => {
                        let degraded = Judgement::from(Verdict::degraded(told));
                        Judgement { proof: judgement.proof, ..degraded }
                    }
                    _ => judgement,
                }
            }
            (None, Some((whom, trouble))) => {
                let mut because = trouble.told(whom);
                let others = troubles.len() - 1;
                if others > 0 {
                    because.push_str(&format!(", nor is there an answer from {others} more"));
                }
                let verdict = trouble.verdict(peer.side(), format!("{because}{origin}"));
                Judgement { late: trouble.is_late(), ..Judgement::from(verdict) }
            }
            (None, None) => Verdict::unknown("nobody was spoken to").into(),
        }
    }
}
