//! Questions for a name's addresses and the answers to them (RFC 1035 section
//! 4). Answers are read as if anybody could have sent them. These few record
//! types are less code here than a library's binding would be.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const CNAME: u16 = 5;
const FLAG_RESPONSE: u16 = 0x8000;
const MASK_OPCODE: u16 = 0x7800;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSE: u16 = 0x0100;
const MASK_CODE: u16 = 0x000f;
const CODE_NO_NAME: u16 = 3;

/// The longest name on the wire, in bytes.
const MAX_NAME: usize = 255;
/// As many pointers as one name may be read through.
const MAX_POINTERS: usize = 64;
/// As many aliases as are followed.
const MAX_ALIASES: usize = 16;
/// As many addresses as are taken.
const MAX_ADDRESSES: usize = 64;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4 = 1,
    Ipv6 = 28,
}

/// A question of any type and class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuestion {
    id: u16,
    name: Name,
    kind: u16,
    class: u16,
}

/// What a server says to any question, as far as it needs no reading of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsAnswer {
    /// Its response code (RFC 1035, section 4.1.1): 0 where there is no error.
    pub code: u16,
    /// How many records it says that it answers with.
    pub records: u16,
    /// Whether it did not fit.
    pub truncated: bool,
}

/// A question for the addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    asked: DnsQuestion,
    family: Family,
}

/// What a server says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The addresses of that family; none where it has only others.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// It did not fit: ask by TCP.
    Truncated,
    /// The server cannot or will not say: its response code.
    Failed(u16),
}

/// A name as on the wire, uncompressed and in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// A host's name as written; `None` where it cannot be one.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let lawful = label.bytes().all(|byte| byte.is_ascii_graphic());
            if label.is_empty() || label.len() > 63 || !lawful {
                return None;
            }
            wire.push(label.len() as u8);
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        wire.push(0);
        (wire.len() <= MAX_NAME).then_some(Self(wire))
    }

    /// The name at a place of a message, and the place behind it.
    fn read(message: &[u8], start: usize) -> Option<(Self, usize)> {
        let mut wire = Vec::new();
        let mut at = start;
        let mut behind = None;
        let mut pointers = 0;
        // A pointer leads to before everything read so far, so this ends.
        let mut earliest = start;
        loop {
            let length = usize::from(*message.get(at)?);
            match length {
                0 => {
                    wire.push(0);
                    return Some((Self(wire), behind.unwrap_or(at + 1)));
                }
                1..=63 => {
                    let label = message.get(at + 1..at + 1 + length)?;
                    wire.push(length as u8);
                    wire.extend(label.iter().map(u8::to_ascii_lowercase));
                    at += 1 + length;
                }
                0xc0..=0xff => {
                    let target = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                    behind.get_or_insert(at + 2);
                    pointers += 1;
                    if target >= earliest || pointers > MAX_POINTERS {
                        return None;
                    }
                    earliest = target;
                    at = target;
                }
                _ => return None,
            }
            if wire.len() >= MAX_NAME {
                return None;
            }
        }
    }
}

impl DnsQuestion {
    /// A question for a name (`.` is the root), by the numbers of type and class;
    /// `None` where it cannot be a name.
    pub fn new(name: &str, kind: u16, class: u16) -> Option<Self> {
        let name = match name.strip_suffix('.').unwrap_or(name) {
            "" if name == "." => Name(vec![0]),
            name => Name::new(name)?,
        };
        Some(Self { id: random_id(), name, kind, class })
    }

    /// The message that asks it.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.name.0.len() + 4);
        // One question, and no records of the three other kinds.
        for number in [self.id, FLAG_RECURSE, 1, 0, 0, 0] {
            message.extend(number.to_be_bytes());
        }
        message.extend(&self.name.0);
        message.extend(self.kind.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        message
    }

    /// What a message says to this question; `None` where it is no answer to it.
    pub fn answer(&self, message: &[u8]) -> Option<DnsAnswer> {
        let flags = self.flags(message)?;
        let code = flags & MASK_CODE;
        // Who refuses may leave the question out.
        let bare = code != 0 && u16_at(message, 4)? == 0;
        if !bare {
            self.behind_question(message)?;
        }
        let truncated = flags & FLAG_TRUNCATED != 0;
        Some(DnsAnswer { code, records: u16_at(message, 6)?, truncated })
    }

    /// The flags of a message with our id that answers.
    fn flags(&self, message: &[u8]) -> Option<u16> {
        let flags = u16_at(message, 2)?;
        let ours = u16_at(message, 0)? == self.id
            && flags & FLAG_RESPONSE != 0
            && flags & MASK_OPCODE == 0;
        ours.then_some(flags)
    }

    /// The place behind the question of a message that repeats ours.
    fn behind_question(&self, message: &[u8]) -> Option<usize> {
        let (asked, behind) = Name::read(message, HEADER)?;
        let ours = u16_at(message, 4)? == 1
            && asked == self.name
            && u16_at(message, behind)? == self.kind
            && u16_at(message, behind + 2)? == self.class;
        ours.then_some(behind + 4)
    }
}

impl Question {
    pub(super) fn new(id: u16, name: Name, family: Family) -> Self {
        Self { asked: DnsQuestion { id, name, kind: family as u16, class: CLASS_IN }, family }
    }

    /// The message that asks it.
    pub(super) fn encode(&self) -> Vec<u8> {
        self.asked.message()
    }

    /// What a message says to this question; `None` where it is no answer to
    /// it, or makes no sense.
    pub(super) fn reply(&self, message: &[u8]) -> Option<Reply> {
        let flags = self.asked.flags(message)?;
        let behind = self.asked.behind_question(message)?;
        match flags & MASK_CODE {
            _ if flags & FLAG_TRUNCATED != 0 => Some(Reply::Truncated),
            0 => self.addresses(message, behind).map(Reply::Addresses),
            CODE_NO_NAME => Some(Reply::NoName),
            code => Some(Reply::Failed(code)),
        }
    }

    /// The addresses among the answers, aliases followed.
    fn addresses(&self, message: &[u8], mut at: usize) -> Option<Vec<IpAddr>> {
        let mut aliases = Vec::new();
        let mut found = Vec::new();
        for _ in 0..u16_at(message, 6)? {
            let (owner, fixed) = Name::read(message, at)?;
            let (kind, class) = (u16_at(message, fixed)?, u16_at(message, fixed + 2)?);
            let start = fixed + 10;
            let end = start + usize::from(u16_at(message, fixed + 8)?);
            let content = message.get(start..end)?;
            if class == CLASS_IN && kind == CNAME {
                aliases.push((owner, Name::read(message, start)?.0));
            } else if class == CLASS_IN && kind == self.family as u16 {
                found.push((owner, self.family.address(content)?));
            }
            at = end;
        }
        let mut name = &self.asked.name;
        for _ in 0..MAX_ALIASES {
            match aliases.iter().find(|(alias, _)| alias == name) {
                Some((_, target)) => name = target,
                None => break,
            }
        }
        let of_name = found.iter().filter(|(owner, _)| owner == name);
        Some(of_name.map(|(_, address)| *address).take(MAX_ADDRESSES).collect())
    }
}

impl Family {
    fn address(self, content: &[u8]) -> Option<IpAddr> {
        Some(match self {
            Self::Ipv4 => Ipv4Addr::from(<[u8; 4]>::try_from(content).ok()?).into(),
            Self::Ipv6 => Ipv6Addr::from(<[u8; 16]>::try_from(content).ok()?).into(),
        })
    }
}

/// An id that cannot be guessed: the standard library seeds its hash maps from
/// the kernel's random numbers.
pub(super) fn random_id() -> u16 {
    RandomState::new().hash_one(()) as u16
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(name: &str, family: Family) -> Question {
        Question::new(0x1234, Name::new(name).unwrap(), family)
    }

    /// The question's own message with a header that answers, and records.
    fn answer(question: &Question, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
        let mut message = question.encode();
        message[2..4].copy_from_slice(&(FLAG_RESPONSE | flags).to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        message.extend(records.concat());
        message
    }

    fn record(owner: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
        let mut record = owner.to_vec();
        for number in [kind, CLASS_IN, 0, 60, content.len() as u16] {
            record.extend(number.to_be_bytes());
        }
        record.extend(content);
        record
    }

    /// A pointer to the question's name.
    const ASKED: [u8; 2] = [0xc0, HEADER as u8];

    #[test]
    fn addresses_of_the_name_and_of_what_it_is_an_alias_for() {
        let asked = question("Rabbit.example.org", Family::Ipv4);
        let target = Name::new("r1.example.org").unwrap();
        let records = [
            // In any order, and with a stranger among them.
            record(&target.0, 1, &[172, 17, 1, 20]),
            record(&ASKED, CNAME, &target.0),
            record(&Name::new("other.example.org").unwrap().0, 1, &[192, 0, 2, 1]),
        ];
        let expected = Reply::Addresses(vec!["172.17.1.20".parse().unwrap()]);
        assert_eq!(asked.reply(&answer(&asked, 0, &records)), Some(expected));
    }

    #[test]
    fn ipv6_and_none_and_refusals() {
        let asked = question("a.b", Family::Ipv6);
        let octets = Ipv6Addr::LOCALHOST.octets();
        let reply = |flags, records: &[Vec<u8>]| asked.reply(&answer(&asked, flags, records));
        let one = Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]);
        assert_eq!(reply(0, &[record(&ASKED, 28, &octets)]), Some(one));
        assert_eq!(reply(0, &[]), Some(Reply::Addresses(vec![])));
        assert_eq!(reply(3, &[]), Some(Reply::NoName));
        assert_eq!(reply(2, &[]), Some(Reply::Failed(2)));
        assert_eq!(reply(FLAG_TRUNCATED, &[]), Some(Reply::Truncated));
        assert_eq!(reply(0, &[record(&ASKED, 28, &[1, 2, 3])]), None);
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let asked = question("a.b", Family::Ipv4);
        let lawful = answer(&asked, 0, &[]);
        assert!(asked.reply(&lawful).is_some());
        for (at, what) in [(0, "id"), (2, "response"), (13, "name"), (18, "type"), (20, "class")] {
            let mut message = lawful.clone();
            message[at] ^= 0x80;
            assert_eq!(asked.reply(&message), None, "{what}");
        }
        assert_eq!(asked.reply(&asked.encode()), None, "the question itself");
    }

    #[test]
    fn pointers_and_aliases_in_a_circle_end() {
        let asked = question("a.b", Family::Ipv4);
        let own_place = asked.encode().len() as u8;
        let itself = record(&[0xc0, own_place], 1, &[1, 2, 3, 4]);
        assert_eq!(asked.reply(&answer(&asked, 0, &[itself])), None);
        let circle = record(&ASKED, CNAME, &ASKED);
        let none = Some(Reply::Addresses(vec![]));
        assert_eq!(asked.reply(&answer(&asked, 0, &[circle])), none);
    }

    #[test]
    fn what_cannot_be_a_hosts_name() {
        let long = "x".repeat(64);
        let many = ["x"; 130].join(".");
        for name in ["", ".", "a..b", "a b", "a\nb", "ä", &long, &many] {
            assert_eq!(Name::new(name), None, "{name}");
        }
    }

    #[test]
    fn any_question_is_answered_with_a_code() {
        let asked = DnsQuestion::new("version.bind", 16, 3).unwrap();
        let mut message = asked.message();
        assert_eq!(&message[HEADER..], b"\x07version\x04bind\0\0\x10\0\x03");
        assert_eq!(asked.answer(&message), None, "a question is no answer");
        let said = |message: &mut Vec<u8>, flags: u16| {
            message[2..4].copy_from_slice(&(FLAG_RESPONSE | flags).to_be_bytes());
            asked.answer(message)
        };
        let answer = |code, truncated| Some(DnsAnswer { code, records: 0, truncated });
        assert_eq!(said(&mut message, 0), answer(0, false));
        assert_eq!(said(&mut message, FLAG_TRUNCATED), answer(0, true));
        assert_eq!(said(&mut message, 5), answer(5, false));
        // Without the question, which is no answer where there is no error.
        let mut bare = message[..HEADER].to_vec();
        bare[4..6].copy_from_slice(&[0, 0]);
        assert_eq!(said(&mut bare, 5), answer(5, false));
        assert_eq!(said(&mut bare, 0), None);
        message[0] ^= 1;
        assert_eq!(said(&mut message, 0), None, "another's id");
        let root = DnsQuestion::new(".", 6, 1).unwrap().message();
        assert_eq!(&root[HEADER..], [0, 0, 6, 0, 1]);
        assert_eq!(DnsQuestion::new("", 6, 1), None);
        let (full, short) = ("a.b.".to_owned(), "a.b");
        assert_eq!(
            DnsQuestion::new(&full, 1, 1).unwrap().name,
            DnsQuestion::new(short, 1, 1).unwrap().name
        );
    }

    proptest! {
        #[test]
        fn any_message_is_read_or_refused(
            message in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let _ = question("a.b", Family::Ipv4).reply(&message);
            let _ = question("a.b", Family::Ipv4).asked.answer(&message);
        }

        #[test]
        fn any_records_behind_a_lawful_head_are_read_or_refused(
            records in prop::collection::vec(any::<u8>(), 0..600),
            count in any::<u16>(),
        ) {
            let asked = question("a.b", Family::Ipv4);
            let mut message = answer(&asked, 0, &[records]);
            message[6..8].copy_from_slice(&count.to_be_bytes());
            let _ = asked.reply(&message);
        }
    }
}
