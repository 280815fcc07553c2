//! Which files and directories a service reads, in the order in which it reads
//! them, after `ConfigOpts._parse_config_files` and `find_config_files`.

use crate::settings::arguments::command_words;
use std::path::{Component, Path, PathBuf};
use vantage::{FileError, Vantage};

/// As many files and directories as are taken from one command line.
const MAX_SOURCES: usize = 256;

/// Where a service's options come from; a later source wins over an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsloSources {
    /// The files and directories, in the order in which they are read.
    pub sources: Vec<OsloSource>,
    /// What was looked for by default and is not there, in words.
    pub absent: Vec<String>,
    /// The environment's options, `OS_GROUP__OPTION`, which win over files.
    pub(super) variables: Vec<(String, String)>,
}

/// One file, or one directory of `*.conf` files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsloSource {
    /// Where it is, in the container.
    pub path: PathBuf,
    /// A file or a directory.
    pub kind: SourceKind,
    /// Why it is read.
    pub reason: SourceReason,
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A file.
    File,
    /// A directory of `*.conf` files, read in the order of their names.
    Directory,
}

/// Why a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceReason {
    /// The process's command line names it: `--config-file`, `--config-dir`.
    CommandLine,
    /// Its environment names it: `OS_PROJECT_CONFIG_DIR`, `OS_PROJECT_CONFIG_FILES`.
    Environment,
    /// oslo.config looks for it where nothing is named.
    Default,
}

impl OsloSources {
    /// The sources of a program of a project (`nova-conductor` of `nova`),
    /// started with these arguments.
    pub fn of(project: &str, program: &str, arguments: &[String], from: &Vantage) -> Self {
        Self::of_process(project, program, arguments, &[], from)
    }

    /// The same for a process whose environment is known too, as `NAME=value`
    /// strings: its home directory and its `OS_GROUP__OPTION` variables count.
    pub fn of_process(
        project: &str,
        program: &str,
        arguments: &[String],
        environment: &[String],
        from: &Vantage,
    ) -> Self {
        let environment = Environment(environment);
        let named = named_sources(arguments, environment.get("HOME"));
        let is_named = |kind| named.iter().any(|source: &OsloSource| source.kind == kind);
        let mut found = Self::default();
        let search = Search { project, program, environment, from };
        if !is_named(SourceKind::File) {
            let from_environment = search.named_by_environment();
            if from_environment.is_empty() {
                search.defaults(SourceKind::File, &mut found);
            } else {
                found.sources.extend(from_environment);
            }
        }
        if !is_named(SourceKind::Directory) {
            search.defaults(SourceKind::Directory, &mut found);
        }
        // What the command line names comes last, also after default directories.
        found.sources.extend(named);
        found.sources.truncate(MAX_SOURCES);
        found.variables = environment.options();
        found
    }

    /// The paths of the sources of one kind, in the order in which they are read.
    pub fn paths(&self, kind: SourceKind) -> impl Iterator<Item = &Path> {
        self.sources
            .iter()
            .filter(move |source| source.kind == kind)
            .map(|source| source.path.as_path())
    }
}

/// The files and directories on a command line, in their order there.
fn named_sources(arguments: &[String], home: Option<&str>) -> Vec<OsloSource> {
    let words = command_words(arguments);
    let mut words = words.iter().copied().skip(1);
    let mut named = Vec::new();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        };
        let kind = match option {
            "--config-file" => SourceKind::File,
            "--config-dir" => SourceKind::Directory,
            "--" => break,
            _ => continue,
        };
        if let Some(path) = value.or_else(|| words.next()) {
            let (path, reason) = (expand_home(path, home), SourceReason::CommandLine);
            named.push(OsloSource { path, kind, reason });
        }
    }
    named
}

/// `~/x` with the home directory in place of `~`, and without `.` and `..`.
fn expand_home(path: &str, home: Option<&str>) -> PathBuf {
    let expanded = match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", home.trim_end_matches('/'))
        }
        _ => path.to_owned(),
    };
    lexical(Path::new(&expanded))
}

/// As Python's `os.path.normpath` has it, which does not ask the file system.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if clean.parent().is_some() => drop(clean.pop()),
            Component::ParentDir if clean.has_root() => {}
            other => clean.push(other),
        }
    }
    clean
}

/// A search for what is read where nothing is named.
struct Search<'a> {
    project: &'a str,
    program: &'a str,
    environment: Environment<'a>,
    from: &'a Vantage,
}

impl Search<'_> {
    /// At most one of `project.conf` and one of `program.conf`, each in the
    /// first directory that has it; likewise for `.conf.d`.
    fn defaults(&self, kind: SourceKind, found: &mut OsloSources) {
        let extension = match kind {
            SourceKind::File => ".conf",
            SourceKind::Directory => ".conf.d",
        };
        let directories = self.directories();
        let program = self.program.strip_suffix(".py").unwrap_or(self.program);
        for name in [self.project, program].into_iter().filter(|name| !name.is_empty()) {
            let name = format!("{name}{extension}");
            let mut forbidden = Vec::new();
            let path = directories.iter().map(|directory| directory.join(&name)).find(|path| {
                match self.from.stat(path) {
                    Ok(_) => true,
                    Err(FileError::Missing(_)) => false,
                    // The service may be allowed to look where we are not.
                    Err(error) => {
                        forbidden.push(error.to_string());
                        false
                    }
                }
            });
            found.absent.extend(forbidden);
            match path {
                // `neutron.conf` is looked for twice where project and program are one.
                Some(path) => {
                    found.sources.push(OsloSource { path, kind, reason: SourceReason::Default });
                }
                None if kind == SourceKind::File => {
                    let directories: Vec<String> = directories
                        .iter()
                        .map(|directory| directory.display().to_string())
                        .collect();
                    found.absent.push(format!("{name} (not in {})", directories.join(" or ")));
                }
                None => {}
            }
        }
    }

    fn directories(&self) -> Vec<PathBuf> {
        let mut directories = Vec::new();
        if let Some(home) = self.environment.get("HOME").filter(|home| home.starts_with('/')) {
            directories.push(lexical(Path::new(home)).join(format!(".{}", self.project)));
            directories.push(lexical(Path::new(home)));
        }
        directories.push(Path::new("/etc").join(self.project));
        directories.push(PathBuf::from("/etc"));
        for name in ["SNAP_COMMON", "SNAP"] {
            if let Some(snap) = self.environment.get(name).filter(|snap| snap.starts_with('/')) {
                directories.push(Path::new(snap).join("etc").join(self.project));
            }
        }
        directories
    }

    /// What the projects' WSGI programs are told by their environment, for
    /// want of a command line of their own.
    fn named_by_environment(&self) -> Vec<OsloSource> {
        let prefix = format!("OS_{}_CONFIG", self.project.to_uppercase());
        let directory = self.environment.get(&format!("{prefix}_DIR")).map(str::trim);
        let files = self.environment.get(&format!("{prefix}_FILES")).unwrap_or_default();
        let names: Vec<&str> =
            files.split(';').map(str::trim).filter(|name| !name.is_empty()).collect();
        let own = format!("{}.conf", self.project);
        let names = match (names.is_empty(), directory) {
            (true, Some(_)) => vec![own.as_str()],
            _ => names,
        };
        let usual = format!("/etc/{}", self.project);
        let directory = Path::new(directory.filter(|path| !path.is_empty()).unwrap_or(&usual));
        let file = |name: &str| OsloSource {
            path: lexical(&directory.join(name)),
            kind: SourceKind::File,
            reason: SourceReason::Environment,
        };
        names.into_iter().map(file).collect()
    }
}

/// A process's environment, as `NAME=value` strings.
#[derive(Clone, Copy)]
struct Environment<'a>(&'a [String]);

impl<'a> Environment<'a> {
    fn get(self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }

    /// The variables that can be options.
    fn options(self) -> Vec<(String, String)> {
        self.0
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .filter(|(name, _)| name.starts_with("OS_") && name.contains("__"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}
