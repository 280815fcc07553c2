//! The settings of the service itself.

pub mod arguments;
