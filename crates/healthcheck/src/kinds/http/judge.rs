//! What to make of an answer, or of none.
//!
//! To blame is the service itself where a restart might help: it is silent, it
//! talks nonsense, it says that it fails. Where it answers well and what is
//! around it is wrong (certificates, names, a password, a file that an
//! operator put there), a restart would change nothing, and in the role `live`
//! would happen again and again: that is the environment's.

use super::Http;
use super::health::Standing;
use super::seen::{Answer, Certificate, Seen, Trouble, What};
use crate::kinds::Judgement;
use crate::kinds::certificate::ending;
use crate::kinds::file::span;
use crate::protocols::http::Scheme;
use crate::text::{either, shown};
use crate::verdict::Verdict;

const DAY: i64 = 86_400;

/// What oslo.middleware's healthcheck says where an operator has created the file
/// that its `disable_by_file` names, or taken away one that `enable_by_files` does;
/// and what to do about it.
const BY_FILE: [(&str, &str); 2] = [
    ("DISABLED BY FILE", "remove the file that [healthcheck] disable_by_file_path names"),
    ("FILE PATH MISSING", "create the files that [healthcheck] enable_by_file_paths names"),
];

impl Http {
    pub(super) fn judge_seen(&self, seen: &Seen) -> Judgement {
        let judgement = match (&seen.answer, &seen.failure) {
            (Some(answer), _) => self.judge_answer(answer, seen),
            (None, Some(trouble)) => self.judge_trouble(trouble, seen),
            (None, None) => Verdict::unknown("nothing was seen").into(),
        };
        match &seen.weaker {
            Some((blind, hint)) => judgement.of_uncertain_owner(blind, hint.as_ref()),
            None => judgement,
        }
    }

    fn judge_answer(&self, answer: &Answer, seen: &Seen) -> Judgement {
        let asked = self.asked(seen);
        let words = &answer.words;
        if !self.statuses.contain(answer.status) {
            let said = answer.said();
            let said = if said.is_empty() { said } else { format!(": {said}") };
            let by_file = BY_FILE
                .iter()
                .find(|(words, _)| said.contains(words) || answer.body.contains(words));
            if let Some((_, hint)) = by_file {
                let because =
                    format!("an operator has disabled it: answered {words} to {asked}{said}");
                return Judgement::from(Verdict::environment(because)).hint(*hint);
            }
            if answer.status >= 500 && answer.health.as_ref().is_some_and(|health| health.named) {
                return Verdict::dependency(format!("answered {words} to {asked}{said}")).into();
            }
            if answer.status >= 500 {
                return Verdict::own_fault(format!("answered {words} to {asked}{said}")).into();
            }
            let because = format!("answered {words} to {asked}, expected {}{said}", self.statuses);
            return Verdict::environment(because).into();
        }
        if let Some(cut) = &answer.cut {
            return Verdict::own_fault(format!("answered {words} to {asked}, but {cut}")).into();
        }
        if let (Some(false), Some(body)) = (answer.matches, &self.body) {
            let found = shown(&answer.body, 60);
            let because = format!("expected an answer like /{body}/ to {asked}, found \"{found}\"");
            return Verdict::own_fault(because).into();
        }
        if let Some(violation) = answer.json.first() {
            return Verdict::own_fault(format!("{asked}: {violation}")).into();
        }
        if let Some(judgement) = self.judge_health(answer, &asked) {
            return judgement;
        }
        let tls = match seen.tls {
            Some(Certificate { verified: true, .. }) => ", TLS verified",
            Some(Certificate { verified: false, .. }) => ", TLS not verified",
            None => "",
        };
        let proof = format!("{words} to {asked} in {} ms{tls}", seen.elapsed_ms);
        match self.concern(seen) {
            Some(concern) => Judgement::from(Verdict::degraded(concern)).proof(proof),
            None => Judgement::healthy(proof),
        }
    }

    /// What a health document says, if it is not that all is well. What it names is what
    /// the service has to do with, and saw fail: a restart of the service mends none of it.
    fn judge_health(&self, answer: &Answer, asked: &str) -> Option<Judgement> {
        if !self.health && !answer.is_health {
            return None;
        }
        let health = answer.health.as_ref();
        let Some((health, standing)) = health.and_then(|it| Some((it, it.standing?))) else {
            let found = shown(&answer.body, 60);
            let because = format!("expected a health document to {asked}, found \"{found}\"");
            return Some(Verdict::own_fault(because).into());
        };
        let reasons = health.told();
        let reasons = if reasons.is_empty() { reasons } else { format!(": {reasons}") };
        match (standing, health.named) {
            (Standing::Pass, _) => None,
            (Standing::Warn, _) => {
                Some(Verdict::degraded(format!("answered warn to {asked}{reasons}")).into())
            }
            (Standing::Fail, true) => {
                Some(Verdict::dependency(format!("answered fail to {asked}{reasons}")).into())
            }
            (Standing::Fail, false) => {
                Some(Verdict::own_fault(format!("answered fail to {asked}{reasons}")).into())
            }
        }
    }

    /// What will be wrong soon with the certificate, or is and nobody verifies it.
    fn concern(&self, seen: &Seen) -> Option<String> {
        let ends_in = seen.tls?.ends_in?;
        let address = seen.address.as_deref().unwrap_or_default();
        ending(&format!("the certificate of {address}"), ends_in, self.certificate_days)
    }

    fn judge_trouble(&self, trouble: &Trouble, seen: &Seen) -> Judgement {
        let asked = self.asked(seen);
        let limit = format!("{:.1} s", seen.limit_ms as f64 / 1000.0);
        let words = &trouble.words;
        match trouble.what {
            What::NotRunning => {
                let because = format!(
                    "{} is not running, so nothing of it listens on {}",
                    self.who(),
                    self.ports()
                );
                Verdict::own_fault(because).into()
            }
            What::NotListening => {
                let mut because = match self.program() {
                    Some(program) => format!("{program} does not listen on {}", self.ports()),
                    None => format!("nothing listens on {}", self.ports()),
                };
                if let Some(other) = seen.others.first() {
                    because.push_str(&format!(", a process elsewhere holds {other}"));
                }
                Verdict::own_fault(because).into()
            }
            What::Refused => Verdict::own_fault(words.clone()).into(),
            What::NotAccepting => {
                let address = seen.address.as_deref().unwrap_or("the service");
                let because = format!("{address} did not accept a connection within {limit}");
                Judgement::from(Verdict::own_fault(because)).late()
            }
            What::Silent => {
                let within = match self.errand.url.scheme {
                    Scheme::Https if seen.tls.is_none() => " (TLS handshake)",
                    _ => "",
                };
                let because = format!("did not answer {asked} within {limit}{within}");
                Judgement::from(Verdict::own_fault(because)).late()
            }
            What::HungUp | What::Garbled => Verdict::own_fault(format!("{asked}: {words}")).into(),
            What::Unreachable | What::Redirects | What::Proxy => {
                Verdict::environment(format!("{asked}: {words}")).into()
            }
            What::Scheme => {
                let verdict = Verdict::environment(format!("{asked}: {words}"));
                Judgement::from(verdict).hint(SCHEME_HINT)
            }
            What::Certificate => {
                let ago = seen.tls.and_then(|tls| tls.ends_in).filter(|ends_in| *ends_in < 0);
                let ago = match ago.map(|ends_in| -ends_in / DAY) {
                    Some(0) => " today".to_owned(),
                    Some(days) => format!(" {} ago", span(days * DAY)),
                    None => String::new(),
                };
                let words = words.replace("has expired", &format!("expired{ago}"));
                let words = if ago.is_empty() { trouble.words.clone() } else { words };
                Verdict::environment(format!("{asked}: {words}")).into()
            }
            What::ClientCertificate => {
                let verdict = Verdict::unknown(format!("{asked}: the server {words}"));
                Judgement::from(verdict).hint("give the check client-certificate and client-key")
            }
        }
    }

    fn ports(&self) -> String {
        let ports: Vec<_> = match &self.ask {
            super::Ask::Found(sought) => sought.ports.iter().map(ToString::to_string).collect(),
            _ => vec![self.errand.url.port.to_string()],
        };
        format!("port {}", either(&ports))
    }

    fn who(&self) -> String {
        self.program().map_or_else(|| "the service".to_owned(), ToString::to_string)
    }
}

impl Answer {
    /// What it says is not well, in a few words.
    fn said(&self) -> String {
        match self.health.as_ref().map(super::Health::told) {
            Some(told) if !told.is_empty() => shown(&told, 160),
            _ => shown(&self.body, 80),
        }
    }
}

const SCHEME_HINT: &str = "the check and the service do not agree on TLS";
