//! Which database a service's `connection` means, and how its library logs in.

use crate::definition::Var;
use crate::peer::{Encryption, Peer, Verify};
use crate::plan::{Scene, Unplanned};
use crate::settings::keyvalue::{self, Format};
use crate::settings::secret::Secret;
use crate::settings::url::{Endpoint, ServiceUrl};
use std::path::{Path, PathBuf};
use vantage::Port;

/// Whom to log in to, and as whom.
pub(super) struct Target {
    pub(super) speech: Speech,
    pub(super) peer: Peer,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<String>,
    pub(super) encryption: Option<Encryption>,
}

/// Which protocol a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// MySQL's, and MariaDB's.
    MySql,
    /// PostgreSQL's.
    Postgres,
}

impl Target {
    pub(super) fn plan(to: &Var<String>, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let origin = scene.origins(to);
        let text = match scene.addresses(to) {
            Ok(text) => text,
            // A service that names no database needs none; and where its files are
            // hidden from us, the checks beside this one say what can be said.
            Err(Unplanned::Unfound(unfound)) => return Err(Unplanned::Moot(unfound.to_string())),
            Err(other) => return Err(other),
        };
        // A URL that is cut into several lines is one to no library.
        let text = text.expose().trim();
        if text.is_empty() {
            return Err(Unplanned::Moot(format!("{origin} is empty")));
        }
        let url = ServiceUrl::database(text).map_err(|error| Unplanned::Malformed {
            origin: origin.clone(),
            error: error.to_string(),
        })?;
        let base = url.scheme.split('+').next().unwrap_or_default();
        match base {
            "mysql" | "mariadb" => Self::mysql(&url, origin, scene),
            "postgresql" | "postgres" => Ok(Self::postgres(&url, origin)),
            "sqlite" => Err(Unplanned::Moot(format!("{origin} is a file, which takes no login"))),
            _ => Err(Unplanned::Moot(format!("{origin} is a database of another kind: {base}"))),
        }
    }

    fn mysql(url: &ServiceUrl, origin: String, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let options = OptionFile::of(url, scene)?;
        let option = |name: &str| options.get(name);
        let host = url.hosts.first().cloned().unwrap_or_default();
        let name = Some(host.name).filter(|name| !name.is_empty()).or_else(|| option("host"));
        let port = host.port.or_else(|| option("port")?.parse().ok().and_then(Port::new));
        let socket = url.query("unix_socket").or_else(|| option("socket"));
        let endpoint = match socket.filter(|path| !path.is_empty()) {
            Some(path) => Endpoint::Unix(PathBuf::from(path)),
            None => Endpoint::Tcp {
                host: name.unwrap_or_else(|| "localhost".to_owned()),
                port: port.unwrap_or(MYSQL),
            },
        };
        let encryption = mysql_encryption(url, &options);
        Ok(Self {
            speech: Speech::MySql,
            peer: Peer::dependency(vec![endpoint], origin),
            user: host.username.or_else(|| option("user")).unwrap_or_default(),
            password: host.password.or_else(|| option("password").map(Secret::new)),
            database: url
                .path
                .clone()
                .filter(|name| !name.is_empty())
                .or_else(|| option("database")),
            encryption,
        })
    }
}

impl Target {
    fn postgres(url: &ServiceUrl, origin: String) -> Self {
        let host = url.hosts.first().cloned().unwrap_or_default();
        // libpq takes a folder for the one of its unix sockets, and options for hosts.
        let named = url.query("host").filter(|name| !name.is_empty());
        let port = url.query("port").and_then(|port| port.parse().ok()).and_then(Port::new);
        let port = host.port.or(port).unwrap_or(POSTGRES);
        let names = match host.name.is_empty() {
            false => host.name.clone(),
            true => named.unwrap_or_else(|| "localhost".to_owned()),
        };
        let endpoints = names.split(',').map(|name| match name.rsplit_once(':') {
            _ if name.starts_with('/') => {
                Endpoint::Unix(PathBuf::from(format!("{name}/.s.PGSQL.{}", port.get())))
            }
            Some((name, own)) if !name.contains(':') => Endpoint::Tcp {
                host: name.to_owned(),
                port: own.parse().ok().and_then(Port::new).unwrap_or(port),
            },
            _ => Endpoint::Tcp { host: name.to_owned(), port },
        });
        let mode = url.query("sslmode").unwrap_or_else(|| "prefer".to_owned());
        let file = |name: &str| url.query(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        // `verify-ca` leaves the host's name out, which we cannot.
        let verify = match file("sslrootcert") {
            Some(path) if mode == "verify-full" => Verify::Authority(path),
            _ => Verify::Nothing,
        };
        let identity = file("sslcert").zip(file("sslkey"));
        let encryption = Encryption { verify, identity, server_name: None };
        let needed = matches!(mode.as_str(), "require" | "verify-ca" | "verify-full");
        Self {
            speech: Speech::Postgres,
            peer: Peer::dependency(endpoints.collect(), origin),
            user: host.username.unwrap_or_default(),
            password: host.password,
            database: url.path.clone().filter(|name| !name.is_empty()),
            // Where it need not be it is left out, as it costs both sides more than the rest.
            encryption: needed.then_some(encryption),
        }
    }
}

const POSTGRES: Port = Port::new(5432).expect("not 0");
const MYSQL: Port = Port::new(3306).expect("not 0");

/// TLS as SQLAlchemy and PyMySQL read it from the URL: with an authority the
/// server is verified, with anything else of TLS alone it is not.
fn mysql_encryption(url: &ServiceUrl, options: &OptionFile) -> Option<Encryption> {
    let file = |name: &str| {
        let text =
            url.query(&format!("ssl_{name}")).or_else(|| options.get(&format!("ssl-{name}")));
        text.filter(|text| !text.is_empty()).map(PathBuf::from)
    };
    let says = |name: &str, words: &[&str]| {
        url.query(name).is_some_and(|value| words.contains(&value.to_ascii_lowercase().as_str()))
    };
    const NO: [&str; 5] = ["false", "0", "no", "off", "n"];
    if says("ssl_disabled", &["true", "1", "yes", "on"]) || says("ssl_mode", &["disabled"]) {
        return None;
    }
    let (authority, certificate, key) = (file("ca"), file("cert"), file("key"));
    let wanted = authority.is_some()
        || certificate.is_some()
        || file("capath").is_some()
        || file("cipher").is_some()
        || ["ssl", "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname"]
            .iter()
            .any(|name| url.query(name).is_some_and(|_| !says(name, &NO)))
        || url.query("ssl_mode").is_some();
    if !wanted {
        return None;
    }
    // Only PyMySQL verifies by an authority alone; a certificate without the
    // host's name is not verified by us, because we cannot leave the name out.
    let unverified = !url.scheme.ends_with("pymysql")
        || ["ssl_verify_cert", "ssl_check_hostname", "ssl_verify_identity"]
            .iter()
            .any(|name| says(name, &NO));
    let verify = match authority {
        Some(path) if !unverified => Verify::Authority(path),
        _ => Verify::Nothing,
    };
    let identity = certificate.map(|certificate| {
        let key = key.unwrap_or_else(|| certificate.clone());
        (certificate, key)
    });
    Some(Encryption { verify, identity, server_name: None })
}

/// What the URL leaves to an option file: `read_default_file`, as TripleO has it.
struct OptionFile {
    text: String,
    group: String,
}

impl OptionFile {
    fn of(url: &ServiceUrl, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let group = url.query("read_default_group");
        let path = match (url.query("read_default_file"), &group) {
            (Some(path), _) => path,
            (None, Some(_)) => "/etc/my.cnf".to_owned(),
            (None, None) => return Ok(Self { text: String::new(), group: String::new() }),
        };
        let text = match scene.vantage().read_text(Path::new(&path)) {
            Ok(text) => text,
            // So does the library.
            Err(error) if error.is_missing() => String::new(),
            Err(error) => return Err(Unplanned::Unreadable(error)),
        };
        Ok(Self { text, group: group.unwrap_or_else(|| "client".to_owned()) })
    }

    fn get(&self, name: &str) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        keyvalue::lookup(Format::MyCnf, &self.text, &self.group, name).map(|entry| entry.value)
    }
}
