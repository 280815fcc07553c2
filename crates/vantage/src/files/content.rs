//! The bytes of an open file and the names in an open directory, up to a limit.

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

/// When there is no more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// When the file says so.
    ToEnd,
    /// When it gives less than was asked for: one call less for a small file of `/proc`.
    OneAnswer,
}

/// What a file holds, at most `limit` bytes of it; `expected` are asked for first.
pub(crate) fn read_up_to(
    file: impl AsFd,
    expected: usize,
    limit: usize,
    extent: Extent,
) -> Result<Vec<u8>, Errno> {
    let mut content = Vec::with_capacity(expected.clamp(1, limit));
    while content.len() < limit {
        if content.len() == content.capacity() {
            content.reserve_exact(content.len().min(limit - content.len()));
        }
        match rustix::io::read(&file, spare_capacity(&mut content)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        }
        if extent == Extent::OneAnswer && content.len() < content.capacity() {
            break;
        }
    }
    content.truncate(limit);
    Ok(content)
}

/// The names in an open directory, without `.` and `..`; at most `most` of them.
pub(crate) fn directory_names(directory: impl AsFd, most: usize) -> Result<Vec<OsString>, Errno> {
    names_of(directory, most, |_| true)
}

/// The names of the directories in an open directory whose file system tells
/// the kinds of its entries, as the kernel's own do.
pub(crate) fn subdirectory_names(
    directory: impl AsFd,
    most: usize,
) -> Result<Vec<OsString>, Errno> {
    names_of(directory, most, |kind| kind == FileType::Directory)
}

fn names_of(
    directory: impl AsFd,
    most: usize,
    wanted: impl Fn(FileType) -> bool,
) -> Result<Vec<OsString>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while names.len() < most
        && let Some(entry) = entries.next()
    {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && wanted(entry.file_type()) {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok(names)
}
