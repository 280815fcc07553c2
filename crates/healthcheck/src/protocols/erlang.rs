//! Erlang's distribution, as a hidden node: what `rabbitmqctl` starts a virtual
//! machine for, in a few hundred bytes. (`erl_dist_protocol` and `erl_ext_dist` of the
//! Erlang Run-Time System's reference manual.)

mod epmd;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handshake;
mod node;
mod terms;

pub(crate) use epmd::names;
pub(crate) use handshake::{Greeted, Ourselves, Version, greet};
pub(crate) use node::{Call, Node, Returned};
pub(crate) use terms::Term;

use std::io::{self, Read};

/// A message with a length of two bytes before it, as in the handshake.
///
/// # Errors
/// InvalidData where it is longer than `limit`, and those of the stream.
fn short_message(stream: &mut impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    message(stream, u16::from_be_bytes(length).into(), limit)
}

/// The same with a length of four bytes, as after it.
///
/// # Errors
/// As for [`short_message`].
fn long_message(stream: &mut impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    message(stream, length, limit)
}

fn message(stream: &mut impl Read, length: usize, limit: usize) -> io::Result<Vec<u8>> {
    if length > limit {
        let words = format!("answered with a message of {length} bytes, expected at most {limit}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "erlang_tests.rs"]
mod tests;
