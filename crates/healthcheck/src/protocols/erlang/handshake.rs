//! Getting to know each other: names, what both understand, and that both know
//! the cookie, which is never sent.

use super::node::Node;
use super::short_message;
use crate::peer::{Trouble, What};
use crate::settings::secret::Secret;
use crate::text::shown;
use std::io::{Read, Write};

/// The handshakes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Until Erlang/OTP 22.
    Five,
    /// From Erlang/OTP 23. Releases 25.0 to 25.2 understand no other.
    Six,
}

/// Who we are to a node.
#[derive(Debug, Clone)]
pub(crate) struct Ourselves {
    /// Our node's name: `name@host`. A node keeps each it has heard of for ever,
    /// so these must be few.
    pub(crate) name: String,
    /// Tells us from one that had the name before; not 0.
    pub(crate) creation: u32,
}

/// What became of a greeting.
pub(crate) enum Greeted<S> {
    /// We are one of its nodes.
    Connected(Node<S>),
    /// It lives, and says so before it asks for the cookie.
    Alive {
        /// Its name: `name@host`.
        name: String,
        /// Whether it was shown a cookie, and refused it.
        refused: bool,
    },
    /// It takes the name we gave for taken.
    NameTaken,
}

/// As much as a node may say at once, in bytes: a name of 255 characters fits well.
const LONGEST: usize = 2048;

/// What we understand (`DFLAG_*`). Without `PUBLISHED` we are hidden: no node tells
/// others of us, or its own processes. Each of these but the last three is demanded
/// by some release.
const FLAGS: u64 = EXTENDED_REFERENCES
    | FUN_TAGS
    | NEW_FUN_TAGS
    | EXTENDED_PIDS_PORTS
    | EXPORT_PTR_TAG
    | BIT_BINARIES
    | NEW_FLOATS
    | UTF8_ATOMS
    | MAP_TAG
    | BIG_CREATION
    | HANDSHAKE_23
    | UNLINK_ID
    | V4_NC
    | SMALL_ATOM_TAGS
    | DIST_MONITOR
    | DIST_MONITOR_NAME;

const EXTENDED_REFERENCES: u64 = 0x4;
const DIST_MONITOR: u64 = 0x8;
const FUN_TAGS: u64 = 0x10;
const DIST_MONITOR_NAME: u64 = 0x20;
const NEW_FUN_TAGS: u64 = 0x80;
const EXTENDED_PIDS_PORTS: u64 = 0x100;
const EXPORT_PTR_TAG: u64 = 0x200;
const BIT_BINARIES: u64 = 0x400;
const NEW_FLOATS: u64 = 0x800;
const SMALL_ATOM_TAGS: u64 = 0x4000;
const UTF8_ATOMS: u64 = 0x1_0000;
const MAP_TAG: u64 = 0x2_0000;
const BIG_CREATION: u64 = 0x4_0000;
const HANDSHAKE_23: u64 = 0x100_0000;
const UNLINK_ID: u64 = 0x200_0000;
const V4_NC: u64 = 0x4_0000_0000;

/// Greets a node. Without a cookie the farewell follows once it has answered:
/// that it does takes none.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn greet<S: Read + Write>(
    mut stream: S,
    version: Version,
    ourselves: &Ourselves,
    cookie: Option<&Secret>,
) -> Result<Greeted<S>, Trouble> {
    say(&mut stream, &name_message(version, ourselves))?;
    let status = short_message(&mut stream, LONGEST)?;
    match status.split_first() {
        Some((b's', b"ok" | b"ok_simultaneous")) => {}
        Some((b's', b"nok" | b"alive")) => return Ok(Greeted::NameTaken),
        Some((b's', b"not_allowed")) => {
            return Err(Trouble::denied("lets no other node connect (net_kernel:allow)"));
        }
        _ => return Err(unexpected("a node's status", &status)),
    }
    let challenge = short_message(&mut stream, LONGEST)?;
    let (name, theirs) =
        challenge_of(&challenge).ok_or_else(|| unexpected("a node's challenge", &challenge))?;
    let Some(cookie) = cookie else { return Ok(Greeted::Alive { name, refused: false }) };
    // Any number will do: we have nothing that only the right node may see.
    let ours = ourselves.creation.rotate_left(16) ^ theirs;
    let mut reply = vec![b'r'];
    reply.extend(ours.to_be_bytes());
    reply.extend(digest(cookie, theirs));
    say(&mut stream, &reply)?;
    match short_message(&mut stream, LONGEST) {
        Ok(ack) => match ack.split_first() {
            Some((b'a', proof)) if proof == digest(cookie, ours) => {
                Ok(Greeted::Connected(Node::new(stream, name, ourselves)))
            }
            _ => Err(unexpected("a node's proof that it knows the cookie", &ack)),
        },
        // It hangs up where the cookie is another.
        Err(error) => match Trouble::from(error) {
            trouble if trouble.what == What::HungUp => Ok(Greeted::Alive { name, refused: true }),
            trouble => Err(trouble),
        },
    }
}

fn name_message(version: Version, Ourselves { name, creation }: &Ourselves) -> Vec<u8> {
    let mut message = Vec::new();
    match version {
        Version::Five => {
            message.push(b'n');
            message.extend(5_u16.to_be_bytes());
            // The upper half is not known to it, nor is the new handshake.
            message.extend(((FLAGS & !HANDSHAKE_23) as u32).to_be_bytes());
        }
        Version::Six => {
            message.push(b'N');
            message.extend(FLAGS.to_be_bytes());
            message.extend(creation.to_be_bytes());
            message.extend((name.len() as u16).to_be_bytes());
        }
    }
    message.extend(name.as_bytes());
    message
}

/// The name and the number of a challenge, of either handshake.
fn challenge_of(message: &[u8]) -> Option<(String, u32)> {
    let (number, name) = match message.split_first()? {
        // Version, flags, challenge, name.
        (b'n', rest) => (rest.get(6..10)?, rest.get(10..)?),
        // Flags, challenge, creation, the name's length, name.
        (b'N', rest) => {
            let length = u16::from_be_bytes(rest.get(16..18)?.try_into().ok()?);
            (rest.get(8..12)?, rest.get(18..18 + usize::from(length))?)
        }
        _ => return None,
    };
    let name = std::str::from_utf8(name).ok()?;
    let is_name = name.contains('@') && name.len() <= 255 && !name.contains(char::is_control);
    is_name.then(|| Some((name.to_owned(), u32::from_be_bytes(number.try_into().ok()?))))?
}

/// The proof that we know the cookie.
fn digest(cookie: &Secret, challenge: u32) -> [u8; 16] {
    md5::compute(format!("{}{challenge}", cookie.expose())).0
}

fn say(stream: &mut impl Write, message: &[u8]) -> std::io::Result<()> {
    let mut bytes = (message.len() as u16).to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes)?;
    stream.flush()
}

fn unexpected(wanted: &str, found: &[u8]) -> Trouble {
    let found = shown(&String::from_utf8_lossy(found), 40);
    Trouble::garbled(format!("expected {wanted}, found \"{found}\""))
}
