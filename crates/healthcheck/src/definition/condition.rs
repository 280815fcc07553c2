//! When a check applies.

use crate::kinds::Fields;
use crate::kinds::command::Matching;
use crate::program::Program;
use crate::verdict::Role;
use serde::Deserialize;
use std::fmt;

/// When a check applies.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Condition {
    /// It is asked in this role.
    pub role: Option<Role>,
    /// One of these programs runs in the container.
    pub process: Option<Program>,
    /// None of these programs runs in the container.
    pub no_process: Option<Program>,
    /// This setting is found, and its value is not a no (`false`, `0`, empty).
    pub setting: Option<String>,
    /// And its value matches this, whatever else it says.
    pub matching: Option<Matching>,
    /// This file is there.
    pub file: Option<std::path::PathBuf>,
    /// And it has this text somewhere.
    pub contains: Option<String>,
}

/// In words, for a check that does not apply because it holds.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.role.map(|role| format!("the role is {role}")));
        parts.extend(self.process.as_ref().map(|program| format!("{program} runs here")));
        parts.extend(self.no_process.as_ref().map(|program| format!("no {program} runs here")));
        parts.extend(self.setting.as_ref().map(|name| match &self.matching {
            Some(matching) => format!("the setting \"{name}\" is like /{}/", matching.0),
            None => format!("the setting \"{name}\" is given"),
        }));
        parts.extend(self.file.as_ref().map(|path| match &self.contains {
            Some(text) => format!("{} contains \"{text}\"", path.display()),
            None => format!("{} is there", path.display()),
        }));
        f.write_str(&parts.join(" and "))
    }
}

/// What an author may write of a condition, for the reference. All that is
/// written must hold.
pub const CONDITION_FIELDS: Fields = &[
    ("role", "it is asked in this role: `health` (none was asked for), `live`, `ready`, `startup`"),
    ("process", "one of these programs runs in the container; `{ arguments = REGEX }` means any"),
    ("no-process", "none of these programs runs in the container"),
    ("setting", "this setting is found, and its value is not a no (`false`, `0`, empty)"),
    ("matching", "and its value matches this regular expression, whatever else it says"),
    ("file", "this file is there"),
    ("contains", "and it has this text somewhere"),
];

#[cfg(test)]
mod tests {
    use super::{CONDITION_FIELDS, Condition};

    #[test]
    fn the_reference_names_every_field_of_a_condition() {
        let error = toml::from_str::<Condition>("nothing = 1").unwrap_err().to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let known: Vec<_> = known.trim().split(", ").map(|name| name.trim_matches('`')).collect();
        let told: Vec<_> = CONDITION_FIELDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, known);
    }
}
