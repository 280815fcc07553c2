//! The container's files: read and stat beneath its root, whatever is there.
//! Links stay beneath the root, FIFOs and devices are never opened, sizes are
//! capped.

mod content;
mod error;
mod file_system;
mod walk;

pub(crate) use content::{Extent, directory_names, read_up_to, subdirectory_names};
pub use error::{FileError, FileKind};
pub use file_system::FileSystem;

use crate::{Place, Vantage};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The largest file that is read, in bytes. No service's configuration comes near.
pub const MAX_FILE: usize = 4 << 20;

/// The most names that are taken from one directory.
const MAX_NAMES: usize = 10_000;

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// What it is.
    pub kind: FileKind,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last changed, by the wall clock.
    pub modified: SystemTime,
}

impl Vantage {
    /// The whole content of a regular file, at most [`MAX_FILE`] bytes.
    ///
    /// # Errors
    /// Where it is missing, forbidden, not a regular file or too large.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        let handle = self.locate(path)?;
        let stat = self.stat_handle(&handle, path)?;
        if stat.kind != FileKind::File {
            let (path, expected, found) = (path.to_owned(), FileKind::File, stat.kind);
            return Err(FileError::WrongKind { path, expected, found });
        }
        if stat.size > MAX_FILE as u64 {
            return Err(FileError::TooLarge { path: path.to_owned() });
        }
        let file = self.reopen(&handle, path, OFlags::RDONLY)?;
        // Files in /proc and /sys say 0 and have content all the same; and a file
        // may grow while it is read.
        let expected = (stat.size as usize + 1).max(4096);
        let content = read_up_to(&file, expected, MAX_FILE + 1, Extent::ToEnd)
            .map_err(|errno| FileError::errno(path, errno))?;
        match content.len() <= MAX_FILE {
            true => Ok(content),
            false => Err(FileError::TooLarge { path: path.to_owned() }),
        }
    }

    /// The same, as text.
    ///
    /// # Errors
    /// As for [`Vantage::read`], and where it is not UTF-8.
    pub fn read_text(&self, path: &Path) -> Result<String, FileError> {
        String::from_utf8(self.read(path)?).map_err(|error| FileError::NotText {
            path: path.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })
    }

    /// What is at a path, without opening it.
    ///
    /// # Errors
    /// Where it is missing or forbidden.
    pub fn stat(&self, path: &Path) -> Result<FileStat, FileError> {
        self.stat_handle(&self.locate(path)?, path)
    }

    /// Where a symbolic link points, as written; `None` for anything else. What
    /// leads to the link is resolved beneath the root, the link itself is not followed.
    ///
    /// # Errors
    /// Where it is missing or forbidden.
    pub fn read_link(&self, path: &Path) -> Result<Option<PathBuf>, FileError> {
        let failed = |errno| FileError::errno(path, errno);
        let handle = self.handle(path, walk::Last::Itself).map_err(failed)?;
        match rustix::fs::readlinkat(&handle, "", Vec::new()) {
            Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
            // An empty path and no link: EINVAL, or ENOENT.
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// Where it is missing, forbidden or not a directory, or has more than 10,000 names.
    pub fn names(&self, path: &Path) -> Result<Vec<OsString>, FileError> {
        let handle = self.locate(path)?;
        let stat = self.stat_handle(&handle, path)?;
        if stat.kind != FileKind::Directory {
            let (path, expected, found) = (path.to_owned(), FileKind::Directory, stat.kind);
            return Err(FileError::WrongKind { path, expected, found });
        }
        let directory = self.reopen(&handle, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = directory_names(&directory, MAX_NAMES + 1)
            .map_err(|errno| FileError::errno(path, errno))?;
        if names.len() > MAX_NAMES {
            let cause = format!("expected at most {MAX_NAMES} names, found more");
            return Err(FileError::Other { path: path.to_owned(), cause });
        }
        names.sort();
        Ok(names)
    }

    /// A handle on what a path leads to, links resolved beneath the root. It
    /// can be examined; nothing has been opened yet.
    pub(crate) fn locate(&self, path: &Path) -> Result<OwnedFd, FileError> {
        self.handle(path, walk::Last::Followed).map_err(|errno| FileError::errno(path, errno))
    }

    fn handle(&self, path: &Path, last: walk::Last) -> Result<OwnedFd, Errno> {
        let flags = match last {
            walk::Last::Followed => OFlags::PATH | OFlags::CLOEXEC,
            walk::Last::Itself => OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            // Before Linux 5.6, or refused by an old seccomp profile. Inside, the
            // root is our own and a plain open means the same.
            Err(Errno::NOSYS | Errno::PERM) => match self.place() {
                Place::Inside => rustix::fs::openat(&self.root, path, flags, Mode::empty()),
                _ => walk::beneath(&self.root, path, last),
            },
            // Something on the way was renamed meanwhile.
            Err(Errno::AGAIN) => walk::beneath(&self.root, path, last),
            other => other,
        }
    }

    /// Opens for reading what [`Vantage::locate`] found and [`Vantage::stat`] allowed.
    fn reopen(&self, handle: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, FileError> {
        let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        rustix::fs::open(link, flags, Mode::empty()).map_err(|errno| FileError::errno(path, errno))
    }

    pub(crate) fn stat_handle(&self, handle: &OwnedFd, path: &Path) -> Result<FileStat, FileError> {
        let stat = rustix::fs::statat(handle, "", AtFlags::EMPTY_PATH)
            .map_err(|errno| FileError::errno(path, errno))?;
        let size = stat.st_size.unsigned_abs();
        Ok(FileStat { kind: kind(&stat), size, modified: modified(&stat) })
    }

    /// A file of `/proc` by its path there, at most `limit` bytes of it. It is
    /// one that the kernel gives whole: as much as is asked for, or all.
    pub(crate) fn read_proc(&self, path: &str, limit: usize) -> Result<Vec<u8>, Errno> {
        read_up_to(&self.open_proc(path)?, 4096, limit, Extent::OneAnswer)
    }

    /// Opens a file of `/proc` by its path there.
    pub(crate) fn open_proc(&self, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.proc, path, flags, Mode::empty())
    }
}

fn kind(stat: &Stat) -> FileKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Socket => FileKind::Socket,
        FileType::Fifo => FileKind::Fifo,
        FileType::CharacterDevice | FileType::BlockDevice => FileKind::Device,
        _ => FileKind::Other,
    }
}

/// When the content was changed. Anybody can set it to any number of seconds,
/// before 1970 and beyond what can be counted too.
fn modified(stat: &Stat) -> SystemTime {
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let whole = match stat.st_mtime >= 0 {
        true => SystemTime::UNIX_EPOCH.checked_add(seconds),
        false => SystemTime::UNIX_EPOCH.checked_sub(seconds),
    };
    whole
        .and_then(|whole| whole.checked_add(Duration::from_nanos(stat.st_mtime_nsec)))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
