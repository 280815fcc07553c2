//! The catalogue, entry by entry.

use anyhow::{Context, Result};
use healthcheck::catalog::{Catalog, EMBEDDED};
use std::fmt::Write as _;

pub(super) fn page() -> Result<String> {
    let catalog = Catalog::embedded();
    let services: Vec<_> = EMBEDDED.iter().filter(|entry| !entry.shared).collect();
    let names: usize = services.iter().map(|entry| 1 + entry.aliases.len()).sum();
    let mut page = format!(
        "# Services\n\n{} services, known by {names} names: the predecessors' script names and container names \
         among them. In a name `_` and `-` are the same, and it may be cut to 15 characters. *Lacks* says what would prove more and is not looked at yet.\n\n\
         | service | also called | checks | lacks |\n|---|---|---|---|\n",
        services.len()
    );
    for entry in services {
        let definition = catalog
            .definition(entry.service)
            .with_context(|| format!("{} has mistakes", entry.file))?;
        let mut checks: Vec<_> = definition.checks.iter().map(|check| check.kind).collect();
        checks.dedup();
        writeln!(
            page,
            "| **{}**<br>{} | {} | {} | {} |",
            entry.service,
            definition.about.as_deref().unwrap_or_default(),
            entry.aliases.join(", "),
            checks.join(", "),
            definition.lacks.join("; ")
        )?;
    }
    Ok(page)
}
