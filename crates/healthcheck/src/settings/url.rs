//! The URLs that services find their dependencies by, each read by the rules
//! of the library that the service reads it with: oslo.messaging's for
//! `transport_url` and its like, SQLAlchemy's for `connection`.

mod split;

pub(super) use split::{host_and_port, parse_port};

use super::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use vantage::Port;

/// The longest URL that is looked at, in bytes.
const MAX_URL: usize = 64 << 10;

/// A URL taken apart; user information and path are percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    /// What stands before `://`: `rabbit`, `mysql+pymysql`.
    pub scheme: String,
    /// The hosts, any of which may be connected to; each with its own user.
    pub hosts: Vec<Host>,
    /// The virtual host or the database: the path without its first `/`.
    pub path: Option<String>,
    query: Vec<(String, String)>,
}

/// One host of a [`ServiceUrl`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// A name or an address, IPv6 without brackets; empty where none is given,
    /// which means this host.
    pub name: String,
    /// The port, where one is given.
    pub port: Option<Port>,
    /// The user, where one is given.
    pub username: Option<String>,
    /// The user's password, where one is given.
    pub password: Option<Secret>,
}

/// What a service connects to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A host by name or address, and a port.
    Tcp {
        /// A name or an address, IPv6 without brackets.
        host: String,
        /// The port.
        port: Port,
    },
    /// A unix socket by its path.
    Unix(PathBuf),
}

/// Why a URL could not be read. It never quotes the URL, which may hold a
/// password where something else was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing before `:` that could be a scheme.
    #[error("expected a URL such as rabbit://user:password@host:5672/, found no scheme")]
    NoScheme,
    /// The port is not a number from 1 to 65535.
    #[error("expected a port from 1 to 65535 after the host and a colon")]
    Port,
    /// A bracket of an IPv6 address is missing.
    #[error("expected an IPv6 address in [ and ]")]
    Brackets,
    /// It is longer than any URL is.
    #[error("expected a URL of at most {MAX_URL} bytes, found more")]
    TooLong,
}

impl ServiceUrl {
    /// A URL as oslo.messaging reads `transport_url`: several hosts divided by
    /// commas. Also for tooz's and oslo.cache's back ends and plain http.
    ///
    /// # Errors
    /// Where there is no scheme, or a port or an IPv6 address cannot be read.
    pub fn transport(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        split::transport(text)
    }

    /// A URL as SQLAlchemy reads `connection`: one host at most, and a `/` may
    /// stand in the password.
    ///
    /// # Errors
    /// As for [`ServiceUrl::transport`].
    pub fn database(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        split::database(text)
    }

    /// The value of an option in the query; several are joined by commas.
    pub fn query(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .query
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// Where the service connects to: its hosts, its unix socket, or this host
    /// where the URL names none. Empty for what needs no connection
    /// (`sqlite://`, `fake://`) or whose port is not known.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        if let Some(path) = self.query("unix_socket").filter(|path| !path.is_empty()) {
            return vec![Endpoint::Unix(PathBuf::from(path))];
        }
        let usual = default_port(&self.scheme);
        let local = [Host::default()];
        let hosts = if self.hosts.is_empty() && usual.is_some() { &local } else { &*self.hosts };
        hosts
            .iter()
            .filter_map(|host| {
                let name = if host.name.is_empty() { "localhost" } else { &host.name };
                Some(Endpoint::Tcp { host: name.to_owned(), port: host.port.or(usual)? })
            })
            .collect()
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a password.
        let query: Vec<&str> = self.query.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("ServiceUrl")
            .field("scheme", &self.scheme)
            .field("hosts", &self.hosts)
            .field("path", &self.path)
            .field("query", &query)
            .finish()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The port that a client of this scheme connects to where the URL names none.
/// For RabbitMQ that is 5672 with TLS too: oslo.messaging writes it into the
/// URL before its AMQP library can choose (`impl_rabbit._transform_transport_url`).
pub fn default_port(scheme: &str) -> Option<Port> {
    let scheme = scheme.strip_prefix("kombu+").unwrap_or(scheme);
    let base = scheme.split('+').next().unwrap_or(scheme);
    let port = match base {
        "rabbit" | "amqp" | "pyamqp" | "kombu" => 5672,
        "amqps" => 5671,
        "mysql" | "mariadb" => 3306,
        "postgresql" | "postgres" => 5432,
        "redis" | "rediss" | "valkey" => 6379,
        "etcd" | "etcd3" | "etcd3gw" => 2379,
        "memcached" | "memcache" => 11211,
        "zookeeper" | "kazoo" => 2181,
        "consul" => 8500,
        "kafka" => 9092,
        "mongodb" => 27017,
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ldap" => 389,
        "ldaps" => 636,
        _ => return None,
    };
    Port::new(port)
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
