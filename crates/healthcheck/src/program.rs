//! Which processes are meant: a program by its name, not by whatever happens
//! to stand on some command line.

use crate::settings::arguments::{is_shell, program};
use regex_lite::Regex;
use serde::{Deserialize, Deserializer};
use std::fmt;
use vantage::{Blind, Pid, Process, Vantage};

/// Which processes are meant.
#[derive(Debug, Clone)]
pub struct Program {
    names: Vec<String>,
    arguments: Option<Regex>,
    pattern: Option<Regex>,
    /// The service that it is, for messages.
    service: Option<String>,
}

impl Program {
    /// The processes that run one of these programs.
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { names, arguments: None, pattern: None, service: None }
    }

    /// The processes whose whole command line matches an extended regular
    /// expression: what the predecessors' helpers gave to `pgrep -f`.
    ///
    /// # Errors
    /// Where it is not a regular expression.
    pub fn pattern(pattern: &str) -> Result<Self, regex_lite::Error> {
        Ok(Self::like(Regex::new(pattern)?))
    }

    /// The same, from a regular expression.
    pub fn like(pattern: Regex) -> Self {
        Self { names: Vec::new(), arguments: None, pattern: Some(pattern), service: None }
    }

    /// Those of them whose command line matches this, too.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Option<Regex>) -> Self {
        self.arguments = arguments;
        self
    }

    /// As the whole of a service: messages name that in place of a regular expression.
    #[must_use]
    pub fn of_service(mut self, service: &str) -> Self {
        // Who gave a pattern for a name knows it by that.
        let is_it = |pattern: &Regex| pattern.as_str().trim() == service;
        self.service = (!self.pattern.as_ref().is_some_and(is_it)).then(|| service.to_owned());
        self
    }

    /// Whether the command line must match something, besides its program.
    pub fn has_arguments(&self) -> bool {
        self.arguments.is_some()
    }

    /// The names, as written; empty for a pattern.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether this process is meant. A shell that was told to run the program
    /// is not the program, nor is a check that was told to look for it.
    pub fn matches(&self, process: &Process) -> bool {
        let Some(name) = program(&process.arguments) else { return false };
        if let Some(pattern) = &self.pattern {
            let line = process.arguments.join(" ");
            // `pgrep` was mostly given its pattern unquoted, so that the shell
            // took away the blank that some end with.
            return !is_shell(&process.arguments)
                && !is_check(name, &process.arguments)
                && (pattern.is_match(&line) || pattern.is_match(&format!("{line} ")));
        }
        self.names.iter().any(|wanted| wanted == name)
            && self
                .arguments
                .as_ref()
                .is_none_or(|arguments| arguments.is_match(&process.arguments.join(" ")))
    }

    /// The processes of a container that are meant.
    ///
    /// # Errors
    /// Blind where its processes cannot be listed, or where none is found and
    /// there may be more than can be seen.
    pub fn find<'v>(&self, from: &'v Vantage) -> Result<Vec<&'v Process>, Blind> {
        let found: Vec<_> =
            from.processes()?.iter().filter(|process| self.matches(process)).collect();
        match from.unseen_processes() {
            Some(blind) if found.is_empty() => Err(blind.clone()),
            _ => Ok(found),
        }
    }

    /// Whether a process that was found is still it: its id may be another's by now.
    pub fn is_still(&self, process: Pid, from: &Vantage) -> bool {
        from.process(process).is_some_and(|now| self.matches(&now))
    }
}

/// Whether this is a check that was told a service's name: one of our own, or
/// a script of the predecessors, also beneath `timeout` and its like.
fn is_check(name: &str, arguments: &[String]) -> bool {
    let is_ours = |word: &String| {
        let path = std::path::Path::new(word);
        let named = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = path.parent().and_then(|folder| folder.file_name());
        named == "healthcheck"
            || named
                .strip_prefix("healthcheck_")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase()))
            || folder.is_some_and(|folder| folder == "healthcheck")
    };
    name.starts_with("healthcheck") || arguments.iter().take(6).any(is_ours)
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = crate::text::either(&self.names);
        match (&self.service, &self.arguments, &self.pattern) {
            (Some(service), Some(_), None) if self.names.contains(service) => f.write_str(service),
            (Some(service), Some(_), None) => write!(f, "{service} ({names})"),
            (Some(service), _, Some(_)) => f.write_str(service),
            (None, _, Some(pattern)) => {
                write!(f, "/{}/", crate::text::shown(pattern.as_str().trim(), 60))
            }
            (None, Some(arguments), None) => write!(f, "{names} with arguments /{arguments}/"),
            (_, None, None) => f.write_str(&names),
        }
    }
}

/// As definitions write it: a name, several, or a table.
impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a program's name, a list of names, or a table with `name` and `arguments`"
        )]
        enum Written {
            One(String),
            Several(Vec<String>),
            #[serde(rename_all = "kebab-case")]
            Table(Table),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[serde(default)]
            name: crate::definition::OneOrMany<String>,
            arguments: Option<String>,
        }
        let (names, arguments) = match Written::deserialize(from)? {
            Written::One(name) => (vec![name], None),
            Written::Several(names) => (names, None),
            Written::Table(table) => (table.name.into_vec(), table.arguments),
        };
        let arguments = arguments.as_deref().map(Regex::new).transpose();
        let arguments = arguments.map_err(|error| {
            serde::de::Error::custom(format!("expected a regular expression: {error}"))
        })?;
        match arguments {
            // Whatever program it is: a web server that bears the service's title.
            Some(pattern) if names.is_empty() => Ok(Self::like(pattern)),
            _ if names.is_empty() || names.iter().any(String::is_empty) => {
                Err(serde::de::Error::custom("expected a program's name, found nothing"))
            }
            arguments => Ok(Self::named(names).with_arguments(arguments)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use regex_lite::Regex;

    #[test]
    fn what_is_told_apart_by_its_arguments_is_named_in_words() {
        let program = |names: &[&str], arguments: Option<&str>| {
            Program::named(names.iter().copied())
                .with_arguments(arguments.map(|text| Regex::new(text).unwrap()))
        };
        let engine = program(&["mistral-server", "mistral-engine"], Some("engine\\b"));
        let broker = program(&["beam.smp"], Some("rabbit"));
        let cases = [
            (engine.clone().of_service("mistral-engine"), "mistral-engine"),
            (engine, "mistral-server or mistral-engine with arguments /engine\\b/"),
            (broker.of_service("rabbitmq"), "rabbitmq (beam.smp)"),
            (program(&["redis-server"], None).of_service("redis"), "redis-server"),
            (Program::pattern("httpd.*x").unwrap().of_service("x-api"), "x-api"),
            (Program::pattern("x-api ").unwrap().of_service("x-api"), "/x-api/"),
        ];
        for (program, expected) in cases {
            assert_eq!(program.to_string(), expected);
        }
    }
}
