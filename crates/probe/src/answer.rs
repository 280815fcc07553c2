//! From a question to the answer: plan, look, say; and what is said where it
//! does not come to that.

use crate::identity::{IdentityError, ToldBy};
use crate::output::{self, Format};
use crate::watch::Watch;
use crate::{environment, legacy};
use healthcheck::catalog::CatalogError;
use healthcheck::definition::Definition;
use healthcheck::evaluate::{Evaluation, Finding};
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{DEADLINE, PROBE_DEADLINE, Plan, Request};
use healthcheck::report::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use healthcheck::text::shown;
use healthcheck::verdict::{Role, Verdict};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vantage::{Blind, Vantage};

/// What is to be evaluated.
pub(crate) struct Question {
    pub(crate) definition: Definition,
    pub(crate) request: Request,
    pub(crate) told_by: ToldBy,
    /// What to write about a request, in curl's way.
    pub(crate) write_out: Option<String>,
}

/// Why there is nothing to evaluate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is not known which service this is, or how to judge it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Nothing can be looked at.
    #[error(transparent)]
    Blind(#[from] Blind),
}

/// Asks, looks and answers, under one watch.
pub(crate) fn evaluate(
    role: Role,
    format: Format,
    deadline: Option<Duration>,
    ask: impl FnOnce(&Vantage) -> Result<Question, Failure>,
) -> ExitCode {
    let limit = deadline.unwrap_or(match role {
        Role::Health => DEADLINE,
        Role::Live | Role::Ready | Role::Startup => PROBE_DEADLINE,
    });
    let watch = Watch::start(role, limit);
    let asked =
        Vantage::inside().map_err(Failure::from).and_then(|from| Ok((ask(&from)?, Arc::new(from))));
    match asked {
        Ok((question, from)) => answer(question, format, from, &watch),
        Err(failure) if watch.claim() => fail(failure, role, format),
        Err(_) => wait_for_the_other_answer(),
    }
}

fn answer(question: Question, format: Format, from: Arc<Vantage>, watch: &Watch) -> ExitCode {
    let Question { definition, request, told_by, write_out } = question;
    watch.stage(&definition.service, "reading its settings");
    let mut plan = Plan::new(&definition, &request, &from);
    watch.limit(plan.deadline);
    watch.stage(&definition.service, "looking");
    if environment::DEBUG.is_on() {
        output::print_error(&plan.explain(&definition, &told_by.to_string()));
    }
    // What planning took is no longer there for looking; a little is nothing.
    let spent = watch.elapsed().as_millis() as u64 / 10 * 10;
    plan.deadline = plan.deadline.saturating_sub(Duration::from_millis(spent));
    let evaluation = Evaluation::begin(plan, Arc::clone(&from));
    let watch = watch.clone();
    let answer = Arc::new(Answer { evaluation, format, write_out, from, watch });
    let deputy = Arc::clone(&answer);
    let watched = answer.watch.deputise(move || {
        if let Some(status) = deputy.give() {
            std::process::exit(status.into());
        }
    });
    match watched {
        // On this thread, which costs nothing: the deputy answers if something holds it up.
        true => answer.evaluation.look(),
        false => answer.evaluation.look_aside(),
    }
    answer.give().map_or_else(wait_for_the_other_answer, ExitCode::from)
}

/// What there is to say by the deadline, whichever thread says it.
struct Answer {
    evaluation: Arc<Evaluation>,
    format: Format,
    write_out: Option<String>,
    from: Arc<Vantage>,
    watch: Watch,
}

impl Answer {
    /// Says it and gives the exit status, unless somebody else has said something.
    fn give(&self) -> Option<u8> {
        let Self { evaluation, format, write_out, from, watch } = self;
        let findings = evaluation.findings();
        let maintenance = Maintenance::look(&environment::MAINTENANCE.path(), from);
        let plan = evaluation.plan();
        let (service, role) = (plan.service.clone(), plan.role);
        let report = Report { service, role, findings, maintenance };
        let (mut text, status) = format.render(&report, from.now(), watch.elapsed());
        if let Some(write_out) = write_out {
            text.push_str(&legacy::curl::write_out(write_out, &report));
        }
        if !watch.claim() {
            return None;
        }
        if environment::DEBUG.is_on() {
            output::print_error(&report.evidence());
        }
        output::print(&text);
        Some(status)
    }
}

/// The watch is about to end us with its own answer.
fn wait_for_the_other_answer() -> ExitCode {
    std::thread::sleep(Duration::from_secs(1));
    ExitCode::FAILURE
}

/// There is nothing to evaluate. Not knowing is an answer, which a role may
/// pass; a mistake somebody made is not.
pub(crate) fn fail(failure: Failure, role: Role, format: Format) -> ExitCode {
    use {CatalogError::Unidentified, IdentityError::Catalog};
    let (because, hint) = match &failure {
        Failure::Blind(blind) | Failure::Identity(Catalog(CatalogError::Blind(blind))) => {
            (blind.to_string(), blind.hint.clone())
        }
        Failure::Identity(Catalog(unknown @ Unidentified(_))) => {
            let hint = "name it: healthcheck SERVICE, or by a file /openstack/healthcheck.toml";
            (unknown.to_string(), Some(hint.to_owned()))
        }
        Failure::Identity(IdentityError::Word { nearest, .. }) => {
            return refuse(&failure.to_string(), nearest.as_deref());
        }
        // An image's file that cannot be read: nothing is known.
        Failure::Identity(Catalog(CatalogError::Unreadable(error))) => (error.to_string(), None),
        Failure::Identity(Catalog(_) | IdentityError::Asked(_)) => {
            return refuse(&failure.to_string(), None);
        }
    };
    let unknown = Verdict::unknown(because);
    let finding = Finding { hint, ..Finding::new("identity", unknown.into(), None) };
    let report = Report {
        service: "container".to_owned(),
        role,
        findings: vec![finding],
        maintenance: Maintenance::None,
    };
    let (text, status) = format.render(&report, SystemTime::now(), Duration::ZERO);
    output::print(&text);
    ExitCode::from(status)
}

/// Says what is wrong with what was asked.
pub(crate) fn refuse(message: &str, nearest: Option<&str>) -> ExitCode {
    let prefix = if message.starts_with("error: ") { "" } else { "error: " };
    let hint = match nearest {
        Some(nearest) => format!("  hint: did you mean \"{nearest}\"?\n"),
        None => String::new(),
    };
    output::print(&fitted(&format!("{prefix}{message}\n{hint}")));
    ExitCode::FAILURE
}

/// Lines, safe to print, within what an engine keeps; the first within what it
/// always shows.
fn fitted(text: &str) -> String {
    const REST: &str = "…\n";
    let mut fitted = String::new();
    for line in text.lines() {
        let limit = if fitted.is_empty() { MAX_FIRST_LINE } else { MAX_OUTPUT };
        let line = shown(line, limit);
        if fitted.len() + line.len() + 1 + REST.len() > MAX_OUTPUT {
            fitted.push_str(REST);
            break;
        }
        fitted.push_str(&line);
        fitted.push('\n');
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn what_is_wrong_with_a_question_fits_too() {
        let text = format!("error: {}\n{}", "x".repeat(500), "mistake \u{1b}[31m\n".repeat(1000));
        let fitted = fitted(&text);
        assert!(fitted.len() <= 4096 && fitted.ends_with("\n…\n"), "{}", fitted.len());
        assert!(fitted.lines().next().is_some_and(|line| line.len() == 200));
        assert!(!fitted.contains('\u{1b}'));
        assert_eq!(super::fitted("error: a\n  hint: b\n"), "error: a\n  hint: b\n");
    }
}
