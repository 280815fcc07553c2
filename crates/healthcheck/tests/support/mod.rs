//! What the tests of this crate share: scenarios of `tests/scenarios`, the
//! trees they become, and what the engine says of them.

#![allow(clippy::allow_attributes, reason = "not every test file uses what they allow")]
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::disallowed_methods, reason = "fixtures are written to the disk")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "what cannot be set up has failed")]

pub(crate) mod answer;
pub(crate) mod container;
pub(crate) mod live;
pub(crate) mod scenario;
pub(crate) mod tables;
pub(crate) mod tree;

/// Compares with a golden file, or writes it where `UPDATE_GOLDEN` is set.
/// Gives what is wrong, if something is.
pub(crate) fn golden(path: &std::path::Path, found: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, found).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    (expected != found).then(|| {
        format!(
            "{}: expected\n{expected}\nfound\n{found}\n(UPDATE_GOLDEN=1 blesses)",
            path.display()
        )
    })
}
