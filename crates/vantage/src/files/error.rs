//! Why a file could not be had, and what was found in its place.

use super::MAX_FILE;
use crate::blind::describe;
use rustix::io::Errno;
use std::path::{Path, PathBuf};

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
    pub(super) fn errno(path: &Path, errno: Errno) -> Self {
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
