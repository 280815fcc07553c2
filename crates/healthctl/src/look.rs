//! One container, looked at from outside: what it is for, and how it is.

use crate::engines::{Container, State};
use crate::identity::{self, Identified};
use healthcheck::definition::Definition;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::maintenance::{self, Maintenance};
use healthcheck::plan::{DEADLINE, Plan, Request};
use healthcheck::report::Report;
use healthcheck::verdict::{Role, Verdict};
use probe::environment;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vantage::{Blind, Obstacle, Pid, Vantage};

/// What was asked of every container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// What the answer is for.
    pub(crate) role: Role,
    /// It is this service, whatever it looks like.
    pub(crate) service: Option<String>,
    /// It is judged by this definition.
    pub(crate) definition: Option<Written>,
    /// How long it may take.
    pub(crate) deadline: Option<Duration>,
}

/// A definition that the operator gave.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// Its file, for messages.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
}

/// What became of a look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Looked {
    /// The service, and how that is known.
    pub(crate) service: Option<(String, identity::By)>,
    /// The answer; `None` where no definition is for this container.
    pub(crate) report: Option<Report>,
}

/// As long as an evaluation may take, whatever a definition in the container
/// says: an image cannot make us wait.
const LONGEST: Duration = Duration::from_secs(60);

/// As many checks as are made of one container: each takes a thread, and the
/// definition may be the container's own.
const MAX_CHECKS: usize = 100;

impl Asked {
    /// How long one container's look may take in all.
    pub(crate) fn longest(&self) -> Duration {
        self.deadline.unwrap_or(DEADLINE)
    }

    /// The request for a definition: the container's own wish for more time is
    /// heard, up to a point.
    fn request(&self, definition: &Definition, request: Request) -> Request {
        let deadline = match (self.deadline, self.role) {
            (Some(deadline), _) => Some(deadline),
            (None, Role::Health) => {
                request.deadline.or(definition.deadline).map(|own| own.min(LONGEST))
            }
            (None, _) => None,
        };
        Request { role: self.role, deadline, ..request }
    }
}

/// Looks at a running container by its first process. `is_still` says, once
/// its root is held, whether that process is the container's.
pub(crate) fn at_container(
    container: &Container,
    asked: &Asked,
    is_still: impl FnOnce(Pid) -> bool,
) -> Looked {
    let Some(pid) = container.pid else { return at_rest(container, asked) };
    let from = match Vantage::outside(pid) {
        Ok(from) => Arc::new(from),
        Err(blind) => {
            let service = identity::without_looking(container, asked);
            return cannot(container, service, asked, unseen(pid, blind));
        }
    };
    if !is_still(pid) {
        let because = "it ended or was started anew while it was looked at";
        let finding = Finding::new(KIND, Verdict::unknown(because).into(), None);
        return cannot(container, None, asked, finding);
    }
    let mut looked = through(&from, Some(container), asked);
    if container.state == State::Paused
        && let Some(report) = &mut looked.report
    {
        // Its processes look alive, and its sockets are as they were.
        let because = "it is paused by its engine: nothing in it runs";
        // That it does not answer either is no fault of its own.
        for finding in report.findings.iter_mut().filter(|finding| finding.late) {
            if let Verdict::Unhealthy { because, .. } = &finding.verdict {
                finding.verdict = Verdict::environment(because.clone());
            }
        }
        report.findings.insert(0, Finding::new(KIND, Verdict::environment(because).into(), None));
    }
    looked
}

/// Why a container's process cannot be looked at.
fn unseen(pid: Pid, blind: Blind) -> Finding {
    if blind.obstacle != Obstacle::Missing {
        return Finding::blind(KIND, blind);
    }
    let because = format!("its process {pid} is not on this host");
    let hint = "it has just ended, or the engine is on another machine or in another pid namespace than we";
    let finding = Finding::new(KIND, Verdict::unknown(because).into(), None);
    Finding { hint: Some(hint.to_owned()), ..finding }
}

/// Looks at whatever a process of this host is in.
pub(crate) fn at_process(pid: Pid, asked: &Asked) -> Result<Looked, Blind> {
    let from = Arc::new(Vantage::outside(pid)?);
    Ok(through(&from, None, asked))
}

/// What a finding about the container itself is called.
const KIND: &str = "container";

fn through(from: &Arc<Vantage>, container: Option<&Container>, asked: &Asked) -> Looked {
    match identity::find(from, container, asked) {
        Ok(Some(identified)) => {
            let (service, by) = (identified.definition.service.clone(), identified.by);
            let maintenance = container
                .and_then(|container| container.environment.get(environment::MAINTENANCE.name))
                .map_or(maintenance::FILE, String::as_str);
            let report = report(&identified, Path::new(maintenance), from, asked);
            Looked { service: Some((service, by)), report: Some(report) }
        }
        Ok(None) => Looked { service: None, report: None },
        Err(unidentified) => {
            let name = unidentified.told.as_ref().map(|(service, _)| service.clone());
            let shown = name.or_else(|| Some(container?.name.clone()));
            let verdict = Verdict::unknown(first_line(&unidentified.because));
            let finding = Finding::new("identity", verdict.into(), None);
            let report = alone(shown.unwrap_or_else(|| "container".into()), asked, finding);
            Looked { service: unidentified.told, report: Some(report) }
        }
    }
}

fn report(
    identified: &Identified,
    maintenance: &Path,
    from: &Arc<Vantage>,
    asked: &Asked,
) -> Report {
    let Definition { service, file, checks, .. } = &identified.definition;
    if checks.len() > MAX_CHECKS {
        let found = checks.len();
        let because = format!("{file}: expected at most {MAX_CHECKS} checks, found {found}");
        let finding = Finding::new("identity", Verdict::unknown(because).into(), None);
        return alone(service.clone(), asked, finding);
    }
    let plan = plan(identified, from, asked);
    let findings = evaluate(&plan, from);
    let maintenance = Maintenance::look(maintenance, from);
    Report { service: plan.service, role: plan.role, findings, maintenance }
}

/// What would be looked at.
pub(crate) fn plan(identified: &Identified, from: &Vantage, asked: &Asked) -> Plan {
    let request = asked.request(&identified.definition, identified.request.clone());
    Plan::new(&identified.definition, &request, from)
}

/// A container that does not run: a service that should is not healthy.
fn at_rest(container: &Container, asked: &Asked) -> Looked {
    let Some((service, by)) = identity::without_looking(container, asked) else {
        return Looked { service: None, report: None };
    };
    let verdict = match container.state {
        State::Running | State::Paused => {
            Verdict::unknown("it runs, and its engine names no process of it")
        }
        _ => Verdict::own_fault(ending(container)),
    };
    let finding = Finding::new(KIND, verdict.into(), None);
    Looked { service: Some((service.clone(), by)), report: Some(alone(service, asked, finding)) }
}

/// How it ended: `exited with status 137 3 min ago, out of memory`.
fn ending(container: &Container) -> String {
    let mut text = match &container.state {
        State::Created => return "it was never started".to_owned(),
        State::Exited | State::Restarting => {
            format!("its process ended with status {}", container.exit_status)
        }
        other => format!("it is {}", healthcheck::text::shown(other.word(), 20)),
    };
    if container.out_of_memory {
        text.push_str(", out of memory");
    }
    if let Some(ago) = container.ended.and_then(|end| SystemTime::now().duration_since(end).ok()) {
        text.push_str(&format!(", {} ago", crate::table::span(ago)));
    }
    if container.state == State::Restarting {
        text.push_str(", and its engine starts it again");
    }
    text
}

fn cannot(
    container: &Container,
    service: Option<(String, identity::By)>,
    asked: &Asked,
    finding: Finding,
) -> Looked {
    let name = service.as_ref().map_or(&container.name, |(service, _)| service).clone();
    Looked { service, report: Some(alone(name, asked, finding)) }
}

/// An answer of one finding of our own.
pub(crate) fn unknown(container: &str, asked: &Asked, because: String) -> Looked {
    let finding = Finding::new(KIND, Verdict::unknown(because).into(), None);
    Looked { service: None, report: Some(alone(container.to_owned(), asked, finding)) }
}

fn alone(service: String, asked: &Asked, finding: Finding) -> Report {
    let (role, maintenance) = (asked.role, Maintenance::None);
    Report { service, role, findings: vec![finding], maintenance }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
