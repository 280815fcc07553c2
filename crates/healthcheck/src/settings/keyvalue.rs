//! Options in the files of services that are not oslo.config's: every format
//! gives the same entries, and one look-up finds the one that counts.

mod blocks;
mod erlang;
mod ini;
mod shell;
mod words;

use super::{arguments, vhost};
use serde::Deserialize;
use std::fmt;

/// As many entries as are taken from one file.
const MAX_ENTRIES: usize = 20_000;

/// The longest value that is kept, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Sections and options as Python's `configparser` reads them: swift's and
    /// paste's files. What a section lacks is taken from `DEFAULT`.
    Ini,
    /// The same without continuation lines: uwsgi's files.
    Uwsgi,
    /// MySQL's and MariaDB's option files. Files they include are not read.
    MyCnf,
    /// Shell assignments: files of `/etc/sysconfig` and `/etc/default`,
    /// etcd.conf, rabbitmq-env.conf. An option of a program in a variable is
    /// written `OPTIONS -l`, and what follows a mark `OPTIONS notls:`.
    Sysconfig,
    /// Directives of redis, valkey and their sentinels. Files they include are
    /// not read.
    Redis,
    /// Options of a command line, one on each line: Debian's memcached.conf.
    Flags,
    /// rabbitmq.conf since RabbitMQ 3.7. `listeners.tcp.*` means all of them.
    Rabbitmq,
    /// Erlang's terms: rabbitmq.config and advanced.config. A name for each value, as
    /// `rabbit.ssl_options.certfile`; what a list holds besides is numbered from 1, and an
    /// address with a port is written as one: `rabbit.tcp_listeners.1`.
    Erlang,
    /// haproxy.cfg; a section is `frontend NAME`, or `*` for any. The first `bind`
    /// counts, and of it the address; beside it there are `crt`, a certificate,
    /// and `crt port`, where it is served; of `global` there is the `stats socket`.
    Haproxy,
    /// qdrouterd.conf; a section is `listener`. The first counts.
    Qdrouterd,
    /// Apache's virtual hosts: `address`, `port`, `tls`, `server-name`, `path`,
    /// `url`, `certificate` and, where there is one, `certificate-port` of the first.
    Vhost,
}

/// An option in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its section; empty where the format has none.
    pub section: String,
    /// Its name.
    pub key: String,
    /// Its value, quotes removed. It may be a secret.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

impl Format {
    /// Whether options stand in sections.
    pub fn has_sections(self) -> bool {
        matches!(self, Self::Ini | Self::Uwsgi | Self::MyCnf | Self::Haproxy | Self::Qdrouterd)
    }

    /// Whether this is the name that the entry goes by.
    fn is_key(self, wanted: &str, key: &str) -> bool {
        match self {
            Self::Ini | Self::Redis => wanted.eq_ignore_ascii_case(key),
            Self::MyCnf => wanted.replace('_', "-") == key.replace('_', "-"),
            _ => wanted == key,
        }
    }

    /// Whether the entry is the option that is wanted.
    fn is_option(self, section: &str, key: &str, entry: &Entry) -> bool {
        let in_section = match self {
            Self::MyCnf if section == "mysqld" => is_of_server(&entry.section),
            Self::Haproxy if section == "*" => true,
            _ => !self.has_sections() || entry.section == section,
        };
        in_section && self.is_key(key, &entry.key)
    }
}

/// Whether the server reads this section of its files: there are several, and each may carry the
/// release that it is for, as `mariadb-10.11`.
fn is_of_server(section: &str) -> bool {
    let name = match section.split_once('-') {
        Some((name, release)) if release.starts_with(|c: char| c.is_ascii_digit()) => name,
        _ => section,
    };
    ["mysqld", "server", "mariadb", "mariadbd", "galera"].contains(&name)
}

/// All entries of a file, in their order; what makes no sense is left out.
pub fn parse(format: Format, text: &str) -> Vec<Entry> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = match format {
        Format::Ini => ini::parse(text, ini::Dialect::Python),
        Format::Uwsgi => ini::parse(text, ini::Dialect::Uwsgi),
        Format::MyCnf => ini::parse(text, ini::Dialect::Mysql),
        Format::Rabbitmq => ini::parse(text, ini::Dialect::Rabbitmq),
        Format::Erlang => erlang::parse(text),
        Format::Sysconfig => shell::parse(text),
        Format::Redis => words::redis(text),
        Format::Flags => words::flags(text),
        Format::Haproxy => words::haproxy(text),
        Format::Qdrouterd => blocks::parse(text),
        Format::Vhost => vhost::entries(text),
    };
    entries.retain(|entry| entry.value.len() <= MAX_VALUE);
    entries
}

/// The entry of an option that counts: the last one as a rule, the first where
/// the file lists several of a kind. `section` is ignored where there are none.
pub fn lookup(format: Format, text: &str, section: &str, key: &str) -> Option<Entry> {
    find(format, &parse(format, text), section, key)
}

/// The same among the entries of a file.
pub(super) fn find(format: Format, entries: &[Entry], section: &str, key: &str) -> Option<Entry> {
    if let (Format::Sysconfig, Some((variable, option))) = (format, key.split_once(' ')) {
        return part_of(entries, variable, option.trim());
    }
    if let (Format::Rabbitmq, Some(prefix)) = (format, key.strip_suffix('*')) {
        return joined(entries, prefix);
    }
    let find = |section: &str| {
        let mut matching = entries.iter().filter(|entry| format.is_option(section, key, entry));
        match format {
            Format::Haproxy | Format::Qdrouterd | Format::Vhost => matching.next(),
            _ => matching.next_back(),
        }
    };
    let inherited = || if format == Format::Ini { find("DEFAULT") } else { None };
    find(section).or_else(inherited).cloned()
}

/// A part of a variable's value: an option of the command line that it holds,
/// or what stands between a mark such as `bind=` and the next comma or blank.
fn part_of(entries: &[Entry], variable: &str, option: &str) -> Option<Entry> {
    let entry = entries.iter().rfind(|entry| entry.key == variable)?;
    if option.ends_with(['=', ':']) {
        let lower = entry.value.to_ascii_lowercase();
        let start = lower.find(&option.to_ascii_lowercase())? + option.len();
        let value = entry.value.get(start..)?;
        let end = value.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(value.len());
        let value = value.get(..end)?.trim_matches(['"', '\'']).to_owned();
        return Some(Entry { key: format!("{variable} {option}"), value, ..entry.clone() });
    }
    let mut words = vec![String::new()];
    words.extend(entry.value.split_whitespace().map(str::to_owned));
    let value = arguments::option(&words, &[option])?.to_owned();
    let key = format!("{variable} {option}");
    Some(Entry { key, value, ..entry.clone() })
}

/// The values of all keys that begin so, divided by commas. `none` means that
/// those before it are none.
fn joined(entries: &[Entry], prefix: &str) -> Option<Entry> {
    let mut matching = entries.iter().filter(|entry| entry.key.starts_with(prefix));
    let mut first = matching.next()?.clone();
    for entry in matching {
        first.value.push(',');
        first.value.push_str(&entry.value);
    }
    first.key = format!("{prefix}*");
    Some(first)
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a password.
        let Self { section, key, value, line } = self;
        write!(f, "Entry([{section}] {key}: {} bytes from line {line})", value.len())
    }
}

#[cfg(test)]
#[path = "keyvalue_tests.rs"]
mod tests;
