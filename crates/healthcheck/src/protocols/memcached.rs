//! memcached's text protocol, as far as a check needs it (`doc/protocol.txt` of
//! memcached: `version`, `quit`).

use super::lines::Lines;
use crate::peer::Trouble;
use std::io::{Read, Write};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 512;

/// Asks for the version, and takes leave.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn version(stream: impl Read + Write) -> Result<String, Trouble> {
    let mut lines = Lines::new(stream, LONGEST);
    lines.say(b"version\r\n")?;
    let answer = lines.line()?;
    let Some(version) = answer.strip_prefix("VERSION ") else {
        return Err(match answer.split(' ').next() {
            // "ERROR Too many open connections" is what it says before it closes.
            Some("ERROR" | "SERVER_ERROR") => Trouble::failing(format!("said {answer}")),
            _ => Trouble::garbled(format!("expected memcached's VERSION, found \"{answer}\"")),
        });
    };
    // It has answered: whether it hears the farewell changes nothing.
    let _ = lines.say(b"quit\r\n");
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::version;
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;

    #[test]
    fn what_it_says_is_understood() {
        let mut server = Scripted::new(b"VERSION 1.6.18\r\n");
        assert_eq!(version(&mut server).unwrap(), "1.6.18");
        assert_eq!(server.heard(), b"version\r\nquit\r\n");
        let cases: [(&[u8], What, &str); 5] = [
            (
                b"ERROR Too many open connections\r\n",
                What::Failing,
                "said ERROR Too many open connections",
            ),
            (
                b"HTTP/1.1 400 Bad\r\n",
                What::Garbled,
                "expected memcached's VERSION, found \"HTTP/1.1 400 Bad\"",
            ),
            (b"VERSION 1.6", What::HungUp, "closed the connection"),
            (b"", What::HungUp, "closed the connection"),
            (&[b'x'; 5000], What::Garbled, "answered with more than 512 bytes"),
        ];
        for (said, what, words) in cases {
            let trouble = version(Scripted::new(said)).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }
}
