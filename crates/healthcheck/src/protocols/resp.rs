//! RESP, version 2: what redis, valkey and their sentinels speak. (`redis.io/docs`:
//! "Redis serialization protocol specification".)

use super::lines::Lines;
use crate::peer::Trouble;
use crate::settings::secret::Secret;
use std::io::{Read, Write};

/// The longest line, in bytes.
const LONGEST: usize = 4096;

/// The longest string that says its length, in bytes: INFO takes a few thousand.
const LARGEST: usize = 64 << 10;

/// As many values as are read in one conversation.
const MOST: usize = 4000;

/// As many bytes as are kept of one conversation.
const KEPT: usize = 256 << 10;

/// How deep lists may stand in one another.
const DEEPEST: usize = 4;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Text, a number's too.
    Text(String),
    /// What is wrong, in its words; the first is a code.
    Error(String),
    /// Several.
    List(Vec<Said>),
    /// Nothing.
    Nothing,
}

/// A conversation.
pub(crate) struct Resp<S: Read + Write> {
    lines: Lines<S>,
    values: usize,
    bytes: usize,
}

impl<S: Read + Write> Resp<S> {
    /// Over a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { lines: Lines::new(stream, LONGEST), values: MOST, bytes: KEPT }
    }

    /// Says several commands at once; each has an answer of its own.
    ///
    /// # Errors
    /// Those of the stream.
    pub(crate) fn say(&mut self, commands: &[&[&str]]) -> Result<(), Trouble> {
        let mut said = Vec::new();
        for words in commands {
            said.extend(format!("*{}\r\n", words.len()).into_bytes());
            for word in *words {
                said.extend(format!("${}\r\n", word.len()).into_bytes());
                said.extend(word.as_bytes());
                said.extend(b"\r\n");
            }
        }
        Ok(self.lines.say(&said)?)
    }

    /// The next answer.
    ///
    /// # Errors
    /// Where it is none, or too much.
    pub(crate) fn answer(&mut self) -> Result<Said, Trouble> {
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Result<Said, Trouble> {
        let too_much = || Trouble::garbled("answered with too much");
        self.values = self.values.checked_sub(1).ok_or_else(too_much)?;
        let line = self.lines.line()?;
        self.bytes = self.bytes.checked_sub(line.len()).ok_or_else(too_much)?;
        let unexpected =
            || Trouble::garbled(format!("expected an answer of redis's, found \"{line}\""));
        let mut characters = line.chars();
        let kind = characters.next().ok_or_else(unexpected)?;
        let rest = characters.as_str();
        let count = || match rest {
            "-1" => Ok(None),
            rest => rest.parse::<usize>().map(Some).map_err(|_| unexpected()),
        };
        match kind {
            '+' | ':' => Ok(Said::Text(rest.to_owned())),
            '-' => Ok(Said::Error(rest.to_owned())),
            '$' => {
                let Some(length) = count()? else { return Ok(Said::Nothing) };
                self.bytes = self.bytes.checked_sub(length).ok_or_else(too_much)?;
                let mut bytes = self.lines.bytes(length.saturating_add(2), LARGEST)?;
                if !bytes.ends_with(b"\r\n") {
                    return Err(unexpected());
                }
                bytes.truncate(length);
                Ok(Said::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            '*' if depth < DEEPEST => {
                let Some(count) = count()? else { return Ok(Said::Nothing) };
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                Ok(Said::List(values))
            }
            _ => Err(unexpected()),
        }
    }

    /// Who we are, then PING and questions, then the farewell: all at once, since
    /// the server answers one after the other. Gives what it says to PING and to
    /// each question.
    ///
    /// # Errors
    /// Where it does not know us as we were told to be known.
    pub(crate) fn ask(
        &mut self,
        user: &str,
        password: Option<&Secret>,
        questions: &[&[&str]],
    ) -> Result<Vec<Said>, Trouble> {
        let mut commands: Vec<&[&str]> = Vec::new();
        let secret = password.map_or("", Secret::expose);
        let (alone, named) = (["AUTH", secret], ["AUTH", user, secret]);
        if password.is_some() {
            commands.push(if user.is_empty() { &alone } else { &named });
        }
        commands.push(&["PING"]);
        commands.extend(questions);
        self.say(&commands)?;
        if password.is_some()
            && let Said::Error(words) = self.answer()?
            && !is_needless(&words)
        {
            return Err(match words.split(' ').next() {
                Some("WRONGPASS") => Trouble::denied(format!("said {words}")),
                _ if words.contains("invalid password") => Trouble::denied(format!("said {words}")),
                _ => Trouble::failing(format!("said {words}")),
            });
        }
        let mut said = vec![self.answer()?];
        for _ in questions {
            match self.answer() {
                Ok(answer) => said.push(answer),
                // It told why it will not have us, and closed.
                Err(_) if matches!(said.first(), Some(Said::Error(_))) => break,
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(said)
    }

    /// Takes leave.
    pub(crate) fn leave(&mut self) {
        // It has answered: whether it hears the farewell changes nothing.
        let _ = self.say(&[&["QUIT"]]);
    }
}

/// Whether a password was refused because none is asked for.
fn is_needless(words: &str) -> bool {
    words.contains("no password is set") || words.contains("without any password configured")
}

impl Said {
    /// Its text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key in INFO's lines.
    pub(crate) fn info(&self, key: &str) -> Option<&str> {
        self.text()?.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
    }

    /// The value of a key in a list of keys and values.
    pub(crate) fn field(&self, key: &str) -> Option<&str> {
        let Self::List(list) = self else { return None };
        let mut pairs = list.chunks_exact(2);
        pairs.find_map(|pair| match pair {
            [name, value] if name.text() == Some(key) => value.text(),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Resp, Said};
    use crate::peer::{Trouble, What};
    use crate::protocols::scripted::Scripted;
    use crate::settings::secret::Secret;
    use proptest::prelude::{any, proptest};

    fn asked(said: &[u8], password: Option<&str>) -> Result<Vec<Said>, Trouble> {
        let password = password.map(Secret::new);
        Resp::new(Scripted::new(said)).ask("", password.as_ref(), &[&["INFO", "replication"]])
    }

    #[test]
    fn what_it_says_is_understood() {
        let mut server =
            Scripted::new(*b"+OK\r\n+PONG\r\n$28\r\n# Replication\r\nrole:master\r\n\r\n");
        let password = Secret::new("geheim");
        let mut resp = Resp::new(&mut server);
        let said = resp.ask("", Some(&password), &[&["INFO", "replication"]]).unwrap();
        resp.leave();
        assert_eq!(said[0], Said::Text("PONG".into()));
        assert_eq!(said[1].info("role"), Some("master"));
        assert_eq!(
            String::from_utf8_lossy(server.heard()),
            "*2\r\n$4\r\nAUTH\r\n$6\r\ngeheim\r\n*1\r\n$4\r\nPING\r\n\
             *2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n*1\r\n$4\r\nQUIT\r\n"
        );
    }

    #[test]
    fn a_password_that_is_not_asked_for_is_no_trouble() {
        for words in [
            "ERR Client sent AUTH, but no password is set",
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        ] {
            let said = format!("-{words}\r\n+PONG\r\n$-1\r\n");
            let said = asked(said.as_bytes(), Some("x")).unwrap();
            assert_eq!(said, [Said::Text("PONG".into()), Said::Nothing]);
        }
        let said = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        let denied = asked(said.as_bytes(), Some("x")).unwrap_err();
        assert_eq!(denied.what, What::Denied);
        assert!(denied.words.starts_with("said WRONGPASS"), "{}", denied.words);
    }

    #[test]
    fn lists_are_read_to_their_depth() {
        let said = b"+PONG\r\n*1\r\n*4\r\n$4\r\nname\r\n$1\r\nm\r\n$5\r\nflags\r\n$6\r\nmaster\r\n";
        let said = asked(said, None).unwrap();
        let Said::List(masters) = &said[1] else { panic!("{said:?}") };
        assert_eq!(masters[0].field("flags"), Some("master"));
        assert_eq!(masters[0].field("quorum"), None);
    }

    #[test]
    fn what_is_not_the_protocol_is_trouble() {
        let cases: [(&[u8], What, &str); 7] = [
            (
                b"HTTP/1.1 400\r\n",
                What::Garbled,
                "expected an answer of redis's, found \"HTTP/1.1 400\"",
            ),
            (b"", What::HungUp, "closed the connection"),
            (b"$4294967296\r\n", What::Garbled, "answered with too much"),
            (b"$70000\r\n", What::Garbled, "answered with more than 65536 bytes"),
            (b"*-1\r\n*4294967296\r\n", What::HungUp, "closed the connection"),
            (
                b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
                What::Garbled,
                "expected an answer of redis's, found \"*1\"",
            ),
            (b"$2\r\nabcd", What::Garbled, "expected an answer of redis's, found \"$2\""),
        ];
        for (said, what, words) in cases {
            let trouble = asked(said, None).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(said in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = asked(&said, Some("x"));
        }

        #[test]
        fn any_lists_are_survived(said in "([*$:+-]-?[0-9]{0,11}\r\n){0,40}") {
            let _ = asked(said.as_bytes(), None);
        }
    }
}
