//! Apache's virtual hosts, as far as they say where a service is to be asked:
//! address, port, TLS, name and path.

use super::keyvalue::Entry;
use vantage::Port;

/// As many virtual hosts as are taken from one file.
const MAX_VHOSTS: usize = 256;

/// One address of a `<VirtualHost …>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vhost {
    /// An address or a name, IPv6 without brackets; `None` for `*` and `_default_`.
    pub address: Option<String>,
    /// Its port; where it names none, that of the file's first `Listen`.
    pub port: Option<Port>,
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// `ServerName`, without scheme and port.
    pub server_name: Option<String>,
    /// The first path that a `WSGIScriptAlias` serves.
    pub path: Option<String>,
    /// The first `SSLCertificateFile`, where it speaks TLS.
    pub certificate: Option<String>,
    /// The line of `<VirtualHost …>`, from 1.
    pub line: usize,
}

/// Whether a virtual host speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// `SSLEngine on`.
    On,
    /// Plain HTTP.
    Off,
}

/// The virtual hosts of a file, in their order; one for each address. Files
/// that it includes are not read.
pub fn parse(text: &str) -> Vec<Vhost> {
    let mut vhosts: Vec<Vhost> = Vec::new();
    let mut listen = None;
    let mut outside = Settings::default();
    let mut inside: Option<Settings> = None;
    for (line, words) in lines(text) {
        let Some((directive, values)) = words.split_first() else { continue };
        let directive = directive.to_ascii_lowercase();
        let first = values.first().map(String::as_str);
        match directive.as_str() {
            "<virtualhost" if vhosts.len() < MAX_VHOSTS => {
                let addresses = values.iter().map(|value| value.trim_end_matches('>'));
                let addresses = addresses.filter(|address| !address.is_empty()).map(str::to_owned);
                inside =
                    Some(Settings { addresses: addresses.collect(), line, ..Settings::default() });
            }
            "</virtualhost>" => vhosts.extend(inside.take().into_iter().flat_map(Settings::vhosts)),
            "listen" => listen = listen.or_else(|| first.and_then(|value| split_address(value).1)),
            _ => {
                let settings = inside.as_mut().unwrap_or(&mut outside);
                settings.take(&directive, values);
            }
        }
    }
    vhosts.truncate(MAX_VHOSTS);
    for vhost in &mut vhosts {
        vhost.port = vhost.port.or(listen);
        vhost.server_name = vhost.server_name.take().or_else(|| outside.server_name.clone());
        if vhost.tls == Tls::On {
            vhost.certificate = vhost.certificate.take().or_else(|| outside.certificate.clone());
        }
    }
    vhosts
}

/// The first virtual host as entries that a definition can name.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let Some(vhost) = parse(text).into_iter().next() else { return Vec::new() };
    let tls = vhost.tls == Tls::On;
    let url = vhost.url();
    let port = vhost.port.map(|port| port.to_string());
    // By a name of its own: of several files, the first may have a port and no certificate.
    let certificate_port = port.clone().filter(|_| vhost.certificate.is_some());
    let values = [
        ("address", vhost.address),
        ("port", port),
        ("tls", Some(tls.to_string())),
        ("server-name", vhost.server_name),
        ("path", vhost.path),
        ("url", url),
        ("certificate", vhost.certificate),
        ("certificate-port", certificate_port),
    ];
    let line = vhost.line;
    values
        .into_iter()
        .filter_map(|(key, value)| {
            Some(Entry { section: String::new(), key: key.to_owned(), value: value?, line })
        })
        .collect()
}

impl Vhost {
    /// Where to ask it: by its name if it has one, else by its address, and
    /// that failing on this host.
    pub fn url(&self) -> Option<String> {
        let scheme = if self.tls == Tls::On { "https" } else { "http" };
        let host = self.server_name.as_deref().or(self.address.as_deref()).unwrap_or("localhost");
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let path = self.path.as_deref().unwrap_or_default().trim_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        Some(format!("{scheme}://{host}:{}/{path}", self.port?))
    }
}

/// What stands in one virtual host, or outside of all.
#[derive(Default)]
struct Settings {
    addresses: Vec<String>,
    line: usize,
    tls: Option<Tls>,
    server_name: Option<String>,
    path: Option<String>,
    certificate: Option<String>,
}

impl Settings {
    fn take(&mut self, directive: &str, values: &[String]) {
        let Some(first) = values.first() else { return };
        match directive {
            "servername" => {
                let name = first.rsplit_once("://").map_or(first.as_str(), |(_, name)| name);
                self.server_name = split_address(name).0;
            }
            "sslengine" => {
                let on = ["on", "optional"].iter().any(|on| first.eq_ignore_ascii_case(on));
                self.tls = Some(if on { Tls::On } else { Tls::Off });
            }
            "sslcertificatefile" => {
                self.certificate.get_or_insert_with(|| first.clone());
            }
            "wsgiscriptalias" => {
                self.path.get_or_insert_with(|| first.clone());
            }
            _ => {}
        }
    }

    fn vhosts(self) -> impl Iterator<Item = Vhost> {
        let Self { addresses, line, tls, server_name, path, certificate } = self;
        addresses.into_iter().take(MAX_VHOSTS).map(move |written| {
            let (address, port) = split_address(&written);
            let address = address.filter(|address| address != "*" && address != "_default_");
            let tls = tls.unwrap_or(Tls::Off);
            Vhost {
                address,
                port,
                tls,
                server_name: server_name.clone(),
                path: path.clone(),
                certificate: certificate.clone().filter(|_| tls == Tls::On),
                line,
            }
        })
    }
}

/// `host:port`, `[::1]:port`, `*:port`, `port` alone, or a host alone.
fn split_address(text: &str) -> (Option<String>, Option<Port>) {
    let parse = |port: &str| port.parse().ok().and_then(Port::new);
    if let Some(port) = parse(text) {
        return (None, Some(port));
    }
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (Some(host.to_owned()), rest.strip_prefix(':').and_then(parse));
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => (Some(text.to_owned()), None),
        Some((host, port)) => (Some(host.to_owned()).filter(|host| !host.is_empty()), parse(port)),
        None => (Some(text.to_owned()).filter(|host| !host.is_empty()), None),
    }
}

/// The words of each directive and its line: comments removed, quotes too,
/// lines joined where one ends in a backslash.
fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (index, first) = lines.next()?;
        let mut whole = first.trim().to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next.trim_end());
        }
        let words = if whole.starts_with('#') { Vec::new() } else { split_words(&whole) };
        Some((index + 1, words))
    })
}

fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let quoted =
            ['"', '\''].contains(&first).then(|| rest.get(1..)?.split_once(first)).flatten();
        let (word, next) = match quoted {
            Some(split) => split,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = next.trim_start();
    }
    words
}

#[cfg(test)]
#[path = "vhost_tests.rs"]
mod tests;
