//! What was typed: options and words, checked for their form and nothing else.

use crate::output::Format;
use healthcheck::definition::FromText;
use healthcheck::text::{either, nearest, shown};
use healthcheck::verdict::Role;
use lexopt::Arg::{Long, Short, Value};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;
use vantage::Port;

/// An option, as the parser knows it and the help shows it.
#[derive(Debug)]
pub struct Choice {
    /// Its name, without the dashes.
    pub long: &'static str,
    /// What its value looks like; nothing where it takes none.
    pub value: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// Every option there is, in the help's order.
pub const OPTIONS: [Choice; 8] = [
    choice("role", "live|ready|startup", "for a Kubernetes probe; without it, for HEALTHCHECK"),
    choice("deadline", "5s", "answer within this: 8s, or 800ms with a role"),
    choice("format", "text|json|nagios", "json is application/health+json"),
    choice("service", "NAME", "check this service"),
    choice("definition", "FILE", "check by this definition"),
    choice("list", "", "print the name of every service that is known"),
    choice("version", "", "print the version"),
    choice("help", "", "print this"),
];

const fn choice(long: &'static str, value: &'static str, about: &'static str) -> Choice {
    Choice { long, value, about }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// Look, and answer.
    #[default]
    Check,
    /// Say what would be looked at.
    Explain,
    /// Print the names of all services.
    List,
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Typed {
    /// What is to be done.
    pub action: Action,
    /// `--service`.
    pub service: Option<String>,
    /// `--definition`.
    pub definition: Option<PathBuf>,
    /// `--role`.
    pub role: Role,
    /// `--format`.
    pub format: Format,
    /// `--deadline`.
    pub deadline: Option<Duration>,
    /// The words that are ports.
    pub ports: Vec<Port>,
    /// The words that are none.
    pub words: Vec<String>,
}

/// Why what was typed cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// There is no such option.
    #[error("unknown option \"{option}\"")]
    Unknown {
        /// The option as typed, cut.
        option: String,
        /// The nearest there is.
        nearest: Option<&'static str>,
    },
    /// An option's value, or a word, is not what it should be.
    #[error("{what}: expected {expected}, found {found}")]
    Unexpected {
        /// The option, or what the word was taken for.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What was found, quoted and cut, or `nothing`.
        found: String,
        /// The nearest there is.
        nearest: Option<&'static str>,
    },
    /// It cannot be read at all.
    #[error("{0}")]
    Unreadable(String),
}

impl Misuse {
    /// What was probably meant.
    pub fn nearest(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest, .. } => nearest.map(|nearest| format!("--{nearest}")),
            Self::Unexpected { nearest, .. } => nearest.map(str::to_owned),
            Self::Unreadable(_) => None,
        }
    }

    fn unexpected(what: &'static str, expected: impl Into<String>, found: Option<&OsStr>) -> Self {
        let found = found.map_or_else(|| "nothing".to_owned(), quoted);
        Self::Unexpected { what, expected: expected.into(), found, nearest: None }
    }
}

/// A word for use in a message; bytes that are not UTF-8 are replaced.
fn quoted(word: &OsStr) -> String {
    format!("\"{}\"", shown(&word.to_string_lossy(), 60))
}

/// Reads a command line, without its first word.
///
/// # Errors
/// The first thing that cannot be understood.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Typed, Misuse> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut typed = Typed::default();
    while let Some(argument) = parser.next().map_err(unreadable)? {
        match argument {
            Long("role") => typed.role = one_of("--role", &mut parser, &Role::NAMES)?,
            Long("format") => typed.format = one_of("--format", &mut parser, &Format::NAMES)?,
            Long("deadline") => typed.deadline = Some(deadline(&mut parser)?),
            Long("service") => typed.service = Some(name(&mut parser)?),
            Long("definition") => {
                let expected = "a definition's file";
                typed.definition = Some(value("--definition", expected, &mut parser)?.into());
            }
            Long("list") => typed.action = Action::List,
            Long("version") | Short('V') => typed.action = Action::Version,
            Long("help") | Short('h') => typed.action = Action::Help,
            Long(option) => {
                let nearest = nearest(option, OPTIONS.iter().map(|option| option.long));
                let option = format!("--{}", shown(option, 60));
                return Err(Misuse::Unknown { option, nearest });
            }
            Short(option) => {
                let option = format!("-{}", shown(&option.to_string(), 10));
                return Err(Misuse::Unknown { option, nearest: None });
            }
            Value(word) => typed.take(&word)?,
        }
    }
    Ok(typed)
}

impl Typed {
    /// A word that is no option: a port, `explain`, or a name. The predecessors'
    /// configuration gave an empty word, or `null`, where it had no port to give.
    fn take(&mut self, argument: &OsStr) -> Result<(), Misuse> {
        let Some(argument) = argument.to_str() else {
            return Err(Misuse::unexpected("word", "UTF-8", Some(argument)));
        };
        // A shell splits at blanks; an exec form with all in one word does not.
        for word in argument.split_whitespace().filter(|word| *word != "null") {
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                let port = port(word)
                    .ok_or_else(|| Misuse::unexpected("port", PORT, Some(OsStr::new(word))))?;
                self.ports.push(port);
            } else if word == "explain" && self.words.is_empty() {
                self.action = Action::Explain;
            } else {
                self.words.push(word.to_owned());
            }
        }
        Ok(())
    }
}

/// What a port is, for messages.
pub(crate) const PORT: &str = "a port from 1 to 65535";

/// The port a word is.
pub(crate) fn port(word: &str) -> Option<Port> {
    word.parse().ok().and_then(Port::new)
}

fn value(
    option: &'static str,
    expected: &str,
    parser: &mut lexopt::Parser,
) -> Result<OsString, Misuse> {
    match parser.value() {
        Ok(value) if !value.is_empty() => Ok(value),
        Ok(empty) => Err(Misuse::unexpected(option, expected, Some(&empty))),
        Err(_) => Err(Misuse::unexpected(option, expected, None)),
    }
}

fn one_of<T: Copy>(
    option: &'static str,
    parser: &mut lexopt::Parser,
    names: &[(&'static str, T)],
) -> Result<T, Misuse> {
    let expected = || either(&names.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let value = value(option, &expected(), parser)?;
    let found = names.iter().find(|(name, _)| value == OsStr::new(name));
    found.map(|(_, value)| *value).ok_or_else(|| Misuse::Unexpected {
        what: option,
        expected: expected(),
        found: quoted(&value),
        nearest: nearest(&value.to_string_lossy(), names.iter().map(|(name, _)| *name)),
    })
}

fn deadline(parser: &mut lexopt::Parser) -> Result<Duration, Misuse> {
    let value = value("--deadline", Duration::EXPECTED, parser)?;
    value
        .to_str()
        .and_then(Duration::from_text)
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| Misuse::unexpected("--deadline", Duration::EXPECTED, Some(&value)))
}

fn name(parser: &mut lexopt::Parser) -> Result<String, Misuse> {
    let expected = "a service's name";
    value("--service", expected, parser)?
        .into_string()
        .map_err(|value| Misuse::unexpected("--service", expected, Some(&value)))
}

/// What the library cannot make sense of, in our words.
fn unreadable(error: lexopt::Error) -> Misuse {
    match error {
        lexopt::Error::UnexpectedValue { option, value } => {
            Misuse::Unreadable(format!("{option}: expected no value, found {}", quoted(&value)))
        }
        other => Misuse::Unreadable(shown(&other.to_string(), 100)),
    }
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
