//! `cargo xtask tidy`: rules of this repository that no compiler knows.

use crate::policy;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines a file of code may have, tests excluded.
const MAX_LINES: usize = 600;

/// The most lines a program's `main.rs` may have: it is a doorbell.
const MAX_MAIN: usize = 60;

/// Check what neither the compiler nor clippy checks
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    check(&workspace_root()?)?;
    policy::check(&Session::begin()?)
}

/// Reports every breach at once.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut breaches = Vec::new();
    for folder in ["crates", "xtask", "tests"] {
        for file in sources(&root.join(folder))? {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            breaches.extend(breaches_in(&name, &text));
        }
    }
    if breaches.is_empty() { Ok(()) } else { bail!("{}", breaches.join("\n")) }
}

/// The repository's root: where this package's folder is.
pub(crate) fn workspace_root() -> Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(package.parent().context("xtask stands in no repository")?.to_owned())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn breaches_in(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let is_test = name.contains("tests");
    if !is_test && !text.starts_with("//!") {
        breaches.push(format!("{name}:1: expected the file's purpose after `//!`"));
    }
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = code.lines().count();
    let limit = if name.ends_with("/main.rs") { MAX_MAIN } else { MAX_LINES };
    if lines > limit && !is_test {
        breaches.push(format!(
            "{name}: expected at most {limit} lines, found {lines}: split it by noun"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        // Assembled, so that this file is not its own breach.
        for word in [concat!("to", "do!("), concat!("unimplement", "ed!("), concat!("dbg", "!(")] {
            if line.contains(word) {
                breaches.push(format!("{name}:{}: `{word}` was left behind", index + 1));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::breaches_in;

    #[test]
    fn each_rule_finds_its_breach() {
        let long = format!("//! Long.\n{}", "let x;\n".repeat(700));
        let cases = [
            ("crates/a/src/a.rs", "//! A.\nfn a() {}\n", 0),
            ("crates/a/src/a.rs", "fn a() {}\n", 1),
            ("crates/a/src/a.rs", long.as_str(), 1),
            ("crates/a/tests/a.rs", long.as_str(), 0),
            ("crates/a/src/a.rs", concat!("//! A.\nfn a() { to", "do!() }\n"), 1),
        ];
        for (name, text, expected) in cases {
            assert_eq!(breaches_in(name, text).len(), expected, "{name} {text:.40}");
        }
    }
}
