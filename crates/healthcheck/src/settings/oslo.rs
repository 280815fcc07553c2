//! Configuration as oslo.config reads it. Its reader is on its way; until then
//! nothing is found, and that is said.

use std::path::PathBuf;
use vantage::Vantage;

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub text: String,
    /// Its file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// The files a service reads.
#[derive(Debug, Clone, Default)]
pub struct OsloSources {}

impl OsloSources {
    /// The files of a process.
    pub fn of(_project: &str, _program: &str, _arguments: &[String], _from: &Vantage) -> Self {
        Self {}
    }
}

/// What a service is configured to.
#[derive(Debug)]
pub struct OsloConfig {}

/// Why an option cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OsloError {}

impl OsloConfig {
    /// Reads the files.
    pub fn load(_sources: &OsloSources, _from: &Vantage) -> Self {
        Self {}
    }

    /// The value of an option.
    ///
    /// # Errors
    /// Where its value makes no sense.
    pub fn get(&self, _group: &str, _option: &str) -> Result<Option<Found>, OsloError> {
        Ok(None)
    }

    /// The files that were looked in.
    pub fn looked_in(&self) -> Vec<String> {
        Vec::new()
    }
}
