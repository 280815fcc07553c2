//! `NAME=value` as a shell and systemd's EnvironmentFile read it. Where they
//! differ, as in `OPTIONS=-l ::1 -U 0`, the value reaches to the line's end.
//! Variables in values are not replaced.

use super::{Entry, MAX_ENTRIES};

pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() && entries.len() < MAX_ENTRIES {
        let end = rest.find('\n').unwrap_or(rest.len());
        let (current, _) = rest.split_at(end);
        let mut used = end;
        if let Some((key, start)) = name(current) {
            let (value, length) = value(rest.get(start..).unwrap_or_default());
            entries.push(Entry { section: String::new(), key, value, line });
            used = start + length;
        }
        let (done, next) = rest.split_at(used);
        line += done.matches('\n').count() + 1;
        rest = next.strip_prefix('\n').unwrap_or(next);
    }
    entries
}

/// The name that a line assigns to, and where its value begins.
fn name(line: &str) -> Option<(String, usize)> {
    let (before, value) = line.split_once('=')?;
    let name = before.trim_start();
    let name = name.strip_prefix("export ").unwrap_or(name).trim_start();
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    named.then(|| (name.to_owned(), line.len() - value.len()))
}

/// A value without its quotes, and how long it is as written; quotes may span
/// lines.
fn value(text: &str) -> (String, usize) {
    let mut value = String::new();
    // Blanks count only where something follows them.
    let mut kept = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => {
                value.truncate(kept);
                return (value, at);
            }
            '\\' => match chars.next() {
                Some((_, '\n')) => continue,
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            '\'' | '"' => {
                if !quoted(c, &mut chars, &mut value) {
                    // A quote that nothing closes is a letter like any other;
                    // the rest of the file is not its value.
                    return unclosed(text);
                }
            }
            '#' if value.len() > kept || value.is_empty() => {
                let end = text.find('\n').map_or(text.len(), |end| end.max(at));
                value.truncate(kept);
                return (value, end);
            }
            blank if blank.is_whitespace() => {
                if !value.is_empty() {
                    value.push(blank);
                }
                continue;
            }
            other => value.push(other),
        }
        kept = value.len();
    }
    value.truncate(kept);
    (value, text.len())
}

/// The inside of quotes; whether they are closed.
fn quoted(
    quote: char,
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    value: &mut String,
) -> bool {
    while let Some((_, c)) = chars.next() {
        match c {
            c if c == quote => return true,
            '\\' if quote == '"' => match chars.peek() {
                Some(&(_, '\n')) => drop(chars.next()),
                Some(&(_, escaped)) if "\"\\$`".contains(escaped) => {
                    value.push(escaped);
                    chars.next();
                }
                _ => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    false
}

fn unclosed(text: &str) -> (String, usize) {
    let line = text.lines().next().unwrap_or_default();
    (line.trim().to_owned(), text.find('\n').unwrap_or(text.len()))
}
