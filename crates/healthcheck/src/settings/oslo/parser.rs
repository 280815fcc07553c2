//! One file as `oslo_config.iniparser` reads it. A mistake anywhere refuses
//! the whole file, as it would keep the service from starting.

use std::ops::Range;

/// As many options as are kept of one file; a service has hundreds.
const MAX_ASSIGNMENTS: usize = 20_000;

/// A file taken apart.
#[derive(Debug)]
pub(super) struct ParsedFile {
    text: String,
    sections: Vec<String>,
    assignments: Vec<Assignment>,
}

/// `key = value` with its continuation lines, as places in the text.
#[derive(Debug)]
struct Assignment {
    section: usize,
    key: Range<usize>,
    value: Range<usize>,
    line: usize,
}

/// What is wrong with a file. Never the line itself: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The line, counted from 1.
    pub(super) line: usize,
    pub(super) expected: &'static str,
}

/// A value as written, quotes and indentation removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawValue {
    pub(super) text: String,
    /// The line of its key, counted from 1.
    pub(super) line: usize,
}

impl ParsedFile {
    /// Takes a file apart.
    pub(super) fn parse(text: String) -> Result<Self, SyntaxError> {
        let text = universal_newlines(text);
        let mut parser = Parser { sections: Vec::new(), assignments: Vec::new(), open: false };
        let mut start = 0;
        let mut line = 0;
        while start < text.len() {
            line += 1;
            let rest = text.get(start..).unwrap_or_default();
            let length = rest.find('\n').unwrap_or(rest.len());
            let content = rest.get(..length).unwrap_or_default();
            parser.line(content, start).map_err(|expected| SyntaxError { line, expected })?;
            if parser.assignments.len() > MAX_ASSIGNMENTS || parser.sections.len() > MAX_ASSIGNMENTS
            {
                return Err(SyntaxError { line, expected: "expected at most 20,000 options" });
            }
            if let Some(last) = parser.assignments.last_mut().filter(|last| last.line == 0) {
                last.line = line;
            }
            start += length + 1;
        }
        let Parser { sections, assignments, .. } = parser;
        Ok(Self { text, sections, assignments })
    }

    /// The last value of an option, as the service takes it.
    pub(super) fn last(&self, group: &str, option: &str) -> Option<RawValue> {
        self.named(group, option).next_back()
    }

    /// Every value of an option, in their order in the file.
    pub(super) fn named(
        &self,
        group: &str,
        option: &str,
    ) -> impl DoubleEndedIterator<Item = RawValue> {
        self.assignments
            .iter()
            .filter(move |assignment| {
                self.text.get(assignment.key.clone()) == Some(option)
                    && self.sections.get(assignment.section).is_some_and(|name| name == group)
            })
            .map(|assignment| RawValue {
                text: value_text(self.text.get(assignment.value.clone()).unwrap_or_default()),
                line: assignment.line,
            })
    }
}

struct Parser {
    sections: Vec<String>,
    assignments: Vec<Assignment>,
    /// Whether the next line may continue the last assignment.
    open: bool,
}

impl Parser {
    /// One line, which begins at `start` of the text.
    fn line(&mut self, line: &str, start: usize) -> Result<(), &'static str> {
        match line.bytes().next() {
            Some(b'#' | b';') => {
                self.open = false;
                return Ok(());
            }
            None => {
                self.open = false;
                return Ok(());
            }
            _ => {}
        }
        let line = line.trim_end_matches(is_space);
        if line.is_empty() {
            self.open = false;
        } else if line.starts_with([' ', '\t']) {
            match self.assignments.last_mut() {
                Some(last) if self.open => last.value.end = start + line.len(),
                _ => {
                    return Err(
                        "expected an option above, which this indented line would continue",
                    );
                }
            }
        } else if let Some(section) = line.strip_prefix('[') {
            self.open = false;
            let section = section.strip_suffix(']').ok_or("expected ] at the end of the line")?;
            if section.is_empty() {
                return Err("expected a name between [ and ]");
            }
            self.sections.push(normalize(section));
        } else {
            self.assignment(line, start)?;
        }
        Ok(())
    }

    fn assignment(&mut self, line: &str, start: usize) -> Result<(), &'static str> {
        let at = line.find(['=', ':']).ok_or("expected = or : after an option's name")?;
        let key = line.get(..at).unwrap_or_default().trim_end_matches(is_space);
        let indent = key.len() - key.trim_start_matches(is_space).len();
        if key.len() == indent {
            return Err("expected an option's name before = or :");
        }
        let section = self.sections.len().checked_sub(1);
        let section = section.ok_or("expected a [section] before the first option")?;
        let key = start + indent..start + key.len();
        let value = start + at + 1..start + line.len();
        self.assignments.push(Assignment { section, key, value, line: 0 });
        self.open = true;
        Ok(())
    }
}

/// Lines are joined without their indentation; only the first may be quoted.
fn value_text(raw: &str) -> String {
    let mut lines = raw.split('\n').map(|line| line.trim_matches(is_space));
    let first = lines.next().unwrap_or_default();
    let quoted = |quote| first.starts_with(quote) && first.ends_with(quote);
    let mut text = if quoted('"') || quoted('\'') {
        first.get(1..first.len() - 1).unwrap_or_default().to_owned()
    } else {
        first.to_owned()
    };
    for line in lines {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// A group's name as options are looked up by: in lower case, but for DEFAULT.
pub(super) fn normalize(group: &str) -> String {
    if group == "DEFAULT" { group.to_owned() } else { group.to_lowercase() }
}

/// Python reads `\r\n` and `\r` as line ends too.
fn universal_newlines(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// What Python's `str.strip` removes: four separators more than Unicode's White_Space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}
