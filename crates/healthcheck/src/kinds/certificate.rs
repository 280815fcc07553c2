//! A certificate is valid, and for long enough: the one in a file, the one that
//! a service serves, and that these are the same, because a certificate that was
//! renewed and never loaded ends as surely as one that was not renewed.

use super::file::span;
use super::http::CERTIFICATE_DAYS;
use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Hosts, Peer, Replies, Spoken, Trouble};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::http::Address;
use crate::protocols::tls::{self, Failed, TlsError, Trust};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vantage::{Blind, Deadline, FileError, Obstacle, Port, Vantage};

/// A certificate is valid, and for long enough.
pub struct Certificate {
    files: Vec<PathBuf>,
    peer: Option<Peer>,
    server_name: Option<String>,
    /// One that ends sooner is news.
    days: u32,
}

/// The fields of a `certificate` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    file: OneOrMany<Var<String>>,
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    unix: Option<Var<String>>,
    process: Option<Program>,
    server_name: Option<Var<String>>,
    certificate_days: Option<u32>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    files: Vec<OnDisk>,
    served: Option<Replies<Served>>,
}

/// A file of certificates.
#[derive(Debug, Serialize)]
pub(crate) struct OnDisk {
    path: String,
    /// The service's own, and those that lead from it to its authority; or why there are none.
    chain: Result<Vec<Dates>, Unread>,
}

/// Why there are no certificates in a file.
#[derive(Debug, Serialize)]
enum Unread {
    Missing,
    Malformed(String),
}

/// What came of a handshake.
#[derive(Debug, Serialize)]
enum Served {
    Certificate(Dates),
    /// It serves none to who names nobody; in its words.
    Nameless(String),
}

/// One certificate: which, and how long it is valid from now.
#[derive(Debug, Clone, Serialize, Default)]
struct Dates {
    /// SHA-256 of its subject and of itself, in hexadecimal.
    subject: String,
    fingerprint: String,
    /// Seconds until it begins, negative if it has; none where that cannot be read.
    begins_in: Option<i64>,
    /// Seconds until it ends, negative if it has.
    ends_in: Option<i64>,
    /// The day it ends.
    ends: String,
}

/// HTTPS, if nothing says otherwise.
const PORT: Port = Port::new(443).expect("not 0");

/// As many certificates lead to an authority.
const LONGEST_CHAIN: usize = 10;

const DAY: i64 = 86_400;

impl Kind for Certificate {
    const NAME: &'static str = "certificate";
    const ABOUT: &'static str = "a certificate has begun and does not end soon, in its file and as it is served, and the one that is served is the one in the file";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"certificate\"
file = \"/etc/pki/tls/certs/haproxy.pem\"
port = 443                     # served there; or to = \"{url}\", or unix; or the file alone
";
    const FIELDS: Fields = &[
        (
            "file",
            "PEM files in the container, each with the service's certificate first; a file that is not ours to read is passed over, and where no setting names one there is no check",
        ),
        ("to", "addresses or URLs of what the service needs that speak TLS from the first byte"),
        (
            "port",
            "the service's own port that speaks TLS from the first byte; of several, the first it listens on",
        ),
        ("unix", "the service's own unix socket"),
        ("process", "whose the port must be; the definition's if not given"),
        (
            "server-name",
            "the name to ask for where a server has several certificates; none if not given",
        ),
        ("certificate-days", "degraded when a certificate ends sooner; 14 if not given"),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let whom = peer::Written { to, port, unix, process };
        let spoken = !written.to.as_slice().is_empty()
            || !written.port.as_slice().is_empty()
            || written.unix.is_some();
        if !spoken && written.file.as_slice().is_empty() {
            let because = "expected `file`, or one of `to`, `port` and `unix`, or both";
            return Err(Unplanned::Nothing(because.into()));
        }
        let (mut files, mut passed_over, mut named) = (Vec::new(), String::new(), false);
        for file in written.file.as_slice() {
            let path = match scene.value(file).map(PathBuf::from) {
                Ok(path) if path.is_absolute() => path,
                Ok(_) => {
                    passed_over = format!("{} names no file", scene.origins(file));
                    continue;
                }
                // Where the service's settings are not ours to read, neither is this its fault.
                Err(Unplanned::Unfound(unfound)) => {
                    passed_over = unfound.to_string();
                    continue;
                }
                Err(other) => return Err(other),
            };
            named = true;
            match readable(&path, scene.vantage()) {
                Ok(()) => files.push(path),
                Err(because) => passed_over = because,
            }
        }
        if !named && !written.file.as_slice().is_empty() {
            return Err(Unplanned::Moot(passed_over));
        }
        let peer = spoken.then(|| Peer::plan(&whom, PORT, scene)).transpose()?;
        if files.is_empty() && peer.is_none() {
            return Err(Unplanned::Moot(passed_over));
        }
        let server_name = written.server_name.as_ref().map(|name| scene.value(name)).transpose()?;
        let days = written.certificate_days.unwrap_or(CERTIFICATE_DAYS);
        Ok(Self { files, peer, server_name, days })
    }

    fn describe(&self) -> String {
        let days = self.days;
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(", ");
        let whose = match (&self.peer, files.is_empty()) {
            (None, _) => format!("in {files}"),
            (Some(peer), true) => format!("of {peer}"),
            (Some(peer), false) => format!("of {peer} is the one in {files} and"),
        };
        format!("that the certificate {} is valid for {days} days", shown(&whose, 150))
    }

    fn peer(&self) -> Option<&Peer> {
        // What is in a file is the service's own.
        self.peer.as_ref().filter(|_| self.files.is_empty())
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let now = from.now();
        let files: Result<_, Blind> =
            self.files.iter().map(|path| on_disk(path, now, from)).collect();
        let served = self.peer.as_ref().map(|peer| {
            peer.speak(Hosts::Each, from, by, |spoken| {
                served(spoken, self.server_name.as_deref(), now)
            })
        });
        Ok(Seen { files: files?, served: served.transpose()? })
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let mut judgements: Vec<Judgement> = Vec::new();
        if let (Some(replies), Some(peer)) = (&seen.served, &self.peer) {
            judgements.push(
                replies.judge(peer, |whom, served| self.judge_served(whom, served, &seen.files)),
            );
        }
        for file in &seen.files {
            let mut judgement = self.judge_file(file);
            // What is served is what counts today.
            if let (Some(_), Verdict::Unhealthy { because, .. }) =
                (&seen.served, &judgement.verdict)
            {
                judgement.verdict = Verdict::degraded(because.clone());
            }
            judgements.push(judgement);
        }
        let worst = judgements.iter().rev().max_by_key(|one| one.verdict.severity());
        let Some(worst) = worst else { return Verdict::unknown("no certificate was seen").into() };
        let proofs: Vec<_> = judgements.iter().filter_map(|one| one.proof.as_deref()).collect();
        Judgement { proof: (!proofs.is_empty()).then(|| proofs.join("; ")), ..worst.clone() }
    }
}

impl Certificate {
    fn judge_served(&self, whom: &str, served: &Served, files: &[OnDisk]) -> Judgement {
        let served = match served {
            Served::Certificate(dates) => dates,
            Served::Nameless(words) if self.files.is_empty() => {
                return Judgement::from(Verdict::unknown(format!("{whom} {words}")))
                    .hint("give the check a server-name");
            }
            Served::Nameless(words) => {
                return Judgement::healthy(format!(
                    "{whom} {words}, so only the file was looked at"
                ));
            }
        };
        let valid = self.judge_dates(&format!("the certificate of {whom}"), served);
        if valid.verdict.blame().is_some() {
            return valid;
        }
        let own = files.iter().filter_map(|file| Some((file, file.chain.as_ref().ok()?.first()?)));
        let newer = own
            .clone()
            .filter(|(_, own)| own.subject == served.subject && own.ends_in > served.ends_in)
            .max_by_key(|(_, own)| own.ends_in);
        let loaded = own.clone().any(|(_, own)| own.fingerprint == served.fingerprint);
        match newer {
            Some((file, newer)) if !loaded => {
                let because = format!(
                    "{whom} serves a certificate that ends {}, {} holds one that ends {}: it was renewed and not loaded",
                    served.ends, file.path, newer.ends
                );
                Judgement::from(Verdict::degraded(because))
                    .hint("let the service load its certificate again")
            }
            _ => valid,
        }
    }

    fn judge_file(&self, file: &OnDisk) -> Judgement {
        let chain = match &file.chain {
            Ok(chain) => chain,
            // It has been loaded, or the service would not run; it will not be again.
            Err(Unread::Missing) => {
                return Verdict::degraded(format!("{} is not there", file.path)).into();
            }
            Err(Unread::Malformed(error)) => {
                return Verdict::degraded(format!("{}: {error}", file.path)).into();
            }
        };
        let Some((own, others)) = chain.split_first() else {
            return Verdict::degraded(format!("{} has no certificate", file.path)).into();
        };
        let judgement = self.judge_dates(&format!("the certificate in {}", file.path), own);
        if judgement.verdict != Verdict::Healthy {
            return judgement;
        }
        // Clients may know another way to an authority that they trust.
        let concern = others.iter().find_map(|other| {
            ending(
                &format!("an authority's certificate in {}", file.path),
                other.ends_in?,
                self.days,
            )
        });
        match concern {
            Some(because) => Judgement { verdict: Verdict::degraded(because), ..judgement },
            None => judgement,
        }
    }

    fn judge_dates(&self, what: &str, dates: &Dates) -> Judgement {
        if let Some(begins_in @ 1..) = dates.begins_in {
            let because = format!("{what} is not valid before {} from now", span(begins_in));
            return Judgement::from(Verdict::environment(because)).hint("is the clock right?");
        }
        let Some(ends_in) = dates.ends_in else {
            return Verdict::unknown(format!("cannot tell when {what} ends")).into();
        };
        let verdict = match ending(what, ends_in, self.days) {
            Some(because) if ends_in < 0 => Verdict::environment(because),
            Some(because) => Verdict::degraded(because),
            None => return Judgement::healthy(format!("{what} ends {}", dates.ends)),
        };
        verdict.into()
    }
}

/// What is to be said of a certificate that has ended, or ends in less than so many days.
pub(crate) fn ending(what: &str, ends_in: i64, days: u32) -> Option<String> {
    if ends_in < 0 {
        return Some(match -ends_in / DAY {
            0 => format!("{what} expired today"),
            days => format!("{what} expired {} ago", span(days * DAY)),
        });
    }
    let left = ends_in / DAY;
    (left < i64::from(days)).then(|| match left {
        0 => format!("{what} ends within a day"),
        1 => format!("{what} ends in 1 day"),
        _ => format!("{what} ends in {left} days"),
    })
}

/// Seconds from `now` to a moment; negative if that has been.
pub(crate) fn seconds_until(moment: SystemTime, now: SystemTime) -> i64 {
    match moment.duration_since(now) {
        Ok(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        Err(error) => -i64::try_from(error.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

impl Dates {
    fn of(certificate: &tls::Certificate, now: SystemTime) -> Self {
        let until = |moment: Option<SystemTime>| moment.map(|moment| seconds_until(moment, now));
        Self {
            subject: hexadecimal(&certificate.subject),
            fingerprint: hexadecimal(&certificate.fingerprint),
            begins_in: until(certificate.not_before),
            ends_in: until(certificate.not_after),
            ends: certificate.not_after.map(day).unwrap_or_default(),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `2026-12-01`.
fn day(moment: SystemTime) -> String {
    // The last second of the year 9999, which is all that can be written.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let moment = moment.min(SystemTime::UNIX_EPOCH + LAST);
    let text = humantime::format_rfc3339_seconds(moment).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Whether a file is ours to look at; if not, why.
fn readable(path: &std::path::Path, from: &Vantage) -> Result<(), String> {
    if !path.is_absolute() {
        return Err(format!("{} is beneath a folder that is not known", path.display()));
    }
    match from.read(path) {
        Err(error @ (FileError::Forbidden(_) | FileError::WrongKind { .. })) => {
            Err(error.to_string())
        }
        _ => Ok(()),
    }
}

fn on_disk(path: &std::path::Path, now: SystemTime, from: &Vantage) -> Result<OnDisk, Blind> {
    let chain = match from.read(path) {
        Ok(pem) => match tls::Certificate::from_pem(&pem) {
            Ok(certificates) => {
                Ok(chain(&certificates).iter().map(|one| Dates::of(one, now)).collect())
            }
            Err(error) => Err(Unread::Malformed(error.to_string())),
        },
        Err(FileError::Missing(_)) => Err(Unread::Missing),
        Err(error) => {
            let obstacle = match error {
                FileError::Forbidden(_) => Obstacle::Forbidden,
                other => Obstacle::Other(other.to_string()),
            };
            return Err(Blind::new(format!("read {}", path.display()), obstacle));
        }
    };
    Ok(OnDisk { path: shown(&path.display().to_string(), 80), chain })
}

/// The first certificate of a file and those that lead from it to its authority,
/// without that authority's own: who trusts it has it already.
fn chain(certificates: &[tls::Certificate]) -> Vec<&tls::Certificate> {
    let mut chain: Vec<_> = certificates.first().into_iter().collect();
    while let Some(last) = chain.last()
        && chain.len() < LONGEST_CHAIN
        && let Some(issuer) =
            certificates.iter().find(|one| one.subject == last.issuer && one.subject != one.issuer)
        && !chain.contains(&issuer)
    {
        chain.push(issuer);
    }
    chain
}

/// Shakes hands, whoever it is, and takes leave.
fn served(
    spoken: Spoken<'_>,
    server_name: Option<&str>,
    now: SystemTime,
) -> Result<Served, Trouble> {
    // An address is sent as no name.
    let address = match spoken.address {
        Address::Tcp(address) => address.ip().to_string(),
        Address::Unix(_) => "127.0.0.1".to_owned(),
    };
    let name = server_name.unwrap_or(&address);
    let peer = tls::Peer { name, trust: &Trust::Anybody, identity: None, now };
    let (served, error) = match spoken.link.encrypt(peer) {
        Ok((link, served)) => {
            link.close();
            (served, None)
        }
        // One that wants to know who we are has shown its own certificate.
        Err(Failed { error, served }) => (served.map(|served| *served), Some(error)),
    };
    match (served.and_then(|served| served.certificate), error) {
        (Some(certificate), _) => Ok(Served::Certificate(Dates::of(&certificate, now))),
        (None, Some(error @ TlsError::Alert(_))) if server_name.is_none() => {
            Ok(Served::Nameless(error.to_string()))
        }
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Trouble::garbled("served a certificate that cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Certificate, DAY, Dates, OnDisk, Seen, Served, Unread, chain, day};
    use crate::kinds::{Judgement, Kind};
    use crate::peer::{Peer, Replies, Reply, Trouble};
    use crate::protocols::tls;
    use crate::settings::url::Endpoint;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};
    use vantage::Port;

    fn dates(which: &str, begins: i64, ends: i64) -> Dates {
        Dates {
            subject: "api".to_owned(),
            fingerprint: which.to_owned(),
            begins_in: Some(begins * DAY),
            ends_in: Some(ends * DAY),
            ends: format!("day {ends}"),
        }
    }

    fn file(chain: Vec<Dates>) -> OnDisk {
        OnDisk { path: "/c.pem".to_owned(), chain: Ok(chain) }
    }

    /// What is on disk, what is served, and what is said of it.
    type Case = (Vec<OnDisk>, Option<Result<Served, Trouble>>, &'static str, &'static str);

    fn judged(files: Vec<OnDisk>, served: Option<Result<Served, Trouble>>) -> Judgement {
        let endpoint = Endpoint::Tcp { host: "10.0.0.1".to_owned(), port: Port::new(443).unwrap() };
        let kind = Certificate {
            files: files.iter().map(|file| PathBuf::from(&file.path)).collect(),
            peer: served.is_some().then(|| Peer::own(endpoint, "test")),
            server_name: None,
            days: 14,
        };
        let reply = |outcome| Replies(vec![Reply::new("10.0.0.1:443", outcome)]);
        kind.judge(&Seen { files, served: served.map(reply) })
    }

    #[test]
    fn a_certificate_is_judged_by_its_days_on_disk_and_as_served() {
        let served = |dates| Some(Ok(Served::Certificate(dates)));
        let with_issuer = vec![dates("a", -1, 90), dates("ca", -1, 5)];
        let cases: [Case; 13] = [
            (vec![file(vec![dates("a", -1, 90)])], None, "healthy", ""),
            (
                vec![file(vec![dates("a", -1, 5)])],
                None,
                "degraded",
                "the certificate in /c.pem ends in 5 days",
            ),
            (
                vec![file(vec![dates("a", -1, -5)])],
                None,
                "unhealthy",
                "the certificate in /c.pem expired 5days ago",
            ),
            (
                vec![file(vec![dates("a", 2, 90)])],
                None,
                "unhealthy",
                "the certificate in /c.pem is not valid before 2days from now",
            ),
            (
                vec![file(with_issuer)],
                None,
                "degraded",
                "an authority's certificate in /c.pem ends in 5 days",
            ),
            (
                vec![OnDisk { path: "/c.pem".to_owned(), chain: Err(Unread::Missing) }],
                None,
                "degraded",
                "/c.pem is not there",
            ),
            (vec![], served(dates("a", -1, 90)), "healthy", ""),
            (
                vec![],
                served(dates("a", -1, -1)),
                "unhealthy",
                "the certificate of 10.0.0.1:443 expired 1day ago",
            ),
            (vec![file(vec![dates("a", -1, 90)])], served(dates("a", -1, 90)), "healthy", ""),
            (
                vec![file(vec![dates("b", -1, 90)])],
                served(dates("a", -1, 5)),
                "degraded",
                "10.0.0.1:443 serves a certificate that ends day 5, /c.pem holds one that ends day 90: it was renewed and not loaded",
            ),
            // Put back in time: what is served is fine.
            (vec![file(vec![dates("b", -1, 30)])], served(dates("a", -1, 90)), "healthy", ""),
            // It will be served after the next start.
            (
                vec![file(vec![dates("b", -1, -3)])],
                served(dates("a", -1, 90)),
                "degraded",
                "the certificate in /c.pem expired 3days ago",
            ),
            (
                vec![],
                Some(Ok(Served::Nameless(
                    "refused the TLS handshake: unrecognised name".to_owned(),
                ))),
                "unknown",
                "10.0.0.1:443 refused the TLS handshake: unrecognised name",
            ),
        ];
        for (files, served, verdict, because) in cases {
            let judgement = judged(files, served);
            let found = judgement.verdict.because().unwrap_or_default();
            assert_eq!((judgement.verdict.word(), found), (verdict, because));
        }
    }

    #[test]
    fn another_services_certificate_on_disk_says_nothing() {
        let other = Dates { subject: "other".to_owned(), ..dates("b", -1, 400) };
        let judgement =
            judged(vec![file(vec![other])], Some(Ok(Served::Certificate(dates("a", -1, 90)))));
        assert_eq!(judgement.verdict.word(), "healthy");
    }

    #[test]
    fn a_chain_goes_from_the_first_to_before_the_authority() {
        let one = |subject: u8, issuer: u8| tls::Certificate {
            not_before: None,
            not_after: None,
            subject: [subject; 32],
            issuer: [issuer; 32],
            fingerprint: [subject; 32],
        };
        let subjects = |certificates: &[tls::Certificate]| {
            chain(certificates).iter().map(|one| one.subject[0]).collect::<Vec<_>>()
        };
        assert_eq!(subjects(&[one(1, 2), one(9, 9), one(2, 3), one(3, 3)]), [1, 2]);
        // Two that issued each other.
        assert_eq!(subjects(&[one(1, 2), one(2, 1)]), [1, 2]);
        assert_eq!(subjects(&[one(1, 1)]), [1]);
        assert!(subjects(&[]).is_empty());
    }

    #[test]
    fn a_day_is_written_even_where_it_means_never() {
        let never = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert_eq!(day(never), "9999-12-31");
        assert_eq!(day(SystemTime::UNIX_EPOCH), "1970-01-01");
    }
}
