//! A mistake in a definition, told with its place and a caret beneath it.

use crate::settings::secret::redact;
use std::fmt;
use std::ops::Range;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file it is in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1, in characters.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
    /// The line, and the part of it that is wrong (column from 0, length).
    excerpt: (String, usize, usize),
}

/// All mistakes of a definition, in the order of their places; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistake {
    /// The mistake at `span` (in bytes) of `text`.
    pub(super) fn at(
        text: &str,
        file: &str,
        span: Range<usize>,
        message: String,
        hint: Option<&str>,
    ) -> Self {
        let start = floor(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let column = text[line_start..start].chars().count();
        let end = floor(text, span.end).clamp(start, line_end);
        let length = text[start..end].chars().count().max(1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            // Messages of libraries quote the definition as it is.
            message: crate::text::shown(&redact(&message), 1000),
            hint: hint.map(str::to_owned),
            excerpt: (redact(text[line_start..line_end].trim_end()), column, length),
        }
    }
}

/// The character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint, excerpt: (excerpt, before, length) } = self;
        writeln!(f, "{file}:{line}:{column}: {message}")?;
        let number = line.to_string();
        // Tabs would put the caret elsewhere than it is counted.
        let excerpt = excerpt.replace('\t', " ");
        let excerpt = crate::text::shown(&excerpt, 160);
        writeln!(f, "  {number} | {excerpt}")?;
        // Where a secret stood there may be less.
        let before = (*before).min(excerpt.chars().count());
        let length = (*length).min(excerpt.chars().count().saturating_sub(before)).max(1);
        write!(f, "  {:1$} | {2:3$}{4}", "", number.len(), "", before, "^".repeat(length))?;
        match hint {
            Some(hint) => write!(f, "\n  hint: did you mean `{hint}`?"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "error: {mistake}")?;
        }
        Ok(())
    }
}
