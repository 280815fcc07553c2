//! What is parsed here of bytes that an engine chose, for `fuzz/`.

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[("engine", crate::engines::fuzz)];
