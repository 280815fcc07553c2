//! What came of speaking to a peer's hosts, and the verdict of all of them.

use super::{Peer, Trouble, What};
use crate::kinds::Judgement;
use crate::verdict::Verdict;
use serde::Serialize;
use vantage::Blind;

/// The most hosts that are told apart: what a line holds.
const MOST_TOLD: usize = 3;

/// What came of speaking to one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reply<T> {
    /// Who was spoken to: an address, or a name that leads nowhere.
    pub(crate) whom: String,
    /// What came of it.
    pub(crate) outcome: Result<T, Trouble>,
    /// Why it proves less than it might.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weaker: Option<Weaker>,
}

/// Why something proves less than it might: something could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Weaker {
    /// What was in the way.
    pub(crate) because: String,
    /// What can be done about it.
    #[serde(skip)]
    pub(crate) hint: Option<String>,
}

impl From<Blind> for Weaker {
    fn from(blind: Blind) -> Self {
        Self { because: blind.to_string(), hint: blind.hint }
    }
}

/// What came of speaking to each host, in the order they were spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Replies<T>(pub(crate) Vec<Reply<T>>);

impl<T> Reply<T> {
    /// What came of speaking to somebody.
    pub(crate) fn new(whom: impl Into<String>, outcome: Result<T, Trouble>) -> Self {
        Self { whom: whom.into(), outcome, weaker: None }
    }

    /// What it is judged as, and why that is less certain than it might be.
    fn judged(&self, judgement: Judgement) -> Judgement {
        match &self.weaker {
            Some(Weaker { because, hint }) => judgement.of_uncertain_owner(because, hint.as_ref()),
            None => judgement,
        }
    }

    /// What is known of a peer whose socket is not for us, if that is so.
    fn unasked(&self) -> Option<Judgement> {
        let trouble = self.outcome.as_ref().err().filter(|trouble| trouble.is_not_asked())?;
        let proof = match &self.weaker {
            Some(Weaker { because, .. }) => format!("{trouble}, not asked ({because})"),
            None => format!("{trouble}, not asked"),
        };
        let hint = self.weaker.as_ref().and_then(|weaker| weaker.hint.clone());
        Some(Judgement { hint, ..Judgement::healthy(proof) })
    }
}

impl<T> Replies<T> {
    /// Who answered first.
    pub(crate) fn answered(&self) -> Option<&str> {
        let reply = self.0.iter().find(|reply| reply.outcome.is_ok())?;
        Some(&reply.whom)
    }

    /// Whether the trouble with one of them is one of these.
    pub(crate) fn troubled_by(&self, what: &[What]) -> bool {
        let is_it = |trouble: &Trouble| what.contains(&trouble.what);
        self.0.iter().any(|reply| reply.outcome.as_ref().is_err_and(is_it))
    }

    /// The verdict of all: the worst of what those that answered are judged by
    /// `judge` (which is told who it was), or whose fault it is that none did. Of a
    /// peer whose hosts were all to answer, some that did not are news.
    pub(crate) fn judge(&self, peer: &Peer, judge: impl Fn(&str, &T) -> Judgement) -> Judgement {
        let judged = |reply: &Reply<T>| match &reply.outcome {
            Ok(answer) => Some(reply.judged(judge(&reply.whom, answer))),
            Err(_) => reply.unasked(),
        };
        let worst =
            self.0.iter().filter_map(judged).max_by_key(|judgement| judgement.verdict.severity());
        let troubles: Vec<(&Reply<T>, &Trouble)> = self
            .0
            .iter()
            .filter_map(|reply| Some((reply, reply.outcome.as_ref().err()?)))
            .filter(|(_, trouble)| !trouble.is_not_asked())
            .collect();
        let origin = peer.origin().map_or_else(String::new, |origin| format!(" ({origin})"));
        match (worst, troubles.first()) {
            (Some(judgement), None) => judgement,
            (Some(judgement), Some((reply, trouble))) => {
                let count = format!("{} of {}", troubles.len(), self.0.len());
                let told = format!("{}{origin}: {count} did not answer", trouble.told(&reply.whom));
                match judgement.verdict {
                    Verdict::Healthy => {
                        let degraded = Judgement::from(Verdict::degraded(told));
                        Judgement { proof: judgement.proof, ..degraded }
                    }
                    _ => judgement,
                }
            }
            (None, Some((reply, trouble))) => {
                // Each host may be away for a reason of its own.
                let told = troubles.iter().take(MOST_TOLD);
                let told: Vec<_> = told.map(|(reply, trouble)| trouble.told(&reply.whom)).collect();
                let mut because = told.join("; ");
                if let others @ 1.. = troubles.len().saturating_sub(MOST_TOLD) {
                    because.push_str(&format!("; {others} more did not answer"));
                }
                let verdict = trouble.verdict(peer.side(), format!("{because}{origin}"));
                let judgement = Judgement { late: trouble.is_late(), ..Judgement::from(verdict) };
                reply.judged(judgement)
            }
            (None, None) => Verdict::unknown("nobody was spoken to").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Replies, Reply, Weaker};
    use crate::kinds::Judgement;
    use crate::peer::{Peer, Trouble, What};
    use crate::settings::url::Endpoint;
    use crate::verdict::{Blame, Verdict};

    fn judged(replies: Vec<Reply<&str>>) -> Judgement {
        let peer = Peer::own(Endpoint::Unix("/run/a".into()), "a test");
        Replies(replies)
            .judge(&peer, |whom, answer| Judgement::healthy(format!("{whom} says {answer}")))
    }

    fn weaker<T>(reply: Reply<T>) -> Reply<T> {
        let weaker = Weaker { because: "no right".into(), hint: Some("be root".into()) };
        Reply { weaker: Some(weaker), ..reply }
    }

    #[test]
    fn a_socket_that_is_not_ours_is_no_alarm_and_tells_so() {
        let unasked = || weaker(Reply::new("/run/a", Err(Trouble::not_asked("a runs"))));
        let judgement = judged(vec![unasked()]);
        assert_eq!(judgement.verdict, Verdict::Healthy);
        assert_eq!(judgement.proof.unwrap(), "a runs, not asked (no right)");
        assert_eq!(judgement.hint.unwrap(), "be root");
        // One that is silent is news all the same.
        let silent = Reply::new("b", Err(Trouble::new(What::Silent, "says nothing")));
        assert_eq!(judged(vec![unasked(), silent]).verdict.word(), "degraded");
    }

    #[test]
    fn where_none_answers_each_is_told_with_its_own_reason() {
        let silent = |whom| Reply::new(whom, Err(Trouble::new(What::Silent, "says nothing")));
        let gone = Reply::new("b", Err(Trouble::new(What::Unresolved, "cannot resolve b")));
        let of_two = judged(vec![silent("a"), gone.clone()]).verdict;
        assert_eq!(of_two.because().unwrap(), "a says nothing; cannot resolve b (a test)");
        let of_five =
            judged(vec![silent("a"), gone, silent("c"), silent("d"), silent("e")]).verdict;
        let told =
            "a says nothing; cannot resolve b; c says nothing; 2 more did not answer (a test)";
        assert_eq!(of_five.because().unwrap(), told);
    }

    #[test]
    fn that_a_port_may_be_another_s_is_told() {
        let answered = judged(vec![weaker(Reply::new("b", Ok("yes")))]);
        let uncertain = "owner of the port uncertain (no right)";
        assert_eq!(answered.verdict, Verdict::Healthy);
        assert_eq!(answered.proof.unwrap(), format!("b says yes, {uncertain}"));
        assert_eq!(answered.hint.unwrap(), "be root");
        let silent = Trouble::new(What::Silent, "says nothing");
        let silent = judged(vec![weaker(Reply::new("b", Err(silent)))]);
        assert_eq!(silent.verdict.blame(), Some(Blame::Itself));
        assert_eq!(silent.proof.unwrap(), uncertain);
    }
}
