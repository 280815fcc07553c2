//! How FRRouting's `vtysh` speaks to its daemons (`lib/vty.c` of FRR): a command
//! and a NUL; text, three NULs and how it went.

use crate::peer::Trouble;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

/// The longest answer that is read, in bytes: a summary has 700 for each of
/// its neighbours.
const LONGEST: u64 = 1 << 20;

/// What is answered to a command that the daemon does not know (CMD_ERR_NO_MATCH).
pub(crate) const UNKNOWN_COMMAND: u8 = 2;

/// A conversation.
pub(crate) struct Vty<S: Read + Write> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Vty<S> {
    /// Over a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: BufReader::with_capacity(4096, stream) }
    }

    /// Gives a command; gives its text and how it went, 0 for well.
    ///
    /// # Errors
    /// Where there is no answer, or what comes is none.
    pub(crate) fn run(&mut self, command: &str) -> Result<(String, u8), Trouble> {
        let mut said = command.as_bytes().to_vec();
        said.push(0);
        self.stream.get_mut().write_all(&said)?;
        self.stream.get_mut().flush()?;
        let mut text = Vec::new();
        self.stream.by_ref().take(LONGEST).read_until(0, &mut text)?;
        if text.pop_if(|last| *last == 0).is_none() {
            return Err(match text.len() as u64 == LONGEST {
                true => Trouble::garbled(format!("answered with more than {LONGEST} bytes")),
                false => io::Error::from(ErrorKind::UnexpectedEof).into(),
            });
        }
        let mut end = [0; 3];
        self.stream.read_exact(&mut end)?;
        match end {
            [0, 0, status] => Ok((String::from_utf8_lossy(&text).into_owned(), status)),
            _ => Err(Trouble::garbled("expected the end of an answer of FRR's, found other bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Vty;
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::*;

    #[test]
    fn text_and_how_it_went() {
        // As bgpd 8.4.4 said it.
        let said =
            b"FRRouting 8.4.4 (h) on Linux(6.1).\n\0\0\0\0% [BGP] Unknown command: x\n\0\0\0\x02";
        let mut server = Scripted::new(said);
        let mut vty = Vty::new(&mut server);
        let (text, status) = vty.run("show version").unwrap();
        assert_eq!((text.as_str(), status), ("FRRouting 8.4.4 (h) on Linux(6.1).\n", 0));
        assert_eq!(vty.run("x").unwrap().1, super::UNKNOWN_COMMAND);
        assert_eq!(server.heard(), b"show version\0x\0");
    }

    #[test]
    fn other_answers_are_troubles() {
        let long = vec![b'x'; 2 << 20];
        for (said, what) in [
            (&b""[..], What::HungUp),
            (b"FRR", What::HungUp),
            (b"FRR\0\0", What::HungUp),
            (b"a\0b\0c\0\0\0", What::Garbled),
            (long.as_slice(), What::Garbled),
        ] {
            assert_eq!(Vty::new(Scripted::new(said)).run("x").unwrap_err().what, what);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(said in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Vty::new(Scripted::new(said)).run("show version");
        }
    }
}
