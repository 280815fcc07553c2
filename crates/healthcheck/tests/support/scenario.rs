//! A scenario: one file that lists processes, sockets and files, the
//! definition they are looked at by, and the verdict that is right.

use healthcheck::catalog::Catalog;
use healthcheck::definition::Definition;
use healthcheck::verdict::Role;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One file of `tests/scenarios/KIND/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    /// `KIND/NAME`.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it is about, in a sentence.
    pub(crate) about: String,
    /// The word of the verdict that is right.
    pub(crate) verdict: String,
    /// Whose fault it is, if it is unhealthy.
    pub(crate) blame: Option<String>,
    /// Why the verdict is not yet what a living system would give: it takes a
    /// dial or a command, which no fixture answers.
    #[serde(default)]
    pub(crate) blind_at_a_fixture: bool,
    /// A definition of its own …
    pub(crate) definition: Option<String>,
    /// … or the service of the catalogue.
    pub(crate) service: Option<String>,
    /// What the answer is for: `live`.
    #[serde(default)]
    pub(crate) role: Role,
    /// Ports on the command line.
    #[serde(default)]
    pub(crate) ports: Vec<u16>,
    /// The word on the command line.
    pub(crate) word: Option<String>,
    /// Seconds since 1970 at the moment of looking.
    #[serde(default = "now")]
    pub(crate) now: u64,
    /// Its container has the host's network: `tcp`, `udp` and `unix` hold the
    /// host's sockets, and neighbours own some.
    #[serde(default)]
    pub(crate) host_network: bool,
    /// Files of the network's tables that may not be read; without `tcp_diag`
    /// netlink is refused.
    #[serde(default)]
    pub(crate) refused: Vec<String>,
    /// TCP sockets as `vantage` records them (see its `sockets/table.rs`), and
    /// `time-wait` besides.
    #[serde(default)]
    pub(crate) tcp: String,
    /// UDP sockets likewise.
    #[serde(default)]
    pub(crate) udp: String,
    /// Listening unix sockets: inode and name.
    #[serde(default)]
    pub(crate) unix: Vec<(u64, String)>,
    /// The file systems of paths, as `Vantage::file_system` has them at a fixture.
    #[serde(default)]
    pub(crate) filesystems: String,
    /// The container's processes.
    #[serde(default)]
    pub(crate) process: Vec<ProcessSpec>,
    /// Processes of other containers, seen on the host only.
    #[serde(default)]
    pub(crate) neighbour: Vec<ProcessSpec>,
    /// `/proc` cannot be listed.
    #[serde(default)]
    pub(crate) proc_hidden: bool,
    /// The container's files, by path.
    #[serde(default)]
    pub(crate) file: BTreeMap<String, FileSpec>,
}

fn now() -> u64 {
    1_790_000_000
}

/// A process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ProcessSpec {
    pub(crate) pid: u32,
    /// Its command line …
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// … or the title it gave itself.
    pub(crate) title: Option<String>,
    /// The kernel's short name for it.
    #[serde(default = "service_name")]
    pub(crate) name: String,
    /// As in `/proc/PID/stat`.
    #[serde(default = "sleeping")]
    pub(crate) state: char,
    /// Seconds since it started.
    #[serde(default = "age")]
    pub(crate) age: u64,
    /// Its user.
    #[serde(default)]
    pub(crate) uid: u32,
    /// The inodes of its sockets.
    #[serde(default)]
    pub(crate) sockets: Vec<u64>,
    /// How many files it may have open, beside one that it has and its sockets.
    pub(crate) open_files_limit: Option<u64>,
    /// Its environment.
    #[serde(default)]
    pub(crate) environment: Vec<String>,
    /// Files of its folder in `/proc` that may not be read.
    #[serde(default)]
    pub(crate) refused: Vec<String>,
    /// Files of its folder that are gone: it ended between two looks.
    #[serde(default)]
    pub(crate) gone: Vec<String>,
}

fn service_name() -> String {
    "service".into()
}

fn sleeping() -> char {
    'S'
}

fn age() -> u64 {
    1000
}

fn file_age() -> i64 {
    2_000_000
}

/// A file, or what stands where a file should.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FileSpec {
    /// Its content.
    #[serde(default)]
    pub(crate) text: String,
    /// Or its content, as bytes.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Or where it leads to.
    pub(crate) link: Option<PathBuf>,
    /// `fifo`, `socket`, `directory`, or `sparse` for 1 GiB of nothing.
    pub(crate) kind: Option<String>,
    /// Seconds from its last change to now; negative if that is still to come.
    /// If not given, it is older than any process.
    #[serde(default = "file_age")]
    pub(crate) age: i64,
    /// It may not be read.
    #[serde(default)]
    pub(crate) refused: bool,
}

/// The folder of all scenarios.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios")
}

/// All scenarios, by name.
pub(crate) fn all() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for kind in sorted(&folder()) {
        for file in sorted(&kind) {
            if file.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let mut scenario: Scenario =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let name = file.strip_prefix(folder()).unwrap().with_extension("");
            scenario.name = name.display().to_string();
            scenarios.push(scenario);
        }
    }
    scenarios
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.is_file())
        .collect();
    paths.sort();
    paths
}

impl Scenario {
    /// What it is looked at by.
    pub(crate) fn definition(&self) -> Definition {
        let mut catalog = Catalog::embedded();
        let service = match (&self.definition, &self.service) {
            (Some(text), None) => catalog
                .add_text("definition.toml".into(), text.clone())
                .unwrap_or_else(|error| panic!("{}: {error}", self.name)),
            (None, Some(service)) => service.clone(),
            _ => panic!("{}: expected either `definition` or `service`", self.name),
        };
        catalog.definition(&service).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The processes that are in its container: its own, and a sleeper as the
    /// first where it names none.
    pub(crate) fn with_first(&self) -> Vec<&ProcessSpec> {
        static FIRST: std::sync::OnceLock<ProcessSpec> = std::sync::OnceLock::new();
        let first = FIRST.get_or_init(|| ProcessSpec {
            pid: 1,
            arguments: vec!["sleep".into(), "infinity".into()],
            title: None,
            name: "sleep".into(),
            state: 'S',
            age: 5000,
            uid: 0,
            sockets: Vec::new(),
            open_files_limit: None,
            environment: Vec::new(),
            refused: Vec::new(),
            gone: Vec::new(),
        });
        let mut processes: Vec<_> = self.process.iter().collect();
        if !processes.iter().any(|process| process.pid == 1) {
            processes.insert(0, first);
        }
        processes
    }
}
