//! `healthctl explain`: what would be looked at, and where each value came from.

use super::check::{Target, no_definition, target};
use super::{EngineArguments, JudgeArguments, host};
use crate::engines::Container;
use crate::identity::{self, Identified};
use crate::look::{self, Asked};
use crate::terminal;
use anyhow::{Result, anyhow};
use healthcheck::catalog::Catalog;
use healthcheck::definition::Definition;
use healthcheck::settings::{DefaultValue, Source, secret};
use healthcheck::verdict::Exit;
use vantage::Vantage;

/// Say what would be looked at, and where each value came from, without secrets
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A container's name, the beginning of its id, the number of any process in it, or the
    /// name of a service: then what its definition says, without values
    #[arg(value_name = "CONTAINER|PID|SERVICE")]
    target: String,

    #[command(flatten)]
    judge: JudgeArguments,

    #[command(flatten)]
    engines: EngineArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let host = host()?;
    let name = &arguments.target;
    let asked = arguments.judge.asked(&host)?;
    let found = target(name, &arguments.engines, &host);
    let text = match found {
        Ok(Target::Process(pid)) => explain(&Vantage::outside(pid)?, None, name, &asked)?,
        Ok(Target::Container(task)) => {
            let container = task.engine.inspect(&task.listed)?;
            let pid = container.pid.ok_or_else(|| {
                anyhow!("container {name} does not run: it is {}", container.state.word())
            })?;
            explain(&Vantage::outside(pid)?, Some(&container), name, &asked)?
        }
        // No container of that name; it may be a service's.
        Err(error) => match Catalog::embedded().definition(name) {
            Ok(definition) => described(&definition),
            Err(_) => return Err(error),
        },
    };
    terminal::say(&text);
    Ok(Exit::Pass)
}

fn explain(
    from: &Vantage,
    container: Option<&Container>,
    name: &str,
    asked: &Asked,
) -> Result<String> {
    let identified = identity::find(from, container, asked)
        .map_err(|unidentified| anyhow!(unidentified.because))?
        .ok_or_else(|| no_definition(name))?;
    let plan = look::plan(&identified, from, asked);
    let Identified { definition, by, .. } = &identified;
    Ok(plan.explain(definition, &by.to_string()))
}

/// What a definition says, without a container to take values from.
fn described(definition: &Definition) -> String {
    let mut text = definition.service.clone();
    if let Some(about) = &definition.about {
        text.push_str(&format!(": {about}"));
    }
    text.push('\n');
    let mut row = |name: &str, value: &str| {
        text.push_str(format!("  {name:14}{value}").trim_end());
        text.push('\n');
    };
    row("definition", &definition.file);
    if !definition.aliases.is_empty() {
        row("aliases", &definition.aliases.join(", "));
    }
    for (word, service) in &definition.words {
        row("word", &format!("{word}: {service}"));
    }
    if let Some(process) = &definition.process {
        row("process", &process.to_string());
    }
    if let Some(deadline) = definition.deadline {
        row("deadline", &humantime::format_duration(deadline).to_string());
    }
    text.push_str("\nlooks\n");
    for check in &definition.checks {
        let about = healthcheck::kinds::find(check.kind).map_or("", |kind| kind.about);
        text.push_str(&format!("  {:14}{about}\n", check.name));
        for when in &check.when {
            text.push_str(&format!("  {:14}  only while {when}\n", ""));
        }
        for unless in &check.unless {
            text.push_str(&format!("  {:14}  not while {unless}\n", ""));
        }
    }
    if !definition.settings.is_empty() {
        text.push_str("\nsettings, each from the first of its sources that has it\n");
    }
    for (name, sources) in &definition.settings {
        let sources: Vec<String> = sources
            .iter()
            .map(|source| origin(name, source, definition.project.as_deref()))
            .collect();
        text.push_str(&format!("  {name:14} {}\n", sources.join("; ")));
    }
    if !definition.lacks.is_empty() {
        text.push_str("\nlacks\n");
    }
    for lack in &definition.lacks {
        text.push_str(&format!("  {lack}\n"));
    }
    text
}

/// Where a value would be looked for.
fn origin(name: &str, source: &Source, project: Option<&str>) -> String {
    let either = |names: &[String]| healthcheck::text::either(names);
    let shown = |value: &DefaultValue| match secret::is_secret_name(name) {
        true => "***".to_owned(),
        false => secret::redact(&value.to_string()),
    };
    match source {
        Source::Oslo(options) => {
            let project = project.unwrap_or("the service");
            format!("{} in {project}'s configuration", either(&options.clone().into_vec()))
        }
        Source::File(file) => {
            let paths = file.path.clone().into_vec();
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            format!("{} in {}", file.option, either(&paths))
        }
        Source::Argument(options) => {
            format!("{} on the command line", either(&options.clone().into_vec()))
        }
        Source::Environment(names) => {
            format!("{} in the environment", either(&names.clone().into_vec()))
        }
        Source::Title(pattern) => format!("/{pattern}/ in the process's title"),
        Source::Word(_) => "the word given".to_owned(),
        Source::Unreadable(value) => format!("{} where that cannot be read", shown(value)),
        Source::Default(value) => format!("default {}", shown(value)),
    }
}
