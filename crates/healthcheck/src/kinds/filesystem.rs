//! What the service keeps its files on can be written to and has room. A service
//! whose disk is full answers as ever, until it has something to keep.

use super::{Fields, Judgement, Kind, Level};
use crate::definition::{OneOrMany, Var};
use crate::plan::{Scene, Unplanned};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vantage::{Blind, Deadline, FileError, FileSystem, Obstacle, Vantage};

/// Less than this part of a file system is little, if it is also less than [`ENOUGH`].
const PART: u64 = 100;

/// Bytes that are enough on any file system.
const ENOUGH: u64 = 1 << 30;

/// As many folders are looked at beneath one.
const MAX_FOLDERS: usize = 100;

/// What the service keeps its files on.
pub struct Filesystem {
    paths: Vec<PathBuf>,
    beneath: bool,
}

/// The fields of a `filesystem` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    path: OneOrMany<Var<String>>,
    #[serde(default)]
    beneath: bool,
}

/// What was seen of one folder.
#[derive(Debug, Serialize)]
pub struct Seen {
    path: String,
    read_only: bool,
    size: u64,
    available: u64,
    files: u64,
    available_files: u64,
}

impl Kind for Filesystem {
    const NAME: &'static str = "filesystem";
    const ABOUT: &'static str = "what the service keeps its files on can be written to and has room for more; if not, it is degraded";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"filesystem\"
path = \"/var/lib/glance/images\"   # mostly from [settings]
";
    const FIELDS: Fields = &[
        (
            "path",
            "a folder, or several; one that is not there is passed over. Little room is less than 1 % and less than 1 GiB",
        ),
        ("beneath", "`true`: each of the folders in it, as with swift's disks"),
    ];
    const PROVES: Level = Level::Holds;
    type Written = Written;
    type Seen = Vec<Seen>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let paths: Result<Vec<_>, _> = written
            .path
            .as_slice()
            .iter()
            .map(|path| scene.value(path).map(PathBuf::from))
            .filter(|path| !path.as_ref().is_ok_and(|path| path.as_os_str().is_empty()))
            .collect();
        let paths = paths?;
        match paths.is_empty() {
            true => Err(Unplanned::Moot("no folder is named".into())),
            false => Ok(Self { paths, beneath: written.beneath }),
        }
    }

    fn describe(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| name(path)).collect();
        format!("that {} can be written to and has room", paths.join(" and "))
    }

    fn observe(&self, from: &Vantage, _by: Deadline) -> Result<Vec<Seen>, Blind> {
        let mut seen = Vec::new();
        for path in &self.paths {
            for folder in self.folders(path, from)? {
                match from.file_system(&folder) {
                    Ok(on) => seen.push(Seen::new(&folder, on)),
                    Err(FileError::Missing(_)) => {}
                    Err(error) => return Err(blind(&folder, &error)),
                }
            }
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Vec<Seen>) -> Judgement {
        let faults: Vec<String> = seen.iter().filter_map(Seen::fault).collect();
        match (faults.first(), seen.iter().min_by_key(|one| one.available)) {
            (Some(first), _) if faults.len() > 1 => {
                let of = format!("{first} ({} of {} folders)", faults.len(), seen.len());
                Verdict::degraded(of).into()
            }
            (Some(first), _) => Verdict::degraded(first.clone()).into(),
            (None, Some(least)) => Judgement::healthy(format!(
                "{} of {} left on {}",
                bytes(least.available),
                bytes(least.size),
                least.path
            )),
            (None, None) => Judgement::healthy("nothing is kept: there is no such folder"),
        }
    }
}

impl Filesystem {
    fn folders(&self, path: &Path, from: &Vantage) -> Result<Vec<PathBuf>, Blind> {
        if !self.beneath {
            return Ok(vec![path.to_owned()]);
        }
        match from.names(path) {
            Ok(names) => Ok(names.iter().take(MAX_FOLDERS).map(|name| path.join(name)).collect()),
            Err(FileError::Missing(_)) => Ok(Vec::new()),
            Err(error) => Err(blind(path, &error)),
        }
    }
}

impl Seen {
    fn new(path: &Path, on: FileSystem) -> Self {
        let FileSystem { read_only, size, available, files, available_files } = on;
        Self { path: name(path), read_only, size, available, files, available_files }
    }

    /// Why nothing more can be kept there, if so.
    fn fault(&self) -> Option<String> {
        let Self { path, read_only, size, available, files, available_files } = self;
        if *read_only {
            return Some(format!("{path} is on a file system that is read only"));
        }
        // Some do not count bytes, or files.
        if *size > 0 && *available < (size / PART).clamp(1, ENOUGH) {
            let (available, size) = (bytes(*available), bytes(*size));
            return Some(format!(
                "{path} is on a file system that is full: {available} of {size} left"
            ));
        }
        (*files > 0 && *available_files == 0)
            .then(|| format!("{path} is on a file system that has room for no more files"))
    }
}

fn name(path: &Path) -> String {
    shown(&path.display().to_string(), 80)
}

fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    let mut whole = count as f64;
    while whole >= 1024.0 && unit + 1 < units.len() {
        whole /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{whole:.1} {}", units[unit]),
    }
}

fn blind(path: &Path, error: &FileError) -> Blind {
    let obstacle = match error {
        FileError::Forbidden(_) => Obstacle::Forbidden,
        other => Obstacle::Other(other.to_string()),
    };
    Blind::new(format!("see what {} is on", name(path)), obstacle)
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH, Seen, bytes};

    fn fault(read_only: bool, size: u64, available: u64, files: u64, more: u64) -> Option<String> {
        let path = "/srv".to_owned();
        Seen { path, read_only, size, available, files, available_files: more }.fault()
    }

    #[test]
    fn one_per_cent_is_little_unless_it_is_much() {
        assert_eq!(fault(false, 1000, 10, 9, 1), None);
        assert!(fault(false, 1000, 9, 9, 1).unwrap().ends_with("full: 9 B of 1000 B left"));
        assert!(fault(false, 10, 0, 9, 1).is_some());
        // Of 100 TiB, one GiB is little and two are not.
        assert_eq!(fault(false, 100 << 40, 2 * ENOUGH, 9, 1), None);
        assert!(fault(false, 100 << 40, ENOUGH - 1, 9, 1).is_some());
    }

    #[test]
    fn what_is_not_counted_is_not_missed() {
        assert_eq!(fault(false, 0, 0, 0, 0), None);
        assert!(fault(false, 1000, 500, 9, 0).unwrap().ends_with("no more files"));
        assert!(fault(true, 0, 0, 0, 0).unwrap().ends_with("read only"));
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (count, words) in
            [(0, "0 B"), (1023, "1023 B"), (1 << 20, "1.0 MiB"), (u64::MAX, "16.0 EiB")]
        {
            assert_eq!(bytes(count), words);
        }
    }
}
