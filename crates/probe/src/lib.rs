//! `/openstack/healthcheck`: the command every container carries. What was
//! typed, which service that is, a plan, an answer.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod answer;
pub mod arguments;
pub mod environment;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod help;
pub mod identity;
pub mod legacy;
pub mod output;
mod watch;

use answer::{Failure, Question, fail, refuse};
use arguments::{Action, Typed};
use healthcheck::catalog::{Catalog, FOLDERS};
use healthcheck::plan::{Plan, Request};
use healthcheck::verdict::Role;
use identity::{Names, ToldBy, base_name, identify};
use legacy::{Helper, HelperError, Meant};
use output::Format;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use vantage::Vantage;

/// The whole command, from its arguments to its exit status.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    watch::answer_for_panics();
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if let Some(helper) = base_name(&called).and_then(legacy::find) {
        return help_out(helper, arguments);
    }
    if let [name, rest @ ..] = arguments.as_slice()
        && let Some(helper) = name.to_str().and_then(legacy::find)
    {
        return help_out(helper, rest.to_vec());
    }
    match arguments::parse(arguments) {
        Ok(typed) => run(&typed, called),
        Err(misuse) => refuse(&misuse.to_string(), misuse.nearest().as_deref()),
    }
}

fn run(typed: &Typed, called: OsString) -> ExitCode {
    match typed.action {
        Action::Help => say(&help::text()),
        Action::Version => say(concat!("healthcheck ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::List => list(),
        Action::Explain => explain(typed, called),
        Action::Check => answer::evaluate(typed.role, typed.format, typed.deadline, |from| {
            question(typed, called, from)
        }),
    }
}

fn say(text: &str) -> ExitCode {
    output::print(text);
    ExitCode::SUCCESS
}

/// What is to be evaluated, and how it is known.
fn question(typed: &Typed, called: OsString, from: &Vantage) -> Result<Question, Failure> {
    let names = Names::new(called, std::env::var_os("PATH"));
    let mut typed = typed.clone();
    // Files are looked up from the root; who typed this stands somewhere else.
    if let Some(file) = &mut typed.definition
        && let Ok(absolute) = std::path::absolute(&*file)
    {
        *file = absolute;
    }
    let identity = identify(&typed, &names, &environment::scripts(), from)?;
    let request = Request {
        role: typed.role,
        ports: typed.ports.clone(),
        word: identity.word,
        deadline: typed.deadline.or_else(|| limit_of_environment(typed.role)),
    };
    let (definition, told_by) = (identity.definition, identity.told_by);
    Ok(Question { definition, request, told_by, write_out: None })
}

/// Without a role, what the environment allows a request is what it allows a check.
fn limit_of_environment(role: Role) -> Option<Duration> {
    environment::CURL_MAX_TIME.value().filter(|_| role == Role::Health)?;
    legacy::curl::default_limit()
}

/// What the predecessors' commands do.
fn help_out(helper: &Helper, arguments: Vec<OsString>) -> ExitCode {
    if arguments.first().is_some_and(|word| word == "--help") {
        return say(&format!("usage: {} {}\n\n{}\n", helper.name, helper.usage, helper.about));
    }
    let meant = match helper.call(arguments) {
        Ok(meant) => meant,
        Err(error @ HelperError::Misuse(_)) => {
            let usage = format!("{} {}", helper.name, helper.usage);
            return refuse(&format!("{error}\n  usage: {usage}"), None);
        }
        Err(HelperError::Mistaken(mistakes)) => return refuse(&mistakes.to_string(), None),
    };
    let typed = Typed::default();
    match meant {
        Meant::Service(service) => {
            let typed = Typed { service: Some(service.to_owned()), ..typed };
            answer::evaluate(typed.role, typed.format, None, |from| {
                question(&typed, OsString::new(), from)
            })
        }
        Meant::Definition { definition, request, write_out } => {
            let told_by = ToldBy::Name(helper.name.to_owned());
            answer::evaluate(request.role, typed.format, request.deadline, |_| {
                Ok(Question { definition: *definition, request, told_by, write_out })
            })
        }
        Meant::Print(look) => match Vantage::inside() {
            Ok(from) => {
                let (text, status) = look(&from);
                output::print(&text);
                status
            }
            Err(blind) => refuse(&blind.to_string(), None),
        },
    }
}

fn list() -> ExitCode {
    let catalog = match Vantage::inside() {
        Ok(from) => match Catalog::with_folders(FOLDERS, &from) {
            Ok(catalog) => catalog,
            Err(error) => return refuse(&error.to_string(), None),
        },
        Err(_) => Catalog::embedded(),
    };
    let mut text = catalog.services().join("\n");
    text.push('\n');
    say(&text)
}

fn explain(typed: &Typed, called: OsString) -> ExitCode {
    if typed.format != Format::Text {
        return refuse("--format: expected text with explain", None);
    }
    let explained = Vantage::inside().map_err(Failure::from).and_then(|from| {
        let question = question(typed, called, &from)?;
        let plan = Plan::new(&question.definition, &question.request, &from);
        Ok(plan.explain(&question.definition, &question.told_by.to_string()))
    });
    match explained {
        Ok(text) => say(&text),
        Err(failure) => fail(failure, typed.role, typed.format),
    }
}
