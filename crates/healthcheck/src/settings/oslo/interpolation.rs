//! `$option`, `${option}`, `${group.option}` and `$$` in values, after
//! `ConfigOpts._substitute` and Python's `string.Template`.

use super::{MAX_VALUE, Origin, OsloConfig, OsloError};
use crate::settings::secret::is_secret_name;

/// As many references as one value may need in all; what refers to itself in a
/// roundabout way, or multiplies, ends here.
const MAX_REFERENCES: usize = 256;

/// As deep as references may lead on to references.
const MAX_DEPTH: usize = 32;

/// Puts values in place of references.
pub(super) struct Interpolation<'a> {
    config: &'a OsloConfig,
    /// The options that are being put together, outermost first.
    within: Vec<(String, String)>,
    references: usize,
}

impl<'a> Interpolation<'a> {
    /// For one value that is asked for.
    pub(super) fn new(config: &'a OsloConfig, group: &str, option: &str) -> Self {
        Self { config, within: vec![(group.to_owned(), option.to_owned())], references: 0 }
    }

    /// The value of an option in `group`, its references replaced.
    pub(super) fn expand(
        &mut self,
        text: &str,
        group: &str,
        origin: &Origin,
    ) -> Result<String, OsloError> {
        if !text.contains('$') {
            return Ok(text.to_owned());
        }
        let escaped = text.replace("\\$", "$$");
        let mut expanded = String::new();
        let mut rest = escaped.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (reference, next) = match Reference::parse(after) {
                Reference::Escaped => (None, after.get(1..).unwrap_or_default()),
                Reference::None => (None, after),
                Reference::Named(name, next) => (Some(name), next),
            };
            match reference {
                Some(name) => expanded.push_str(&self.value(name, group, origin, text)?),
                None => expanded.push('$'),
            }
            if expanded.len() > MAX_VALUE {
                return Err(OsloError::TooLong { origin: origin.clone() });
            }
            rest = next;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// What a reference stands for.
    fn value(
        &mut self,
        name: &str,
        group: &str,
        origin: &Origin,
        written: &str,
    ) -> Result<String, OsloError> {
        let (in_group, option) = name.split_once('.').unwrap_or((group, name));
        let places = [(in_group, option), ("DEFAULT", name)];
        if self.within.iter().any(|(group, name)| (group.as_str(), name.as_str()) == places[0]) {
            return Err(self.recursion(name, origin, written));
        }
        // oslo.config turns to DEFAULT also where the group's own value refers
        // to nothing. Here nothing may be a default that only the service knows.
        let found = places
            .iter()
            .find_map(|&(group, option)| Some((group, option, self.config.raw(group, option)?)));
        let Some((group, option, (text, found_at))) = found else {
            return Err(OsloError::UnknownReference {
                origin: origin.clone(),
                reference: self.shown(name, written),
            });
        };
        self.references += 1;
        let within = (group.to_owned(), option.to_owned());
        let endless = self.within.contains(&within) || self.within.len() >= MAX_DEPTH;
        if endless || self.references > MAX_REFERENCES {
            return Err(self.recursion(name, origin, written));
        }
        self.within.push(within);
        let value = self.expand(&text, group, &found_at)?;
        self.within.pop();
        Ok(value)
    }

    fn recursion(&self, name: &str, origin: &Origin, written: &str) -> OsloError {
        OsloError::Recursion { origin: origin.clone(), reference: self.shown(name, written) }
    }

    /// A reference as it may be shown: an unescaped `$` in a password looks
    /// like one and shows a part of it.
    fn shown(&self, name: &str, written: &str) -> String {
        let secret = self.within.iter().any(|(_, option)| is_secret_name(option));
        if secret || written.contains("://") {
            "another option".to_owned()
        } else {
            format!("${name}")
        }
    }
}

/// What follows a `$`.
enum Reference<'a> {
    Escaped,
    Named(&'a str, &'a str),
    None,
}

impl<'a> Reference<'a> {
    fn parse(after: &'a str) -> Self {
        if after.starts_with('$') {
            return Self::Escaped;
        }
        let (braced, text) = match after.strip_prefix('{') {
            Some(text) => (true, text),
            None => (false, after),
        };
        let length = name_length(text);
        let (name, next) = text.split_at(length);
        match (length, braced, next.strip_prefix('}')) {
            (1.., false, _) => Self::Named(name, next),
            (1.., true, Some(next)) => Self::Named(name, next),
            _ => Self::None,
        }
    }
}

/// How much of the text is a name: `[_a-z][._a-z0-9]*`, in upper case too.
fn name_length(text: &str) -> usize {
    // Python's IGNORECASE takes these four for letters from a to z.
    let letter = |c: char| c.is_ascii_alphabetic() || "\u{130}\u{131}\u{17f}\u{212a}".contains(c);
    if !text.starts_with(|c| letter(c) || c == '_') {
        return 0;
    }
    text.find(|c: char| !letter(c) && !c.is_ascii_digit() && c != '_' && c != '.')
        .unwrap_or(text.len())
}
