//! Erlang's terms as nodes send them: those that answers are made of are read, what
//! else there may be is stepped over.

use crate::peer::Trouble;

/// How deep terms may stand in one another.
const DEEPEST: usize = 64;

/// As many terms as are read from one message.
const MOST: usize = 100_000;

/// What begins every term on its own.
const VERSION: u8 = 131;

/// A term.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Atom(String),
    Integer(i64),
    /// A binary, or a string: a list of bytes.
    Bytes(Vec<u8>),
    Tuple(Vec<Term>),
    /// Without its tail, where that is no list.
    List(Vec<Term>),
    Pid {
        node: String,
        id: u32,
        serial: u32,
        creation: u32,
    },
    /// Of its numbers the first, which is all that ours have.
    Reference {
        node: String,
        creation: u32,
        id: u32,
    },
    /// Anything else.
    Other,
}

impl Term {
    pub(crate) fn atom(name: &str) -> Self {
        Self::Atom(name.to_owned())
    }

    pub(crate) fn as_atom(&self) -> Option<&str> {
        match self {
            Self::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        self.as_atom().and_then(|name| name.parse().ok())
    }

    /// A binary's or a string's text.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    pub(crate) fn tuple(&self) -> Option<&[Term]> {
        match self {
            Self::Tuple(terms) => Some(terms),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Term]> {
        match self {
            Self::List(terms) => Some(terms),
            _ => None,
        }
    }

    /// Writes it as a node reads it.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.push(VERSION);
        self.encode_within(into);
    }

    fn encode_within(&self, into: &mut Vec<u8>) {
        match self {
            Self::Atom(name) => encode_atom(name, into),
            Self::Integer(number) => {
                // What we ask with is small.
                into.push(98);
                into.extend((*number as i32).to_be_bytes());
            }
            Self::Bytes(bytes) => {
                into.push(109);
                into.extend((bytes.len() as u32).to_be_bytes());
                into.extend(bytes);
            }
            Self::Tuple(terms) => {
                into.push(104);
                into.push(terms.len() as u8);
                terms.iter().for_each(|term| term.encode_within(into));
            }
            Self::List(terms) => {
                if !terms.is_empty() {
                    into.push(108);
                    into.extend((terms.len() as u32).to_be_bytes());
                    terms.iter().for_each(|term| term.encode_within(into));
                }
                into.push(106);
            }
            Self::Pid { node, id, serial, creation } => {
                into.push(88);
                encode_atom(node, into);
                for number in [id, serial, creation] {
                    into.extend(number.to_be_bytes());
                }
            }
            Self::Reference { node, creation, id } => {
                into.push(90);
                into.extend(1_u16.to_be_bytes());
                encode_atom(node, into);
                into.extend(creation.to_be_bytes());
                into.extend(id.to_be_bytes());
            }
            Self::Other => into.push(106),
        }
    }
}

fn encode_atom(name: &str, into: &mut Vec<u8>) {
    into.push(119);
    into.push(name.len() as u8);
    into.extend(name.as_bytes());
}

/// Reads a term and leaves what follows it.
///
/// # Errors
/// Where it is none, or too much.
pub(crate) fn decode(bytes: &mut &[u8]) -> Result<Term, Trouble> {
    let mut reader = Reader { bytes, left: MOST };
    let term = match reader.byte() {
        Some(VERSION) => reader.term(0),
        _ => None,
    };
    term.ok_or_else(|| Trouble::garbled("expected a term of Erlang's, found another thing"))
}

/// `None` anywhere is a term that is none.
struct Reader<'a, 'b> {
    bytes: &'a mut &'b [u8],
    left: usize,
}

impl<'b> Reader<'_, 'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        *self.bytes = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(*self.take(1)?.first()?)
    }

    fn short(&mut self) -> Option<usize> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?).into())
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        self.long()?.try_into().ok()
    }

    fn term(&mut self, depth: usize) -> Option<Term> {
        self.left = self.left.checked_sub(1)?;
        if depth > DEEPEST {
            return None;
        }
        let within = depth + 1;
        Some(match self.byte()? {
            97 => Term::Integer(self.byte()?.into()),
            98 => Term::Integer(i32::from_be_bytes(self.take(4)?.try_into().ok()?).into()),
            // Names of bytes, and of UTF-8: long, short.
            100 | 118 => {
                let length = self.short()?;
                self.name(length)?
            }
            115 | 119 => {
                let length = self.byte()?.into();
                self.name(length)?
            }
            104 => {
                let count = self.byte()?.into();
                Term::Tuple(self.terms(count, within)?)
            }
            105 => {
                let count = self.length()?;
                Term::Tuple(self.terms(count, within)?)
            }
            106 => Term::List(Vec::new()),
            107 => {
                let length = self.short()?;
                Term::Bytes(self.take(length)?.to_vec())
            }
            108 => {
                let count = self.length()?;
                let terms = self.terms(count, within)?;
                self.term(within)?;
                Term::List(terms)
            }
            109 => {
                let length = self.length()?;
                Term::Bytes(self.take(length)?.to_vec())
            }
            // Process identifiers: with a creation of one byte, of four.
            tag @ (103 | 88) => {
                let node = self.node(within)?;
                let (id, serial) = (self.long()?, self.long()?);
                let creation = if tag == 88 { self.long()? } else { self.byte()?.into() };
                Term::Pid { node, id, serial, creation }
            }
            // References: with a creation of one byte, of four.
            tag @ (114 | 90) => {
                let count = self.short()?;
                let node = self.node(within)?;
                let creation = if tag == 90 { self.long()? } else { self.byte()?.into() };
                let mut numbers = self.take(count.checked_mul(4)?)?.chunks_exact(4);
                let id = u32::from_be_bytes(numbers.next()?.try_into().ok()?);
                Term::Reference { node, creation, id }
            }
            other => {
                self.step_over(other, within)?;
                Term::Other
            }
        })
    }

    /// What no answer of ours is made of.
    fn step_over(&mut self, tag: u8, within: usize) -> Option<()> {
        match tag {
            // A floating-point number: in eight bytes, in letters.
            70 => drop(self.take(8)?),
            99 => drop(self.take(31)?),
            // A great integer: its sign, then its bytes.
            110 => {
                let length = usize::from(self.byte()?);
                self.take(length + 1)?;
            }
            111 => {
                let length = self.length()?;
                self.take(length.checked_add(1)?)?;
            }
            // A binary that ends within a byte.
            77 => {
                let length = self.length()?;
                self.take(length.checked_add(1)?)?;
            }
            // Ports: with a creation of one byte, of four, with an id of eight.
            102 | 89 | 120 => {
                self.node(within)?;
                self.take(match tag {
                    102 => 5,
                    89 => 8,
                    _ => 12,
                })?;
            }
            // A reference of one number.
            101 => {
                self.node(within)?;
                self.take(5)?;
            }
            // A function of some module.
            113 => drop(self.terms(3, within)?),
            // A function with what it holds; its size includes itself.
            112 => {
                let length = self.length()?.checked_sub(4)?;
                self.take(length)?;
            }
            // A map: keys and values.
            116 => {
                let count = self.length()?.checked_mul(2)?;
                self.terms(count, within)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn name(&mut self, length: usize) -> Option<Term> {
        Some(Term::Atom(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    fn node(&mut self, within: usize) -> Option<String> {
        match self.term(within)? {
            Term::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// Each takes a byte at least: what says it has more is not believed.
    fn terms(&mut self, count: usize, within: usize) -> Option<Vec<Term>> {
        if count > self.left.min(self.bytes.len()) {
            return None;
        }
        let mut terms = Vec::new();
        for _ in 0..count {
            terms.push(self.term(within)?);
        }
        Some(terms)
    }
}
