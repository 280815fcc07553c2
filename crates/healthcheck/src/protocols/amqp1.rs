//! AMQP 1.0 (OASIS Standard, parts 1, 2 and 5), as far as a check needs it: the
//! headers, SASL, and a connection that is opened and closed with nothing in it.

use crate::peer::{Trouble, What};
use crate::settings::secret::Secret;
use crate::text::shown;
use serde::Serialize;
use std::io::{Read, Write};

/// What both sides say first: of SASL, and of AMQP itself (part 2, section 2.2).
const SASL: &[u8; 8] = b"AMQP\x03\x01\0\0";
const AMQP: &[u8; 8] = b"AMQP\0\x01\0\0";

/// The largest frame that is read, in bytes. The largest that may be sent before
/// another is agreed to has 512, and routers send some more.
const LARGEST: usize = 16 << 10;

/// As many frames as may come before the one that is waited for.
const MOST_BETWEEN: usize = 32;

/// As many values in one another, and as many in one, as are read.
const DEEPEST: usize = 8;
const MOST: usize = 256;

/// Performatives, by the numbers of their descriptors.
const MECHANISMS: u64 = 0x40;
const INIT: u8 = 0x41;
const OUTCOME: u64 = 0x44;
const OPEN: u8 = 0x10;
const CLOSE: u8 = 0x18;

/// Who we are, where the server is to know.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The user.
    pub(crate) user: String,
    /// The user's password.
    pub(crate) password: Secret,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It opened a connection, and is this.
    Open(String),
    /// It answers, and lets in whoever logs in by one of these only.
    WantsLogin(String),
}

/// Opens a connection and closes it, as `login` or as nobody.
///
/// # Errors
/// Where it does not open one, or is another server.
pub(crate) fn visit(
    mut stream: impl Read + Write,
    login: Option<&Login>,
    name: &str,
) -> Result<Answer, Trouble> {
    say(&mut stream, SASL)?;
    header(&mut stream, SASL)?;
    let mechanisms = hear(&mut stream, MECHANISMS)?;
    let mechanisms = mechanisms.first().map(Value::texts).unwrap_or_default();
    let offered = |wanted: &str| mechanisms.iter().any(|name| name == wanted);
    let mut init = Vec::new();
    match login {
        Some(login) if offered("PLAIN") => {
            init.text(0xa3, 0xb3, b"PLAIN");
            let response = format!("\0{}\0{}", login.user, login.password.expose());
            init.text(0xa0, 0xb0, response.as_bytes());
        }
        _ if offered("ANONYMOUS") => {
            init.text(0xa3, 0xb3, b"ANONYMOUS");
            init.text(0xa0, 0xb0, name.as_bytes());
        }
        _ => return Ok(Answer::WantsLogin(shown(&mechanisms.join(" "), 80))),
    }
    say(&mut stream, &frame(1, INIT, 2, &init))?;
    let whom = || login.map_or_else(|| "who is nobody".to_owned(), |it| it.user.clone());
    let outcome = hear(&mut stream, OUTCOME).map_err(|trouble| match trouble.is_silence() {
        // RabbitMQ has whoever it does not let in wait for 3 s.
        true => {
            let words = format!("speaks AMQP 1.0, and does not say whether it lets in {}", whom());
            Trouble::new(What::Withheld, words)
        }
        false => trouble,
    })?;
    match outcome.first() {
        Some(Value::Number(0)) => {}
        Some(Value::Number(1)) => {
            return Err(Trouble::denied(format!("does not let in {}: sasl-outcome auth", whom())));
        }
        Some(Value::Number(code)) => {
            return Err(Trouble::failing(format!("said sasl-outcome {code}")));
        }
        _ => return Err(Trouble::garbled("said sasl-outcome, cut short")),
    }
    let mut open = Vec::new();
    open.text(0xa1, 0xb1, name.as_bytes());
    say(&mut stream, &[AMQP, frame(0, OPEN, 1, &open).as_slice()].concat())?;
    header(&mut stream, AMQP)?;
    let opened = hear(&mut stream, u64::from(OPEN))?;
    say(&mut stream, &frame(0, CLOSE, 0, &[]))?;
    // A connection that is refused is opened all the same, and closed with the reason.
    let closed = hear(&mut stream, u64::from(CLOSE))?;
    if let Some(error) = closed.first().and_then(Value::list) {
        let text = |at: usize| error.get(at).and_then(Value::text).unwrap_or_default();
        let said = format!("said {} {}", text(0), text(1));
        let what = match text(0) {
            "amqp:unauthorized-access" => What::Denied,
            _ => What::Failing,
        };
        return Err(Trouble::new(what, said.trim_end()));
    }
    Ok(Answer::Open(who(&opened)))
}

/// What has opened: its product and version, else its name.
fn who(open: &[Value]) -> String {
    let properties = match open.get(9) {
        Some(Value::Map(properties)) => properties.as_slice(),
        _ => &[],
    };
    let property = |wanted: &str| {
        let found = properties.iter().find(|(key, _)| key.text() == Some(wanted));
        found.and_then(|(_, value)| value.text()).map(|text| shown(text, 60))
    };
    match (property("product"), property("version")) {
        (Some(product), Some(version)) => format!("{product} {version}"),
        (Some(product), None) => product,
        _ => {
            let name = open.first().and_then(Value::text).filter(|name| !name.is_empty());
            name.map_or_else(|| "an AMQP container".to_owned(), |name| shown(name, 60))
        }
    }
}

fn say(stream: &mut impl Write, bytes: &[u8]) -> Result<(), Trouble> {
    stream.write_all(bytes)?;
    Ok(stream.flush()?)
}

/// Reads what the server says first.
fn header(stream: &mut impl Read, expected: &[u8; 8]) -> Result<(), Trouble> {
    let mut found = [0; 8];
    stream.read_exact(&mut found)?;
    if found == *expected {
        return Ok(());
    }
    let words = match &found {
        b"AMQP\x02\x01\0\0" => "speaks AMQP 1.0 within TLS only".to_owned(),
        AMQP => "speaks AMQP 1.0 without SASL".to_owned(),
        [b'A', b'M', b'Q', b'P', 0, 0, 9, 1] => "speaks AMQP 0-9-1, not 1.0".to_owned(),
        _ => {
            let found = shown(&String::from_utf8_lossy(&found), 40);
            format!("expected the header of AMQP 1.0, found \"{found}\"")
        }
    };
    Err(Trouble::garbled(words))
}

/// The fields of a performative, which is to come next.
fn hear(stream: &mut impl Read, wanted: u64) -> Result<Vec<Value>, Trouble> {
    for _ in 0..MOST_BETWEEN {
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let [a, b, c, d, offset, ..] = head;
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        let offset = usize::from(offset) * 4;
        if !(8..=LARGEST).contains(&size) || !(8..=size).contains(&offset) {
            return Err(Trouble::garbled(format!(
                "expected a frame of AMQP 1.0, found one of {size} bytes"
            )));
        }
        let mut body = vec![0; size - 8];
        stream.read_exact(&mut body)?;
        let body = body.get(offset - 8..).unwrap_or_default();
        // Nothing in it: a sign of life.
        if body.is_empty() {
            continue;
        }
        let Some((Value::Described(code, value), _)) = Value::read(body, 0) else {
            return Err(Trouble::garbled("expected a performative of AMQP 1.0, found another"));
        };
        return match *value {
            Value::List(fields) if code == wanted => Ok(fields),
            // It may close at any time, and says why.
            Value::List(fields) if code == u64::from(CLOSE) => {
                let error = fields.first().and_then(Value::list).unwrap_or_default();
                let text = |at: usize| error.get(at).and_then(Value::text).unwrap_or_default();
                let said = format!("said close {} {}", text(0), text(1));
                Err(Trouble::failing(said.trim_end()))
            }
            // A router may begin something before it reads our farewell.
            Value::List(_) if wanted == u64::from(CLOSE) => continue,
            _ => Err(Trouble::garbled(format!(
                "expected performative {wanted:#x} of AMQP 1.0, found {code:#x}"
            ))),
        };
    }
    Err(Trouble::garbled(format!("said nothing in {MOST_BETWEEN} frames")))
}

/// A performative with its fields, in a frame of this type.
fn frame(kind: u8, code: u8, count: u8, fields: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0x53, code];
    // A list: its size, which counts what follows it, and how many.
    body.push(0xd0);
    body.extend((fields.len() as u32 + 4).to_be_bytes());
    body.extend(u32::from(count).to_be_bytes());
    body.extend(fields);
    let mut frame = (body.len() as u32 + 8).to_be_bytes().to_vec();
    frame.extend([2, kind, 0, 0]);
    frame.extend(body);
    frame
}

trait Put {
    /// Text or bytes, by the constructors of a short one and a long one.
    fn text(&mut self, short: u8, long: u8, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn text(&mut self, short: u8, long: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.extend([short, length]),
            Err(_) => {
                self.push(long);
                self.extend((bytes.len() as u32).to_be_bytes());
            }
        }
        self.extend(bytes);
    }
}

/// A value, as far as it matters here (part 1, section 1.6).
#[derive(Debug, Clone, PartialEq)]
enum Value {
    /// Null, or of no use here.
    Other,
    /// A whole number that is not negative.
    Number(u64),
    /// A string, a symbol, or bytes.
    Text(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// A value with the number of its descriptor, or the error in a close.
    Described(u64, Box<Value>),
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of a list, described or not.
    fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            Self::Described(_, value) => value.list(),
            _ => None,
        }
    }

    /// The texts in it: one, or several.
    fn texts(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::List(values) => {
                values.iter().filter_map(|value| value.text().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A value, and what follows it.
    fn read(bytes: &[u8], depth: usize) -> Option<(Self, &[u8])> {
        let (constructor, rest) = bytes.split_first()?;
        if *constructor != 0 {
            return Self::of(*constructor, rest, depth);
        }
        if depth >= DEEPEST {
            return None;
        }
        let (descriptor, rest) = Self::read(rest, depth + 1)?;
        let (value, rest) = Self::read(rest, depth + 1)?;
        let code = match descriptor {
            Self::Number(code) => code,
            _ => u64::MAX,
        };
        Some((Self::Described(code, Box::new(value)), rest))
    }

    /// The value of a constructor, of which the first four bits say how long it is.
    fn of(constructor: u8, bytes: &[u8], depth: usize) -> Option<(Self, &[u8])> {
        let fixed = |length: usize| {
            let (number, rest) = bytes.split_at_checked(length)?;
            let is_number = matches!(constructor, 0x50 | 0x52 | 0x53 | 0x56 | 0x60 | 0x70 | 0x80);
            let value = number.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            Some((if is_number { Self::Number(value) } else { Self::Other }, rest))
        };
        match constructor >> 4 {
            4 => Some((
                match constructor {
                    0x43 | 0x44 => Self::Number(0),
                    0x45 => Self::List(Vec::new()),
                    _ => Self::Other,
                },
                bytes,
            )),
            5 => fixed(1),
            6 => fixed(2),
            7 => fixed(4),
            8 => fixed(8),
            9 => fixed(16),
            0xa | 0xb => {
                let (text, rest) = sized(constructor >> 4 == 0xb, bytes)?;
                Some((Self::Text(String::from_utf8_lossy(text).into_owned()), rest))
            }
            0xc..=0xf => {
                let wide = constructor & 0x10 != 0;
                let (inner, rest) = sized(wide, bytes)?;
                let (count, inner) = number(wide, inner)?;
                if depth >= DEEPEST || count > MOST {
                    return None;
                }
                let is_array = constructor >> 4 >= 0xe;
                let values = Self::several(count, inner, is_array, depth + 1)?;
                let value = match constructor {
                    0xc1 | 0xd1 => Self::Map(
                        values
                            .chunks_exact(2)
                            .filter_map(|pair| match pair {
                                [key, value] => Some((key.clone(), value.clone())),
                                _ => None,
                            })
                            .collect(),
                    ),
                    _ => Self::List(values),
                };
                Some((value, rest))
            }
            _ => None,
        }
    }

    /// So many values; those of an array have one constructor among them.
    fn several(count: usize, bytes: &[u8], is_array: bool, depth: usize) -> Option<Vec<Self>> {
        let mut rest = bytes;
        let mut shared = None;
        if is_array && count > 0 {
            let (constructor, after) = rest.split_first()?;
            // Arrays of described values are of no use here.
            if *constructor == 0 {
                return Some(Vec::new());
            }
            (shared, rest) = (Some(*constructor), after);
        }
        let mut values = Vec::new();
        for _ in 0..count {
            let value;
            (value, rest) = match shared {
                Some(constructor) => Self::of(constructor, rest, depth)?,
                None => Self::read(rest, depth)?,
            };
            values.push(value);
        }
        Some(values)
    }
}

/// As many bytes as are announced, and what follows them.
fn sized(wide: bool, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(wide, bytes)?;
    rest.split_at_checked(length)
}

/// A length or a count, of four bytes or of one.
fn number(wide: bool, bytes: &[u8]) -> Option<(usize, &[u8])> {
    if wide {
        let (number, rest) = bytes.split_first_chunk()?;
        return Some((u32::from_be_bytes(*number) as usize, rest));
    }
    let (number, rest) = bytes.split_first()?;
    Some((usize::from(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Login, visit};
    use crate::peer::{Trouble, What};
    use crate::protocols::scripted::Scripted;
    use crate::settings::secret::Secret;
    use proptest::prelude::*;

    // As Qpid Proton 0.40.0, the library of qdrouterd, said it.
    const PROTON: &str = "414d5150030100000000001c02010000005340c00f01e00c01a309414e4f4e594d4f5553\
                          0000001002010000005344c003015000414d5150000100000000001902000000005310c0\
                          0c04a100407000008000607fff0000000c0200000000531845";

    // As RabbitMQ 3.10.8 with its plugin for AMQP 1.0 said it, its copyright left out.
    const MECHANISMS: &str = "414d5150030100000000003402010000005340c02701e02403b300000009414e4f4e59\
                              4d4f555300000008414d51504c41494e00000005504c41494e";
    const LET_IN: &str = "0000001102010000005344c00402500040414d515000010000";
    const OPENED: &str = "0000005c02000000005310d00000004c0000000aa1137261626269744036626137346565\
                          6231353865404040700000ea6040404040c12504a30770726f64756374a1085261626269\
                          744d51a30776657273696f6ea106332e31302e38";
    const CLOSED: &str = "0000000f02000000005318c0020140";

    fn bytes(parts: &[&str]) -> Vec<u8> {
        let digits: Vec<u8> = parts.concat().bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.chunks(2).map(|digits| pair(digits).unwrap()).collect()
    }

    fn guest() -> Login {
        Login { user: "guest".into(), password: Secret::new("wrong") }
    }

    fn asked(parts: &[&str], login: Option<&Login>) -> Result<Answer, Trouble> {
        visit(Scripted::new(bytes(parts)), login, "x")
    }

    #[test]
    fn a_connection_is_opened_and_closed() {
        let mut server = Scripted::new(bytes(&[PROTON]));
        let answer = visit(&mut server, None, "openstack-healthcheck of x").unwrap();
        assert_eq!(answer, Answer::Open("an AMQP container".into()));
        // As both servers have heard it.
        let expected = bytes(&[
            "414d5150030100000000003b02010000005341d00000002b00000002a309414e4f4e594d4f5553a01a",
            "6f70656e737461636b2d6865616c7468636865636b206f662078",
            "414d5150000100000000003002000000005310d00000002000000001a11a",
            "6f70656e737461636b2d6865616c7468636865636b206f662078",
            "0000001402000000005318d00000000400000000",
        ]);
        assert_eq!(server.heard(), expected);
        for login in [None, Some(&guest())] {
            let answer = asked(&[MECHANISMS, LET_IN, OPENED, CLOSED], login).unwrap();
            assert_eq!(answer, Answer::Open("RabbitMQ 3.10.8".into()));
        }
        // A sign of life between, and what a router begins before it reads our farewell.
        let begin = "0000000c0200000000531145";
        let alive = "0000000802000000";
        let answer = asked(&[MECHANISMS, LET_IN, alive, OPENED, begin, CLOSED], None).unwrap();
        assert_eq!(answer, Answer::Open("RabbitMQ 3.10.8".into()));
    }

    #[test]
    fn a_password_is_sent_to_who_takes_one_and_to_nobody_else() {
        let mut server = Scripted::new(bytes(&[MECHANISMS]));
        let _ = visit(&mut server, Some(&guest()), "x");
        assert!(server.heard().ends_with(b"\xa3\x05PLAIN\xa0\x0c\0guest\0wrong"));
        let mut server = Scripted::new(bytes(&[PROTON]));
        let _ = visit(&mut server, Some(&guest()), "x");
        assert!(!server.heard().windows(5).any(|heard| heard == b"wrong"));
    }

    #[test]
    fn one_that_wants_a_login_says_so() {
        let external = "414d5150030100000000001802010000005340c00b01a30845585445524e414c";
        let answer = asked(&[external], None).unwrap();
        assert_eq!(answer, Answer::WantsLogin("EXTERNAL".into()));
    }

    #[test]
    fn other_answers_are_troubles() {
        let auth = "0000001002010000005344c003015001";
        let system = "0000001002010000005344c003015002";
        // close, with an error: a symbol and a text.
        let refused = "0000003402000000005318c0270100531dc02102a31d616d71703a636f6e6e656374696f6e\
                       3a6672616d696e672d6572726f7240";
        let huge = "414d515003010000 ffffffff02010000";
        let mechanisms = "414d515003010000 0000000c02010000 00531045";
        for (parts, what, words) in [
            (&[""][..], What::HungUp, "closed the connection"),
            (&["414d515003"], What::HungUp, "closed the connection"),
            (&["414d515002010000"], What::Garbled, "speaks AMQP 1.0 within TLS only"),
            (&["414d515000000901"], What::Garbled, "speaks AMQP 0-9-1, not 1.0"),
            (&["414d515000010000"], What::Garbled, "speaks AMQP 1.0 without SASL"),
            (
                &["485454502f312e31"],
                What::Garbled,
                "expected the header of AMQP 1.0, found \"HTTP/1.1\"",
            ),
            (&[huge], What::Garbled, "expected a frame of AMQP 1.0, found one of 4294967295 bytes"),
            (&[mechanisms], What::Garbled, "expected performative 0x40 of AMQP 1.0, found 0x10"),
            (&[MECHANISMS, auth], What::Denied, "does not let in guest: sasl-outcome auth"),
            (&[MECHANISMS, system], What::Failing, "said sasl-outcome 2"),
            (
                &[MECHANISMS, LET_IN, OPENED, refused],
                What::Failing,
                "said amqp:connection:framing-error",
            ),
            (
                &[MECHANISMS, LET_IN, refused],
                What::Failing,
                "said close amqp:connection:framing-error",
            ),
            (&[MECHANISMS, LET_IN, OPENED], What::HungUp, "closed the connection"),
        ] {
            let trouble = asked(parts, Some(&guest())).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    #[test]
    fn who_is_silent_on_a_login_is_not_frozen() {
        let silent = |parts: &[&str]| {
            let server = Scripted::new(bytes(parts)).staying();
            visit(server, Some(&guest()), "x").unwrap_err()
        };
        let words = "speaks AMQP 1.0, and does not say whether it lets in guest";
        assert_eq!(silent(&[MECHANISMS]), Trouble::new(What::Withheld, words));
        for parts in [&[][..], &[MECHANISMS, LET_IN]] {
            assert_eq!(silent(parts).what, What::Silent);
        }
    }

    #[test]
    fn values_in_one_another_without_end_are_not_followed() {
        let deep = [&b"\0"[..]; 600].concat();
        let mut said = bytes(&["414d515003010000"]);
        said.extend(((deep.len() + 8) as u32).to_be_bytes());
        said.extend([2, 1, 0, 0]);
        said.extend(deep);
        let trouble = visit(Scripted::new(said), None, "x").unwrap_err();
        assert_eq!(trouble.words, "expected a performative of AMQP 1.0, found another");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(said in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = visit(Scripted::new(said), None, "x");
        }

        #[test]
        fn any_performative_is_survived(body in prop::collection::vec(any::<u8>(), 0..80), at in 0..3_usize) {
            let mut said = bytes(&[MECHANISMS, LET_IN, OPENED][..at]);
            said.extend(((body.len() + 8) as u32).to_be_bytes());
            said.extend([2, 0, 0, 0]);
            said.extend(body);
            let _ = visit(Scripted::new(said), None, "x");
        }
    }
}
