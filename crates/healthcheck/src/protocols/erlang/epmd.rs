//! The port mapper: which nodes of a host listen on which ports (NAMES_REQ).

use crate::peer::Trouble;
use std::io::{Read, Write};
use vantage::Port;

/// As much of its answer as is read, in bytes; a node takes about thirty.
const LONGEST: u64 = 64 << 10;

/// As many nodes as are taken from one answer.
const MAX_NODES: usize = 1000;

/// The names of the nodes, without their host, and their ports.
///
/// # Errors
/// Where the answer is none, or another.
pub(crate) fn names(mut stream: impl Read + Write) -> Result<Vec<(String, Port)>, Trouble> {
    stream.write_all(&[0, 1, b'n'])?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    // Its own port, then a line for each node.
    let Some(lines) = answer.get(4..) else {
        return Err(Trouble::garbled("expected the port mapper's names, found less"));
    };
    let lines = String::from_utf8_lossy(lines);
    let node = |line: &str| {
        let (name, port) = line.strip_prefix("name ")?.split_once(" at port ")?;
        Some((name.to_owned(), Port::new(port.trim().parse().ok()?)?))
    };
    Ok(lines.lines().filter_map(node).take(MAX_NODES).collect())
}
