//! MySQL's and MariaDB's protocol, as far as a check needs it: a login as the
//! service logs in, a question, a farewell (MySQL Internals Manual, "Client/Server
//! Protocol"; MariaDB Knowledge Base, "Clients & Utilities: Protocol").
//!
//! A server counts a client that goes without a word (`Aborted_clients`) or in
//! the midst of its login (`Aborted_connects`), and after `max_connect_errors` of
//! the latter refuses its host. So a conversation that has begun is led to its end.

mod packets;
mod passwords;
mod state;

pub(crate) use state::{Cluster, State};

use crate::peer::{Trouble, What};
use packets::{Fields, Packets};
use passwords::{Plugin, Reply};
use std::io::{Read, Write};

/// What a server can do and a client wants, as far as we know of it.
mod flags {
    pub(super) const LONG_PASSWORD: u32 = 1;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const TLS: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const PLUGIN_AUTHENTICATION: u32 = 1 << 19;
}

/// utf8mb4_general_ci: what every server since 5.5 knows.
const CHARACTER_SET: u8 = 45;

/// The longest packet we take, in bytes; also what we tell the server.
const LONGEST: usize = 64 << 10;

/// As many columns as an answer may have.
const MOST_COLUMNS: u64 = 32;

/// As many rows as an answer may have.
const MOST_ROWS: usize = 1024;

/// As often as a server may ask for something more during a login.
const MOST_ROUNDS: usize = 8;

/// Who logs in.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    /// The user.
    pub(crate) user: &'a str,
    /// The password; empty for none.
    pub(crate) password: &'a str,
}

/// A server that has said who it is, and waits for us to do so.
pub(crate) struct Greeted<S: Read + Write> {
    packets: Packets<S>,
    version: String,
    capabilities: u32,
    plugin: String,
    nonce: Vec<u8>,
    tls: bool,
    /// Nobody else hears what is said.
    private: bool,
}

/// What became of a login.
pub(crate) enum Entered<S: Read + Write> {
    /// We are in.
    In(Session<S>),
    /// It wants a proof of who we are that we cannot give.
    Unable {
        /// Which, in words.
        words: String,
        /// We could within TLS.
        wants_tls: bool,
    },
}

/// A server that has let us in.
pub(crate) struct Session<S: Read + Write> {
    packets: Packets<S>,
}

/// A row of an answer: its values as text, `None` for NULL.
pub(crate) type Row = Vec<Option<String>>;

/// What a server says in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error's number: 1045.
    pub(crate) code: u16,
    /// Its words.
    pub(crate) words: String,
}

/// Listens to a server's greeting. `private` where nobody else can hear what is
/// said: on a unix socket.
///
/// # Errors
/// Where there is none, or the server has no room for us.
pub(crate) fn greet<S: Read + Write>(stream: S, private: bool) -> Result<Greeted<S>, Trouble> {
    let mut packets = Packets::new(stream, LONGEST);
    let greeting = packets.read()?;
    if let Some(refusal) = Refusal::of(&greeting) {
        return Err(refusal.into());
    }
    let greeting = Greeting::parse(&greeting).ok_or_else(|| garbled("a greeting", &greeting))?;
    let Greeting { version, capabilities, plugin, nonce } = greeting;
    Ok(Greeted { packets, version, capabilities, plugin, nonce, tls: false, private })
}

struct Greeting {
    version: String,
    capabilities: u32,
    plugin: String,
    nonce: Vec<u8>,
}

impl Greeting {
    /// Protocol::HandshakeV10.
    fn parse(packet: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(packet);
        if fields.byte()? != 10 {
            return None;
        }
        let version = fields.text_to_nul()?;
        fields.take(4)?; // the connection's number
        let mut nonce = fields.take(8)?.to_vec();
        fields.take(1)?;
        let mut capabilities = u32::from(fields.u16()?);
        fields.take(3)?; // character set and status
        capabilities |= u32::from(fields.u16()?) << 16;
        let length = usize::from(fields.byte()?);
        fields.take(10)?;
        let rest = fields.take(length.saturating_sub(8).max(13))?;
        nonce.extend(rest.strip_suffix(&[0]).unwrap_or(rest));
        let plugin = match capabilities & flags::PLUGIN_AUTHENTICATION {
            0 => passwords::NATIVE.to_owned(),
            // Some servers leave the last NUL out.
            _ => fields.text_to_nul_or_end(),
        };
        Some(Self { version, capabilities, plugin, nonce })
    }
}

impl<S: Read + Write> Greeted<S> {
    /// The server's make and version.
    pub(crate) fn server(&self) -> String {
        // MariaDB 10 says 5.5.5 first, for replicas that read one digit only.
        let version = self.version.strip_prefix("5.5.5-").unwrap_or(&self.version);
        match version.split_once("-MariaDB") {
            Some((version, _)) => format!("MariaDB {version}"),
            None => format!("MySQL {version}"),
        }
    }

    /// Whether it speaks TLS.
    pub(crate) fn offers_tls(&self) -> bool {
        self.capabilities & flags::TLS != 0
    }

    /// Goes on within TLS, which `encrypt` begins.
    ///
    /// # Errors
    /// Where TLS does not come about.
    pub(crate) fn encrypted(
        mut self,
        encrypt: impl FnOnce(S) -> Result<S, Trouble>,
    ) -> Result<Self, Trouble> {
        self.tls = true;
        let request = self.hello();
        self.packets.write(&request)?;
        let packets = self.packets.map(encrypt)?;
        Ok(Self { packets, private: true, ..self })
    }

    /// Says who we are.
    ///
    /// # Errors
    /// Where the server will not have us.
    pub(crate) fn login(mut self, login: &Login<'_>) -> Result<Entered<S>, Trouble> {
        let mut plugin = Plugin::named(&self.plugin).unwrap_or(Plugin::Native);
        let mut response = self.hello();
        response.extend(without_nul(login.user));
        response.push(0);
        // What cannot be said yet is said when it is asked for.
        let proof = match plugin.reply(login.password, &self.nonce, self.private) {
            Reply::Say(proof) if proof.len() < 251 => proof,
            _ => Vec::new(),
        };
        response.push(proof.len() as u8);
        response.extend(proof);
        response.extend(plugin.name().as_bytes());
        response.push(0);
        self.packets.write(&response)?;
        for _ in 0..MOST_ROUNDS {
            let said = self.packets.read()?;
            if let Some(refusal) = Refusal::of(&said) {
                return Err(refusal.into());
            }
            let reply = match said.split_first() {
                Some((0, _)) => return Ok(Entered::In(Session { packets: self.packets })),
                // Another plugin, and something new to prove it with.
                Some((0xfe, [])) => {
                    Reply::Unable("wants a password in the way of before 4.1".into())
                }
                Some((0xfe, rest)) => {
                    let mut fields = Fields::new(rest);
                    let name = fields.text_to_nul_or_end();
                    let nonce = fields.rest();
                    self.nonce = nonce.strip_suffix(&[0]).unwrap_or(nonce).to_vec();
                    match Plugin::named(&name) {
                        Some(asked_for) => {
                            plugin = asked_for;
                            plugin.reply(login.password, &self.nonce, self.private)
                        }
                        None => Reply::Unable(format!("wants a login by {name}")),
                    }
                }
                Some((1, more)) => plugin.more(more, login.password, self.private),
                _ => return Err(garbled("the login's outcome", &said)),
            };
            match &reply {
                Reply::Say(proof) => self.packets.write(proof)?,
                Reply::Nothing => {}
                Reply::Unable(_) | Reply::Private(_) => {
                    // An empty proof ends the login in the server's own way; a
                    // client that only goes is counted towards refusing its host.
                    self.packets.write(&[])?;
                    let _ = self.packets.read();
                    let wants_tls = matches!(reply, Reply::Private(_));
                    let (Reply::Unable(words) | Reply::Private(words)) = reply else { continue };
                    return Ok(Entered::Unable { words, wants_tls });
                }
            }
        }
        Err(Trouble::garbled("does not come to an end of the login"))
    }

    /// The first fields of an answer to the greeting.
    fn hello(&self) -> Vec<u8> {
        let mut wanted = flags::LONG_PASSWORD
            | flags::PROTOCOL_41
            | flags::TRANSACTIONS
            | flags::SECURE_CONNECTION
            | flags::PLUGIN_AUTHENTICATION;
        if self.tls {
            wanted |= flags::TLS;
        }
        let mut hello = wanted.to_le_bytes().to_vec();
        hello.extend((LONGEST as u32).to_le_bytes());
        hello.push(CHARACTER_SET);
        hello.extend([0; 23]);
        hello
    }
}

impl<S: Read + Write> Session<S> {
    /// The rows that a question is answered with.
    ///
    /// # Errors
    /// Where the answer is none; a refusal is an answer.
    pub(crate) fn ask(&mut self, question: &str) -> Result<Result<Vec<Row>, Refusal>, Trouble> {
        self.packets.begin();
        self.packets.write(&[&[QUERY], question.as_bytes()].concat())?;
        let head = self.packets.read()?;
        if let Some(refusal) = Refusal::of(&head) {
            return Ok(Err(refusal));
        }
        if head.first() == Some(&0) {
            return Ok(Ok(Vec::new()));
        }
        let columns = Fields::new(&head).number().filter(|&count| count <= MOST_COLUMNS);
        let columns = columns.ok_or_else(|| garbled("an answer", &head))?;
        for _ in 0..columns {
            self.packets.read()?;
        }
        let end = self.packets.read()?;
        if !is_end(&end) {
            return Err(garbled("the end of an answer's head", &end));
        }
        let mut rows = Vec::new();
        while rows.len() < MOST_ROWS {
            let packet = self.packets.read()?;
            if is_end(&packet) {
                return Ok(Ok(rows));
            }
            if let Some(refusal) = Refusal::of(&packet) {
                return Ok(Err(refusal));
            }
            let mut fields = Fields::new(&packet);
            let row: Option<Row> = (0..columns).map(|_| fields.value()).collect();
            rows.push(row.ok_or_else(|| garbled("a row", &packet))?);
        }
        Err(Trouble::garbled(format!("answered with more than {MOST_ROWS} rows")))
    }

    /// Uses a database. Not with the login, which the server would count as
    /// aborted where there is no such database or no right to it.
    ///
    /// # Errors
    /// Where it is refused.
    pub(crate) fn using(&mut self, database: &str) -> Result<(), Trouble> {
        self.packets.begin();
        self.packets.write(&[&[USE], database.as_bytes()].concat())?;
        let said = self.packets.read()?;
        match said.first() {
            Some(0) => Ok(()),
            _ => Err(Refusal::of(&said).map_or_else(|| garbled("a database", &said), Into::into)),
        }
    }

    /// Takes leave, so that the server counts no aborted connection.
    pub(crate) fn quit(mut self) {
        self.packets.begin();
        // It has answered: whether it hears the farewell changes nothing.
        let _ = self.packets.write(&[QUIT]);
    }
}

/// What is asked of a server.
const QUIT: u8 = 1;
const USE: u8 = 2;
const QUERY: u8 = 3;

impl Refusal {
    /// What an error packet says, if it is one.
    fn of(packet: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(packet);
        if fields.byte()? != 0xff {
            return None;
        }
        let code = fields.u16()?;
        let words = fields.rest();
        // The SQL state, which says less than the number does.
        let words = match words.split_at_checked(6) {
            Some((state, words)) if state.starts_with(b"#") => words,
            _ => words,
        };
        Some(Self { code, words: String::from_utf8_lossy(words).into_owned() })
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, words } = refusal;
        let what = match code {
            // Access to a database, of a user, without a password, of a host; no such
            // database; expired and locked; TLS only; a plugin that is not loaded.
            1044 | 1045 | 1698 | 1130 | 1049 | 1820 | 1862 | 3118 | 4151 | 3159 | 1524 | 1251 => {
                What::Denied
            }
            _ => What::Failing,
        };
        // It would be taken for a password and hidden.
        let words = words
            .replace("(using password: YES)", "(with a password)")
            .replace("(using password: NO)", "(without a password)");
        Self::new(what, format!("says {code} {words}"))
    }
}

/// An end-of-file packet; a row may begin with the same byte, but is longer.
fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// What would end in the midst would be read as something else.
fn without_nul(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().filter(|byte| *byte != 0)
}

fn garbled(expected: &str, found: &[u8]) -> Trouble {
    let shown: String = String::from_utf8_lossy(found).chars().take(40).collect();
    Trouble::garbled(format!("expected {expected} of MySQL's protocol, found \"{shown}\""))
}

#[cfg(test)]
mod tests;
