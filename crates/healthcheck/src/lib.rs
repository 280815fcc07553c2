//! From a definition to a report.

pub mod settings;
