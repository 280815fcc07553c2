//! What a command says, up to a limit; what it says beyond that is read too,
//! so that it is not held up, and dropped.

use super::MAX_COMMAND_OUTPUT;
use rustix::io::Errno;
use std::io::PipeReader;
use std::os::fd::{AsFd, BorrowedFd};

const CHUNK: usize = 16 << 10;
/// As many chunks are read before anything else is looked at again.
const CHUNKS: usize = 64;

pub(super) struct Output {
    /// `None` once all who could write to it have closed it.
    reader: Option<PipeReader>,
    kept: Vec<u8>,
}

impl Output {
    /// The reading end of a pipe, henceforth without blocking.
    pub(super) fn new(reader: PipeReader) -> std::io::Result<Self> {
        rustix::io::ioctl_fionbio(&reader, true)?;
        Ok(Self { reader: Some(reader), kept: Vec::new() })
    }

    /// What is readable once there is more.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there now.
    pub(super) fn take_ready(&mut self) {
        let mut chunk = [0; CHUNK];
        for _ in 0..CHUNKS {
            let Some(reader) = &self.reader else { return };
            match rustix::io::read(reader, &mut chunk) {
                Ok(0) => self.reader = None,
                Ok(length) => {
                    let room = MAX_COMMAND_OUTPUT - self.kept.len();
                    self.kept.extend(&chunk[..length.min(room)]);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.reader = None,
            }
        }
    }

    /// As text; bytes that are none are replaced.
    pub(super) fn into_text(self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        // A byte replaced is three.
        text.truncate(text.floor_char_boundary(MAX_COMMAND_OUTPUT));
        text
    }
}
