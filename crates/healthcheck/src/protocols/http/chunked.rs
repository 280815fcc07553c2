//! The chunked transfer coding (RFC 9112, section 7.1), read only.

use super::error::{BodyError, Trouble};
use super::input::Input;
use crate::text::shown;
use std::io::Read;

/// The longest line between chunks: a size, perhaps with extensions, or a trailer.
const MAX_LINE: usize = 1024;

/// How many trailers are passed over.
const MAX_TRAILERS: usize = 100;

/// Where in the chunks we are.
#[derive(Debug, Default)]
pub(super) enum Chunks {
    /// Before the first.
    #[default]
    Start,
    /// In one, with so many bytes left; 0 means its closing line is next.
    Within(u64),
    /// Behind the last.
    Done,
}

impl Chunks {
    /// How much of the body follows before the next line; 0 at its end. `got`
    /// is how much of it came before, for messages.
    pub(super) fn room<S: Read>(
        &mut self,
        input: &mut Input<S>,
        got: u64,
    ) -> Result<u64, BodyError> {
        match *self {
            Self::Done => return Ok(0),
            Self::Within(left) if left > 0 => return Ok(left),
            Self::Within(_) => {
                let rest = line(input, got)?;
                if !rest.is_empty() {
                    return Err(wrong("the end of a chunk", &rest));
                }
            }
            Self::Start => {}
        }
        let text = line(input, got)?;
        let size = size(&text).ok_or_else(|| wrong("the size of a chunk", &text))?;
        *self = Self::Within(size);
        if size == 0 {
            skip_trailers(input, got)?;
            *self = Self::Done;
        }
        Ok(size)
    }

    /// So many bytes of this chunk were taken.
    pub(super) fn took(&mut self, bytes: u64) {
        if let Self::Within(left) = self {
            *left = left.saturating_sub(bytes);
        }
    }
}

/// The size that a line gives, in hexadecimal and before any extension.
fn size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    // "+5" would be a number too.
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

fn skip_trailers<S: Read>(input: &mut Input<S>, got: u64) -> Result<(), BodyError> {
    for _ in 0..=MAX_TRAILERS {
        if line(input, got)?.is_empty() {
            return Ok(());
        }
    }
    Err(wrong("the end of the body", b"more trailers"))
}

/// The next line, without its end.
fn line<S: Read>(input: &mut Input<S>, got: u64) -> Result<Vec<u8>, BodyError> {
    loop {
        let ahead = input.ahead();
        if let Some(length) = ahead.iter().take(MAX_LINE).position(|&byte| byte == b'\n') {
            let line = ahead[..length].to_vec();
            input.take(length + 1);
            return Ok(line.strip_suffix(b"\r").map(<[u8]>::to_vec).unwrap_or(line));
        }
        if ahead.len() >= MAX_LINE {
            return Err(wrong("a line", ahead));
        }
        let trouble = match input.fill() {
            Ok(0) => Trouble::Closed,
            Ok(_) => continue,
            Err(trouble) => trouble,
        };
        return Err(BodyError::Cut { got, expected: None, trouble });
    }
}

fn wrong(expected: &'static str, found: &[u8]) -> BodyError {
    let found = String::from_utf8_lossy(found.get(..80).unwrap_or(found));
    BodyError::Chunk { expected, found: shown(&found, 40) }
}
