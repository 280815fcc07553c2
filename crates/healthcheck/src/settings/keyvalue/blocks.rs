//! qdrouterd.conf: `listener { host: 0.0.0.0 … }`, an entity and its attributes.

use super::{Entry, MAX_ENTRIES};

pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = String::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.split('#').next().unwrap_or_default().trim();
        // A block may stand on one line, or on as many as it likes.
        while !rest.is_empty() {
            let end = rest.find(['{', '}']).unwrap_or(rest.len());
            let (part, next) = rest.split_at(end);
            if next.starts_with('{') {
                part.trim().clone_into(&mut section);
            } else if !section.is_empty() {
                entries.extend(attribute(&section, part, index + 1));
            }
            if next.starts_with('}') {
                section.clear();
            }
            rest = next.get(1..).unwrap_or_default().trim();
        }
        if entries.len() >= MAX_ENTRIES {
            break;
        }
    }
    entries
}

fn attribute(section: &str, text: &str, line: usize) -> Option<Entry> {
    let (key, value) = text.split_once(':')?;
    let value = value.trim().trim_end_matches(',').trim_matches('"');
    let key = key.trim().trim_matches('"');
    (!key.is_empty()).then(|| Entry {
        section: section.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        line,
    })
}
