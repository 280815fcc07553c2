//! The container's files: read and stat beneath its root, whatever is there.
//! Links stay beneath the root, FIFOs and devices are never opened, sizes are
//! capped.

use crate::blind::describe;
use crate::{Place, Vantage};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The largest file that is read, in bytes. No service's configuration comes near.
pub const MAX_FILE: usize = 4 << 20;

/// The most names that are taken from one directory.
const MAX_NAMES: usize = 10_000;

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{0}: no such file")]
    Missing(PathBuf),
    /// It is there and we may not look.
    #[error("{0}: permission denied")]
    Forbidden(PathBuf),
    /// It is something else than was asked for.
    #[error("{path}: expected {expected}, found {found}")]
    WrongKind {
        /// The path as asked for.
        path: PathBuf,
        /// What was asked for.
        expected: FileKind,
        /// What is there.
        found: FileKind,
    },
    /// It is larger than [`MAX_FILE`].
    #[error("{path}: expected at most {MAX_FILE} bytes, found more")]
    TooLarge {
        /// The path as asked for.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{path}: expected UTF-8, found another byte at offset {offset}")]
    NotText {
        /// The path as asked for.
        path: PathBuf,
        /// Where the first such byte is.
        offset: usize,
    },
    /// Anything else, in the kernel's words.
    #[error("{path}: {cause}")]
    Other {
        /// The path as asked for.
        path: PathBuf,
        /// The kernel's words.
        cause: String,
    },
}

impl FileError {
    fn errno(path: &Path, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Missing(path),
            Errno::ACCESS | Errno::PERM => Self::Forbidden(path),
            other => Self::Other { path, cause: describe(other) },
        }
    }

    /// Whether the file is simply not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A unix socket.
    Socket,
    /// A FIFO.
    Fifo,
    /// A block or character device.
    Device,
    /// Anything else.
    Other,
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Socket => "a socket",
            Self::Fifo => "a FIFO",
            Self::Device => "a device",
            Self::Other => "something else",
        })
    }
}

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
        // Files in /proc and /sys say 0 and have content all the same.
        read_capped(&file, stat.size.max(4096) as usize, MAX_FILE)
            .map_err(|errno| FileError::errno(path, errno))?
            .ok_or_else(|| FileError::TooLarge { path: path.to_owned() })
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
        let handle = self.handle(path, OFlags::NOFOLLOW).map_err(failed)?;
        match rustix::fs::readlinkat(&handle, "", Vec::new()) {
            Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
            // An empty path and no link: EINVAL, or ENOENT.
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// The names in a directory, sorted; at most 10,000 of them.
    ///
    /// # Errors
    /// Where it is missing, forbidden or not a directory.
    pub fn names(&self, path: &Path) -> Result<Vec<OsString>, FileError> {
        let handle = self.locate(path)?;
        let stat = self.stat_handle(&handle, path)?;
        if stat.kind != FileKind::Directory {
            let (path, expected, found) = (path.to_owned(), FileKind::Directory, stat.kind);
            return Err(FileError::WrongKind { path, expected, found });
        }
        let directory = self.reopen(&handle, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = directory_names(&directory, MAX_NAMES)
            .map_err(|errno| FileError::errno(path, errno))?;
        names.sort();
        Ok(names)
    }

    /// A handle on what a path leads to, links resolved beneath the root. It
    /// can be examined; nothing has been opened yet.
    pub(crate) fn locate(&self, path: &Path) -> Result<OwnedFd, FileError> {
        self.handle(path, OFlags::empty()).map_err(|errno| FileError::errno(path, errno))
    }

    fn handle(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            // Before Linux 5.6, or refused by an old seccomp profile. Inside, the
            // root is our own and a plain open means the same.
            Err(Errno::NOSYS | Errno::PERM) if *self.place() == Place::Inside => {
                rustix::fs::openat(&self.root, path, flags, Mode::empty())
            }
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
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Socket => FileKind::Socket,
            FileType::Fifo => FileKind::Fifo,
            FileType::CharacterDevice | FileType::BlockDevice => FileKind::Device,
            _ => FileKind::Other,
        };
        let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
        let modified = if stat.st_mtime >= 0 {
            SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(stat.st_mtime_nsec as u64)
        } else {
            SystemTime::UNIX_EPOCH - seconds
        };
        Ok(FileStat { kind, size: stat.st_size.unsigned_abs(), modified })
    }

    /// A file of `/proc` by its path there, at most `limit` bytes of it.
    pub(crate) fn read_proc(&self, path: &str, limit: usize) -> Result<Vec<u8>, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.proc, path, flags, Mode::empty())?;
        let mut content = read_up_to(&file, limit.min(4096), limit)?;
        content.truncate(limit);
        Ok(content)
    }
}

/// The whole content, or `None` where it is more than `limit` bytes.
fn read_capped(file: impl AsFd, expected: usize, limit: usize) -> Result<Option<Vec<u8>>, Errno> {
    let content = read_up_to(file, expected + 1, limit + 1)?;
    Ok((content.len() <= limit).then_some(content))
}

/// What a file holds, reading on until its end or `limit` bytes are there.
pub(crate) fn read_up_to(file: impl AsFd, expected: usize, limit: usize) -> Result<Vec<u8>, Errno> {
    let mut content = vec![0; expected.min(limit)];
    let mut length = 0;
    loop {
        if length == content.len() {
            if length >= limit {
                break;
            }
            content.resize((length * 2).clamp(1, limit), 0);
        }
        match rustix::io::read(&file, &mut content[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    content.truncate(length);
    Ok(content)
}

/// The names in an open directory, without `.` and `..`.
pub(crate) fn directory_names(directory: impl AsFd, most: usize) -> Result<Vec<OsString>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." && names.len() < most {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}
