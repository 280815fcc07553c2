//! What a file system has room for, and whether it can be written to.

use super::FileError;
use crate::{Place, Vantage};
use rustix::fs::StatVfsMountFlags;
use std::path::Path;

/// The file system that a path is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Whether it is mounted to be read only.
    pub read_only: bool,
    /// Its size in bytes.
    pub size: u64,
    /// What is left of it for who has no privileges, in bytes.
    pub available: u64,
    /// How many files it has room for; 0 where it does not count them.
    pub files: u64,
    /// For how many more.
    pub available_files: u64,
}

impl Vantage {
    /// The file system that a path is on. May wait for as long as the server of a
    /// network's file system is silent.
    ///
    /// # Errors
    /// Where the path is missing or forbidden. A fixture has what its file
    /// `filesystems` says: lines of a path, `ro` or `rw`, and the four numbers.
    pub fn file_system(&self, path: &Path) -> Result<FileSystem, FileError> {
        let handle = self.locate(path)?;
        if let Place::Fixture(fixture) = self.place() {
            let text = std::fs::read_to_string(fixture.join("filesystems")).unwrap_or_default();
            return text.lines().find_map(|line| recorded(line, path)).ok_or_else(|| {
                let cause = "a fixture is on no file system of its own".to_owned();
                FileError::Other { path: path.to_owned(), cause }
            });
        }
        let stat = rustix::fs::fstatvfs(&handle).map_err(|errno| FileError::errno(path, errno))?;
        Ok(FileSystem {
            read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            files: stat.f_files,
            available_files: stat.f_favail,
        })
    }
}

/// A line of a fixture, if it is about this path.
fn recorded(line: &str, path: &Path) -> Option<FileSystem> {
    let mut words = line.split_ascii_whitespace();
    if Path::new(words.next()?) != path {
        return None;
    }
    let read_only = words.next()? == "ro";
    let mut number = || words.next()?.parse().ok();
    Some(FileSystem {
        read_only,
        size: number()?,
        available: number()?,
        files: number()?,
        available_files: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::FileSystem;
    use crate::{FileError, Vantage};
    use std::path::Path;

    #[test]
    fn what_a_path_is_on_is_told() {
        let here = Vantage::inside().unwrap();
        let proc = here.file_system(Path::new("/proc")).unwrap();
        assert_eq!((proc.size, proc.files), (0, 0), "{proc:?}");
        let folder = tempfile::tempdir().unwrap();
        let disk = here.file_system(folder.path()).unwrap();
        assert!(!disk.read_only && disk.available <= disk.size && disk.size > 0, "{disk:?}");
        let missing = here.file_system(&folder.path().join("none"));
        assert!(matches!(missing, Err(FileError::Missing(_))), "{missing:?}");
    }

    #[test]
    fn a_fixture_says_what_it_is_on() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["proc", "root", "root/srv"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let fixture = Vantage::at(folder.path()).unwrap();
        assert!(fixture.file_system(Path::new("/srv")).is_err());
        std::fs::write(folder.path().join("filesystems"), "/s rw 1 1 1 1\n/srv ro 9 4 0 0\n")
            .unwrap();
        let recorded =
            FileSystem { read_only: true, size: 9, available: 4, files: 0, available_files: 0 };
        assert_eq!(fixture.file_system(Path::new("/srv")), Ok(recorded));
    }
}
