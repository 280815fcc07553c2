//! A plan's looks under one deadline become findings: one after another while they are quick,
//! side by side once one is not. The only loop; whatever is stuck is named and left behind.

use crate::definition::AtWorst;
use crate::kinds::{Judgement, Look, Waits};
use crate::plan::{Plan, Planned};
use crate::settings::secret::{HIDDEN, is_secret_name};
use crate::starved::{self, Watch};
use crate::text::shown;
use crate::verdict::{Blame, Verdict};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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

/// A look that takes longer holds up no other: each then has a thread of its own. A thread costs
/// more than most looks, which take a small part of this.
pub const HELD_UP: Duration = Duration::from_millis(50);

/// Looks at everything in a plan, on other threads. The findings are in its order; there is one
/// for each check, at the latest when the deadline has passed.
pub fn evaluate(plan: &Plan, from: &Arc<Vantage>) -> Vec<Finding> {
    let evaluation = Evaluation::begin(plan.clone(), Arc::clone(from));
    evaluation.look_aside();
    evaluation.findings()
}

/// A plan's looks under one deadline, and what they have found so far.
pub struct Evaluation {
    plan: Plan,
    from: Arc<Vantage>,
    by: Deadline,
    look_by: Deadline,
    /// From when on looks that are held up get help.
    help_at: Deadline,
    /// Nobody takes this long unless something is wrong: whether they get to run is worth
    /// knowing from then on.
    worry_at: Deadline,
    progress: Mutex<Progress>,
    advanced: Condvar,
}

struct Progress {
    /// The places of the checks that nobody looks at yet, in the order they are to be looked at.
    line: VecDeque<usize>,
    /// What was found, in the plan's order.
    findings: Vec<Option<Finding>>,
    /// How long the rest is waited for.
    until: Deadline,
}

impl Evaluation {
    /// Its time begins; nothing is looked at yet.
    pub fn begin(plan: Plan, from: Arc<Vantage>) -> Arc<Self> {
        let by = Deadline::after(plan.deadline);
        let look_by = Deadline::after(plan.deadline - margin(plan.deadline));
        let findings = plan.checks.iter().map(|planned| {
            let unplanned = planned.look.as_ref().err()?;
            let verdict = Verdict::unknown(unplanned.to_string());
            Some(Finding::new(planned.kind, verdict.into(), None))
        });
        let progress = Progress { line: line(&plan), findings: findings.collect(), until: by };
        let (progress, advanced) = (Mutex::new(progress), Condvar::new());
        let (help_at, worry_at) = (Deadline::after(HELD_UP), Deadline::after(plan.deadline / 4));
        Arc::new(Self { plan, from, by, look_by, help_at, worry_at, progress, advanced })
    }

    /// What is looked at.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Looks at one thing after another, until there is none that nobody looks at. What it looks
    /// at may hold it up for ever: somebody else must see to the deadline.
    pub fn look(&self) {
        while let Some(index) = self.next() {
            let planned = &self.plan.checks[index];
            let Ok(look) = &planned.look else { continue };
            // What a broken look leaves behind is dropped with it.
            let work = AssertUnwindSafe(|| look.look(&self.from, self.look_by));
            let finding = catch_unwind(work).unwrap_or_else(|_| broken(planned.kind, &**look));
            let finding = match finding.is_late() {
                true => finding.excused(starved::ourselves(&self.from)),
                false => finding,
            };
            let mut progress = self.progress();
            if finding.settles(planned.at_worst) {
                progress.until = progress.until.at_most(PARTING);
            }
            progress.findings[index] = Some(finding);
            drop(progress);
            self.advanced.notify_all();
        }
    }

    /// Has another thread look, so that nothing holds up whoever calls. Where none is to be had,
    /// nothing is known of what it would have looked at.
    pub fn look_aside(self: &Arc<Self>) {
        if let Err(error) = self.get_help() {
            let mut progress = self.progress();
            for index in std::mem::take(&mut progress.line) {
                let verdict = Verdict::unknown(format!("cannot start a thread: {error}"));
                let kind = self.plan.checks[index].kind;
                progress.findings[index] = Some(Finding::new(kind, verdict.into(), None));
            }
        }
    }

    /// The findings, in the plan's order: once all are there, at the latest when the deadline has
    /// passed. Looks that are held up get help.
    pub fn findings(self: &Arc<Self>) -> Vec<Finding> {
        let (mut helped, mut watch) = (false, None);
        let mut progress = self.progress();
        while progress.findings.iter().any(Option::is_none) && !progress.until.has_passed() {
            if !helped && self.help_at.has_passed() {
                helped = true;
                // Without a thread to be had they stay in line.
                let _ = (0..progress.line.len()).try_for_each(|_| self.get_help());
            }
            if watch.is_none() && self.worry_at.has_passed() {
                drop(progress);
                watch = Some(Watch::begin(self.plan.program.as_ref(), &self.from));
                progress = self.progress();
                continue;
            }
            let until = progress.until;
            let due = [(!helped, self.help_at), (watch.is_none(), self.worry_at), (true, until)];
            let due = due.into_iter().filter(|(open, _)| *open).map(|(_, at)| at.remaining());
            let waited = self.advanced.wait_timeout(progress, due.min().unwrap_or_default());
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let waited = if progress.until == self.by { self.plan.deadline } else { PARTING };
        let findings = progress.findings.clone();
        drop(progress);
        self.conclude(findings, waited, watch)
    }

    /// The place of the next check to be looked at.
    fn next(&self) -> Option<usize> {
        self.progress().line.pop_front()
    }

    /// Starts a thread that looks. Nobody joins it: one that is stuck must not hold us.
    fn get_help(self: &Arc<Self>) -> std::io::Result<()> {
        let evaluation = Arc::clone(self);
        let thread = thread::Builder::new().name("look".into()).stack_size(STACK);
        thread.spawn(move || evaluation.look()).map(drop)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be said of each check: of one that was `waited` for in vain too, and of what
    /// was late.
    fn conclude(
        &self,
        findings: Vec<Option<Finding>>,
        waited: Duration,
        watch: Option<Watch>,
    ) -> Vec<Finding> {
        let Self { plan, from, by, .. } = self;
        let findings: Vec<Finding> = plan
            .checks
            .iter()
            .zip(findings)
            .map(|(planned, finding)| {
                finding.unwrap_or_else(|| unanswered(planned.kind, &planned.look, waited))
            })
            .collect();
        let starved = match findings.iter().any(Finding::is_late) {
            true => {
                watch.unwrap_or_else(|| Watch::begin(plan.program.as_ref(), from)).end(from, *by)
            }
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
}

/// The places of the checks to look at: first those that never wait.
fn line(plan: &Plan) -> VecDeque<usize> {
    let waits = |wanted: Waits| {
        let checks = plan.checks.iter().enumerate();
        checks.filter_map(move |(index, planned)| {
            let look = planned.look.as_ref().ok()?;
            (look.waits() == wanted).then_some(index)
        })
    };
    waits(Waits::Never).chain(waits(Waits::ForAnAnswer)).collect()
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
