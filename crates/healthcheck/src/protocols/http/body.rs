//! A body, whichever way its end is told (RFC 9112, section 6.3).

use super::chunked::Chunks;
use super::error::{BodyError, HttpError, Trouble};
use super::input::Input;
use super::{BodyEnd, Head, Method};
use crate::text::shown;
use std::io::{self, Read};

/// How the end of a body is told.
#[derive(Debug)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length { left: u64, promised: u64 },
    /// By its chunks.
    Chunked(Chunks),
    /// By the connection's end.
    UntilClose,
}

impl Framing {
    /// As an answer's head says.
    pub(super) fn of(head: &Head, method: &Method) -> Result<Self, HttpError> {
        let nothing = Self::Length { left: 0, promised: 0 };
        if *method == Method::HEAD || matches!(head.status, 101 | 204 | 304) {
            return Ok(nothing);
        }
        let mut codings = head
            .all("transfer-encoding")
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
        match (codings.next(), codings.next()) {
            (None, _) => {}
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => {
                return Ok(Self::Chunked(Chunks::default()));
            }
            (Some(coding), other) => {
                return Err(HttpError::Coding(shown(other.unwrap_or(coding), 40)));
            }
        }
        let mut lengths = head.all("content-length").flat_map(|value| value.split(','));
        let Some(first) = lengths.next() else { return Ok(Self::UntilClose) };
        let wrong = |text: &str| HttpError::Length(shown(text, 40));
        let length = |text: &str| {
            let digits = text.trim();
            // "+5" would be a number too.
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()).flatten().ok_or_else(|| wrong(text))
        };
        let promised = length(first)?;
        for other in lengths {
            if length(other)? != promised {
                return Err(wrong(&format!("{first}, {other}")));
            }
        }
        Ok(Self::Length { left: promised, promised })
    }
}

/// A body that is read as it comes.
pub struct Body<S> {
    input: Input<S>,
    framing: Framing,
    /// How much of it was read.
    got: u64,
}

impl<S: Read> Body<S> {
    pub(super) fn new(input: Input<S>, framing: Framing) -> Self {
        Self { input, framing, got: 0 }
    }

    /// Some of what follows; 0 bytes at the end.
    fn next(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        let room = match &mut self.framing {
            Framing::Length { left, .. } => *left,
            Framing::UntilClose => u64::MAX,
            Framing::Chunked(chunks) => chunks.room(&mut self.input, self.got)?,
        };
        if room == 0 || into.is_empty() {
            return Ok(0);
        }
        if self.input.ahead().is_empty() {
            match self.input.fill() {
                Ok(0) if matches!(self.framing, Framing::UntilClose) => return Ok(0),
                Ok(0) => return Err(self.cut(Trouble::Closed)),
                Ok(_) => {}
                Err(trouble) => return Err(self.cut(trouble)),
            }
        }
        let ahead = self.input.ahead();
        let length = ahead.len().min(into.len()).min(usize::try_from(room).unwrap_or(usize::MAX));
        into[..length].copy_from_slice(&ahead[..length]);
        self.input.take(length);
        self.got += length as u64;
        match &mut self.framing {
            Framing::Length { left, .. } => *left -= length as u64,
            Framing::Chunked(chunks) => chunks.took(length as u64),
            Framing::UntilClose => {}
        }
        Ok(length)
    }

    fn cut(&self, trouble: Trouble) -> BodyError {
        let expected = match self.framing {
            Framing::Length { promised, .. } => Some(promised),
            _ => None,
        };
        BodyError::Cut { got: self.got, expected, trouble }
    }

    /// What comes, up to a limit in bytes.
    pub(super) fn collect(&mut self, limit: usize) -> (Vec<u8>, BodyEnd) {
        let mut body = Vec::new();
        let mut block = [0; 4096];
        loop {
            // One byte more than fits tells whether there is more.
            let wanted = (limit - body.len()).saturating_add(1).min(block.len());
            match self.next(&mut block[..wanted]) {
                Ok(0) => return (body, BodyEnd::Complete),
                Ok(length) => body.extend_from_slice(&block[..length]),
                Err(error) => return (body, BodyEnd::Broken(error)),
            }
            if body.len() > limit {
                body.truncate(limit);
                return (body, BodyEnd::AtLimit);
            }
        }
    }
}

/// For a body without end, such as a stream of events.
impl<S: Read> Read for Body<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.next(into).map_err(|error| {
            let kind = match &error {
                BodyError::Cut { trouble: Trouble::TimedOut, .. } => io::ErrorKind::TimedOut,
                BodyError::Cut { .. } => io::ErrorKind::UnexpectedEof,
                BodyError::Chunk { .. } => io::ErrorKind::InvalidData,
            };
            io::Error::new(kind, error)
        })
    }
}
