//! The reference pages, made from the lists the code itself reads. `--check` writes nothing and
//! fails where a page is stale.

use crate::{commands, definitions, kinds, services};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Write docs/reference from the code
#[derive(clap::Parser, Debug)]
pub(crate) struct Args {
    /// Write nothing; fail where a page is not what the code says
    #[arg(long)]
    pub(crate) check: bool,
}

/// What a page says, as Markdown.
type Render = fn() -> Result<String>;

/// Every generated page.
const PAGES: &[(&str, Render)] = &[
    ("docs/reference/commands.md", commands::page),
    ("docs/reference/definitions.md", definitions::page),
    ("docs/reference/kinds.md", kinds::page),
    ("docs/reference/services.md", services::page),
];

/// The first line of every page.
pub(crate) const NOTICE: &str =
    "<!-- Made by `cargo xtask generate` from the code. Edits here are lost. -->\n\n";

/// Writes the pages, or only checks them.
pub(crate) fn write(check: bool) -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2).context("this package stands in no repository")?;
    let mut stale = Vec::new();
    for (path, render) in PAGES {
        let wanted =
            format!("{NOTICE}{}", render().with_context(|| format!("cannot make {path}"))?);
        let file = root.join(path);
        if fs::read_to_string(&file).is_ok_and(|found| found == wanted) {
            continue;
        }
        if check {
            stale.push(*path);
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&file, wanted).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    if !stale.is_empty() {
        bail!("{} not what the code says: run `cargo xtask generate`", stale.join(", "));
    }
    Ok(())
}
