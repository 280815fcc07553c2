//! The catalogue, entry by entry.

use anyhow::{Context, Result};
use healthcheck::catalog::{Catalog, EMBEDDED};
use healthcheck::kinds::{self, Level};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub(super) fn page() -> Result<String> {
    let catalog = Catalog::embedded();
    let services: Vec<_> = EMBEDDED.iter().filter(|entry| !entry.shared).collect();
    let names: usize = services.iter().map(|entry| 1 + entry.aliases.len()).sum();
    let mut page = format!(
        "# Services\n\n{} services, known by {names} names: the predecessors' script names and container names \
         among them. In a name `_` and `-` are the same, and it may be cut to 15 characters. *Lacks* says what would prove more and is not looked at yet.\n\n\
         What a check proves, the weakest first: **runs** (the right process), **holds** (a listener, a connection, a socket), \
         **moves** (bytes on its connections, the traces of its work), **answers** (in its protocol), **works** (a round trip, a cluster's own state). \
         Which of a service's checks apply depends on its settings.\n\n",
        services.len()
    );
    let mut rows = String::new();
    let mut best: BTreeMap<Level, usize> = BTreeMap::new();
    for entry in services {
        let definition = catalog
            .definition(entry.service)
            .with_context(|| format!("{} has mistakes", entry.file))?;
        let mut checks: Vec<_> = definition.checks.iter().map(|check| check.kind).collect();
        let mut seen = BTreeSet::new();
        checks.retain(|kind| seen.insert(*kind));
        let levels: BTreeSet<Level> =
            checks.iter().filter_map(|name| kinds::find(name)).map(|kind| kind.proves).collect();
        if let Some(level) = levels.last() {
            *best.entry(*level).or_default() += 1;
        }
        let levels: Vec<_> = levels.iter().map(|level| level.word()).collect();
        writeln!(
            rows,
            "| **{}**<br>{} | {} | {} | {} | {} |",
            entry.service,
            definition.about.as_deref().unwrap_or_default(),
            entry.aliases.join(", "),
            checks.join(", "),
            levels.join(", "),
            definition.lacks.join("; ")
        )?;
    }
    let best: Vec<_> =
        best.iter().rev().map(|(level, count)| format!("{count} {}", level.word())).collect();
    writeln!(page, "The best that is proved of a service: {}.\n", best.join(", "))?;
    page.push_str("| service | also called | checks | proves | lacks |\n|---|---|---|---|---|\n");
    page.push_str(&rows);
    Ok(page)
}
