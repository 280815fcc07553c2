//! Sections in brackets and `key = value`, in four dialects.

use super::{Entry, MAX_ENTRIES};
use std::net::Ipv6Addr;

/// Where the readers of such files differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `configparser`: `=` or `:`, and indented lines continue a value.
    Python,
    /// uwsgi: `=`.
    Uwsgi,
    /// MySQL: `=`, options without a value, quotes, comments behind a value.
    Mysql,
    /// RabbitMQ: `=` and no sections, quotes, comments behind a value.
    Rabbitmq,
}

pub(super) fn parse(text: &str, dialect: Dialect) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    // How far the option is indented that a line indented further would continue.
    let mut open: Option<usize> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if open.is_some_and(|option| indent > option)
            && let Some(last) = entries.last_mut()
        {
            last.value.push('\n');
            last.value.push_str(trimmed);
            continue;
        }
        open = None;
        if let (true, Some(name)) = (dialect != Dialect::Rabbitmq, section_name(trimmed)) {
            name.clone_into(&mut section);
            continue;
        }
        if entries.len() >= MAX_ENTRIES {
            break;
        }
        let Some((key, value)) = option(trimmed, dialect) else { continue };
        open = (dialect == Dialect::Python).then_some(indent);
        entries.push(Entry { section: section.clone(), key, value, line: index + 1 });
    }
    entries
}

fn section_name(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

fn option(line: &str, dialect: Dialect) -> Option<(String, String)> {
    let separators: &[char] = if dialect == Dialect::Python { &['=', ':'] } else { &['='] };
    let (key, value) = match line.split_once(separators) {
        Some((key, value)) => (key.trim(), value.trim()),
        // `!includedir /etc/mysql/conf.d/` and `skip-networking`.
        None if dialect == Dialect::Mysql => {
            let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            (key, value.trim())
        }
        None => return None,
    };
    if key.is_empty() {
        return None;
    }
    let value = match dialect {
        Dialect::Rabbitmq if key.starts_with("listeners.") => bracketed(unquoted(value)),
        Dialect::Mysql | Dialect::Rabbitmq => unquoted(value),
        Dialect::Python | Dialect::Uwsgi => value.to_owned(),
    };
    // paste.deploy overrides a default of its file by `set key = value`.
    let key = match dialect {
        Dialect::Python => key.strip_prefix("set ").unwrap_or(key).trim(),
        _ => key,
    };
    Some((key.to_owned(), value))
}

/// RabbitMQ takes what stands behind the last colon for the port: `::1:5672` as `[::1]:5672`.
fn bracketed(value: String) -> String {
    match value.rsplit_once(':') {
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]:{port}"),
        _ => value,
    }
}

/// A value without its quotes, and without the comment behind it.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote))
        {
            return inner.to_owned();
        }
    }
    value.split('#').next().unwrap_or_default().trim_end().to_owned()
}
