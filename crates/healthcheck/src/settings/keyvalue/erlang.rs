//! Erlang's terms, as in rabbitmq.config: `[{rabbit, [{tcp_listeners, [5672]}]}].`,
//! an application, and lists of names with what they are set to.

use super::{Entry, MAX_ENTRIES};
use std::iter::Peekable;
use std::str::CharIndices;

/// How deep terms may stand in one another.
const DEEPEST: usize = 64;

/// As many terms as are read from one file.
const MOST: usize = 100_000;

/// The longest name, in bytes: each value of a long list has one, and the file is not ours.
const LONGEST: usize = 200;

/// A name for each value: `rabbit.ssl_options.certfile`. What a list holds besides names
/// is numbered from 1, and where it is an address and a port, written as one. A file that
/// is none has no entries: what it is for does not start with it.
pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut reader = Reader { text, rest: text.char_indices().peekable(), line: 1, left: MOST };
    let mut entries = Vec::new();
    if let Some(term) = reader.term(0) {
        flatten("", &term, &mut entries);
    }
    entries
}

/// What a term is, as far as settings need it.
enum Term {
    /// An atom or a number, as written.
    Word(String),
    /// A string or a binary.
    Text(String),
    List(Vec<Placed>),
    Tuple(Vec<Placed>),
    /// What no setting is made of: a map.
    Other,
}

struct Placed {
    term: Term,
    line: usize,
}

fn flatten(name: &str, Placed { term, line }: &Placed, into: &mut Vec<Entry>) {
    if name.len() > LONGEST {
        return;
    }
    let mut put = |value: String| {
        if !name.is_empty() && into.len() < MAX_ENTRIES {
            into.push(Entry { section: String::new(), key: name.to_owned(), value, line: *line });
        }
    };
    match term {
        Term::Word(value) | Term::Text(value) => put(value.clone()),
        Term::Tuple(parts) => {
            if let Some(address) = address(parts) {
                put(address);
            }
        }
        Term::List(parts) => {
            let mut number = 0;
            for part in parts {
                let dot = if name.is_empty() { "" } else { "." };
                match named(&part.term) {
                    Some((key, value)) => flatten(&format!("{name}{dot}{key}"), value, into),
                    None => {
                        number += 1;
                        flatten(&format!("{name}{dot}{number}"), part, into);
                    }
                }
            }
        }
        Term::Other => {}
    }
}

/// `{name, Value}`.
fn named(term: &Term) -> Option<(&str, &Placed)> {
    let Term::Tuple(pair) = term else { return None };
    match &pair[..] {
        [Placed { term: Term::Word(key), .. }, value] if key.starts_with(char::is_alphabetic) => {
            Some((key, value))
        }
        _ => None,
    }
}

/// `{"10.0.0.1", 5672}`, and a third that says which kind of address it is.
fn address(parts: &[Placed]) -> Option<String> {
    match parts.iter().map(|part| &part.term).collect::<Vec<_>>()[..] {
        [Term::Text(host), Term::Word(port)] | [Term::Text(host), Term::Word(port), _] => {
            Some(match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            })
        }
        _ => None,
    }
}

/// `None` anywhere is a file that is none.
struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    line: usize,
    left: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let (_, c) = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// What comes after blanks and comments.
    fn token(&mut self) -> Option<char> {
        loop {
            match self.peek()? {
                '%' => while self.next()? != '\n' {},
                c if c.is_whitespace() => drop(self.next()),
                c => return Some(c),
            }
        }
    }

    fn term(&mut self, depth: usize) -> Option<Placed> {
        self.left = self.left.checked_sub(1)?;
        if depth > DEEPEST {
            return None;
        }
        let first = self.token()?;
        let line = self.line;
        let term = match first {
            '[' => Term::List(self.terms(']', depth)?),
            '{' => Term::Tuple(self.terms('}', depth)?),
            '"' => {
                let mut text = self.quoted('"')?;
                // Strings one after the other are one.
                while self.token() == Some('"') {
                    text.push_str(&self.quoted('"')?);
                }
                Term::Text(text)
            }
            '\'' => Term::Word(self.quoted('\'')?),
            '<' => self.binary()?,
            '#' => {
                self.next()?;
                self.map(depth)?;
                Term::Other
            }
            _ => Term::Word(self.word()?),
        };
        Some(Placed { term, line })
    }

    /// What stands between a bracket and the other; the tail of a list is one more.
    fn terms(&mut self, end: char, depth: usize) -> Option<Vec<Placed>> {
        self.next()?;
        let mut terms = Vec::new();
        if self.token()? == end {
            self.next()?;
            return Some(terms);
        }
        loop {
            terms.push(self.term(depth + 1)?);
            match (self.token()?, self.next()?) {
                (found, _) if found == end => return Some(terms),
                (',', _) | ('|', _) => {}
                _ => return None,
            }
        }
    }

    /// `#{name => value}`.
    fn map(&mut self, depth: usize) -> Option<()> {
        if self.token()? != '{' {
            return None;
        }
        self.next()?;
        if self.token()? == '}' {
            self.next()?;
            return Some(());
        }
        loop {
            self.term(depth + 1)?;
            if (self.token()?, self.next()?, self.next()?) != ('=', '=', '>') {
                return None;
            }
            self.term(depth + 1)?;
            match (self.token()?, self.next()?) {
                ('}', _) => return Some(()),
                (',', _) => {}
                _ => return None,
            }
        }
    }

    /// `<<"text">>`, or bytes that no setting is made of.
    fn binary(&mut self) -> Option<Term> {
        if (self.next()?, self.next()?) != ('<', '<') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.token()? {
                '"' => text.push_str(&self.quoted('"')?),
                '>' => {
                    self.next()?;
                    return (self.next()? == '>').then_some(Term::Text(text));
                }
                _ => drop(self.next()?),
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        self.next()?;
        let mut text = String::new();
        loop {
            match self.next()? {
                '\\' => text.push(match self.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    's' => ' ',
                    other => other,
                }),
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// An atom or a number.
    fn word(&mut self) -> Option<String> {
        let start = self.at();
        let mut before = ' ';
        while let Some(c) = self.peek() {
            // The dot of 0.4, and not the one behind the last term.
            let is_point = c == '.' && before.is_ascii_digit() && {
                let after = self.text.get(self.at() + 1..).unwrap_or_default();
                after.starts_with(|c: char| c.is_ascii_digit())
            };
            if !(c.is_alphanumeric() || "_@#-+".contains(c) || is_point) {
                break;
            }
            before = c;
            self.next();
        }
        let end = self.at();
        self.text.get(start..end).filter(|word| !word.is_empty()).map(str::to_owned)
    }
}
