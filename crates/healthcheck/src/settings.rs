//! The settings of the service itself.

pub mod arguments;
pub mod secret;
pub mod url;
