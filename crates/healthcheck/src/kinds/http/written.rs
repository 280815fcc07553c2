//! What an author writes of an `http` check, and what it comes to.

use super::configured::configured;
use super::{Ask, Guessed, Http, Sought};
use crate::conditions::JsonCondition;
use crate::definition::{OneOrMany, Var};
use crate::kinds::command::Matching;
use crate::kinds::http::expected::Statuses;
use crate::listeners::is_every_address;
use crate::peer::{Encryption, Verify};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::http::{Errand, Limits, Method, Scheme, Url};
use crate::protocols::tls::Trust;
use crate::settings::secret::Secret;
use crate::settings::vhost::Tls;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use vantage::Port;

/// The fields of an `http` check.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    pub(super) url: Option<Var<String>>,
    #[serde(default)]
    pub(super) port: OneOrMany<Var<Port>>,
    #[serde(default)]
    pub(super) vhost: OneOrMany<Var<String>>,
    #[serde(default)]
    pub(super) uwsgi: OneOrMany<Var<String>>,
    pub(super) unix: Option<Var<String>>,
    pub(super) path: Option<Var<String>>,
    pub(super) tls: Option<Var<bool>>,
    pub(super) host: Option<Var<String>>,
    pub(super) process: Option<Program>,
    pub(super) host_header: Option<Var<String>>,
    #[serde(default)]
    pub(super) method: WrittenMethod,
    pub(super) status: Option<Statuses>,
    pub(super) body: Option<Matching>,
    #[serde(default)]
    pub(super) json: Vec<crate::conditions::Written>,
    #[serde(default)]
    pub(super) health: bool,
    #[serde(default)]
    pub(super) redirects: u32,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Var<String>>,
    pub(super) user: Option<Var<String>>,
    pub(super) password: Option<Var<String>>,
    pub(super) verify: Option<WrittenVerify>,
    pub(super) ca: Option<Var<String>>,
    pub(super) server_name: Option<Var<String>>,
    pub(super) client_certificate: Option<Var<String>>,
    pub(super) client_key: Option<Var<String>>,
    pub(super) certificate_days: Option<u32>,
    pub(super) max_body: Option<u32>,
    pub(super) proxy: Option<Var<String>>,
}

/// GET or HEAD.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(super) enum WrittenMethod {
    #[default]
    #[serde(rename = "GET", alias = "get")]
    Get,
    #[serde(rename = "HEAD", alias = "head")]
    Head,
}

/// Whose word is taken for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WrittenVerify {
    None,
    System,
    Ca,
}

/// How soon a certificate may end without being news.
pub(crate) const CERTIFICATE_DAYS: u32 = 14;

/// The largest body that an author may ask for, in bytes.
const MAX_BODY: u32 = 16 << 20;

impl Http {
    pub(super) fn fill_in(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let text = |var: &Option<Var<String>>| var.as_ref().map(|var| scene.value(var)).transpose();
        let Aim { ask, url, guessed } = match aim(written, scene) {
            // An endpoint that is only there where it is set.
            Err(Unplanned::Unfound(unfound)) if written.health => {
                return Err(Unplanned::Moot(unfound.to_string()));
            }
            aim => aim?,
        };
        let mut headers = Vec::new();
        for (name, value) in &written.headers {
            headers.push((name.clone(), scene.secret(value)?));
        }
        if let Some(host) = text(&written.host_header)? {
            headers.push(("host".to_owned(), Secret::new(host)));
        }
        let password = written.password.as_ref().map(|var| scene.secret(var)).transpose()?;
        let user = text(&written.user)?
            .map(|user| (user, password.unwrap_or_else(|| Secret::new(String::new()))));
        let path = |var: &Option<Var<String>>| Ok::<_, Unplanned>(text(var)?.map(PathBuf::from));
        let identity = match (path(&written.client_certificate)?, path(&written.client_key)?) {
            // One file may hold both.
            (Some(certificate), key) => Some((certificate.clone(), key.unwrap_or(certificate))),
            (None, Some(_)) => {
                let because = "client-key: expected client-certificate too, found nothing";
                return Err(Unplanned::Nothing(because.into()));
            }
            (None, None) => None,
        };
        let limit =
            written.max_body.map_or(Limits::default().body, |bytes| bytes.min(MAX_BODY) as usize);
        let proxy = written.proxy.as_ref().map(|var| parse_url(var, scene)).transpose()?;
        let json: Result<_, _> =
            written.json.iter().map(|one| JsonCondition::plan(one, scene)).collect();
        Ok(Self {
            ask,
            errand: Errand {
                url,
                place: None,
                method: match written.method {
                    WrittenMethod::Get => Method::GET,
                    WrittenMethod::Head => Method::HEAD,
                },
                headers,
                user,
                trust: Trust::Anybody,
                identity: None,
                server_name: text(&written.server_name)?,
                redirects: written.redirects,
                limits: Limits::default().body(limit),
                proxy,
            },
            guessed,
            encryption: Encryption {
                verify: verify(written, path(&written.ca)?)?,
                identity,
                server_name: None,
            },
            statuses: written.status.clone().unwrap_or_default(),
            body: written.body.as_ref().map(|body| body.0.clone()),
            json: json?,
            health: written.health,
            certificate_days: written.certificate_days.unwrap_or(CERTIFICATE_DAYS),
        })
    }
}

fn verify(written: &Written, ca: Option<PathBuf>) -> Result<Verify, Unplanned> {
    match (written.verify, ca) {
        (Some(WrittenVerify::None), _) | (None, None) => Ok(Verify::Nothing),
        (Some(WrittenVerify::System), _) => Ok(Verify::System),
        (Some(WrittenVerify::Ca) | None, Some(ca)) => Ok(Verify::Authority(ca)),
        (Some(WrittenVerify::Ca), None) => {
            Err(Unplanned::Nothing("verify: expected `ca` too, found nothing".into()))
        }
    }
}

/// Where to ask, and for what.
struct Aim {
    ask: Ask,
    url: Url,
    guessed: Guessed,
}

fn aim(written: &Written, scene: &Scene<'_>) -> Result<Aim, Unplanned> {
    let by_file = !written.vhost.as_slice().is_empty() || !written.uwsgi.as_slice().is_empty();
    let by_port = !written.port.as_slice().is_empty();
    // A port beside files is for where none of them is there.
    let ways = [written.url.is_some(), by_file || by_port, written.unix.is_some()];
    if ways.iter().filter(|way| **way).count() != 1 {
        let because = "expected one of `url`, `port`, `vhost`, `uwsgi` and `unix`";
        return Err(Unplanned::Nothing(because.into()));
    }
    let guessed = if written.tls.is_some() { Guessed::No } else { Guessed::Yes };
    let host = written.host.as_ref().map(|host| scene.value(host)).transpose()?;
    let host = host.filter(|host| !is_every_address(host));
    let asked_for = scene.ports_asked_for();
    let sought = |ports: Vec<Port>| Sought {
        ports,
        program: written.process.clone(),
        preferred: None,
        named: false,
    };
    if let Some(unix) = &written.unix {
        let socket = PathBuf::from(scene.value(unix)?);
        let url = local(written, scene, Scheme::Http.port())?;
        return Ok(Aim { ask: Ask::Unix(socket), url, guessed });
    }
    if let Some(var) = &written.url {
        let text = endpoint(&scene.text(var)?);
        if text.is_empty() && written.health {
            return Err(Unplanned::Moot(format!("{} is empty", scene.origins(var))));
        }
        if let Some(socket) = text.strip_prefix("unix://") {
            let url = local(written, scene, Scheme::Http.port())?;
            return Ok(Aim { ask: Ask::Unix(PathBuf::from(socket)), url, guessed });
        }
        let mut url = Url::parse(&repaired(&text))
            .map_err(|error| malformed(var, scene, &error.to_string()))?;
        if let Some(path) = path(written, scene)? {
            url = url.join(&path).map_err(|error| malformed(var, scene, &error.to_string()))?;
        }
        url.port = asked_for.first().copied().unwrap_or(url.port);
        if let Some(tls) = tls(written, scene)? {
            url.scheme = tls;
        }
        let ask = match host {
            Some(host) => Ask::Host(host),
            None if is_every_address(&url.host) => Ask::Found(sought(vec![url.port])),
            None => Ask::Url,
        };
        return Ok(Aim { ask, url, guessed: Guessed::No });
    }
    let files = configured(written.vhost.as_slice(), written.uwsgi.as_slice(), scene)?;
    if files.is_none() && !by_port {
        let all = written.vhost.as_slice().iter().chain(written.uwsgi.as_slice());
        let all: Vec<_> = all.map(Var::text).collect();
        return Err(Unplanned::Nothing(format!("no virtual host at {}", all.join(" or "))));
    }
    if let Some((file, vhost)) = files {
        let no_port = || Unplanned::Malformed {
            origin: format!("{}:{}", file.display(), vhost.line),
            error: "expected a port, in <VirtualHost> or Listen".into(),
        };
        let port = asked_for.first().copied().or(vhost.port).ok_or_else(no_port)?;
        let scheme = tls(written, scene)?.unwrap_or(match vhost.tls {
            Tls::On => Scheme::Https,
            Tls::Off => Scheme::Http,
        });
        // An application at /identity has its paths beneath.
        let alias = vhost.path.as_deref().unwrap_or("/").trim_end_matches('/').to_owned();
        let path = path(written, scene)?.unwrap_or_else(|| "/".to_owned());
        let name = vhost.server_name.as_deref().unwrap_or("localhost");
        let url = Url::new(scheme, name, port, &format!("{alias}{path}"))
            .map_err(|error| Unplanned::Nothing(format!("path: {error}")))?;
        let ask = match host {
            Some(host) => Ask::Host(host),
            None => Ask::Found(Sought {
                preferred: vhost.address.as_deref().and_then(|address| address.parse().ok()),
                named: vhost.server_name.is_some(),
                ..sought(vec![port])
            }),
        };
        return Ok(Aim { ask, url, guessed: Guessed::No });
    }
    let mut ports = asked_for.to_vec();
    if ports.is_empty() {
        for port in written.port.as_slice() {
            ports.push(scene.value(port)?);
        }
    }
    let Some(first) = ports.first().copied() else {
        return Err(Unplanned::Nothing("port: expected at least one, found none".into()));
    };
    let mut url = local(written, scene, first)?;
    let ask = match host {
        Some(host) => {
            url.host.clone_from(&host);
            Ask::Host(host)
        }
        None => Ask::Found(sought(ports)),
    };
    Ok(Aim { ask, url, guessed })
}

/// On this host, at the path that was written.
fn local(written: &Written, scene: &Scene<'_>, port: Port) -> Result<Url, Unplanned> {
    let scheme = tls(written, scene)?.unwrap_or(Scheme::Http);
    let path = path(written, scene)?.unwrap_or_else(|| "/".to_owned());
    Url::new(scheme, "localhost", port, &path)
        .map_err(|error| Unplanned::Nothing(format!("path: {error}")))
}

fn path(written: &Written, scene: &Scene<'_>) -> Result<Option<String>, Unplanned> {
    let Some(var) = &written.path else { return Ok(None) };
    let path = scene.text(var)?;
    Ok(Some(if path.starts_with('/') { path } else { format!("/{path}") }))
}

fn tls(written: &Written, scene: &Scene<'_>) -> Result<Option<Scheme>, Unplanned> {
    let Some(var) = &written.tls else { return Ok(None) };
    Ok(Some(if scene.value(var)? { Scheme::Https } else { Scheme::Http }))
}

fn parse_url(var: &Var<String>, scene: &Scene<'_>) -> Result<Url, Unplanned> {
    Url::parse(&repaired(&scene.text(var)?))
        .map_err(|error| malformed(var, scene, &error.to_string()))
}

/// The address itself, or of those that `[healthcheck] uri` may list the first.
fn endpoint(text: &str) -> String {
    let text = text.trim();
    let first = text.split(',').next().unwrap_or_default().trim();
    match first.strip_prefix("tcp://") {
        Some(place) => format!("http://{place}"),
        None if first.starts_with("unix://") => first.to_owned(),
        None => text.to_owned(),
    }
}

/// A URL whose host came from a setting: an IPv6 address gets its brackets
/// (what follows the last colon is taken for the port), and none at all or `*`
/// means every address.
fn repaired(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, tail) = rest.split_at(end);
    let place = match place.rsplit_once(':') {
        Some(("" | "*", port)) => format!("0.0.0.0:{port}"),
        Some((host, port)) if is_ipv6(host) => format!("[{host}]:{port}"),
        _ if is_ipv6(place) => format!("[{place}]"),
        _ if place == "*" => "0.0.0.0".to_owned(),
        _ => place.to_owned(),
    };
    format!("{scheme}://{place}{tail}")
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn malformed(var: &Var<String>, scene: &Scene<'_>, error: &str) -> Unplanned {
    Unplanned::Malformed { origin: scene.origins(var), error: error.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{endpoint, repaired};

    #[test]
    fn an_endpoint_is_the_first_that_is_listed() {
        let cases = [
            ("tcp://localhost:42424", "http://localhost:42424"),
            ("unix:///run/nova/nova-compute.sock", "unix:///run/nova/nova-compute.sock"),
            ("tcp://[::1]:1, unix:///run/a", "http://[::1]:1"),
            (" unix:///run/a,tcp://b:1", "unix:///run/a"),
            ("http://a/b,c", "http://a/b,c"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(endpoint(text), expected);
        }
    }

    #[test]
    fn a_host_from_a_setting_is_put_right() {
        let cases = [
            ("http://10.0.0.1:80/", "http://10.0.0.1:80/"),
            ("http://fd00::1:80/x", "http://[fd00::1]:80/x"),
            ("http://[fd00::1]:80/x", "http://[fd00::1]:80/x"),
            ("http://fd00::1/", "http://[fd00::1]/"),
            ("http://:::80/", "http://[::]:80/"),
            ("http://:80/", "http://0.0.0.0:80/"),
            ("https://*:80?a", "https://0.0.0.0:80?a"),
            ("http://*", "http://0.0.0.0"),
            ("localhost:80", "localhost:80"),
        ];
        for (url, expected) in cases {
            assert_eq!(repaired(url), expected);
        }
    }
}
