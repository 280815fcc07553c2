//! What a server says first, or to one thing that is said to it, as far as it
//! can be told by a line: SSH's version (RFC 4253, section 4.2), rsync's,
//! collectd's `LISTVAL`, multipathd's `show daemon`.

use super::lines::Lines;
use crate::peer::Trouble;
use crate::text::shown;
use regex_lite::Regex;
use std::io::{Read, Write};

/// The longest line that is read, in bytes. SSH's may have 255.
const LONGEST: usize = 1024;

/// As many lines may come before the one that is expected.
const LINES: usize = 64;

/// The longest message that has its length before it, in bytes.
const LONGEST_MESSAGE: usize = 64 << 10;

/// What is said, and what is to be heard.
#[derive(Debug)]
pub(crate) struct Script {
    /// What is said to begin with, if anything.
    pub(crate) say: Option<String>,
    /// What a line of the answer is like.
    pub(crate) expect: Regex,
    /// What a line is like by which the server refuses us: it lives, and has enough to do.
    pub(crate) refusing: Option<Regex>,
    /// What is said in the end.
    pub(crate) farewell: Option<String>,
    /// How messages are divided.
    pub(crate) messages: Messages,
}

/// How messages are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    /// By the ends of lines.
    Lines,
    /// Each has its length before it, in eight bytes of this machine's order, and a NUL in
    /// its end: `libmpathcmd` of multipath-tools.
    Multipath,
}

/// Hears a server's greeting; gives the line that is as expected.
///
/// # Errors
/// Where there is none.
pub(crate) fn greet(stream: impl Read + Write, script: &Script) -> Result<String, Trouble> {
    let mut lines = Lines::new(stream, LONGEST);
    if let Some(words) = &script.say {
        lines.say(&script.messages.encode(words))?;
    }
    let answer = match script.messages {
        Messages::Lines => hear(&mut lines, script)?,
        Messages::Multipath => {
            let mut length = [0; 8];
            length.copy_from_slice(&lines.bytes(8, 8)?);
            let length = usize::try_from(u64::from_ne_bytes(length)).unwrap_or(usize::MAX);
            let message = lines.bytes(length, LONGEST_MESSAGE)?;
            let text = String::from_utf8_lossy(&message);
            let mut said = text.trim_end_matches('\0').lines();
            said.find_map(|line| script.meets(line)).unwrap_or_else(|| {
                Err(script.unexpected(text.lines().next().unwrap_or_default()))
            })?
        }
    };
    if let Some(words) = &script.farewell {
        // It has answered: whether it hears the farewell changes nothing.
        let _ = lines.say(&script.messages.encode(words));
    }
    Ok(answer)
}

fn hear<S: Read + Write>(lines: &mut Lines<S>, script: &Script) -> Result<String, Trouble> {
    let mut first: Option<String> = None;
    for _ in 0..LINES {
        let line = match (lines.line(), &first) {
            (Ok(line), _) => line,
            // It has spoken, and that was not it.
            (Err(_), Some(first)) => return Err(script.unexpected(first)),
            (Err(error), None) => return Err(error.into()),
        };
        if let Some(met) = script.meets(&line) {
            return met;
        }
        first.get_or_insert(line);
    }
    Err(script.unexpected(&first.unwrap_or_default()))
}

impl Script {
    /// Whether a line decides.
    fn meets(&self, line: &str) -> Option<Result<String, Trouble>> {
        if self.expect.is_match(line) {
            return Some(Ok(line.to_owned()));
        }
        let refused = self.refusing.as_ref()?.is_match(line);
        refused.then(|| Err(Trouble::denied(format!("said \"{}\"", shown(line, 120)))))
    }

    fn unexpected(&self, found: &str) -> Trouble {
        let expected = shown(self.expect.as_str(), 60);
        let found = shown(found, 60);
        Trouble::garbled(format!("expected a line like /{expected}/, found \"{found}\""))
    }
}

impl Messages {
    fn encode(self, words: &str) -> Vec<u8> {
        match self {
            Self::Lines => words.as_bytes().to_vec(),
            Self::Multipath => {
                let mut message = (words.len() as u64 + 1).to_ne_bytes().to_vec();
                message.extend(words.bytes());
                message.push(0);
                message
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Script, greet};
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::{any, prop, proptest};
    use regex_lite::Regex;

    fn script(say: Option<&str>, expect: &str) -> Script {
        Script {
            say: say.map(str::to_owned),
            expect: Regex::new(expect).unwrap(),
            refusing: Some(Regex::new("^(Exceeded|@ERROR)").unwrap()),
            farewell: Some("bye\r\n".to_owned()),
            messages: Messages::Lines,
        }
    }

    fn multipath() -> Script {
        let messages = Messages::Multipath;
        Script { farewell: None, messages, ..script(Some("show daemon"), "^pid [0-9]+ ") }
    }

    fn message(text: &str) -> Vec<u8> {
        Messages::Multipath.encode(text)
    }

    #[test]
    fn a_line_is_waited_for_among_others() {
        let ssh = script(None, "^SSH-2\\.0-");
        let mut server =
            Scripted::new(b"Welcome\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\nmore".as_slice());
        assert_eq!(greet(&mut server, &ssh).unwrap(), "SSH-2.0-OpenSSH_9.2p1 Debian-2");
        assert_eq!(server.heard(), b"bye\r\n");
        let values = script(Some("LISTVAL\n"), "^[0-9]+ Values? found");
        let mut server = Scripted::new(b"2 Values found\n1.0 a/b/c\n1.0 a/b/d\n".as_slice());
        assert_eq!(greet(&mut server, &values).unwrap(), "2 Values found");
        assert_eq!(server.heard(), b"LISTVAL\nbye\r\n");
        let mut server = Scripted::new(message("pid 4711 idle\n"));
        assert_eq!(greet(&mut server, &multipath()).unwrap(), "pid 4711 idle");
        assert_eq!(server.heard(), message("show daemon"));
    }

    #[test]
    fn what_is_no_greeting_is_told() {
        let cases: [(&[u8], What, &str); 6] = [
            (b"Exceeded MaxStartups\r\n", What::Denied, "said \"Exceeded MaxStartups\""),
            (
                b"220 mail ESMTP\r\n",
                What::Garbled,
                "expected a line like /^SSH-2\\.0-/, found \"220 mail ESMTP\"",
            ),
            (b"", What::HungUp, "closed the connection"),
            (b"SSH-2.0-Half", What::HungUp, "closed the connection"),
            (&[b'x'; 5000], What::Garbled, "answered with more than 1024 bytes"),
            (&[b'\n'; 5000], What::Garbled, "expected a line like /^SSH-2\\.0-/, found \"\""),
        ];
        for (said, what, words) in cases {
            let trouble = greet(Scripted::new(said), &script(None, "^SSH-2\\.0-")).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    #[test]
    fn a_message_has_the_length_it_says_or_is_none() {
        let longest = "answered with more than 65536 bytes";
        let cases = [
            (
                message("fail\n"),
                What::Garbled,
                "expected a line like /^pid [0-9]+ /, found \"fail\"",
            ),
            (u64::MAX.to_ne_bytes().to_vec(), What::Garbled, longest),
            ((4_u64 << 30).to_ne_bytes().to_vec(), What::Garbled, longest),
            (9_u64.to_ne_bytes().to_vec(), What::HungUp, "closed the connection"),
            (vec![1, 2, 3], What::HungUp, "closed the connection"),
        ];
        for (said, what, words) in cases {
            let trouble = greet(Scripted::new(said), &multipath()).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = greet(Scripted::new(bytes.clone()), &script(None, "^SSH-2\\.0-"));
            let _ = greet(Scripted::new(bytes), &multipath());
        }
    }
}
