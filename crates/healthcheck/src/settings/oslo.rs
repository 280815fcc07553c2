//! oslo.config as oslo.config itself reads it: several files and directories
//! of which the last wins, values over several lines, references to other
//! options, the environment.

mod interpolation;
mod parser;
mod sources;

pub use sources::{OsloSource, OsloSources, SourceKind, SourceReason};

use interpolation::Interpolation;
use parser::{ParsedFile, SyntaxError, normalize};
use std::fmt;
use std::path::{Path, PathBuf};
use vantage::{FileError, Vantage};

/// The longest value that is given back, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// As much as is read of all files together, in bytes.
const MAX_TOTAL: usize = 16 << 20;

/// As many files as are read.
const MAX_FILES: usize = 512;

/// An option's value and where it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The value, its references replaced. It may hold a secret.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

/// Where a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file, on a line counted from 1.
    File {
        /// The file, in the container.
        path: PathBuf,
        /// The line of the option's name.
        line: usize,
    },
    /// In a variable of the process's environment, by its name.
    Variable(String),
}

/// Why a value cannot be given, though it is set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OsloError {
    /// It refers to an option that is set nowhere; the service knows its
    /// default, and we do not.
    #[error("{origin}: refers to {reference}, which is not set in any file that was read")]
    UnknownReference {
        /// Where the reference is written.
        origin: Origin,
        /// The reference, unless it may be a part of a password.
        reference: String,
    },
    /// It refers to itself, or to too many others.
    #[error("{origin}: refers to {reference}, which leads back to it or to too many others")]
    Recursion {
        /// Where the reference is written.
        origin: Origin,
        /// The reference, unless it may be a part of a password.
        reference: String,
    },
    /// It is longer than any setting.
    #[error("{origin}: expected a value of at most {MAX_VALUE} bytes, found more")]
    TooLong {
        /// Where it is written.
        origin: Origin,
    },
}

/// What was wrong with a source. The service itself would not start with most
/// of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OsloProblem {
    /// The file or directory could not be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// oslo.config refuses the file for one of its lines.
    #[error("{}:{line}: {expected}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What oslo.config expects there.
        expected: &'static str,
    },
    /// There is more to read than any service has.
    #[error("{}: not read: more than {MAX_FILES} files or {MAX_TOTAL} bytes of configuration", .0.display())]
    TooMuch(PathBuf),
    /// The path begins nowhere that is known here.
    #[error("{}: relative to the process's working directory, which is not known", .0.display())]
    Relative(PathBuf),
}

/// The options of a service, read once.
pub struct OsloConfig {
    /// In the order in which they are read; the last wins.
    files: Vec<(PathBuf, ParsedFile)>,
    problems: Vec<OsloProblem>,
    absent: Vec<String>,
    variables: Vec<(String, String)>,
}

impl OsloConfig {
    /// Reads all sources. Never fails: what was wrong is kept in
    /// [`OsloConfig::problems`], and the rest counts.
    pub fn load(sources: &OsloSources, from: &Vantage) -> Self {
        let mut config = Self {
            files: Vec::new(),
            problems: Vec::new(),
            absent: sources.absent.clone(),
            variables: sources.variables.clone(),
        };
        let mut room = Room { files: MAX_FILES, bytes: MAX_TOTAL };
        for source in &sources.sources {
            if !source.path.is_absolute() {
                config.problems.push(OsloProblem::Relative(source.path.clone()));
                continue;
            }
            match source.kind {
                SourceKind::File => config.load_file(&source.path, &mut room, from),
                SourceKind::Directory => config.load_directory(&source.path, &mut room, from),
            }
        }
        config
    }

    fn load_directory(&mut self, directory: &Path, room: &mut Room, from: &Vantage) {
        let names = match from.names(directory) {
            Ok(names) => names,
            Err(error) => return self.problems.push(error.into()),
        };
        for name in names {
            let bytes = name.as_encoded_bytes();
            if bytes.ends_with(b".conf") && !bytes.starts_with(b".") {
                self.load_file(&directory.join(&name), room, from);
            }
        }
    }

    fn load_file(&mut self, path: &Path, room: &mut Room, from: &Vantage) {
        if room.files == 0 || room.bytes == 0 {
            // Once is enough, and a hostile directory may have many more.
            if !matches!(self.problems.last(), Some(OsloProblem::TooMuch(_))) {
                self.problems.push(OsloProblem::TooMuch(path.to_owned()));
            }
            return;
        }
        room.files -= 1;
        let text = match from.read_text(path) {
            Ok(text) => text,
            Err(error) => return self.problems.push(error.into()),
        };
        room.bytes = room.bytes.saturating_sub(text.len());
        match ParsedFile::parse(text) {
            Ok(file) => self.files.push((path.to_owned(), file)),
            Err(SyntaxError { line, expected }) => {
                self.problems.push(OsloProblem::Syntax { path: path.to_owned(), line, expected });
            }
        }
    }

    /// The value of an option, `None` where it is not set. `-` in its name is
    /// the same as `_`; groups are not case-sensitive, except that the options
    /// of no group are in `DEFAULT`.
    ///
    /// # Errors
    /// Where it is set and refers to what is not known, or is too long.
    pub fn get(&self, group: &str, option: &str) -> Result<Option<Found>, OsloError> {
        self.get_any(&[(group, option)])
    }

    /// The value of an option with its deprecated groups and names: the last
    /// file that has any of them wins, and in it the name that is given first.
    ///
    /// # Errors
    /// As for [`OsloConfig::get`].
    pub fn get_any(&self, names: &[(&str, &str)]) -> Result<Option<Found>, OsloError> {
        let Some(&(group, option)) = names.first() else { return Ok(None) };
        let option = option.replace('-', "_");
        let found = self.variable(group, &option).or_else(|| {
            self.files.iter().rev().find_map(|(path, file)| {
                spellings(names).find_map(|(group, option)| {
                    let value = file.last(&group, &option)?;
                    Some((value.text, Origin::File { path: path.clone(), line: value.line }))
                })
            })
        });
        found.map(|(text, origin)| self.finish(text, origin, group, &option)).transpose()
    }

    /// Every value of an option that may be given several times, in the order
    /// in which they are read. The environment cannot give such an option.
    ///
    /// # Errors
    /// As for [`OsloConfig::get`].
    pub fn get_all(&self, group: &str, option: &str) -> Result<Vec<Found>, OsloError> {
        let (name, option) = (normalize(group), option.replace('-', "_"));
        let mut all = Vec::new();
        for (path, file) in &self.files {
            for value in file.named(&name, &option) {
                let origin = Origin::File { path: path.clone(), line: value.line };
                all.push(self.finish(value.text, origin, group, &option)?);
            }
        }
        Ok(all)
    }

    /// Each file that was read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_ref())
    }

    /// Where was looked: each file that was read, and each that was not with
    /// the reason.
    pub fn looked_in(&self) -> Vec<String> {
        let read = self.files.iter().map(|(path, _)| path.display().to_string());
        let problems = self.problems.iter().map(ToString::to_string);
        read.chain(problems).chain(self.absent.iter().cloned()).collect()
    }

    /// Whether all there is was read: what is not set here is set nowhere.
    pub fn was_read(&self) -> bool {
        let missing = |problem: &OsloProblem| matches!(problem, OsloProblem::File(error) if error.is_missing());
        self.problems.iter().all(missing)
    }

    /// What was wrong with the sources.
    pub fn problems(&self) -> &[OsloProblem] {
        &self.problems
    }

    fn finish(
        &self,
        text: String,
        origin: Origin,
        group: &str,
        option: &str,
    ) -> Result<Found, OsloError> {
        if text.len() > MAX_VALUE {
            return Err(OsloError::TooLong { origin });
        }
        let text = Interpolation::new(self, group, option).expand(&text, group, &origin)?;
        Ok(Found { text, origin })
    }

    /// An option as it is written, and where.
    fn raw(&self, group: &str, option: &str) -> Option<(String, Origin)> {
        let name = normalize(group);
        self.variable(group, option).or_else(|| {
            self.files.iter().rev().find_map(|(path, file)| {
                let value = file.last(&name, option)?;
                Some((value.text, Origin::File { path: path.clone(), line: value.line }))
            })
        })
    }

    /// `OS_GROUP__OPTION` of the environment.
    fn variable(&self, group: &str, option: &str) -> Option<(String, Origin)> {
        let name = format!("OS_{}__{}", group.to_uppercase(), option.to_uppercase());
        let (name, value) = self.variables.iter().find(|(variable, _)| *variable == name)?;
        Some((value.clone(), Origin::Variable(name.clone())))
    }
}

/// What may still be read.
struct Room {
    files: usize,
    bytes: usize,
}

/// The names of an option as files may have them. The first is looked up with
/// `_` alone, deprecated ones as they are written and then with `_`.
fn spellings(names: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let underscored = |name: &str| name.replace('-', "_");
    let first =
        names.iter().take(1).map(move |(group, name)| (normalize(group), underscored(name)));
    let rest = names.iter().skip(1);
    let written = rest.clone().map(|(group, name)| (normalize(group), (*name).to_owned()));
    let respelled = rest
        .filter(|(_, name)| name.contains('-'))
        .map(move |(group, name)| (normalize(group), underscored(name)));
    first.chain(written).chain(respelled)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a password.
        write!(f, "Found({} bytes from {})", self.text.len(), self.origin)
    }
}

impl fmt::Debug for OsloConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OsloConfig").field("looked_in", &self.looked_in()).finish()
    }
}

/// An option on the first line, `group option`, and a file.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(text: &str) {
    let (first, file) = text.split_once('\n').unwrap_or(("DEFAULT a", text));
    let (group, option) = first.split_once(' ').unwrap_or(("DEFAULT", first));
    let Ok(file) = ParsedFile::parse(file.to_owned()) else { return };
    let files = vec![(PathBuf::from("/etc/nova/nova.conf"), file)];
    let config = OsloConfig {
        files,
        problems: Vec::new(),
        absent: Vec::new(),
        variables: vec![("OS_DEFAULT__A".to_owned(), first.to_owned())],
    };
    if let Ok(Some(found)) = config.get(group, option) {
        // The last piece may begin just beneath the limit.
        assert!(found.text.len() <= 2 * MAX_VALUE + text.len());
    }
    let _ = config.get_all(group, option);
    let _ = config.get_any(&[(group, option), ("DEFAULT", "a-b"), ("b", "c")]);
}

#[cfg(test)]
#[path = "oslo_tests.rs"]
mod tests;
