//! libvirt's RPC, as far as a check needs it (`docs/internals/rpc`,
//! `src/rpc/virnetprotocol.x`, `src/remote/remote_protocol.x` and
//! `src/rpc/virkeepaliveprotocol.x` of libvirt): XDR in packets that begin with
//! their length.

use crate::peer::Trouble;
use serde::Serialize;
use std::fmt;
use std::io::{Read, Write};

/// The program of libvirtd and the daemons that it was split into.
const REMOTE: u32 = 0x2000_8086;
/// The program that every daemon on this RPC has, virtlogd and virtlockd too.
const KEEPALIVE: u32 = 0x6b65_6570;

const CONNECT_OPEN: u32 = 1;
const CONNECT_CLOSE: u32 = 2;
const CONNECT_NUM_OF_DOMAINS: u32 = 51;
const AUTH_LIST: u32 = 66;
const CONNECT_GET_LIB_VERSION: u32 = 157;
const PING: u32 = 1;
const PONG: u32 = 2;

const CALL: u32 = 0;
const REPLY: u32 = 1;
const MESSAGE: u32 = 2;

/// The length itself and the header, in bytes.
const HEAD: usize = 28;

/// The longest packet that is read, in bytes. libvirt's own limit is 32 MiB;
/// what is asked for is answered with a few hundred.
const LONGEST: usize = 64 << 10;

/// As many packets as may come before an answer.
const MOST_BETWEEN: usize = 32;

/// Opens only to look (VIR_CONNECT_RO).
const READ_ONLY: u32 = 1;

/// libvirt's code for a URI that none of its drivers takes (VIR_ERR_NO_CONNECT).
const NO_CONNECT: u32 = 5;

/// What a daemon answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It runs this version, and its driver is open.
    Version(String),
    /// It answers; no more was asked.
    Alive,
    /// It answers, and wants to know who we are before it says more.
    WantsAuthentication,
    /// It answers, and has no driver for what was to be opened.
    NoDriver(String),
}

/// Asks one of the daemons that manage something for its version, by opening a
/// URI; without one, only how it wants to be spoken to. Takes leave in a way
/// that it does not log as an error.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn version(stream: impl Read + Write, uri: Option<&str>) -> Result<Answer, Trouble> {
    let mut rpc = Rpc { stream, serial: 0 };
    if !rpc.lets_anybody_in()? {
        return Ok(Answer::WantsAuthentication);
    }
    let Some(uri) = uri else {
        rpc.leave();
        return Ok(Answer::Alive);
    };
    if let Some(no_driver) = rpc.open(uri)? {
        return Ok(no_driver);
    }
    let version = rpc.call(CONNECT_GET_LIB_VERSION, &[])?;
    rpc.leave();
    let version = version.map_err(|error| error.refusal("its version"))?;
    let mut version = Fields(&version);
    let (high, low) = (version.number()?, version.number()?);
    let number = u64::from(high) << 32 | u64::from(low);
    let (major, minor, micro) = (number / 1_000_000, number / 1000 % 1000, number % 1000);
    Ok(Answer::Version(format!("{major}.{minor}.{micro}")))
}

/// Asks how many domains run; `None` where it does not tell everybody, or has no
/// driver for the URI.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn running(stream: impl Read + Write, uri: &str) -> Result<Option<u32>, Trouble> {
    let mut rpc = Rpc { stream, serial: 0 };
    if !rpc.lets_anybody_in()? || rpc.open(uri)?.is_some() {
        return Ok(None);
    }
    let running = rpc.call(CONNECT_NUM_OF_DOMAINS, &[])?;
    rpc.leave();
    let running = running.map_err(|error| error.refusal("the number of its domains"))?;
    Fields(&running).number().map(Some)
}

/// Asks any daemon for a sign of life. It does not log that.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn ping(stream: impl Read + Write) -> Result<Answer, Trouble> {
    let mut rpc = Rpc { stream, serial: 0 };
    rpc.say(
        Head { program: KEEPALIVE, procedure: PING, kind: MESSAGE, serial: 0, status: 0 },
        &[],
    )?;
    for _ in 0..MOST_BETWEEN {
        let (head, _) = rpc.hear()?;
        if (head.program, head.procedure) == (KEEPALIVE, PONG) {
            return Ok(Answer::Alive);
        }
    }
    Err(unanswered())
}

/// The header of a packet, without the version of its program, which is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    program: u32,
    procedure: u32,
    kind: u32,
    serial: u32,
    status: u32,
}

/// An error as a daemon words it.
#[derive(Debug)]
struct Refused {
    code: u32,
    words: String,
}

impl Refused {
    fn refusal(&self, what: &str) -> Trouble {
        Trouble::failing(format!("refuses {what}: {self}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.as_str() {
            "" => write!(f, "error {}", self.code),
            words => f.write_str(words),
        }
    }
}

struct Rpc<S> {
    stream: S,
    serial: u32,
}

impl<S: Read + Write> Rpc<S> {
    /// Calls a procedure of the remote program; gives what it returns.
    fn call(&mut self, procedure: u32, body: &[u8]) -> Result<Result<Vec<u8>, Refused>, Trouble> {
        let serial = self.serial;
        self.serial += 1;
        self.say(Head { program: REMOTE, procedure, kind: CALL, serial, status: 0 }, body)?;
        for _ in 0..MOST_BETWEEN {
            let (head, body) = self.hear()?;
            match head {
                Head { program: KEEPALIVE, procedure: PING, .. } => {
                    let pong = Head { procedure: PONG, ..head };
                    self.say(pong, &[])?;
                }
                Head { kind: REPLY, serial: of, status, .. } if of == serial => {
                    return Ok(match status {
                        0 => Ok(body),
                        _ => Err(refused(&body)?),
                    });
                }
                // An event; or the end of something that nobody waits for.
                _ => {}
            }
        }
        Err(unanswered())
    }

    /// Whether it speaks to who does not say who he is.
    fn lets_anybody_in(&mut self) -> Result<bool, Trouble> {
        let list = self.call(AUTH_LIST, &[])?.map_err(|error| error.refusal("to be asked"))?;
        let mut list = Fields(&list);
        let count = list.number()?;
        let ways = (0..count.min(32)).map(|_| list.number()).collect::<Result<Vec<_>, _>>()?;
        // 0 is none, 1 SASL, 2 polkit.
        Ok(ways.is_empty() || ways.contains(&0))
    }

    /// Opens a URI, to look only; `Some` where there is no driver for it.
    fn open(&mut self, uri: &str) -> Result<Option<Answer>, Trouble> {
        let mut open = 1_u32.to_be_bytes().to_vec();
        put_text(&mut open, uri);
        open.extend(READ_ONLY.to_be_bytes());
        let Err(error) = self.call(CONNECT_OPEN, &open)? else { return Ok(None) };
        self.leave();
        match error.code {
            NO_CONNECT => Ok(Some(Answer::NoDriver(error.words))),
            _ => Err(error.refusal(&format!("to open {uri}"))),
        }
    }

    /// Closes: a connection that ends without is an error in libvirtd's log.
    fn leave(&mut self) {
        // It has answered: whether it hears the farewell changes nothing.
        let _ = self.call(CONNECT_CLOSE, &[]);
    }

    fn say(&mut self, head: Head, body: &[u8]) -> Result<(), Trouble> {
        let Head { program, procedure, kind, serial, status } = head;
        let mut packet = Vec::with_capacity(HEAD + body.len());
        let length = (HEAD + body.len()) as u32;
        for number in [length, program, 1, procedure, kind, serial, status] {
            packet.extend(number.to_be_bytes());
        }
        packet.extend(body);
        self.stream.write_all(&packet)?;
        Ok(self.stream.flush()?)
    }

    fn hear(&mut self) -> Result<(Head, Vec<u8>), Trouble> {
        let mut head = [0; HEAD];
        let (length, rest) = head.split_at_mut(4);
        self.stream.read_exact(length)?;
        let length = Fields(length).number()?;
        if !(HEAD..=LONGEST).contains(&(length as usize)) {
            return Err(Trouble::garbled(format!(
                "expected a packet of libvirt's RPC, found one of {length} bytes"
            )));
        }
        self.stream.read_exact(rest)?;
        let mut fields = Fields(rest);
        let (program, version) = (fields.number()?, fields.number()?);
        let (procedure, kind) = (fields.number()?, fields.number()?);
        let (serial, status) = (fields.number()?, fields.number()?);
        if version != 1 {
            return Err(Trouble::garbled(format!(
                "expected libvirt's RPC, found version {version} of program {program:#x}"
            )));
        }
        let mut body = vec![0; length as usize - HEAD];
        self.stream.read_exact(&mut body)?;
        Ok((Head { program, procedure, kind, serial, status }, body))
    }
}

fn unanswered() -> Trouble {
    Trouble::garbled(format!("said {MOST_BETWEEN} things and no answer among them"))
}

/// `remote_error`: a code, where it comes from, and perhaps its words.
fn refused(body: &[u8]) -> Result<Refused, Trouble> {
    let mut fields = Fields(body);
    let (code, _domain, told) = (fields.number()?, fields.number()?, fields.number()?);
    let words = if told == 1 { fields.text()? } else { String::new() };
    Ok(Refused { code, words })
}

/// Text in XDR: its length, itself, and up to three NULs.
fn put_text(into: &mut Vec<u8>, text: &str) {
    into.extend((text.len() as u32).to_be_bytes());
    into.extend(text.as_bytes());
    into.resize(into.len().next_multiple_of(4), 0);
}

/// What is left of a body in XDR.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self) -> Result<u32, Trouble> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn text(&mut self) -> Result<String, Trouble> {
        let length = self.number()? as usize;
        let (text, _) = self.0.split_at_checked(length).ok_or_else(short)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

fn short() -> Trouble {
    Trouble::garbled("ended a packet of libvirt's RPC before its content")
}

#[cfg(test)]
mod tests {
    use super::{Answer, ping, running, version};
    use crate::peer::{Trouble, What};
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::*;

    // As libvirtd and virtlogd 9.0.0 said it.
    const NO_AUTH: &str = "0000002420008086000000010000004200000001000000000000000000000001\
                           00000000";
    const OPENED: &str = "0000001c20008086000000010000000100000001000000010000 0000";
    const VERSION: &str = "0000002420008086000000010000009d00000001000000020000000000000000\
                           00895440";
    const CLOSED: &str = "0000001c20008086000000010000000200000001000000030000 0000";
    const PONG: &str = "0000001c6b6565700000000100000002000000020000000000000000";
    const PING: &str = "0000001c6b6565700000000100000001000000020000000000000000";
    const NO_DRIVER: &str = "0000005c20008086000000010000000100000001000000010000000100000005\
        0000000000000001000000306e6f20636f6e6e656374696f6e2064726976657220617661\
        696c61626c6520666f722078656e3a2f2f2f73797374656d";

    fn bytes(packets: &[&str]) -> Vec<u8> {
        let digits: Vec<u8> = packets.concat().bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn ask(packets: &[&str]) -> Result<Answer, Trouble> {
        version(Scripted::new(bytes(packets)), Some("qemu:///system"))
    }

    #[test]
    fn what_it_says_is_understood() {
        let mut server = Scripted::new(bytes(&[NO_AUTH, OPENED, PING, VERSION, CLOSED]));
        let answer = version(&mut server, Some("qemu:///system")).unwrap();
        assert_eq!(answer, Answer::Version("9.0.0".into()));
        let expected = bytes(&[
            "0000001c200080860000000100000042000000000000000000000000",
            "00000038200080860000000100000001000000000000000100000000",
            "000000010000000e71656d753a2f2f2f73797374656d000000000001",
            "0000001c20008086000000010000009d000000000000000200000000",
            PONG,
            "0000001c200080860000000100000002000000000000000300000000",
        ]);
        assert_eq!(server.heard(), expected);
        let answer = ask(&[NO_AUTH, NO_DRIVER]).unwrap();
        assert_eq!(
            answer,
            Answer::NoDriver("no connection driver available for xen:///system".into())
        );
        let mut server = Scripted::new(bytes(&[NO_AUTH]));
        assert_eq!(version(&mut server, None).unwrap(), Answer::Alive);
        let polkit = format!("{}00000002", NO_AUTH.strip_suffix("00000000").unwrap());
        assert_eq!(ask(&[&polkit]).unwrap(), Answer::WantsAuthentication);
        assert_eq!(ping(Scripted::new(bytes(&[PING, PONG]))).unwrap(), Answer::Alive);
    }

    #[test]
    fn it_tells_how_many_domains_run() {
        let one = "0000002020008086000000010000003300000001000000020000000000000001";
        let mut server = Scripted::new(bytes(&[NO_AUTH, OPENED, one, CLOSED]));
        assert_eq!(running(&mut server, "test:///default").unwrap(), Some(1));
        let asked = bytes(&["0000001c200080860000000100000033000000000000000200000000"]);
        assert!(server.heard().windows(asked.len()).any(|heard| heard == asked));
        let ask = |packets: &[&str]| running(Scripted::new(bytes(packets)), "test:///default");
        let polkit = format!("{}00000002", NO_AUTH.strip_suffix("00000000").unwrap());
        assert_eq!(ask(&[&polkit]).unwrap(), None);
        assert_eq!(ask(&[NO_AUTH, NO_DRIVER]).unwrap(), None);
        assert_eq!(ask(&[NO_AUTH, OPENED]).unwrap_err().what, What::HungUp);
        let short = "0000001c20008086000000010000003300000001000000020000 0000";
        assert_eq!(ask(&[NO_AUTH, OPENED, short]).unwrap_err().what, What::Garbled);
    }

    #[test]
    fn other_answers_are_troubles() {
        let refusal = "0000003c2000808600000001000000420000000100000000000000010000002700000007\
                       0000000100000007 61626364656667 00 0000000200000000";
        let long = "fffffffc20008086";
        let version_2 = "0000001c200080860000000200000042000000010000000000000000";
        let short_list = "0000001c200080860000000100000042000000010000000000000000";
        for (packets, what, words) in [
            (&[""][..], What::HungUp, "closed the connection"),
            (&["0000"], What::HungUp, "closed the connection"),
            (&[refusal], What::Failing, "refuses to be asked: abcdefg"),
            (
                &[long],
                What::Garbled,
                "expected a packet of libvirt's RPC, found one of 4294967292 bytes",
            ),
            (
                &["485454502f312e31"],
                What::Garbled,
                "expected a packet of libvirt's RPC, found one of 1213486160 bytes",
            ),
            (
                &[version_2],
                What::Garbled,
                "expected libvirt's RPC, found version 2 of program 0x20008086",
            ),
            (&[short_list], What::Garbled, "ended a packet of libvirt's RPC before its content"),
            (&[NO_AUTH, OPENED], What::HungUp, "closed the connection"),
            (&[PING; 40], What::Garbled, "said 32 things and no answer among them"),
        ] {
            let trouble = ask(packets).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
        assert_eq!(ping(Scripted::new(bytes(&[NO_AUTH]))).unwrap_err().what, What::HungUp);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(said in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = version(Scripted::new(said.clone()), None);
            let _ = running(Scripted::new(said.clone()), "test:///default");
            let _ = ping(Scripted::new(said));
        }

        #[test]
        fn any_body_is_survived(status in 0_u32..3, body in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut packet = bytes(&[NO_AUTH]);
            packet.extend(((28 + body.len()) as u32).to_be_bytes());
            packet.extend(bytes(&["20008086000000010000000100000001 00000001"]));
            packet.extend(status.to_be_bytes());
            packet.extend(body);
            let _ = running(Scripted::new(packet.clone()), "qemu:///system");
            let _ = version(Scripted::new(packet), Some("qemu:///system"));
        }
    }
}
