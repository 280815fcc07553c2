//! What is parsed here of bytes that an engine chose, for `fuzz/`.

/// A target's name, and what feeds it.
pub type Target = (&'static str, fn(&[u8]));

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[Target] = &[("engine", crate::engines::fuzz)];
