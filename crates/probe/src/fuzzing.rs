//! Command lines as scripts and engines may give them, for `fuzz/`.

use crate::{arguments, legacy};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A target's name, and what feeds it.
pub type Target = (&'static str, fn(&[u8]));

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[Target] = &[("command-line", command_line)];

/// The command's name and its words, a line each.
fn command_line(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n');
    let mut words: Vec<_> = words.map(|word| OsString::from_vec(word.to_vec())).collect();
    let name = words.remove(0);
    match legacy::find(&name.to_string_lossy()) {
        Some(helper) => drop(helper.call(words)),
        None => {
            if let Err(misuse) = arguments::parse(words) {
                let _ = (misuse.to_string(), misuse.nearest());
            }
        }
    }
}
