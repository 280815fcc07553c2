//! Files whose lines are words: a directive and its arguments.

use super::{Entry, MAX_ENTRIES};

/// redis.conf and sentinel.conf: `bind 127.0.0.1 ::1`.
pub(super) fn redis(text: &str) -> Vec<Entry> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|(index, line)| entry("", split(line, Comments::None)?, index))
        .take(MAX_ENTRIES)
        .collect()
}

/// haproxy.cfg: directives in sections that one or two words begin. Of a line
/// that names several things each is an entry of its own: `bind` the address,
/// `crt` the first certificate of a `bind` and `crt port` its port, `stats socket` the path.
pub(super) fn haproxy(text: &str) -> Vec<Entry> {
    const SECTIONS: [&str; 13] = [
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "peers",
        "resolvers",
        "userlist",
        "mailers",
        "program",
        "cache",
        "ring",
        "http-errors",
    ];
    let mut section = String::new();
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(words) = split(line, Comments::Hash) else { continue };
        if words.first().is_some_and(|word| SECTIONS.contains(&word.as_str())) {
            section = words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
        } else if entries.len() < MAX_ENTRIES {
            let mut words = words;
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["bind", address, options @ ..] => {
                    let at = options.iter().position(|option| *option == "crt");
                    let crt = at.and_then(|at| options.get(at + 1)).copied();
                    let port = address.rsplit_once(':').map(|(_, port)| port);
                    let port = port.filter(|port| port.parse::<u16>().is_ok());
                    if let (Some(crt), Some(port)) = (crt, port) {
                        for (key, value) in [("crt", crt), ("crt port", port)] {
                            let words = vec![key.to_owned(), value.to_owned()];
                            entries.extend(entry(&section, words, index));
                        }
                    }
                    words.truncate(2);
                }
                ["stats", "socket", socket, ..] => {
                    let socket = socket.strip_prefix("unix@").unwrap_or(socket).to_owned();
                    words = vec!["stats socket".to_owned(), socket];
                }
                _ => {}
            }
            entries.extend(entry(&section, words, index));
        }
    }
    entries
}

/// memcached.conf: `-l 127.0.0.1` on a line of its own.
pub(super) fn flags(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (option, value) = match line.split_once(['=', ' ', '\t']) {
            Some((option, value)) => (option, value.trim()),
            None => (line, ""),
        };
        // `-p11211` is `-p 11211`, and `--port` is not `-- port`.
        let attached = !option.starts_with("--") && option.is_char_boundary(2) && option.len() > 2;
        let (option, value) =
            if attached && value.is_empty() { option.split_at(2) } else { (option, value) };
        if option.starts_with('-') && entries.len() < MAX_ENTRIES {
            let (key, value) = (option.to_owned(), value.to_owned());
            entries.push(Entry { section: String::new(), key, value, line: index + 1 });
        }
    }
    entries
}

fn entry(section: &str, words: Vec<String>, index: usize) -> Option<Entry> {
    let (key, values) = words.split_first().filter(|(key, _)| !key.is_empty())?;
    let (section, key) = (section.to_owned(), key.clone());
    Some(Entry { section, key, value: values.join(" "), line: index + 1 })
}

/// Whether `#` ends a line wherever it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comments {
    None,
    Hash,
}

/// The words of a line, with quotes and backslashes removed; `None` where a
/// quote is not closed, or there are no words.
fn split(line: &str, comments: Comments) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' if comments == Comments::Hash => break,
            '"' | '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => word.push(chars.next()?),
                        other => word.push(other),
                    }
                }
            }
            '\\' if comments == Comments::Hash => {
                word.get_or_insert_default().push(chars.next()?);
            }
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    (!words.is_empty()).then_some(words)
}
