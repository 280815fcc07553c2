//! What is said once both know each other: functions are called, all at once, by
//! way of `rex`, the process that every node has for it.

use super::handshake::Ourselves;
use super::long_message;
use super::terms::{self, Term};
use crate::peer::Trouble;
use std::fmt;
use std::io::{ErrorKind, Read, Write};

/// The largest message that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// As many messages as are read for the answers: there may be some that are not for us.
const MOST: usize = 1000;

/// A node that knows us.
pub(crate) struct Node<S> {
    stream: S,
    name: String,
    ours: Ourselves,
    /// How many calls there were: what one is known by is not used again.
    asked: u32,
}

/// A function and what it is called with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Its module.
    pub(crate) module: &'static str,
    /// Its name.
    pub(crate) function: &'static str,
    /// What it is given.
    pub(crate) arguments: Vec<Term>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Returned {
    /// What it returned.
    Value(Term),
    /// The node knows no such function.
    Unknown,
    /// It failed.
    Failed,
    /// It has not come back yet.
    Outstanding,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.function)
    }
}

impl<S: Read + Write> Node<S> {
    pub(super) fn new(stream: S, name: String, ours: &Ourselves) -> Self {
        Self { stream, name, ours: ours.clone(), asked: 0 }
    }

    /// Its name: `name@host`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Calls functions, and waits until all have come back, the stream's deadline
    /// has passed, or `enough` of what has been returned.
    ///
    /// # Errors
    /// Where the node has gone or says what is not the protocol. That it is slow
    /// is none.
    pub(crate) fn call(
        &mut self,
        calls: &[Call],
        enough: impl Fn(&[Returned]) -> bool,
    ) -> Result<Vec<Returned>, Trouble> {
        let mut asked = Vec::new();
        let first = self.asked;
        for call in calls {
            let message = self.request(self.asked, call);
            self.asked = self.asked.wrapping_add(1);
            asked.extend((message.len() as u32).to_be_bytes());
            asked.extend(message);
        }
        self.stream.write_all(&asked)?;
        self.stream.flush()?;
        let mut returned = vec![Returned::Outstanding; calls.len()];
        for _ in 0..MOST {
            let is_all = !returned.contains(&Returned::Outstanding);
            if is_all || enough(&returned) {
                return Ok(returned);
            }
            let message = match long_message(&mut self.stream, LARGEST) {
                Ok(message) => message,
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(returned),
                Err(error) => return Err(error.into()),
            };
            // Nothing at all is how a node says that it still lives.
            if message.is_empty() {
                continue;
            }
            if let Some((id, value)) = answer(&message)?
                && let Some(place) = returned.get_mut(id.wrapping_sub(first) as usize)
            {
                *place = Returned::of(value);
            }
        }
        Err(Trouble::garbled(format!("answered with more than {MOST} messages")))
    }

    /// `rex ! {'$gen_call', {Self, Ref}, {call, M, F, A, user}}`.
    fn request(&self, id: u32, Call { module, function, arguments }: &Call) -> Vec<u8> {
        let Ourselves { name, creation } = &self.ours;
        let ours = || Term::Pid { node: name.clone(), id: 1, serial: 0, creation: *creation };
        let reference = Term::Reference { node: name.clone(), creation: *creation, id };
        let control =
            Term::Tuple(vec![Term::Integer(REG_SEND), ours(), Term::atom(""), Term::atom("rex")]);
        let call = Term::Tuple(vec![
            Term::atom("call"),
            Term::atom(module),
            Term::atom(function),
            Term::List(arguments.clone()),
            Term::atom("user"),
        ]);
        let from = Term::Tuple(vec![ours(), reference]);
        let request = Term::Tuple(vec![Term::atom("$gen_call"), from, call]);
        let mut message = vec![PASS_THROUGH];
        control.encode(&mut message);
        request.encode(&mut message);
        message
    }
}

/// A message without a header.
const PASS_THROUGH: u8 = b'p';

/// `{2, Unused, ToPid}`, then a message.
const SEND: i64 = 2;

/// `{6, FromPid, Unused, ToName}`, then a message.
const REG_SEND: i64 = 6;

/// `{22, FromPid, ToPid}`, then a message.
const SEND_SENDER: i64 = 22;

/// Which call a message answers, and what; `None` where it is another one.
fn answer(message: &[u8]) -> Result<Option<(u32, Term)>, Trouble> {
    let Some((&PASS_THROUGH, mut rest)) = message.split_first() else {
        return Err(Trouble::garbled("expected a message without a header, found another"));
    };
    let control = terms::decode(&mut rest)?;
    let Term::Tuple(control) = control else { return Ok(None) };
    if !matches!(control.first(), Some(Term::Integer(SEND | SEND_SENDER))) {
        return Ok(None);
    }
    let Term::Tuple(reply) = terms::decode(&mut rest)? else { return Ok(None) };
    let mut reply = reply.into_iter();
    match (reply.next(), reply.next(), reply.next()) {
        (Some(Term::Reference { id, .. }), Some(value), None) => Ok(Some((id, value))),
        _ => Ok(None),
    }
}

impl Returned {
    /// `{badrpc, {'EXIT', {undef, Stack}}}` is a function that is not known.
    fn of(value: Term) -> Self {
        match value.tuple() {
            Some([Term::Atom(tag), reason]) if tag == "badrpc" => {
                let reason =
                    reason.tuple().and_then(|exit| exit.get(1)?.tuple()?.first()?.as_atom());
                if reason == Some("undef") { Self::Unknown } else { Self::Failed }
            }
            _ => Self::Value(value),
        }
    }

    /// What it returned, if it has.
    pub(crate) fn value(&self) -> Option<&Term> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}
