//! An http or https URL, as curl takes it. Its query may hold a token and its
//! user a password, so neither is ever shown.

use crate::settings::secret::{Secret, redact};
use std::fmt;
use std::net::Ipv6Addr;
use vantage::Port;

/// The longest URL that is taken, in bytes.
const MAX_URL: usize = 8 << 10;

const HTTP: Port = usual(80);
const HTTPS: Port = usual(443);

/// A port that is known when this is compiled.
const fn usual(number: u16) -> Port {
    match Port::new(number) {
        Some(port) => port,
        None => unreachable!(),
    }
}

/// Plain, or within TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`, usually on port 80.
    Http,
    /// `https`, usually on port 443.
    Https,
}

/// A URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Plain, or within TLS.
    pub scheme: Scheme,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: Port,
    /// Who asks, and their password.
    pub user: Option<(String, Secret)>,
    target: Secret,
    /// The path as it may be shown once it is escaped.
    shown_path: String,
}

/// Why a text is no URL. It never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It begins with another scheme.
    #[error("expected a URL that begins with http:// or https://")]
    Scheme,
    /// There is no host, or one with characters that no host has.
    #[error("expected a host's name or address in the URL, IPv6 in [ and ]")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("expected a port from 1 to 65535 after the URL's host and a colon")]
    Port,
    /// The path holds a blank or a control character.
    #[error("expected a path without blanks and control characters")]
    Path,
    /// It is longer than any URL is.
    #[error("expected a URL of at most {MAX_URL} bytes, found more")]
    TooLong,
}

impl Scheme {
    /// The port it usually has.
    pub fn port(self) -> Port {
        match self {
            Self::Http => HTTP,
            Self::Https => HTTPS,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl Url {
    /// A URL; without a scheme it is plain http, as for curl.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = match text.split_once("://") {
            // `host/path?to=http://elsewhere` has no scheme of its own.
            Some((scheme, rest)) if !scheme.contains(['/', '?', '#', '@', ':']) => {
                (scheme_of(scheme)?, rest)
            }
            _ => (Scheme::Http, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user_of(user)), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let port = port.unwrap_or_else(|| scheme.port());
        let shown_path = shown_path_of(target);
        Ok(Self { scheme, host, port, user, target: target_of(target)?, shown_path })
    }

    /// A URL from its parts; `target` is a path, perhaps with a query.
    ///
    /// # Errors
    /// Where the path holds a blank or a control character.
    pub fn new(scheme: Scheme, host: &str, port: Port, target: &str) -> Result<Self, UrlError> {
        let shown_path = shown_path_of(target);
        let target = target_of(target)?;
        Ok(Self { scheme, host: host.to_owned(), port, user: None, target, shown_path })
    }

    /// The URL that an answer's `location` leads to from this one.
    ///
    /// # Errors
    /// Where it leads to no http or https URL.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.trim();
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme));
        }
        let first = location.find(['/', '?', '#']).unwrap_or(location.len());
        if location.get(..first).is_some_and(|first| first.contains(':')) {
            return match location.contains("://") {
                true => Self::parse(location),
                false => Err(UrlError::Scheme),
            };
        }
        let path = self.path();
        let target = match location.chars().next() {
            None | Some('#') => self.target().to_owned(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            Some(_) => {
                let folder = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
                format!("{folder}{location}")
            }
        };
        let user = self.user.clone();
        Ok(Self { user, ..Self::new(self.scheme, &self.host, self.port, &target)? })
    }

    /// What is asked for: the path and the query. Not to be shown.
    pub fn target(&self) -> &str {
        self.target.expose()
    }

    /// The path as it may be shown once it is escaped, and whether more follows.
    pub fn shown_path(&self) -> &str {
        &self.shown_path
    }

    /// The path alone. Not to be shown: a secret in it may have been cut.
    fn path(&self) -> &str {
        let target = self.target.expose();
        target.split('?').next().unwrap_or(target)
    }

    /// Host and port as a `Host` header has them; the usual port is left out.
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether another URL leads to the same server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        (self.scheme, self.port) == (other.scheme, other.port)
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// Without user and query, escaped and cut.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}://{}{}", self.scheme, self.authority(), self.shown_path);
        f.write_str(&crate::text::shown(&place, 120))
    }
}

/// An IPv6 address in brackets; anything else as it is.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn scheme_of(text: &str) -> Result<Scheme, UrlError> {
    if text.eq_ignore_ascii_case("http") {
        Ok(Scheme::Http)
    } else if text.eq_ignore_ascii_case("https") {
        Ok(Scheme::Https)
    } else {
        Err(UrlError::Scheme)
    }
}

fn user_of(text: &str) -> (String, Secret) {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    (decoded(name), Secret::new(decoded(password)))
}

/// Without its percent signs; what is no code stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        // "+5" would be a number too.
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn host_and_port(place: &str) -> Result<(String, Option<Port>), UrlError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
        let (address, zone) = host.split_once('%').unwrap_or((host, ""));
        // It becomes part of a header: RFC 6874 has the same of a zone.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        if address.parse::<Ipv6Addr>().is_err() || !zone.bytes().all(plain) {
            return Err(UrlError::Host);
        }
        let port = match rest.strip_prefix(':') {
            Some(port) => port_of(port)?,
            None if rest.is_empty() => None,
            None => return Err(UrlError::Host),
        };
        return Ok((host.to_owned(), port));
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, port_of(port)?),
        None => (place, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(UrlError::Host);
    }
    Ok((host.to_owned(), port))
}

/// A port; `http://host:/` has none.
fn port_of(text: &str) -> Result<Option<Port>, UrlError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits).and_then(Port::new);
    port.map(Some).ok_or(UrlError::Port)
}

/// A path without query and fragment. What is cut off may be all that tells of a
/// password before it, so it is hidden first.
fn shown_path_of(target: &str) -> String {
    let slash = if target.starts_with('/') { "" } else { "/" };
    let redacted = redact(target);
    match redacted.split_once(['?', '#']) {
        Some((path, _)) => {
            let cut = redacted.get(path.len()..=path.len()).unwrap_or_default();
            format!("{slash}{path}{cut}…")
        }
        None => format!("{slash}{redacted}"),
    }
}

/// A target as it is sent: from `/` on, without fragment, in ASCII.
fn target_of(text: &str) -> Result<Secret, UrlError> {
    let text = text.split('#').next().unwrap_or(text);
    let mut target = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        target.push('/');
    }
    for character in text.chars() {
        if character.is_ascii_graphic() {
            target.push(character);
        } else if character.is_ascii() {
            return Err(UrlError::Path);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                target.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Ok(Secret::new(target))
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
