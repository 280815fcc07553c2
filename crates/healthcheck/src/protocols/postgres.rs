//! PostgreSQL's protocol, version 3, as far as a check needs it: a login as the
//! service logs in, a question, a farewell (PostgreSQL's documentation,
//! "Frontend/Backend Protocol").

mod messages;
mod scram;

use crate::peer::{Trouble, What};
use messages::{Messages, text_to_nul};
use scram::Scram;
use std::io::{Read, Write};

/// The longest message we take, in bytes.
const LONGEST: usize = 64 << 10;

/// As many messages as a server may say before it is ready, or before an answer ends.
const MOST_MESSAGES: usize = 1024;

/// The version of the protocol, and the number that asks for TLS in its place.
const VERSION: u32 = 3 << 16;
const TLS: u32 = 80_877_103;

/// Who logs in.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    /// The user.
    pub(crate) user: &'a str,
    /// The password; empty for none.
    pub(crate) password: &'a str,
    /// The database that is used; the user's own if none is given.
    pub(crate) database: Option<&'a str>,
}

/// What became of a login.
pub(crate) enum Entered<S: Read + Write> {
    /// We are in.
    In(Session<S>),
    /// It wants a proof of who we are that we cannot give: in words, which.
    Unable(String),
}

/// A server that has let us in.
pub(crate) struct Session<S: Read + Write> {
    messages: Messages<S>,
    version: String,
}

/// A row of an answer: its values as text, `None` for NULL.
pub(crate) type Row = Vec<Option<String>>;

/// Asks whether the server speaks TLS; if so, it begins with the next byte.
///
/// # Errors
/// Where the answer is none.
pub(crate) fn wants_tls(stream: &mut (impl Read + Write)) -> Result<bool, Trouble> {
    stream.write_all(&[8_u32.to_be_bytes(), TLS.to_be_bytes()].concat())?;
    stream.flush()?;
    // Not a byte more, which would be taken for said within TLS.
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match answer {
        [b'S'] => Ok(true),
        [b'N'] => Ok(false),
        // It has no room for us, and says so in full; there is more to read.
        [b'E'] => Err(refusal_of_tls(stream)),
        [other] => Err(garbled("an answer to its request for TLS", &[other])),
    }
}

fn refusal_of_tls(stream: &mut impl Read) -> Trouble {
    let mut rest = Vec::new();
    match stream.take(1024).read_to_end(&mut rest) {
        Ok(_) => refusal(rest.get(4..).unwrap_or_default()),
        Err(error) => error.into(),
    }
}

/// Says who we are.
///
/// # Errors
/// Where the server will not have us.
pub(crate) fn login<S: Read + Write>(stream: S, login: &Login<'_>) -> Result<Entered<S>, Trouble> {
    let mut messages = Messages::new(stream, LONGEST);
    let mut startup = VERSION.to_be_bytes().to_vec();
    for (name, value) in [
        ("user", Some(login.user)),
        ("database", login.database),
        ("application_name", Some("openstack-healthcheck")),
    ] {
        let Some(value) = value else { continue };
        startup.extend(name.as_bytes());
        startup.push(0);
        startup.extend(value.bytes().filter(|byte| *byte != 0));
        startup.push(0);
    }
    startup.push(0);
    messages.write(None, &startup)?;
    let (mut scram, mut proven, mut version) = (None, false, String::new());
    for _ in 0..MOST_MESSAGES {
        let (kind, said) = messages.read()?;
        match (kind, said.as_slice()) {
            (b'E', said) => return Err(refusal(said)),
            (b'R', [0, 0, 0, 0]) => proven = true,
            (b'R', [0, 0, 0, 3]) => messages.password(login.password.as_bytes())?,
            (b'R', [0, 0, 0, 5, salt @ ..]) => {
                messages.password(md5(login, salt).as_bytes())?;
            }
            (b'R', [0, 0, 0, 10, mechanisms @ ..]) => {
                if !mechanisms.split(|byte| *byte == 0).any(|name| name == scram::NAME.as_bytes()) {
                    let names: Vec<_> = mechanisms.split(|byte| *byte == 0).collect();
                    let names = String::from_utf8_lossy(&names.join(&b' ')).trim().to_owned();
                    return Ok(Entered::Unable(format!("wants a login by {names}")));
                }
                let (begun, first) = Scram::begin()?;
                let length = (first.len() as u32).to_be_bytes();
                let name = scram::NAME.as_bytes();
                let initial = [name, &[0], &length, first.as_bytes()].concat();
                messages.write(Some(b'p'), &initial)?;
                scram = Some(begun);
            }
            (b'R', [0, 0, 0, 11, challenge @ ..]) => {
                let challenge = String::from_utf8_lossy(challenge);
                let answer = scram
                    .as_mut()
                    .and_then(|scram| scram.answer(&challenge, login.password))
                    .ok_or_else(|| garbled("a challenge of SCRAM", challenge.as_bytes()))?;
                messages.write(Some(b'p'), answer.as_bytes())?;
            }
            (b'R', [0, 0, 0, 12, end @ ..]) => {
                let end = String::from_utf8_lossy(end);
                if !scram.as_ref().is_some_and(|scram| scram.is_confirmed_by(&end)) {
                    return Err(Trouble::denied("does not know the password it lets us in by"));
                }
            }
            (b'R', [_, _, _, how @ 0..=13, ..]) => {
                return Ok(Entered::Unable(format!("wants a login by its method {how}")));
            }
            (b'S', said) => {
                let mut rest = said;
                if text_to_nul(&mut rest).is_some_and(|name| name == "server_version") {
                    version = text_to_nul(&mut rest).unwrap_or_default();
                }
            }
            (b'K' | b'N' | b'v', _) => {}
            (b'Z', _) if proven => return Ok(Entered::In(Session { messages, version })),
            (kind, said) => return Err(garbled("a login", &[&[kind], said].concat())),
        }
    }
    Err(Trouble::garbled("does not come to an end of the login"))
}

impl<S: Read + Write> Session<S> {
    /// The server's version, as it says it.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The rows that a question is answered with.
    ///
    /// # Errors
    /// Where the answer is none.
    pub(crate) fn ask(&mut self, question: &str) -> Result<Vec<Row>, Trouble> {
        self.messages.write(Some(b'Q'), &[question.as_bytes(), &[0]].concat())?;
        let mut rows = Vec::new();
        let mut refused = None;
        for _ in 0..MOST_MESSAGES {
            let (kind, said) = self.messages.read()?;
            match kind {
                b'E' => refused = Some(refusal(&said)),
                b'D' => rows.push(row(&said).ok_or_else(|| garbled("a row", &said))?),
                b'Z' => return refused.map_or(Ok(rows), Err),
                b'T' | b'C' | b'N' | b'S' | b'I' => {}
                kind => return Err(garbled("an answer", &[&[kind], said.as_slice()].concat())),
            }
        }
        Err(Trouble::garbled(format!("answered with more than {MOST_MESSAGES} messages")))
    }

    /// Takes leave.
    pub(crate) fn quit(mut self) {
        // It has answered: whether it hears the farewell changes nothing.
        let _ = self.messages.write(Some(b'X'), &[]);
    }
}

/// A challenge, with the nonce `nonce`, of a server that may say anything.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_scram(challenge: &str, password: &str) {
    let (mut scram, _) = Scram::with("nonce".to_owned());
    let Some(answer) = scram.answer(challenge, password) else { return };
    assert!(!answer.contains(password), "{answer}");
    assert!(!scram.is_confirmed_by(challenge));
}

/// A row's values.
fn row(said: &[u8]) -> Option<Row> {
    let (count, mut rest) = said.split_first_chunk::<2>()?;
    (0..u16::from_be_bytes(*count))
        .map(|_| {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                return Some(None);
            }
            let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = after;
            Some(Some(String::from_utf8_lossy(value).into_owned()))
        })
        .collect()
}

/// What an error says: severity, SQL state, words.
fn refusal(said: &[u8]) -> Trouble {
    let (mut severity, mut state, mut words) = (String::new(), String::new(), String::new());
    let mut rest = said;
    while let Some((field, after)) = rest.split_first().filter(|(field, _)| **field != 0) {
        rest = after;
        let Some(text) = text_to_nul(&mut rest) else { break };
        match field {
            b'S' => severity = text,
            b'C' => state = text,
            b'M' => words = text,
            _ => {}
        }
    }
    let what = match state.as_str() {
        // A password, who may come from where, no such database, no right to it.
        "28P01" | "28000" | "3D000" | "42501" => What::Denied,
        _ => What::Failing,
    };
    Trouble::new(what, format!("says {severity} {state} {words}"))
}

/// `md5` and, in hexadecimal, MD5(MD5(password + user) + salt).
fn md5(login: &Login<'_>, salt: &[u8]) -> String {
    let inner = md5::compute([login.password, login.user].concat());
    let outer = md5::compute([format!("{inner:x}").as_bytes(), salt].concat());
    format!("md5{outer:x}")
}

fn garbled(expected: &str, found: &[u8]) -> Trouble {
    let shown: String = String::from_utf8_lossy(found).chars().take(40).collect();
    Trouble::garbled(format!("expected {expected} of PostgreSQL's protocol, found \"{shown}\""))
}

#[cfg(test)]
mod tests;
