//! The service answers a request: asked on the address it listens on, from its
//! own network, never through a proxy unless that is written.

mod configured;
mod expected;
mod health;
mod judge;
mod seen;
mod written;

use super::{Fields, Judgement, Kind};
use crate::conditions::JsonCondition;
use crate::listeners::Listeners;
use crate::peer::Encryption;
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::http::{Errand, Fetched, Place, Scheme, Url, bracketed, fetch};
use crate::text::shown;
use expected::Statuses;
use health::Health;
#[cfg(feature = "fuzzing")]
pub(crate) use health::fuzz as fuzz_health;
use regex_lite::Regex;
pub use seen::Seen;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::SystemTime;
use vantage::{Blind, Deadline, DialError, Port, UnixAddress, Vantage};
pub(crate) use written::CERTIFICATE_DAYS;
pub use written::Written;

/// The service answers a request.
pub struct Http {
    ask: Ask,
    errand: Errand,
    guessed: Guessed,
    encryption: Encryption,
    statuses: Statuses,
    body: Option<Regex>,
    json: Vec<JsonCondition>,
    /// The answer must say how the service is.
    health: bool,
    /// A certificate that ends sooner is news.
    certificate_days: u32,
}

/// Where to ask.
enum Ask {
    /// Where the URL's host leads to.
    Url,
    /// At this host, whatever the URL's is.
    Host(String),
    /// Where the service listens.
    Found(Sought),
    /// At a unix socket.
    Unix(PathBuf),
}

/// What to look for among the listeners.
struct Sought {
    /// The first of these that the service listens on.
    ports: Vec<Port>,
    /// Whose; any process of the container if not given.
    program: Option<Program>,
    /// The address to take where it listens on several.
    preferred: Option<IpAddr>,
    /// Whether the URL's host is the service's name, to be sent as it is.
    named: bool,
}

/// Whether plain HTTP is only a guess: nothing that was written says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guessed {
    Yes,
    No,
}

impl Kind for Http {
    const NAME: &'static str = "http";
    const ABOUT: &'static str = "the service answers an HTTP request as it should, on the address it listens on, and its certificate does not end soon";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"http\"
port = 9292                    # or \"{port}\", from [settings]; or url, vhost, unix
path = \"/healthcheck\"
tls = false                    # or \"{tls}\", from [settings]
status = [200, \"3xx\"]          # what curl --fail lets pass if not given
";
    const FIELDS: Fields = &[
        (
            "url",
            "what to ask for; a host that means every address is looked for as with `port`. `tcp://` is HTTP, `unix:///path` a unix socket, and of a list of these it is the first, as `[healthcheck] uri` has them",
        ),
        (
            "port",
            "the port; of several, the first that a process of the container listens on; beside `vhost` or `uwsgi`, for where none of their files says it",
        ),
        ("vhost", "Apache's files; the first virtual host of the first that is there"),
        ("uwsgi", "uwsgi's files; the address and TLS of the first that says them"),
        ("unix", "a unix socket's path"),
        ("path", "the path, and a query if need be; `/` if not given"),
        ("tls", "whether to speak TLS; if nothing says, it is found out"),
        ("host", "where to connect; if not given, the address the service is found to listen on"),
        ("process", "whose the listener must be; any process of the container if not given"),
        ("host-header", "the name to ask for; the URL's, the virtual host's or the address"),
        ("method", "`GET` or `HEAD`; `GET` if not given"),
        (
            "status",
            "what is an answer: `200`, `\"2xx\"`, `\"200-399\"` or a list; `\"200-399\"` if not given",
        ),
        ("body", "a regular expression that the body must match"),
        (
            "json",
            "conditions on the body's JSON: `{ at = POINTER }` with one of `is`, `at-most`, `at-least` and `max-age`; with `optional`, also where there is no such value",
        ),
        (
            "health",
            "whether the answer must be a health document (`application/health+json`, which is judged without this too): `pass`, `warn` is degraded, `fail` is the fault of what it names, else the service's; not looked at where the setting of its address is not set or cannot be read",
        ),
        ("redirects", "how many redirects to follow; if not given, a redirect is an answer"),
        ("headers", "further headers, a table of names and values"),
        ("user", "a user's name, for basic authentication"),
        ("password", "and the password, mostly from `[settings]`; never shown"),
        (
            "verify",
            "`none`, `system` or `ca`: whose word is taken for the server; `ca` if that is given, else `none`",
        ),
        ("ca", "a PEM file of authorities in the container"),
        ("server-name", "the name that is verified, if not the one asked for"),
        ("client-certificate", "a PEM file with our own certificate, for a server that wants it"),
        ("client-key", "and its key, if that is another file"),
        ("certificate-days", "degraded when the certificate ends sooner; 14 if not given"),
        ("max-body", "how much of the body is read, in bytes; 65536 if not given"),
        ("proxy", "a proxy's URL; without it there is none, whatever the environment says"),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        Self::fill_in(written, scene)
    }

    fn describe(&self) -> String {
        match &self.ask {
            Ask::Url => format!("that {} answers", self.errand.url),
            Ask::Host(host) => {
                let place = format!("{}:{}", bracketed(host), self.errand.url.port);
                format!("that {} answers at {}", self.errand.url, shown(&place, 60))
            }
            Ask::Found(_) => format!("that {} answers on {}", self.request(), self.found_at()),
            Ask::Unix(path) => {
                let path = path.display().to_string();
                format!("that {} answers on {}", self.request(), shown(&path, 80))
            }
        }
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let limit_ms = seen::milliseconds(by.remaining());
        let mut errand = self.errand.clone();
        let mut weaker = None;
        match &self.ask {
            Ask::Url => {}
            Ask::Host(host) => match from.resolve(host, by) {
                Ok(addresses) => {
                    let port = errand.url.port.get();
                    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
                    errand.place = Some(Place::Tcp(addresses.collect()));
                }
                Err(DialError::Blind(blind)) => return Err(blind),
                Err(error) => return Ok(Seen::unresolved(&error, limit_ms)),
            },
            Ask::Found(sought) => {
                let Sought { ports, program, preferred, named } = sought;
                let found = Listeners::find(ports, program.as_ref(), *preferred, from, by)?;
                let Some(first) = found.addresses.first() else { return Ok(Seen::unheard(found)) };
                errand.url.port = Port::new(first.port()).unwrap_or(errand.url.port);
                if !named {
                    errand.url.host = first.ip().to_string();
                }
                weaker = found.weaker.map(|blind| (blind.to_string(), blind.hint.clone()));
                errand.place = Some(Place::Tcp(found.addresses));
            }
            Ask::Unix(path) => {
                errand.place = Some(Place::Unix(UnixAddress::Path(path.clone())));
            }
        }
        let seen = self.find_out(errand, from, by)?;
        Ok(Seen { limit_ms, weaker, ..seen })
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        self.judge_seen(seen)
    }
}

impl Http {
    /// Asks; and where plain HTTP meets what may be TLS, asks again within TLS.
    /// If nobody has written which it is, that is the answer; else it is why
    /// there is none.
    fn find_out(&self, mut errand: Errand, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let seen = self.request_once(&mut errand, from, by)?;
        if errand.url.scheme == Scheme::Https || !seen.may_be_tls() {
            return Ok(seen);
        }
        errand.url.scheme = Scheme::Https;
        let again = self.request_once(&mut errand, from, by)?;
        Ok(match (again.tls.is_some(), self.guessed) {
            (true, Guessed::Yes) => again,
            (true, Guessed::No) => Seen::unexpected_tls(again.address),
            (false, _) => seen,
        })
    }

    fn request_once(
        &self,
        errand: &mut Errand,
        from: &Vantage,
        by: Deadline,
    ) -> Result<Seen, Blind> {
        if errand.url.scheme == Scheme::Https {
            errand.trust = self.encryption.verify.trust(from)?;
            errand.identity = self.encryption.identity(from)?;
        }
        let now = from.now();
        match fetch(errand, from, by) {
            Ok(fetched) => Ok(self.look_at(&fetched, now)),
            Err(failure) => Seen::of_failure(&failure, now),
        }
    }

    /// An answer, and whether its body is as it should be.
    fn look_at(&self, fetched: &Fetched, now: SystemTime) -> Seen {
        let mut seen = Seen::of_answer(fetched, now);
        let body = &fetched.response.body;
        if let Some(answer) = &mut seen.answer {
            let text = String::from_utf8_lossy(body);
            answer.health = Health::read(body);
            answer.matches = self.body.as_ref().map(|expected| expected.is_match(&text));
            if !self.json.is_empty() {
                answer.json = match serde_json::from_slice(body) {
                    Ok(value) => {
                        self.json.iter().filter_map(|one| one.violation(&value, now)).collect()
                    }
                    Err(_) if answer.at_limit => {
                        vec![format!("expected JSON of at most {} bytes", body.len())]
                    }
                    Err(error) => vec![format!("expected JSON: {error}")],
                };
            }
        }
        seen
    }

    /// `GET /healthcheck`, of a query only that there is one.
    fn request(&self) -> String {
        format!("{} {}", self.errand.method, shown(self.errand.url.shown_path(), 60))
    }

    /// The same, and where it was asked.
    fn asked(&self, seen: &Seen) -> String {
        match &seen.address {
            Some(address) => format!("{} on {address}", self.request()),
            None => format!("{} {}", self.errand.method, self.errand.url),
        }
    }

    fn found_at(&self) -> String {
        let Url { scheme, .. } = self.errand.url;
        let Ask::Found(sought) = &self.ask else { return String::new() };
        let ports: Vec<_> = sought.ports.iter().map(ToString::to_string).collect();
        format!("port {} ({scheme})", crate::text::either(&ports))
    }

    /// Whose the listener must be.
    fn program(&self) -> Option<&Program> {
        match &self.ask {
            Ask::Found(sought) => sought.program.as_ref(),
            _ => None,
        }
    }
}
