//! What every command shares: where the repository is, where logs go, the progress shown, and
//! whether the run was interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// One run of `cargo xtask`.
#[derive(Debug)]
pub(crate) struct Session {
    root: PathBuf,
    work: PathBuf,
    /// Looked at by every wait.
    pub(crate) interrupt: Interrupt,
    /// Where steps are announced.
    pub(crate) progress: Progress,
}

impl Session {
    /// Begins a run; signals are listened for from here on.
    pub(crate) fn begin() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask lies in no repository")?.to_path_buf();
        let target = std::env::var_os("CARGO_TARGET_DIR").map(|dir| root.join(dir));
        let work = target.unwrap_or_else(|| root.join("target")).join("xtask");
        let logs = work.join("log");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        Ok(Self { root, work, interrupt: Interrupt::listen()?, progress: Progress::new() })
    }

    /// The repository's top directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path beneath the run's own directory in `target`, for what is made on the way.
    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// The log file of the step `name`.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work.join("log").join(format!("{}.log", name.replace([' ', '/'], "-")))
    }
}
