//! The catalogue itself: every entry reads, every name leads to one service,

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod added;
mod entries;
mod names;
mod plans;
mod processes;

use healthcheck::catalog::EMBEDDED;
use healthcheck::catalog::Embedded;
use vantage::Vantage;

pub(crate) fn services() -> impl Iterator<Item = &'static Embedded> {
    EMBEDDED.iter().filter(|entry| !entry.shared)
}

/// A container of these processes: command lines, in the order of their ids.
pub(crate) fn container(lines: &[&[&str]]) -> (tempfile::TempDir, Vantage) {
    let folder = tempfile::tempdir().unwrap();
    for place in ["root", "proc"] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
    }
    for (index, words) in lines.iter().enumerate() {
        let process = folder.path().join(format!("proc/{}", index + 1));
        std::fs::create_dir_all(&process).unwrap();
        let line: String = words.iter().map(|word| format!("{word}\0")).collect();
        std::fs::write(process.join("cmdline"), line).unwrap();
    }
    let vantage = Vantage::at(folder.path()).unwrap();
    (folder, vantage)
}
