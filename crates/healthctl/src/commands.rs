//! What can be asked for: a file each, and what several of them share.

mod check;
mod explain;
mod lint;
mod list;
mod status;
mod wait;

use crate::engines::{EngineError, Engines, Kind, Wanted};
use crate::look::{Asked, Written};
use crate::survey::Task;
use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use healthcheck::text::{nearest, shown};
use healthcheck::verdict::Role;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vantage::Vantage;

/// The health of every container on this host, looked at from outside
#[derive(Debug, Parser)]
#[command(name = "healthctl", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Wait(wait::Arguments),
    List(list::Arguments),
    Lint(lint::Arguments),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// Where it cannot be done; that a container is not healthy is no error.
    pub fn run(self) -> Result<ExitCode> {
        let exit = match self.command {
            Command::Check(arguments) => return check::run(&arguments),
            Command::Status(arguments) => status::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Wait(arguments) => wait::run(&arguments),
            Command::List(arguments) => list::run(&arguments),
            Command::Lint(arguments) => lint::run(&arguments),
        };
        Ok(ExitCode::from(u8::from(exit?)))
    }
}

/// Which engines to ask.
#[derive(Debug, Args)]
struct EngineArguments {
    /// Ask this engine alone
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,

    /// Ask the engine at this unix socket alone, instead of at DOCKER_HOST, CONTAINER_HOST
    /// and the usual places
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// An engine that takes longer than this to answer hangs
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limit)]
    engine_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineChoice {
    /// Docker
    Docker,
    /// Podman
    Podman,
    /// every engine that is here
    Auto,
}

impl EngineArguments {
    fn find(&self, host: &Arc<Vantage>) -> Result<Engines, EngineError> {
        let kind = match self.engine {
            EngineChoice::Docker => Some(Kind::Docker),
            EngineChoice::Podman => Some(Kind::Podman),
            EngineChoice::Auto => None,
        };
        Engines::find(&Wanted::new(kind, self.socket.clone(), self.engine_timeout), host)
    }
}

/// What the answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleChoice {
    /// would a restart help: only what is its own fault fails
    Live,
    /// can it serve: whoever is to blame, and maintenance
    Ready,
    /// has it come up
    Startup,
}

fn role(choice: Option<RoleChoice>) -> Role {
    match choice {
        None => Role::Health,
        Some(RoleChoice::Live) => Role::Live,
        Some(RoleChoice::Ready) => Role::Ready,
        Some(RoleChoice::Startup) => Role::Startup,
    }
}

/// How one container is to be judged.
#[derive(Debug, Args)]
struct JudgeArguments {
    /// What the answer is for; without it, an operator's: whoever is to blame fails
    #[arg(long, value_enum)]
    role: Option<RoleChoice>,

    /// It is this service, whatever it looks like
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Judge it by the definition in this file
    #[arg(long, value_name = "FILE")]
    definition: Option<PathBuf>,

    /// Answer within this
    #[arg(long, value_name = "TIME", value_parser = limit)]
    deadline: Option<Duration>,
}

impl JudgeArguments {
    fn asked(&self, host: &Vantage) -> Result<Asked> {
        let definition = self.definition.as_deref().map(|file| written(file, host)).transpose()?;
        let (service, deadline) = (self.service.clone(), self.deadline);
        Ok(Asked { role: role(self.role), service, definition, deadline })
    }
}

/// The definition in a file of this host.
fn written(file: &Path, host: &Vantage) -> Result<Written> {
    let text = host.read_text(&absolute(file)?)?;
    Ok(Written { file: file.display().to_string(), text })
}

/// A path from this process's folder: the vantage looks from the root.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
}

/// A limit in time: `5s`, `800ms`, `5m`; never nothing.
fn limit(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("expected a time such as 800ms, 5s or 2m".to_owned()),
    }
}

/// The host we are on.
fn host() -> Result<Arc<Vantage>> {
    Ok(Arc::new(Vantage::inside()?))
}

/// Every container of every engine that answers; what the others say goes to `failing`.
fn tasks(engines: &mut Engines) -> Vec<Task> {
    let mut tasks = Vec::new();
    for engine in &engines.answering {
        match engine.list() {
            Ok(listed) => {
                let task = |listed| Task { engine: engine.clone(), listed };
                tasks.extend(listed.into_iter().map(task));
            }
            Err(error) => engines.failing.push(error),
        }
    }
    tasks
}

/// The container that a name, an id or the beginning of an id means.
fn select(tasks: &[Task], name: &str) -> Result<Option<usize>> {
    let all = |is: &dyn Fn(&Task) -> bool| -> Vec<usize> {
        tasks.iter().enumerate().filter(|(_, task)| is(task)).map(|(index, _)| index).collect()
    };
    let named = all(&|task| task.listed.name == name);
    let found = if named.is_empty() && !name.is_empty() {
        all(&|task| task.listed.id.as_str().starts_with(name))
    } else {
        named
    };
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        [first, second, ..] => {
            let told = |index: &usize| {
                let task = tasks.get(*index);
                task.map_or_else(String::new, |task| {
                    format!(
                        "{} ({} {})",
                        task.listed.name,
                        task.engine.kind,
                        task.listed.id.short()
                    )
                })
            };
            let name = shown(name, 60);
            let (first, second) = (told(first), told(second));
            Err(anyhow!("\"{name}\" means several containers: {first} and {second}"))
        }
    }
}

/// That there is no such container, with what was probably meant.
fn no_such_container(tasks: &[Task], name: &str) -> anyhow::Error {
    let names = tasks.iter().map(|task| task.listed.name.as_str());
    let hint = nearest(name, names)
        .map_or_else(String::new, |nearest| format!(", did you mean \"{nearest}\"?"));
    anyhow!("no container \"{}\"{hint}", shown(name, 60))
}
