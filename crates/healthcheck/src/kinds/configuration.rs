//! The service runs with the configuration that is there today: none of its
//! files was changed after it started. What has been changed and not been read
//! is what the next restart will meet.

use super::file::span;
use super::{Fields, Judgement, Kind, Level, Waits};
use crate::definition::{OneOrMany, Var};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use vantage::{Blind, Deadline, ProcessState, Vantage};

/// The service runs with the configuration that is there.
pub struct Configuration {
    program: Program,
    files: Vec<PathBuf>,
}

/// The fields of a `configuration` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    file: OneOrMany<Var<String>>,
    process: Option<Program>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// Seconds since the first process of the program started, if one runs.
    age: Option<u64>,
    /// The files that are there.
    files: usize,
    /// Those that were changed since, the latest first.
    changed: Vec<Changed>,
}

#[derive(Debug, Serialize)]
struct Changed {
    file: String,
    /// Seconds ago.
    age: u64,
}

/// A start is known to a hundredth of a second, a file's time to what its file
/// system counts in; two seconds on the coarsest.
const COARSEST: Duration = Duration::from_secs(2);

impl Kind for Configuration {
    const NAME: &'static str = "configuration";
    const ABOUT: &'static str = "the service runs with the configuration that is there: no file of it was changed since it started (degraded where one was)";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"configuration\"
file = \"/etc/redis/redis.conf\"   # if not given, the files of oslo.config that its settings are read from
";
    const FIELDS: Fields = &[
        (
            "file",
            "the files; if not given, those of oslo.config that the service's settings are read from",
        ),
        ("process", "the program; the definition's if not given"),
    ];
    const PROVES: Level = Level::Runs;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene
            .program(written.process.as_ref())
            .ok_or_else(|| Unplanned::Moot("no process is known to have read it".into()))?;
        let files = match written.file.as_slice() {
            [] => scene.configuration_files(),
            files => {
                let files = files.iter().map(|file| scene.value(file).map(PathBuf::from));
                files.collect::<Result<_, _>>()?
            }
        };
        match files.is_empty() {
            true => Err(Unplanned::Moot("no file of its configuration was found".into())),
            false => Ok(Self { program, files }),
        }
    }

    fn describe(&self) -> String {
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        let files = shown(&files.join(", "), 120);
        format!("that {} started after the last change of {files}", self.program)
    }

    fn observe(&self, from: &Vantage, _by: Deadline) -> Result<Seen, Blind> {
        // Workers come and go; the first has read the files.
        let mut age = None;
        for process in self.program.find(from)? {
            let Some(status) = from.process_status(process.pid)? else { continue };
            if status.state != ProcessState::Zombie {
                age = age.max(Some(status.age));
            }
        }
        let now = from.now();
        let (mut files, mut changed) = (0, Vec::new());
        for file in &self.files {
            // What is gone was not changed, and whether it can be read is told elsewhere.
            let Ok(stat) = from.stat(file) else { continue };
            files += 1;
            // What is to be changed in the future tells of a clock that was set.
            let Ok(since) = now.duration_since(stat.modified) else { continue };
            if age.is_some_and(|age| since + COARSEST < age) {
                let file = shown(&file.display().to_string(), 100);
                changed.push(Changed { file, age: since.as_secs() });
            }
        }
        changed.sort_by_key(|changed| changed.age);
        Ok(Seen { age: age.map(|age| age.as_secs()), files, changed })
    }

    fn waits(&self) -> Waits {
        // The files were opened a moment before, for the settings.
        Waits::Never
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let Some(age) = seen.age else {
            // That it does not run is for others to say.
            return Judgement::healthy(format!("{} is not running", self.program));
        };
        let told = |seconds: u64| span(i64::try_from(seconds).unwrap_or(i64::MAX));
        let Some(latest) = seen.changed.first() else {
            let count = seen.files;
            let noun = if count == 1 { "file" } else { "files" };
            return Judgement::healthy(format!("{count} {noun}, none changed since it started"));
        };
        let others = match seen.changed.len() {
            1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        let because = format!(
            "{}{others} was changed {} ago, and {} has been running for {}",
            latest.file,
            told(latest.age),
            self.program,
            told(age)
        );
        Judgement::from(Verdict::degraded(because)).hint(
            "restart it for the change to take effect, unless it has reloaded its configuration",
        )
    }
}
