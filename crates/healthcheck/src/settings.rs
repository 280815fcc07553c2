//! What the service itself is configured to: named values, each from the first
//! of its sources that has it, with the place it came from.

pub mod arguments;
pub mod endpoints;
mod files;
pub mod keyvalue;
pub mod oslo;
pub mod ovsdb;
pub mod secret;
pub mod url;
pub mod vhost;

use crate::definition::{Definition, OneOrMany};
use crate::kinds::{Fields, command::Matching};
use files::Files;
use oslo::{OsloConfig, OsloSources};
use regex_lite::Regex;
use serde::{Deserialize, Deserializer};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use vantage::{Blind, FileError, Process, Vantage};

/// Where to look for a value. As definitions write it: `{ oslo =
/// "database.connection" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An option of oslo.config, `group.option`, in the service's own files.
    Oslo(OneOrMany<String>),
    /// An option in a file of another format.
    File(FileSource),
    /// An option on the process's command line: `-p`, `--port`.
    Argument(OneOrMany<String>),
    /// What the first group of a regular expression finds in the process's title.
    Title(TitleSource),
    /// A variable of the process's environment.
    Environment(OneOrMany<String>),
    /// The word after the command: `healthcheck nova`.
    Word(WordSource),
    /// This value, where what was looked at before cannot be read.
    Unreadable(DefaultValue),
    /// This value, where all that was looked at before can be read and does not say.
    Default(DefaultValue),
}

/// What an author may write of where to look, for the reference.
pub const SOURCES: Fields = &[
    (
        "oslo",
        "`{ oslo = \"group.option\" }`: an option of oslo.config, in the service's own files; of a list, the first that is set",
    ),
    (
        "file",
        "`{ file = { path, format, option } }`: an option in a file of another format, `section.option` where it has sections",
    ),
    ("argument", "`{ argument = [\"-p\", \"--port\"] }`: an option on the process's command line"),
    (
        "title",
        "`{ title = \"REGEX\" }`: what its first group finds in the title that the process gave itself, such as `redis-server *:6379`",
    ),
    ("environment", "`{ environment = \"NAME\" }`: a variable of the process's environment"),
    ("word", "`{ word = \"first\" }`: the word after the command, as in `healthcheck cron nova`"),
    (
        "unreadable",
        "`{ unreadable = \"\" }`: this value, where one of those before it cannot be read; what may stand there is not known to be the default",
    ),
    ("default", "`{ default = 5672 }`: this value, where none of those before it says another"),
];

/// An option in a file that is not oslo.config's.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileSource {
    /// The files to look in; the first that has the option is taken.
    pub path: OneOrMany<PathBuf>,
    /// How they are written.
    pub format: keyvalue::Format,
    /// The option, `section.key` where the format has sections.
    pub option: String,
}

/// A regular expression with a group in it.
#[derive(Debug, Clone)]
pub struct TitleSource(Regex);

impl fmt::Display for TitleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for TitleSource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Matching(regex) = Matching::deserialize(from)?;
        match regex.captures_len() {
            0 | 1 => Err(serde::de::Error::custom("expected a group in the regular expression")),
            _ => Ok(Self(regex)),
        }
    }
}

/// Which word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordSource {
    /// The first.
    First,
}

/// A value written out.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected text, a number or true or false")]
pub enum DefaultValue {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

/// A value and where it came from. Its text may hold a secret: show it only
/// through [`secret::redact`].
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The text as found.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", secret::redact(&self.text), self.origin)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An option in a file.
    File {
        /// The option.
        option: String,
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An option on a command line.
    Argument(String),
    /// The process's title.
    Title,
    /// A variable of the environment.
    Environment(String),
    /// The command we were given.
    Word,
    /// The definition.
    Definition,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { option, file, line } => {
                write!(f, "{option} in {}:{line}", file.display())
            }
            Self::Argument(option) => write!(f, "{option} on the command line"),
            Self::Title => f.write_str("the process's title"),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::Word => f.write_str("the word given"),
            Self::Definition => f.write_str("default"),
        }
    }
}

/// A setting that is not to be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot find the setting \"{name}\": {}", self.looked())]
pub struct Unfound {
    /// Its name in the definition.
    pub name: String,
    /// Where it was looked for, and what was there.
    pub looked: Vec<String>,
    /// One of the places could not be read, so it may well be set.
    pub unreadable: bool,
}

/// What there was in place of a value.
#[derive(Default)]
struct Looked {
    places: Vec<String>,
    unreadable: bool,
}

impl Looked {
    /// It is not set there.
    fn absent(&mut self, place: String) {
        self.places.push(place);
    }

    /// Nobody can tell whether it is set there.
    fn unreadable(&mut self, place: String) {
        self.places.push(place);
        self.unreadable = true;
    }

    fn file(&mut self, error: &FileError) {
        match error.is_missing() {
            true => self.absent(error.to_string()),
            false => self.unreadable(error.to_string()),
        }
    }
}

impl Unfound {
    fn looked(&self) -> String {
        match self.looked.as_slice() {
            [] => "nothing says where to look".into(),
            places => places.join("; "),
        }
    }
}

/// The settings of one service, looked up when they are asked for, once each.
pub struct Settings<'a> {
    definition: &'a Definition,
    from: &'a Vantage,
    /// The process whose command line and environment count, if one runs.
    process: Option<&'a Process>,
    word: Option<&'a str>,
    /// That process's environment, once it is asked for.
    environment: OnceCell<Result<Vec<String>, Blind>>,
    files: Files<'a>,
    oslo: OnceCell<OsloConfig>,
    found: RefCell<BTreeMap<String, Result<Value, Unfound>>>,
}

impl<'a> Settings<'a> {
    /// The settings of a definition's service.
    pub fn new(
        definition: &'a Definition,
        from: &'a Vantage,
        process: Option<&'a Process>,
        word: Option<&'a str>,
    ) -> Self {
        let (environment, oslo, found) = (OnceCell::new(), OnceCell::new(), RefCell::default());
        let files = Files::new(from);
        Self { definition, from, process, word, environment, files, oslo, found }
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// Where none of its sources has it.
    pub fn get(&self, name: &str) -> Result<Value, Unfound> {
        if let Some(found) = self.found.borrow().get(name) {
            return found.clone();
        }
        let found = self.look_for(name);
        self.found.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn look_for(&self, name: &str) -> Result<Value, Unfound> {
        let mut looked = Looked::default();
        for source in self.definition.settings.get(name).map_or(&[][..], Vec::as_slice) {
            let counts = match source {
                // What stands where we cannot read is not known to be the default.
                Source::Default(_) => !looked.unreadable,
                Source::Unreadable(_) => looked.unreadable,
                _ => true,
            };
            if counts && let Some(value) = self.look_at(source, &mut looked) {
                return Ok(value);
            }
        }
        let Looked { places, unreadable } = looked;
        Err(Unfound { name: name.to_owned(), looked: places, unreadable })
    }

    fn look_at(&self, source: &Source, looked: &mut Looked) -> Option<Value> {
        match source {
            Source::Oslo(options) => {
                options.as_slice().iter().find_map(|option| self.look_at_oslo(option, looked))
            }
            Source::File(file) => self.look_at_file(file, looked),
            Source::Argument(options) => {
                let process = self.process?;
                for option in options.as_slice() {
                    if let Some(text) = arguments::option(&process.arguments, &[option]) {
                        let (text, option) = (text.to_owned(), option.clone());
                        return Some(Value { text, origin: Origin::Argument(option) });
                    }
                    looked.absent(format!(
                        "no {option} on the command line of process {}",
                        process.pid
                    ));
                }
                None
            }
            Source::Title(TitleSource(pattern)) => {
                let process = self.process?;
                let title = process.arguments.join(" ");
                let found = pattern.captures(&title).and_then(|captures| captures.get(1));
                let Some(found) = found else {
                    looked.absent(format!("not in the title of process {}", process.pid));
                    return None;
                };
                Some(Value { text: found.as_str().to_owned(), origin: Origin::Title })
            }
            Source::Environment(names) => {
                let process = self.process?;
                let environment = match self.environment(process) {
                    Ok(environment) => environment,
                    Err(blind) => {
                        looked.unreadable(blind.to_string());
                        return None;
                    }
                };
                for name in names.as_slice() {
                    let value = environment.iter().find_map(|variable| {
                        variable.strip_prefix(name.as_str())?.strip_prefix('=')
                    });
                    if let Some(text) = value {
                        let origin = Origin::Environment(name.clone());
                        return Some(Value { text: text.to_owned(), origin });
                    }
                    looked
                        .absent(format!("no {name} in the environment of process {}", process.pid));
                }
                None
            }
            Source::Word(WordSource::First) => {
                let text = self.word?.to_owned();
                Some(Value { text, origin: Origin::Word })
            }
            Source::Unreadable(value) | Source::Default(value) => {
                Some(Value { text: value.to_string(), origin: Origin::Definition })
            }
        }
    }

    fn environment(&self, process: &Process) -> &Result<Vec<String>, Blind> {
        self.environment.get_or_init(|| self.from.environment(process.pid))
    }

    /// The files of oslo.config that were read.
    pub fn oslo_files(&self) -> Vec<PathBuf> {
        self.oslo().files().map(Path::to_owned).collect()
    }

    fn oslo(&self) -> &OsloConfig {
        self.oslo.get_or_init(|| {
            let arguments = self.process.map_or(&[][..], |process| &process.arguments);
            let program = arguments::program(arguments).unwrap_or(&self.definition.service);
            let project = self.definition.project.as_deref().unwrap_or(&self.definition.service);
            // Of another user's process the environment stays unknown; the files do not.
            let environment =
                self.process.and_then(|process| self.environment(process).as_ref().ok());
            let environment = environment.map_or(&[][..], Vec::as_slice);
            let sources =
                OsloSources::of_process(project, program, arguments, environment, self.from);
            OsloConfig::load(&sources, self.from)
        })
    }

    fn look_at_oslo(&self, option: &str, looked: &mut Looked) -> Option<Value> {
        let (group, name) = option.split_once('.').unwrap_or(("DEFAULT", option));
        let config = self.oslo();
        match config.get(group, name) {
            Ok(Some(found)) => {
                let origin = match found.origin {
                    oslo::Origin::File { path: file, line } => {
                        Origin::File { option: format!("[{group}] {name}"), file, line }
                    }
                    oslo::Origin::Variable(name) => Origin::Environment(name),
                };
                Some(Value { text: found.text, origin })
            }
            Ok(None) => {
                let place = format!("no [{group}] {name} in {}", config.looked_in().join(", "));
                match config.was_read() {
                    true => looked.absent(place),
                    false => looked.unreadable(place),
                }
                None
            }
            Err(error) => {
                looked.unreadable(error.to_string());
                None
            }
        }
    }

    fn look_at_file(&self, source: &FileSource, looked: &mut Looked) -> Option<Value> {
        let (section, key) = match source.option.rsplit_once('.') {
            Some((section, key)) if source.format.has_sections() => (section, key),
            _ => ("", source.option.as_str()),
        };
        for path in source.path.as_slice() {
            let file = match self.files.read(path, source.format) {
                Ok(file) => file,
                Err(error) => {
                    looked.file(&error);
                    continue;
                }
            };
            file.unread.iter().for_each(|error| looked.file(error));
            if let Some((file, entry)) = file.find(source.format, section, key) {
                let (option, file, line) = (source.option.clone(), file.to_owned(), entry.line);
                let origin = Origin::File { option, file, line };
                return Some(Value { text: entry.value, origin });
            }
            looked.absent(format!("no {} in {}", source.option, path.display()));
        }
        None
    }
}
