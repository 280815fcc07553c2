//! Secrets: a type that never shows its text, and the removal of secrets from
//! text that came from elsewhere.

use std::fmt;

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// Names whose value is a secret, in lower case; any longer name that contains
/// one of them is meant too.
const SECRET_NAMES: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "credential",
    "authorization",
    "requirepass",
    "masterauth",
    "auth-pass",
    "auth_pass",
    "access_key",
    "private_key",
    "encryption_key",
];

/// What a text ends with where it was cut.
const CUT: char = '…';

/// Hiding what is shorter would hide half of all words, and what is shorter
/// is no secret from anybody.
const SHORTEST: usize = 4;

/// What [`redact`] has hidden of a text.
pub(crate) fn hidden_in(text: &str, redacted: &str) -> Vec<Secret> {
    if text == redacted {
        return Vec::new();
    }
    let mut hidden = Vec::new();
    let mut kept = redacted.split(HIDDEN);
    let Some(mut rest) = kept.next().and_then(|first| text.strip_prefix(first)) else {
        return vec![Secret::new(text)];
    };
    for next in kept {
        // Nothing follows: all that is left was hidden.
        let at = if next.is_empty() { Some(rest.len()) } else { rest.find(next) };
        // Something else than secrets was changed; then nothing of it is shown.
        let Some(at) = at else { return vec![Secret::new(text)] };
        hidden.push(Secret::new(rest.get(..at).unwrap_or_default()));
        rest = rest.get(at + next.len()..).unwrap_or_default();
    }
    hidden
}

/// What stands between the parts of a URL, or of a list of addresses.
const BETWEEN: [char; 9] = ['/', '?', '#', '@', ':', '%', '&', ',', ' '];

/// A part that is shorter may be a word of anybody's.
const SHORTEST_PART: usize = 6;

/// What must not be shown of a text that is a secret as a whole: itself, and the parts that
/// it comes back in where it was put into a URL, or was taken for an address.
pub(crate) fn whole(text: &str) -> Vec<Secret> {
    let parts = text.split(BETWEEN).filter(|part| part.len() >= SHORTEST_PART && *part != text);
    std::iter::once(text).chain(parts).map(Secret::new).collect()
}

/// Text that is not to be shown: a password, a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the service it belongs to and for nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without it, and without its beginning where the text was cut
    /// within it.
    pub(crate) fn hidden_from(&self, text: &str) -> String {
        if self.0.len() < SHORTEST {
            return text.to_owned();
        }
        let text = text.replace(&self.0, HIDDEN);
        let mut shown = String::with_capacity(text.len());
        let mut parts = text.split(CUT).peekable();
        while let Some(part) = parts.next() {
            let begun = if parts.peek().is_some() { self.begun_at_the_end_of(part) } else { 0 };
            match part.len() - begun {
                whole if whole == part.len() => shown.push_str(part),
                left => {
                    shown.push_str(part.get(..left).unwrap_or_default());
                    shown.push_str(HIDDEN);
                }
            }
            if parts.peek().is_some() {
                shown.push(CUT);
            }
        }
        shown
    }

    /// How many bytes at the end of a text are its beginning.
    fn begun_at_the_end_of(&self, text: &str) -> usize {
        let ends = self.0.char_indices().map(|(at, _)| at).skip(1);
        let begun = ends.filter(|end| text.ends_with(self.0.get(..*end).unwrap_or_default()));
        begun.max().unwrap_or(0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Whether an option of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "pass" || SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// The text without the secrets that can be told by their place: the password
/// of any URL, the value of anything called a password or a token, and the
/// password of `-u user:password`. Rather too much is hidden than too little.
pub fn redact(text: &str) -> String {
    redact_user_options(&redact_named(&redact_urls(text)))
}

/// Hides the passwords between `://` and `@`, of several hosts too.
fn redact_urls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        redact_line(line, &mut shown);
    }
    shown
}

/// A URL's user information reaches to the last `@` before a blank. A password
/// may hold anything, a blank too, so what follows a colon reaches to the
/// line's last `@`, unless it looks like a port (else RabbitMQ's node names,
/// `rabbit@host`, would hide whatever stands before them).
fn redact_line(line: &str, shown: &mut String) {
    let last_at = line.rfind('@').map_or(0, |at| at + 1);
    let mut done = 0;
    // The end of the word that was last looked at, and behind its last `@`.
    let mut word = (0, 0);
    while let Some(found) = line.get(done..last_at).and_then(|rest| rest.find("://")) {
        let start = done + found + 3;
        if start > word.0 {
            let rest = line.get(start..).unwrap_or_default();
            let end = start + rest.find(char::is_whitespace).unwrap_or(rest.len());
            let at = line.get(start..end).and_then(|word| word.rfind('@'));
            word = (end, at.map_or(0, |at| start + at + 1));
        }
        let end = if word.1 > start {
            word.1
        } else if has_plain_port(line.get(start..word.0).unwrap_or_default()) {
            start
        } else {
            last_at
        };
        shown.push_str(line.get(done..start).unwrap_or_default());
        push_authority(shown, line.get(start..end).unwrap_or_default());
        done = end;
    }
    redact_cut(line.get(done..).unwrap_or_default(), shown);
}

/// Hides what may be a password in a URL that was cut before its `@`.
fn redact_cut(line: &str, shown: &mut String) {
    for word in line.split_inclusive(char::is_whitespace) {
        let (whole, cut) = word.split_at(word.find(CUT).unwrap_or(0));
        let mut parts = whole.split("://");
        shown.push_str(parts.next().unwrap_or_default());
        for part in parts {
            shown.push_str("://");
            if let Some(colon) = part.find(':').filter(|_| !has_plain_port(part)) {
                shown.push_str(part.get(..=colon).unwrap_or_default());
                shown.push_str(HIDDEN);
                break;
            }
            shown.push_str(part);
        }
        shown.push_str(cut);
    }
}

/// Whether this is a host, perhaps with a port, and not a user with a password.
fn has_plain_port(word: &str) -> bool {
    let host =
        word.split(['/', '?', '#', ',', ';', '"', '\'', ')', '>']).next().unwrap_or_default();
    let host =
        if host.starts_with('[') { host.split(']').nth(1).unwrap_or_default() } else { host };
    match host.split_once(':') {
        Some((_, port)) => port.trim_end_matches(':').bytes().all(|byte| byte.is_ascii_digit()),
        None => true,
    }
}

/// User information as it may be shown: `user:***@host:5672,user:***@`.
fn push_authority(shown: &mut String, authority: &str) {
    let mut parts = authority.split('@');
    let Some(first) = parts.next() else { return };
    let parts: Vec<&str> = parts.collect();
    if parts.is_empty() {
        shown.push_str(first);
        return;
    }
    push_user(shown, first);
    for (index, part) in parts.iter().enumerate() {
        shown.push('@');
        if index + 1 == parts.len() {
            shown.push_str(part);
            continue;
        }
        // Between two `@` there is a host, a comma and the next user; or it is
        // all one password.
        match part.split_once(',') {
            Some((host, user)) if is_host(host) => {
                shown.push_str(host);
                shown.push(',');
                push_user(shown, user);
            }
            _ => shown.push_str(HIDDEN),
        }
    }
}

fn push_user(shown: &mut String, user: &str) {
    match user.split_once(':') {
        Some((name, _)) => {
            shown.push_str(name);
            shown.push(':');
            shown.push_str(HIDDEN);
        }
        None => shown.push_str(user),
    }
}

fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// Hides the values of `password=…`, `"token": "…"`, `--password …` and the
/// like, in queries, on command lines and in configuration files.
fn redact_named(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((name_end, whole_name)) = next_name(rest) {
        let (before, after) = rest.split_at(name_end);
        shown.push_str(before);
        rest = after;
        let Some(value_start) = value_start(after, before, whole_name) else { continue };
        let (separator, value) = after.split_at(value_start);
        shown.push_str(separator);
        let in_query = before
            .get(..before.len() - whole_name.len())
            .is_some_and(|before| before.ends_with(['?', '&']));
        let value_end = value_end(value, whole_name, in_query);
        if value_end > 0 {
            shown.push_str(HIDDEN);
        }
        rest = value.get(value_end..).unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

/// Where the next name ends that means a secret, and that name.
fn next_name(text: &str) -> Option<(usize, &str)> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    while let Some(start) = text.get(at..)?.find(of_name).map(|offset| at + offset) {
        let tail = text.get(start..)?;
        let end = start + tail.find(|c| !of_name(c)).unwrap_or(tail.len());
        let name = text.get(start..end)?;
        if is_secret_name(name) {
            return Some((end, name));
        }
        at = end;
    }
    None
}

/// Where the value begins after a name, if one follows at all.
fn value_start(after: &str, before: &str, name: &str) -> Option<usize> {
    let unquoted = after.trim_start_matches(['"', '\'', ']']);
    let trimmed = unquoted.trim_start_matches([' ', '\t']);
    if let Some(value) = trimmed.strip_prefix(['=', ':']) {
        return Some(after.len() - value.trim_start_matches([' ', '\t']).len());
    }
    // `--password x` on a command line, `requirepass x` at the start of a line.
    let directive = ["requirepass", "masterauth"].contains(&name.to_ascii_lowercase().as_str());
    let at_line_start = before.trim_end_matches(name).trim_end_matches([' ', '\t']);
    let spaced = name.starts_with("--")
        || (directive && (at_line_start.is_empty() || at_line_start.ends_with('\n')));
    (spaced && trimmed.len() < unquoted.len()).then_some(after.len() - trimmed.len())
}

/// Where the value ends: at its closing quote, at the next blank, in a query at
/// the next `&`; an authorization reaches to the end of its line.
fn value_end(value: &str, name: &str, in_query: bool) -> usize {
    if let Some(quote) = value.chars().next().filter(|c| ['"', '\''].contains(c)) {
        let inner = value.get(1..).unwrap_or_default();
        return inner.find(quote).map_or(value.len(), |end| end + 2);
    }
    let whole_line = name.eq_ignore_ascii_case("authorization");
    value
        .find(|c: char| match c {
            '\n' | '\r' => true,
            '&' | '#' => in_query,
            c => c.is_whitespace() && !whole_line,
        })
        .unwrap_or(value.len())
}

/// Hides the password of `-u user:password` and `--user=user:password`.
fn redact_user_options(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut expect_user = false;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let is_option = matches!(bare, "-u" | "--user" | "-U" | "--proxy-user");
        let user = if expect_user {
            Some(0)
        } else if bare.starts_with("--user=") || bare.starts_with("--proxy-user=") {
            bare.find('=').map(|at| at + 1)
        } else if bare.starts_with("-u") && bare.len() > 2 {
            Some(2)
        } else {
            None
        };
        let colon = user.and_then(|start| Some(start + bare.get(start..)?.find(':')?));
        match colon {
            // A URL is not a user; its password is hidden already.
            Some(colon) if !bare.get(colon..).unwrap_or_default().starts_with("://") => {
                shown.push_str(word.get(..=colon).unwrap_or_default());
                shown.push_str(HIDDEN);
                shown.push_str(word.get(bare.len()..).unwrap_or_default());
            }
            _ => shown.push_str(word),
        }
        // Several blanks may stand between an option and its value.
        expect_user = is_option || (expect_user && bare.is_empty());
    }
    shown
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
