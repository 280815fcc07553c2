//! Long files of `/proc`, line by line: 50,000 sockets are 7.5 MB of text, and
//! the probe is to need less memory than that.

use rustix::io::Errno;
use std::os::fd::AsFd;

/// As much as is read at once. `/proc/net` gives at most a page at a time.
const CHUNK: usize = 32 << 10;

/// What stopped the reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop<E> {
    /// The kernel.
    Errno(Errno),
    /// A line longer than the chunk.
    LongLine,
    /// The one who looked at the lines.
    Taker(E),
}

/// Hands the lines of a file, without their ends, to `take`; calls `pause`
/// before each read, whose error ends it too.
pub(crate) fn for_each_line<E>(
    file: impl AsFd,
    pause: impl Fn() -> Result<(), E>,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), Stop<E>> {
    let mut chunk = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        pause().map_err(Stop::Taker)?;
        let read = match rustix::io::read(&file, &mut chunk[filled..]) {
            Ok(read) => read,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Stop::Errno(errno)),
        };
        let last = read == 0;
        filled += read;
        let mut taken = 0;
        while let Some(length) = chunk[taken..filled].iter().position(|&byte| byte == b'\n') {
            take(&chunk[taken..taken + length]).map_err(Stop::Taker)?;
            taken += length + 1;
        }
        if last {
            if taken < filled {
                take(&chunk[taken..filled]).map_err(Stop::Taker)?;
            }
            return Ok(());
        }
        chunk.copy_within(taken..filled, 0);
        filled -= taken;
        if filled == chunk.len() {
            return Err(Stop::LongLine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Seek, Write};

    fn lines(content: &[u8]) -> Result<Vec<Vec<u8>>, Stop<()>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        let mut lines = Vec::new();
        for_each_line(
            &file,
            || Ok(()),
            |line| {
                lines.push(line.to_vec());
                Ok(())
            },
        )?;
        Ok(lines)
    }

    #[test]
    fn a_line_longer_than_the_chunk_is_told() {
        assert_eq!(lines(&vec![b'x'; CHUNK + 1]), Err(Stop::LongLine));
    }

    proptest! {
        #[test]
        fn lines_are_what_stands_between_their_ends(
            expected in prop::collection::vec(
                (b'a'..=b'z', 1usize..9000).prop_map(|(byte, length)| vec![byte; length]),
                0..20,
            ),
        ) {
            let content = expected.join(&b'\n');
            prop_assert_eq!(lines(&content).unwrap(), expected);
        }
    }
}
