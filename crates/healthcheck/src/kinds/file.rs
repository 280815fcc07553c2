//! A file is there, was touched lately, and says what it should: cron tables,
//! replication's recon files, status files.

use super::command::Matching;
use super::{Fields, Judgement, Kind, Level};
use crate::conditions::JsonCondition;
use crate::definition::Var;
use crate::plan::{Scene, Unplanned};
use crate::text::shown;
use crate::verdict::Verdict;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vantage::{Blind, Deadline, FileError, FileKind, Obstacle, Vantage};

/// A file is there, was touched lately, and says what it should.
pub struct File {
    path: PathBuf,
    absent: bool,
    max_age: Option<Duration>,
    lines: Option<Lines>,
    json: Vec<JsonCondition>,
}

struct Lines {
    matching: Regex,
    at_least: u64,
}

/// The fields of a `file` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// The file.
    path: Var<String>,
    /// It must not be there.
    #[serde(default)]
    absent: bool,
    /// It was changed no longer ago than this.
    max_age: Option<Var<Duration>>,
    /// It has lines that match.
    lines: Option<WrittenLines>,
    /// It is JSON in which these hold.
    #[serde(default)]
    json: Vec<crate::conditions::Written>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenLines {
    matching: Matching,
    at_least: Option<u64>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    exists: bool,
    /// Seconds since it was changed; negative if that is still to come.
    age_seconds: Option<i64>,
    matching_lines: Option<u64>,
    /// The conditions on its JSON that do not hold, in words.
    json: Vec<String>,
    /// The times in its JSON that are still to come, in words.
    ahead: Vec<String>,
}

impl Kind for File {
    const NAME: &'static str = "file";
    const ABOUT: &'static str =
        "a file is there (or is not), was changed lately, and has the lines or the JSON it should";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"file\"
path = \"/var/cache/swift/object.recon\"
max-age = \"1h\"
json = [{ at = \"/replication_last\", max-age = \"30min\" }]
";
    const FIELDS: Fields = &[
        ("path", "the file"),
        ("absent", "`true`: it must not be there"),
        ("max-age", "it was changed no longer ago than this"),
        (
            "lines",
            "`{ matching = REGEX, at-least = N }`: it has so many lines that match; 1 if not given",
        ),
        (
            "json",
            "conditions on its JSON: `{ at = POINTER }` with one of `is`, `at-most`, `at-least` and `max-age`; with `optional`, also where there is no such value",
        ),
    ];
    const PROVES: Level = Level::Moves;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let lines = written.lines.as_ref().map(|lines| Lines {
            matching: lines.matching.0.clone(),
            at_least: lines.at_least.unwrap_or(1),
        });
        let json: Result<_, _> =
            written.json.iter().map(|one| JsonCondition::plan(one, scene)).collect();
        Ok(Self {
            path: PathBuf::from(scene.value(&written.path)?),
            absent: written.absent,
            max_age: written.max_age.as_ref().map(|age| scene.value(age)).transpose()?,
            lines,
            json: json?,
        })
    }

    fn describe(&self) -> String {
        let what = if self.absent { "is not there" } else { "is as it should be" };
        format!("that {} {what}", self.shown())
    }

    fn observe(&self, from: &Vantage, _by: Deadline) -> Result<Seen, Blind> {
        let mut seen = Seen {
            exists: true,
            age_seconds: None,
            matching_lines: None,
            json: Vec::new(),
            ahead: Vec::new(),
        };
        let stat = match from.stat(&self.path) {
            Ok(stat) => stat,
            Err(FileError::Missing(_)) => {
                seen.exists = false;
                return Ok(seen);
            }
            Err(error) => return Err(blind(&error)),
        };
        let now = from.now();
        seen.age_seconds = Some(age(now, stat.modified));
        if self.absent || (self.lines.is_none() && self.json.is_empty()) {
            return Ok(seen);
        }
        if stat.kind != FileKind::File {
            let (path, expected, found) = (self.path.clone(), FileKind::File, stat.kind);
            return Err(blind(&FileError::WrongKind { path, expected, found }));
        }
        let content = from.read(&self.path).map_err(|error| blind(&error))?;
        let text = String::from_utf8_lossy(&content);
        if let Some(lines) = &self.lines {
            let matching = text.lines().filter(|line| lines.matching.is_match(line)).count();
            seen.matching_lines = Some(matching as u64);
        }
        if !self.json.is_empty() {
            match serde_json::from_slice(&content) {
                Ok(value) => {
                    let conditions = || self.json.iter();
                    seen.json = conditions().filter_map(|one| one.violation(&value, now)).collect();
                    seen.ahead = conditions().filter_map(|one| one.ahead(&value, now)).collect();
                }
                Err(error) => seen.json.push(format!("expected JSON: {error}")),
            }
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let path = self.shown();
        match (seen.exists, self.absent) {
            (false, true) => return Judgement::healthy(format!("{path} is not there")),
            (false, false) => return Verdict::own_fault(format!("{path} is not there")).into(),
            (true, true) => return Verdict::own_fault(format!("{path} is there")).into(),
            (true, false) => {}
        }
        if let (Some(limit), Some(age)) = (self.max_age, seen.age_seconds) {
            // A minute ahead is two clocks' difference; more is a clock that was set.
            if age < -60 {
                let because = format!(
                    "{path} was changed {} in the future: the clock was set back",
                    span(-age)
                );
                return Verdict::environment(because).into();
            }
            if age > limit.as_secs() as i64 {
                let limit = humantime::format_duration(limit);
                let because =
                    format!("{path} was last changed {} ago, expected at most {limit}", span(age));
                return Verdict::own_fault(because).into();
            }
        }
        if let (Some(lines), Some(found)) = (&self.lines, seen.matching_lines)
            && found < lines.at_least
        {
            let because = format!(
                "{path} has {found} lines like /{}/, expected at least {}",
                lines.matching, lines.at_least
            );
            return Verdict::own_fault(because).into();
        }
        if let Some(violation) = seen.json.first() {
            return Verdict::own_fault(format!("{path}: {violation}")).into();
        }
        if let Some(ahead) = seen.ahead.first() {
            return Verdict::environment(format!("{path}: {ahead}")).into();
        }
        match seen.age_seconds {
            Some(age) => Judgement::healthy(format!("{path}, changed {} ago", span(age.max(0)))),
            None => Judgement::healthy(path),
        }
    }
}

impl File {
    fn shown(&self) -> String {
        shown(&self.path.display().to_string(), 100)
    }
}

fn blind(error: &FileError) -> Blind {
    let obstacle = match error {
        FileError::Forbidden(_) => Obstacle::Forbidden,
        FileError::Missing(_) => Obstacle::Missing,
        other => Obstacle::Other(other.to_string()),
    };
    let path = match error {
        FileError::Forbidden(path) | FileError::Missing(path) => format!("read {}", path.display()),
        _ => "read the file".to_owned(),
    };
    Blind::new(path, obstacle)
}

/// Seconds from `then` to `now`; negative if that is still to come.
fn age(now: SystemTime, then: SystemTime) -> i64 {
    match now.duration_since(then) {
        Ok(age) => age.as_secs() as i64,
        Err(error) => -(error.duration().as_secs() as i64),
    }
}

/// Seconds in words: `2days 3h`.
pub(crate) fn span(seconds: i64) -> String {
    humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string()
}
