//! The kinds of checks, from the list the definitions' reader uses.

use anyhow::Result;
use healthcheck::kinds::ALL;
use std::fmt::Write as _;

pub(super) fn page() -> Result<String> {
    let mut page = String::from(
        "# Kinds of checks\n\nA check is one kind with its values. Values may be taken from the definition's \
         `[settings]` by `\"{name}\"`.\n\n| kind | what it establishes |\n|---|---|\n",
    );
    for kind in ALL {
        writeln!(page, "| [{0}](#{0}) | {1} |", kind.name, kind.about)?;
    }
    for kind in ALL {
        writeln!(page, "\n## {}\n\nEstablishes that {}.\n", kind.name, kind.about)?;
        writeln!(page, "```toml\n{}```\n\n| field | meaning |\n|---|---|", kind.example)?;
        for (name, meaning) in kind.fields {
            writeln!(page, "| `{name}` | {meaning} |")?;
        }
    }
    Ok(page)
}
