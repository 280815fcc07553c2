//! A request, which is well formed or not made at all.

use crate::protocols::base64;
use crate::settings::secret::Secret;
use std::borrow::Cow;
use std::fmt;

/// A method: `GET`, `HEAD`, or another token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(Cow<'static, str>);

impl Method {
    /// Asks for a resource.
    pub const GET: Self = Self(Cow::Borrowed("GET"));
    /// Asks for its headers alone.
    pub const HEAD: Self = Self(Cow::Borrowed("HEAD"));

    /// A method by its name.
    ///
    /// # Errors
    /// Where it is no token.
    pub fn new(name: &str) -> Result<Self, Malformed> {
        if is_token(name) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(Malformed { what: "method", expected: "letters such as GET" })
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Part of a request that cannot be sent as it is. It never quotes the value,
/// which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}")]
pub struct Malformed {
    what: &'static str,
    expected: &'static str,
}

/// A request without a body, after which the connection is closed.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    target: Secret,
    host: String,
    headers: Vec<(String, Secret)>,
}

impl Request {
    /// A GET for a target (`/containers/json?all=1`) at a host (`name` or `name:port`).
    ///
    /// # Errors
    /// Where the target or the host holds blanks or control characters.
    pub fn get(target: &str, host: &str) -> Result<Self, Malformed> {
        let whole = target.starts_with('/') || target == "*" || target.contains("://");
        if !whole || !target.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80) {
            let expected = "a path from / on, without blanks and control characters";
            return Err(Malformed { what: "target", expected });
        }
        if !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            let expected = "a name or an address, without blanks and control characters";
            return Err(Malformed { what: "host", expected });
        }
        Ok(Self {
            method: Method::GET,
            target: Secret::new(target),
            host: host.to_owned(),
            headers: Vec::new(),
        })
    }

    /// A CONNECT, which asks a proxy for a way to a server (`name:port`).
    ///
    /// # Errors
    /// As for [`Request::get`].
    pub(super) fn connect(server: &str) -> Result<Self, Malformed> {
        let request = Self::get("*", server)?;
        let method = Method(Cow::Borrowed("CONNECT"));
        Ok(Self { target: Secret::new(server), method, ..request })
    }

    /// The same with another method.
    #[must_use]
    pub fn with_method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// The same with one more header; one that would be sent anyway is replaced.
    ///
    /// # Errors
    /// Where the name is no token, or the value holds a line's end.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Malformed> {
        if !is_token(name) {
            return Err(Malformed { what: "header", expected: "a name such as x-auth-token" });
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(Malformed { what: "header", expected: "a value of one line" });
        }
        if name.eq_ignore_ascii_case("host") {
            value.trim().clone_into(&mut self.host);
        } else {
            self.headers.push((name.to_owned(), Secret::new(value.trim())));
        }
        Ok(self)
    }

    /// The same with a user and a password (basic authentication, RFC 7617).
    #[must_use]
    pub fn basic(self, user: &str, password: &Secret) -> Self {
        self.credentials("authorization", user, password)
    }

    /// The same for the proxy it goes through.
    #[must_use]
    pub(super) fn proxy_basic(self, user: &str, password: &Secret) -> Self {
        self.credentials("proxy-authorization", user, password)
    }

    fn credentials(mut self, header: &str, user: &str, password: &Secret) -> Self {
        let coded = base64::encode(format!("{user}:{}", password.expose()).as_bytes());
        self.headers.push((header.to_owned(), Secret::new(format!("Basic {coded}"))));
        self
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// As it is sent.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { method, target, host, headers } = self;
        let mut text = format!("{method} {} HTTP/1.1\r\nhost: {host}\r\n", target.expose());
        let defaults = [
            ("user-agent", concat!("openstack-healthcheck/", env!("CARGO_PKG_VERSION"))),
            ("accept", "*/*"),
            ("connection", "close"),
        ];
        for (name, value) in defaults {
            if !headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {}\r\n", value.expose()));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
