//! `healthctl list`: the catalogue.

use crate::terminal;
use anyhow::Result;
use clap::ValueEnum;
use healthcheck::catalog::{Catalog, EMBEDDED};
use healthcheck::verdict::Exit;
use serde::Serialize;

/// List every service there is a definition for
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// for people
    Table,
    /// for programs
    Json,
}

#[derive(Debug, Serialize)]
struct Listed {
    service: &'static str,
    aliases: &'static [&'static str],
    about: Option<String>,
    checks: Vec<&'static str>,
    lacks: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let catalog = Catalog::embedded();
    let mut listed = Vec::new();
    for entry in EMBEDDED.iter().filter(|entry| !entry.shared) {
        let definition = catalog.definition(entry.service)?;
        listed.push(Listed {
            service: entry.service,
            aliases: entry.aliases,
            about: definition.about,
            checks: definition.checks.iter().map(|check| check.kind).collect(),
            lacks: definition.lacks,
        });
    }
    listed.sort_by_key(|entry| entry.service);
    terminal::say(&match arguments.format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&listed)?),
        Format::Table => table(&listed),
    });
    Ok(Exit::Pass)
}

fn table(listed: &[Listed]) -> String {
    let widest = |text: fn(&Listed) -> usize| listed.iter().map(text).max().unwrap_or_default();
    let service = widest(|entry| entry.service.len());
    let checks = widest(|entry| entry.checks.join(", ").len());
    let mut text = String::new();
    for entry in listed {
        let line = format!(
            "{:service$}  {:checks$}  {}",
            entry.service,
            entry.checks.join(", "),
            entry.about.as_deref().unwrap_or_default()
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
