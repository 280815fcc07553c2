//! Options in files of other formats. The readers are on their way.

use serde::Deserialize;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Sections in brackets.
    Ini,
    /// Shell assignments.
    Sysconfig,
}

impl Format {
    /// Whether options stand in sections.
    pub fn has_sections(self) -> bool {
        matches!(self, Self::Ini)
    }
}

/// An option that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its value.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

/// The value of an option.
pub fn lookup(_format: Format, _text: &str, _section: &str, _key: &str) -> Option<Entry> {
    None
}
