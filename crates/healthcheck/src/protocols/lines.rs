//! Reading what a peer says line by line, or up to a length it names: never
//! more than a limit of ours.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

/// A conversation in lines.
pub(crate) struct Lines<S: Read + Write> {
    stream: BufReader<S>,
    longest: usize,
}

impl<S: Read + Write> Lines<S> {
    /// Over a stream, with lines of at most so many bytes.
    pub(crate) fn new(stream: S, longest: usize) -> Self {
        Self { stream: BufReader::with_capacity(1024, stream), longest }
    }

    /// Says something, as it is.
    ///
    /// # Errors
    /// Where the stream has ended or its deadline has passed.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// The next line without its end, whatever is no UTF-8 replaced.
    ///
    /// # Errors
    /// UnexpectedEof where it ends before the line does, InvalidData where the
    /// line is too long, and those of the stream.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let limit = self.longest as u64 + 1;
        self.stream.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_none() {
            return Err(match line.len() > self.longest {
                true => too_long(self.longest),
                false => ErrorKind::UnexpectedEof.into(),
            });
        }
        line.pop_if(|last| *last == b'\r');
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// The same, or `None` where it has ended after the last line.
    ///
    /// # Errors
    /// As for [`Lines::line`].
    pub(crate) fn line_or_end(&mut self) -> io::Result<Option<String>> {
        match self.stream.fill_buf() {
            Ok([]) => Ok(None),
            Ok(_) => self.line().map(Some),
            Err(error) => Err(error),
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// InvalidData where these are more than `limit`, UnexpectedEof where it
    /// ends before, and those of the stream.
    pub(crate) fn bytes(&mut self, count: usize, limit: usize) -> io::Result<Vec<u8>> {
        if count > limit {
            return Err(too_long(limit));
        }
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn too_long(limit: usize) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("answered with more than {limit} bytes"))
}
