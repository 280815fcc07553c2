//! The two grammars, after Python's `urllib.parse`, oslo.messaging's
//! `TransportURL.parse` and SQLAlchemy's `make_url`.

use super::{Host, ServiceUrl, UrlError};
use crate::settings::secret::Secret;
use vantage::Port;

/// `scheme://[user:pass@]host:port[,…]/path?query#fragment`.
pub(super) fn transport(text: &str) -> Result<ServiceUrl, UrlError> {
    // urlsplit drops these wherever they stand, so a URL may go on over lines.
    let text: String = text
        .trim_start_matches(|c: char| c <= ' ')
        .chars()
        .filter(|c| !matches!(c, '\t' | '\r' | '\n'))
        .collect();
    let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Err(UrlError::NoScheme);
    }
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    if authority.contains('[') != authority.contains(']') {
        return Err(UrlError::Brackets);
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _fragment)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = authority.split(',').filter(|host| !host.is_empty()).map(transport_host);
    Ok(ServiceUrl {
        scheme: scheme.to_ascii_lowercase(),
        hosts: hosts.collect::<Result<_, _>>()?,
        path: path.strip_prefix('/').map(unquote),
        query: parse_query(query),
    })
}

fn transport_host(text: &str) -> Result<Host, UrlError> {
    let (user, address) = match text.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, text),
    };
    let (username, password) = match user.and_then(|user| user.split_once(':')) {
        Some((name, password)) => (Some(name), Some(password)),
        None => (user, None),
    };
    let (name, port) = host_and_port(address)?;
    Ok(Host {
        name: name.to_owned(),
        port,
        username: username.map(unquote),
        password: password.map(|password| Secret::new(unquote(password))),
    })
}

/// `host`, `host:port`, `[::1]`, `[::1]:port` or a bare IPv6 address.
pub(in crate::settings) fn host_and_port(text: &str) -> Result<(&str, Option<Port>), UrlError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Brackets)?;
        return match rest.split(':').nth(1) {
            _ if rest.contains(']') || host.is_empty() => Err(UrlError::Brackets),
            Some(port) => Ok((host, Some(parse_port(port)?))),
            None => Ok((host, None)),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(parse_port(port)?))),
        _ => Ok((text, None)),
    }
}

/// A port's number.
pub(in crate::settings) fn parse_port(text: &str) -> Result<Port, UrlError> {
    text.trim().parse().ok().and_then(Port::new).ok_or(UrlError::Port)
}

/// `scheme://[user[:pass]@][host][:port][/database][?query]`.
pub(super) fn database(text: &str) -> Result<ServiceUrl, UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
    let of_scheme = |c: char| c.is_alphanumeric() || c == '_' || c == '+';
    if scheme.is_empty() || !scheme.chars().all(of_scheme) {
        return Err(UrlError::NoScheme);
    }
    let (user, rest) = database_user(rest);
    let (name, rest) = database_host(rest);
    let (port, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let (port, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(parse_port(port)?), rest)
        }
        None => (None, rest),
    };
    let (path, query) = match rest.strip_prefix('/') {
        Some(rest) => {
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            (Some(path), query)
        }
        None => (None, rest.strip_prefix('?').unwrap_or_default()),
    };
    let (username, password) = user.unzip();
    let host = Host {
        name: name.to_owned(),
        port,
        username: username.map(unquote),
        password: password.flatten().map(|password| Secret::new(unquote(password))),
    };
    let hosts = if host == Host::default() { Vec::new() } else { vec![host] };
    let query = parse_query(query.lines().next().unwrap_or_default());
    Ok(ServiceUrl { scheme: scheme.to_owned(), hosts, path: path.map(unquote), query })
}

/// A user may hold an `@`, a password a `/`; the first `@` after a colon ends both.
fn database_user(text: &str) -> (Option<(&str, Option<&str>)>, &str) {
    let (name, rest) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    if let Some((password, rest)) = rest.strip_prefix(':').and_then(|rest| rest.split_once('@')) {
        return (Some((name, Some(password))), rest);
    }
    match name.rfind('@') {
        Some(at) => (Some((&text[..at], None)), &text[at + 1..]),
        None => (None, text),
    }
}

fn database_host(text: &str) -> (&str, &str) {
    let run = text.find(['/', '?']).unwrap_or(text.len());
    if text.starts_with('[')
        && let Some(close) = text[..run].rfind(']').filter(|&close| close > 1)
    {
        return (&text[1..close], &text[close + 1..]);
    }
    text.split_at(text.find(['/', ':', '?']).unwrap_or(text.len()))
}

/// `a=1&b=2`; what has no value is left out, as Python's `parse_qs` does.
fn parse_query(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| unquote(&text.replace('+', " "));
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// Decodes `%40`; what is not UTF-8 then is replaced, and a lone `%` stays.
fn unquote(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|digits| byte == b'%' && digits.bytes().all(|d| d.is_ascii_hexdigit()))
        {
            Some(digits) => {
                decoded.push(u8::from_str_radix(digits, 16).unwrap_or(byte));
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
