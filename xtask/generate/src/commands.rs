//! The commands, from the very lists that they parse by.

use anyhow::Result;
use clap::CommandFactory;
use healthctl::commands::Cli;
use probe::{environment, help, legacy};
use std::fmt::Write as _;

pub(super) fn page() -> Result<String> {
    let mut page = String::from("# Commands\n\n## /openstack/healthcheck\n\n");
    writeln!(page, "```console\n$ /openstack/healthcheck --help\n{}```\n", help::text())?;
    page.push_str(
        "### Exit status\n\n| status | meaning |\n|---|---|\n\
         | 0 | healthy, or degraded: it works, but |\n\
         | 1 | anything else: unhealthy, unknown, or a mistake in what was asked |\n\
         | 0, 1, 2, 3 | only with `--format nagios`: OK, WARNING, CRITICAL, UNKNOWN |\n\n\
         With `--role` the verdict is read for what the answer is for:\n\n\
         | role | exit 1 when |\n|---|---|\n\
         | (none) | unhealthy whoever is to blame, or unknown |\n\
         | `live` | unhealthy and the service itself to blame |\n\
         | `ready` | unhealthy whoever is to blame, or unknown, or in maintenance |\n\
         | `startup` | unhealthy and the service itself to blame, or unknown |\n\n\
         ### By another name\n\nCalled by one of these names it answers as the predecessors' helper did:\n\n\
         | name | arguments | what it does |\n|---|---|---|\n",
    );
    for helper in &legacy::ALL {
        writeln!(page, "| `{}` | `{}` | {} |", helper.name, helper.usage, helper.about)?;
    }
    page.push_str("\n### Environment\n\n| variable | if not set | what it does |\n|---|---|---|\n");
    for variable in environment::ALL {
        writeln!(page, "| `{}` | `{}` | {} |", variable.name, variable.default, variable.about)?;
    }
    let mut healthctl = Cli::command().term_width(100);
    healthctl.build();
    writeln!(
        page,
        "\n## healthctl\n\n```console\n$ healthctl --help\n{}```",
        healthctl.render_long_help()
    )?;
    for command in healthctl.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let name = command.get_name().to_owned();
        let help = command.render_long_help();
        writeln!(page, "\n```console\n$ healthctl {name} --help\n{help}```")?;
    }
    Ok(page)
}
