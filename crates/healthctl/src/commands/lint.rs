//! `healthctl lint`: every mistake in definitions, before a container has them.

use super::{absolute, host};
use crate::terminal;
use anyhow::Result;
use healthcheck::catalog::Catalog;
use healthcheck::definition::{Definition, Profile};
use healthcheck::verdict::Exit;
use std::path::{Path, PathBuf};
use vantage::Vantage;

/// Check definitions for mistakes, all of them at once
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Files of definitions; those that build on one another are given together
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let host = host()?;
    let mut catalog = Catalog::embedded();
    let mut mistaken = false;
    let mut complain = |error: &dyn std::fmt::Display| {
        mistaken = true;
        let text = error.to_string();
        terminal::say(&match text.starts_with("error:") {
            true => format!("{text}\n"),
            false => format!("error: {text}\n"),
        });
    };
    let mut sound = Vec::new();
    for file in &arguments.files {
        match add(file, &mut catalog, &host) {
            Ok((service, profile)) => sound.push((file, service, profile)),
            Err(error) => complain(&error),
        }
    }
    // What they build on is known only when all of them are there.
    for (file, service, profile) in sound {
        // What several share is complete only within a service's definition.
        let complete = match profile {
            Profile::Shared => Ok(()),
            Profile::Service => catalog.definition(&service).map(drop),
        };
        match complete {
            Ok(()) => terminal::say(&format!("{}: {service}: no mistakes\n", file.display())),
            Err(error) => complain(&error),
        }
    }
    Ok(if mistaken { Exit::Fail } else { Exit::Pass })
}

/// Adds the definition in a file; mistakes cite the file as it was given.
fn add(file: &Path, catalog: &mut Catalog, host: &Vantage) -> Result<(String, Profile)> {
    let text = host.read_text(&absolute(file)?)?;
    let name = file.display().to_string();
    let profile = Definition::parse(&text, &name)?.profile;
    Ok((catalog.add_text(name, text)?, profile))
}
