//! `/openstack/healthcheck`: the command every container carries. What was
//! typed, which service that is, a plan, an answer.

pub mod arguments;
pub mod environment;
pub mod help;
pub mod identity;
pub mod output;
mod watch;

use arguments::{Action, Typed};
use healthcheck::catalog::{Catalog, CatalogError, FOLDERS};
use healthcheck::definition::Definition;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{DEADLINE, PROBE_DEADLINE, Plan, Request};
use healthcheck::report::Report;
use healthcheck::verdict::{Role, Verdict};
use identity::{IdentityError, Names, identify};
use output::Format;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use vantage::{Blind, Vantage};
use watch::Watch;

/// The whole command, from its arguments to its exit status.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    watch::answer_for_panics();
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or_default();
    match arguments::parse(arguments) {
        Ok(typed) => run(&typed, called),
        Err(misuse) => refuse(&misuse.to_string(), misuse.nearest().as_deref()),
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It is not known which service this is, or how to judge it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Nothing can be looked at.
    #[error(transparent)]
    Blind(#[from] Blind),
}

/// What is to be evaluated.
struct Ask {
    definition: Definition,
    request: Request,
}

fn run(typed: &Typed, called: OsString) -> ExitCode {
    match typed.action {
        Action::Help => {
            output::print(&help::text());
            ExitCode::SUCCESS
        }
        Action::Version => {
            output::print(concat!("healthcheck ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Action::List => list(),
        Action::Explain => explain(typed, called),
        Action::Check => check(typed, called),
    }
}

fn check(typed: &Typed, called: OsString) -> ExitCode {
    let limit = typed.deadline.unwrap_or(match typed.role {
        Role::Health => DEADLINE,
        Role::Live | Role::Ready | Role::Startup => PROBE_DEADLINE,
    });
    let watch = Watch::start(typed.role, limit);
    let looked = Vantage::inside().map_err(Failure::from).and_then(|from| {
        let from = Arc::new(from);
        let (ask, _) = ask(typed, called, &from)?;
        Ok((ask, from))
    });
    match looked {
        Ok((ask, from)) => answer(&ask, typed.format, &from, &watch),
        Err(failure) if watch.claim() => fail(failure, typed),
        Err(_) => wait_for_the_other_answer(),
    }
}

/// What is to be evaluated, and how it is known.
fn ask(
    typed: &Typed,
    called: OsString,
    from: &Vantage,
) -> Result<(Ask, identity::ToldBy), Failure> {
    let names = Names::new(called, std::env::var_os("PATH"));
    let identity = identify(typed, &names, &environment::scripts(), from)?;
    let request = Request {
        role: typed.role,
        ports: typed.ports.clone(),
        word: identity.word,
        deadline: typed.deadline,
    };
    Ok((Ask { definition: identity.definition, request }, identity.told_by))
}

/// Plans, looks, and says the answer.
fn answer(ask: &Ask, format: Format, from: &Arc<Vantage>, watch: &Watch) -> ExitCode {
    let service = &ask.definition.service;
    watch.stage(service, "reading its settings");
    let mut plan = Plan::new(&ask.definition, &ask.request, from);
    watch.limit(plan.deadline);
    watch.stage(service, "looking");
    // What planning took is no longer there for looking.
    let spent = Duration::from_millis(watch.elapsed().as_millis() as u64 / 10 * 10);
    plan.deadline = plan.deadline.saturating_sub(spent);
    let findings = evaluate(&plan, from);
    let maintenance = Maintenance::look(&environment::MAINTENANCE.path(), from);
    let report = Report { service: plan.service, role: plan.role, findings, maintenance };
    say(&report, format, from, watch)
}

fn say(report: &Report, format: Format, from: &Vantage, watch: &Watch) -> ExitCode {
    let (text, status) = format.render(report, from.now(), watch.elapsed());
    if !watch.claim() {
        return wait_for_the_other_answer();
    }
    output::print(&text);
    status
}

/// The watch is about to end us with its own answer.
fn wait_for_the_other_answer() -> ExitCode {
    std::thread::sleep(Duration::from_secs(1));
    ExitCode::FAILURE
}

/// There is no plan. Not knowing is an answer, which a role may pass; a mistake
/// somebody made is not.
fn fail(failure: Failure, typed: &Typed) -> ExitCode {
    let (because, hint) = match &failure {
        Failure::Blind(blind)
        | Failure::Identity(IdentityError::Catalog(CatalogError::Blind(blind))) => {
            (blind.to_string(), blind.hint.clone())
        }
        Failure::Identity(IdentityError::Catalog(unknown @ CatalogError::Unidentified(_))) => {
            let hint = "name it: healthcheck SERVICE, or a file /openstack/healthcheck.toml";
            (unknown.to_string(), Some(hint.to_owned()))
        }
        Failure::Identity(IdentityError::Word { nearest, .. }) => {
            return refuse(&failure.to_string(), nearest.as_deref());
        }
        Failure::Identity(IdentityError::Catalog(_)) => return refuse(&failure.to_string(), None),
    };
    let finding =
        Finding { hint, ..Finding::new("identity", Verdict::unknown(because).into(), None) };
    let report = Report {
        service: "container".to_owned(),
        role: typed.role,
        findings: vec![finding],
        maintenance: Maintenance::None,
    };
    let (text, status) = typed.format.render(&report, std::time::SystemTime::now(), Duration::ZERO);
    output::print(&text);
    status
}

/// Says what is wrong with what was asked.
fn refuse(message: &str, nearest: Option<&str>) -> ExitCode {
    let prefix = if message.starts_with("error: ") { "" } else { "error: " };
    let hint = nearest
        .map_or_else(String::new, |nearest| format!("  hint: did you mean \"{nearest}\"?\n"));
    output::print(&format!("{prefix}{message}\n{hint}"));
    ExitCode::FAILURE
}

fn list() -> ExitCode {
    let catalog = match Vantage::inside() {
        Ok(from) => match Catalog::with_folders(FOLDERS, &from) {
            Ok(catalog) => catalog,
            Err(error) => return refuse(&error.to_string(), None),
        },
        Err(_) => Catalog::embedded(),
    };
    let mut text = String::new();
    for service in catalog.services() {
        text.push_str(service);
        text.push('\n');
    }
    output::print(&text);
    ExitCode::SUCCESS
}

fn explain(typed: &Typed, called: OsString) -> ExitCode {
    if typed.format != Format::Text {
        return refuse("--format: expected text with explain", None);
    }
    let explained = Vantage::inside().map_err(Failure::from).and_then(|from| {
        let (ask, told_by) = ask(typed, called, &from)?;
        let plan = Plan::new(&ask.definition, &ask.request, &from);
        Ok(plan.explain(&ask.definition, &told_by.to_string()))
    });
    match explained {
        Ok(text) => {
            output::print(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => fail(failure, typed),
    }
}
