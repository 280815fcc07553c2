//! What was seen of a request and its answer: no judgement, and no secret.

use super::health::Health;
use crate::kinds::certificate::seconds_until;
use crate::listeners::Listeners;
use crate::protocols::http::{BodyEnd, Cause, Failure, Fetched, HttpError};
use crate::protocols::tls::{Served, TlsError};
use crate::settings::secret::redact;
use crate::text::shown;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use vantage::{Blind, DialError};

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub struct Seen {
    /// Who was asked, if it came to that.
    pub(super) address: Option<String>,
    /// The port on which somebody else listens, if nobody of ours does.
    pub(super) others: Vec<u16>,
    pub(super) elapsed_ms: u64,
    pub(super) limit_ms: u64,
    pub(super) redirects: u32,
    pub(super) answer: Option<Answer>,
    pub(super) failure: Option<Trouble>,
    pub(super) tls: Option<Certificate>,
    pub(super) weaker: Option<(String, Option<String>)>,
}

/// An answer.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The status with its words, safe to show.
    pub(super) words: String,
    /// The beginning of the body, safe to show.
    pub(super) body: String,
    /// How much of the body was read, in bytes.
    pub(super) length: usize,
    /// Why the body did not come whole.
    pub(super) cut: Option<String>,
    /// Whether there was more than is read.
    pub(super) at_limit: bool,
    /// Whether the body matches, if it must.
    pub(super) matches: Option<bool>,
    /// The conditions on its JSON that do not hold, in words.
    pub(super) json: Vec<String>,
    /// What it says of the service's health, if it is a document that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) health: Option<Health>,
    /// Whether it says that it is a document of the IETF's draft.
    #[serde(skip)]
    pub(super) is_health: bool,
}

/// Why there is no answer.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    pub(super) what: What,
    /// In words, safe to show.
    pub(super) words: String,
}

/// The kinds of trouble that are judged differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// The program does not run.
    NotRunning,
    /// Nothing listens.
    NotListening,
    /// It refuses connections.
    Refused,
    /// It accepts no connection.
    NotAccepting,
    /// It accepts and says nothing.
    Silent,
    /// There is no way there, or no address.
    Unreachable,
    /// TLS was expected and it is plain, or the other way round.
    Scheme,
    /// Its certificate is not accepted.
    Certificate,
    /// It wants to know who we are.
    ClientCertificate,
    /// It ended the connection without a word.
    HungUp,
    /// It answered, and that is no answer.
    Garbled,
    /// It sent us round in circles, or nowhere.
    Redirects,
    /// The proxy would not have it.
    Proxy,
}

/// What was served within TLS.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Certificate {
    pub(super) verified: bool,
    /// Seconds until it ends; negative if it has.
    pub(super) ends_in: Option<i64>,
}

/// As much of a body as is shown, in bytes.
const SHOWN_BODY: usize = 200;

impl Seen {
    /// Nothing of ours listens.
    pub(super) fn unheard(listeners: Listeners) -> Self {
        let what = if listeners.running { What::NotListening } else { What::NotRunning };
        let failure = Some(Trouble { what, words: String::new() });
        Self { others: listeners.others, failure, ..Self::default() }
    }

    /// A name that leads nowhere.
    pub(super) fn unresolved(error: &DialError, limit_ms: u64) -> Self {
        let words = shown(&error.to_string(), 160);
        let failure = Some(Trouble { what: What::Unreachable, words });
        Self { failure, limit_ms, ..Self::default() }
    }

    pub(super) fn of_answer(fetched: &Fetched, now: SystemTime) -> Self {
        let response = &fetched.response;
        let cut = match &response.end {
            BodyEnd::Broken(error) => Some(error.to_string()),
            BodyEnd::Complete | BodyEnd::AtLimit => None,
        };
        let answer = Answer {
            status: response.head.status,
            words: response.head.to_string(),
            body: beginning(&response.body),
            length: response.body.len(),
            cut,
            at_limit: response.end == BodyEnd::AtLimit,
            is_health: response
                .head
                .header("content-type")
                .is_some_and(|kind| kind.trim_start().starts_with("application/health+json")),
            ..Answer::default()
        };
        Self {
            address: Some(fetched.address.to_string()),
            elapsed_ms: milliseconds(fetched.elapsed),
            redirects: fetched.redirects,
            answer: Some(answer),
            tls: fetched.served.map(|served| Certificate::new(served, now)),
            ..Self::default()
        }
    }

    /// What failed; or that we could not try.
    pub(super) fn of_failure(failure: &Failure, now: SystemTime) -> Result<Self, Blind> {
        let what = match &failure.cause {
            Cause::Dial(DialError::Blind(blind)) => return Err(blind.clone()),
            cause => what(cause),
        };
        let words = match &failure.cause {
            Cause::Http(HttpError::Tls) => "expected plain HTTP, the server speaks TLS".to_owned(),
            cause => cause.to_string(),
        };
        Ok(Self {
            address: failure.address.as_ref().map(|address| shown(&address.to_string(), 80)),
            elapsed_ms: milliseconds(failure.elapsed),
            failure: Some(Trouble { what, words: shown(&words, 160) }),
            tls: failure.served.map(|served| Certificate::new(served, now)),
            ..Self::default()
        })
    }

    /// TLS where it was not expected.
    pub(super) fn unexpected_tls(address: Option<String>) -> Self {
        let words = "expected plain HTTP, the server speaks TLS".to_owned();
        let failure = Some(Trouble { what: What::Scheme, words });
        Self { address, failure, ..Self::default() }
    }

    /// Whether what plain HTTP has met may be a server of TLS: it says so, or
    /// it would not talk to us at all.
    pub(super) fn may_be_tls(&self) -> bool {
        let said = |answer: &Answer| {
            let body = answer.body.to_ascii_lowercase();
            // Apache, nginx and HAProxy, Go.
            ["ssl-enabled server port", "https port", "https server"]
                .iter()
                .any(|words| body.contains(words))
        };
        match (&self.answer, &self.failure) {
            (Some(answer), _) => answer.status == 400 && said(answer),
            (None, Some(trouble)) => matches!(trouble.what, What::Scheme | What::HungUp),
            (None, None) => false,
        }
    }
}

fn what(cause: &Cause) -> What {
    match cause {
        Cause::Dial(error) => match error {
            DialError::Refused(_) | DialError::Missing(_) => What::Refused,
            DialError::NoAnswer(_) => What::NotAccepting,
            DialError::Unreachable(..) | DialError::Unresolved { .. } | DialError::Blind(_) => {
                What::Unreachable
            }
        },
        Cause::Tls(error) => match error {
            TlsError::PlainHttp => What::Scheme,
            TlsError::Certificate(_) => What::Certificate,
            TlsError::ClientCertificate => What::ClientCertificate,
            TlsError::Broken(crate::protocols::http::Trouble::TimedOut) => What::Silent,
            _ => What::Garbled,
        },
        Cause::Http(HttpError::Silent) => What::Silent,
        Cause::Http(HttpError::Closed | HttpError::Reset) => What::HungUp,
        Cause::Http(HttpError::Tls) => What::Scheme,
        Cause::Http(HttpError::ClientCertificate) => What::ClientCertificate,
        Cause::Http(_) | Cause::Malformed(_) => What::Garbled,
        Cause::Redirects(_) | Cause::Location(_) => What::Redirects,
        Cause::Proxy(_) => What::Proxy,
    }
}

impl Certificate {
    fn new(served: Served, now: SystemTime) -> Self {
        let end = served.certificate.and_then(|certificate| certificate.not_after);
        let ends_in = end.map(|end| seconds_until(end, now));
        Self { verified: served.verified, ends_in }
    }
}

/// The first words of a body: text without markup, on one line.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let text = if text.trim_start().starts_with('<') { without_markup(&text) } else { text.into() };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shown(&redact(&text), SHOWN_BODY)
}

/// The text between tags; that of scripts and styles left out.
fn without_markup(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let name = after.get(..6).unwrap_or(after).to_ascii_lowercase();
        let closing = ["script", "style"].into_iter().find(|tag| name.starts_with(tag));
        let after = match closing {
            Some(tag) => after.find(&format!("</{tag}")).map_or("", |at| &after[at + 1..]),
            None => after,
        };
        rest = after.split_once('>').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

pub(super) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::beginning;
    use proptest::prelude::{any, prop, prop_assert, proptest};

    #[test]
    fn a_body_is_shown_by_its_words() {
        let cases = [
            ("DISABLED BY FILE", "DISABLED BY FILE"),
            ("  two\n lines\r\n", "two lines"),
            (
                "<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title>\n<style>p{}</style></head><body>Busy</body>",
                "503 Service Unavailable Busy",
            ),
            ("<script>never ends", ""),
            ("a < b", "a < b"),
            ("<", ""),
            ("{\"password\": \"hunter2\"}", "{\"password\": ***}"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
        ];
        for (body, expected) in cases {
            assert_eq!(beginning(body.as_bytes()), expected, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_short_and_plain(body in prop::collection::vec(any::<u8>(), 0..600), html in "<[<>/a-z \n]{0,60}(script)?[<>/a-zü]{0,40}") {
            for body in [&body[..], html.as_bytes()] {
                let shown = beginning(body);
                prop_assert!(shown.len() <= 200);
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }
    }
}
