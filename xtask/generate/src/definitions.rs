//! What a definition may say, from the lists its reader uses.

use anyhow::Result;
use healthcheck::definition::{CHECK_KEYS, CONDITION_FIELDS, KEYS};
use healthcheck::kinds::Fields;
use healthcheck::settings::SOURCES;
use std::fmt::Write as _;

pub(super) fn page() -> Result<String> {
    let mut page = String::from(
        "# Definitions\n\nA definition is TOML: what makes one service healthy. Its checks are of \
         [these kinds](kinds.md); the [guide](../guide.md) says how to write and try one.\n",
    );
    let tables: [(&str, &str, Fields); 4] = [
        ("At the top", "key", KEYS),
        ("In `[[check]]`", "key", CHECK_KEYS),
        ("In `when`, `unless` and `like-unless`", "field", CONDITION_FIELDS),
        ("In `[settings]`", "source", SOURCES),
    ];
    for (title, column, rows) in tables {
        writeln!(page, "\n## {title}\n\n| {column} | meaning |\n|---|---|")?;
        for (name, meaning) in rows {
            writeln!(page, "| `{name}` | {meaning} |")?;
        }
    }
    Ok(page)
}
