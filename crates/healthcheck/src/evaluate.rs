//! A plan's looks, side by side under one deadline, become findings. The only
//! loop; whatever is stuck is named and left behind.

use crate::definition::AtWorst;
use crate::kinds::{Judgement, Look, Waits};
use crate::plan::{Plan, Planned};
use crate::settings::secret::{HIDDEN, is_secret_name};
use crate::starved::{self, Watch};
use crate::text::shown;
use crate::verdict::{Blame, Verdict};
use serde_json::Value;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use vantage::{Blind, Deadline, Vantage};

/// What one check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What the check is called.
    pub check: String,
    /// Its kind.
    pub kind: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on, in words.
    pub proof: Option<String>,
    /// What an operator can do about it.
    pub hint: Option<String>,
    /// The evidence.
    pub seen: Option<Value>,
    /// Whether it rests on something that did not happen in time.
    pub late: bool,
}

impl Finding {
    /// What a kind judged.
    pub fn new(kind: &'static str, judgement: Judgement, seen: Option<Value>) -> Self {
        let Judgement { verdict, proof, hint, late } = judgement;
        Self { check: kind.to_owned(), kind, verdict, proof, hint, seen, late }
    }

    /// What could not be looked at.
    pub fn blind(kind: &'static str, blind: Blind) -> Self {
        let verdict = Verdict::unknown(blind.to_string());
        let judgement = Judgement { hint: blind.hint, ..Judgement::from(verdict) };
        Self::new(kind, judgement, None)
    }

    /// Why it is what it is, or what it rests on, in words; empty where
    /// nothing is to be said.
    pub fn because(&self) -> &str {
        self.verdict.because().or(self.proof.as_deref()).unwrap_or_default()
    }

    /// Kinds show no secret; what they quote of a service's settings or
    /// answers may hold one.
    fn without_secrets(mut self, planned: &Planned) -> Self {
        let hide = |text: &str| planned.without_secrets(text);
        match &mut self.verdict {
            Verdict::Healthy => {}
            Verdict::Degraded { because }
            | Verdict::Unknown { because, .. }
            | Verdict::Unhealthy { because, .. } => *because = hide(because),
        }
        self.proof = self.proof.as_deref().map(hide);
        self.hint = self.hint.as_deref().map(hide);
        if let Some(seen) = &mut self.seen {
            hide_in(seen, &hide);
        }
        self
    }

    /// Whether it is a fault only because something did not happen in time.
    fn is_late(&self) -> bool {
        self.late && matches!(self.verdict, Verdict::Unhealthy { .. })
    }

    /// Whether nothing that others find changes what is said and done about it: the service
    /// itself is at fault, as a fact.
    fn settles(&self, worst: AtWorst) -> bool {
        !self.late
            && worst == AtWorst::Unhealthy
            && self.verdict.severity() == Verdict::own_fault("").severity()
            && self.verdict.blame() == Some(Blame::Itself)
    }

    /// What did not happen in time says nothing where somebody did not get to run.
    fn excused(mut self, how: Option<impl fmt::Display>) -> Self {
        if let Some(how) = how {
            let because = self.verdict.because().unwrap_or_default();
            self.verdict = Verdict::starved(format!("{how}; {because}"));
        }
        self
    }

    /// What the service can do without does not make it worse than degraded.
    fn at_worst(mut self, worst: AtWorst) -> Self {
        if worst == AtWorst::Degraded
            && let Verdict::Unknown { because, .. } | Verdict::Unhealthy { because, .. } =
                &self.verdict
        {
            self.verdict = Verdict::degraded(because.clone());
        }
        self
    }

    fn named(mut self, check: &str) -> Self {
        check.clone_into(&mut self.check);
        self
    }
}

fn hide_in(value: &mut Value, hide: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = hide(text),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_in(item, hide)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if field.is_string() && is_secret_name(name) {
                    *field = Value::from(HIDDEN);
                } else {
                    hide_in(field, hide);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Looks stop this long before the deadline, so that what they were waiting for
/// is in their own words and not only in ours.
fn margin(limit: Duration) -> Duration {
    (limit / 10).min(Duration::from_millis(200))
}

/// How long others are still waited for once it is settled: looks at a service that answers
/// take a small part of it, and one that is frozen or gone would have them wait for nothing.
const PARTING: Duration = Duration::from_secs(1);

/// Enough for what a look does; a thread's default of 2 MiB would count as
/// memory where an engine limits it.
const STACK: usize = 512 << 10;

/// Looks at everything in the plan. The findings are in its order; there is one
/// for each check, at the latest when the deadline has passed.
pub fn evaluate(plan: &Plan, from: &Arc<Vantage>) -> Vec<Finding> {
    let by = Deadline::after(plan.deadline);
    let look_for = plan.deadline - margin(plan.deadline);
    let look_by = Deadline::after(look_for);
    let mut findings: Vec<Option<Finding>> = vec![None; plan.checks.len()];
    let (sender, answers) = channel();
    for (index, planned) in plan.checks.iter().enumerate() {
        if let Err(unplanned) = &planned.look {
            let verdict = Verdict::unknown(unplanned.to_string());
            findings[index] = Some(Finding::new(planned.kind, verdict.into(), None));
        }
    }
    for errand in errands(plan) {
        let indices: Vec<usize> = errand.iter().map(|(index, ..)| *index).collect();
        let (from, sender) = (Arc::clone(from), sender.clone());
        let started = spawn(move || {
            for (index, kind, look) in errand {
                // What a broken look leaves behind is dropped with it.
                let work = AssertUnwindSafe(|| look.look(&from, look_by));
                let finding = catch_unwind(work).unwrap_or_else(|_| broken(kind, &*look));
                let over = look_for.saturating_sub(look_by.remaining());
                let finding = match finding.is_late() {
                    true => finding.excused(starved::ourselves(&from, over)),
                    false => finding,
                };
                // Nobody listens any more once the deadline has passed.
                let _ = sender.send((index, finding));
            }
        });
        if let Err(error) = started {
            for index in indices {
                let verdict = Verdict::unknown(format!("cannot start a thread: {error}"));
                findings[index] = Some(Finding::new(plan.checks[index].kind, verdict.into(), None));
            }
        }
    }
    drop(sender);
    let mut watch = None;
    let mut until = by;
    while findings.iter().any(Option::is_none) {
        // Nobody takes this long unless something is wrong: whether they get to run is
        // worth knowing from now on.
        let patience = match watch {
            None => until.remaining().min(plan.deadline / 4),
            Some(_) => until.remaining(),
        };
        match answers.recv_timeout(patience) {
            Ok((index, finding)) => {
                if finding.settles(plan.checks[index].at_worst) {
                    until = until.at_most(PARTING);
                }
                findings[index] = Some(finding);
            }
            Err(RecvTimeoutError::Timeout) if watch.is_none() => {
                watch = Some(Watch::begin(plan.program.as_ref(), from))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let findings: Vec<Finding> = plan
        .checks
        .iter()
        .zip(findings)
        .map(|(planned, finding)| {
            let waited = if until == by { plan.deadline } else { PARTING };
            finding.unwrap_or_else(|| unanswered(planned.kind, &planned.look, waited))
        })
        .collect();
    let starved = match findings.iter().any(Finding::is_late) {
        true => watch.unwrap_or_else(|| Watch::begin(plan.program.as_ref(), from)).end(from, by),
        false => None,
    };
    plan.checks
        .iter()
        .zip(findings)
        .map(|(planned, finding)| {
            let finding = match finding.is_late() {
                true => finding.excused(starved.as_ref()),
                false => finding,
            };
            finding.named(&planned.name).at_worst(planned.at_worst).without_secrets(planned)
        })
        .collect()
}

/// What one thread does, in order: the place of each look, its kind, itself.
type Errand = Vec<(usize, &'static str, Arc<dyn Look>)>;

/// Who looks at what: each look that may have to wait has a thread of its own,
/// and those that never wait go before the first of these. A thread costs more
/// than such a look does.
fn errands(plan: &Plan) -> Vec<Errand> {
    let (mut prompt, mut waiting): (Errand, Vec<Errand>) = (Vec::new(), Vec::new());
    for (index, planned) in plan.checks.iter().enumerate() {
        let Ok(look) = &planned.look else { continue };
        let item = (index, planned.kind, Arc::clone(look));
        match look.waits() {
            Waits::Never => prompt.push(item),
            Waits::ForAnAnswer => waiting.push(vec![item]),
        }
    }
    if let Some(first) = waiting.first_mut() {
        prompt.append(first);
        *first = prompt;
    } else if !prompt.is_empty() {
        waiting.push(prompt);
    }
    waiting
}

/// Starts a thread that nobody joins: one that is stuck must not hold us.
fn spawn(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name("look".into()).stack_size(STACK).spawn(work).map(drop)
}

/// A check that is stuck when it is no longer waited for.
fn unanswered<E>(kind: &'static str, look: &Result<Arc<dyn Look>, E>, waited: Duration) -> Finding {
    let what = look.as_ref().map_or_else(|_| String::new(), |look| look.describe());
    let waited = humantime::format_duration(waited);
    let because = format!("still waiting after {waited} to see {}", shown(&what, 120));
    Finding::new(kind, Verdict::unknown(because).into(), None)
}

/// A check that panicked: a defect of ours, of which nothing follows for the service.
fn broken(kind: &'static str, look: &dyn Look) -> Finding {
    // Describing may be what is broken.
    let what = catch_unwind(AssertUnwindSafe(|| look.describe())).unwrap_or_default();
    let because = format!("the check broke while it was to see {}", shown(&what, 120));
    Finding::new(kind, Verdict::unknown(because).into(), None)
}
