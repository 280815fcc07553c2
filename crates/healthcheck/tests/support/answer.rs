//! What the engine says of a tree, as a value that can be compared.

use super::scenario::Scenario;
use super::tree::Tree;
use healthcheck::evaluate::evaluate;
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{Plan, Request};
use healthcheck::report::Report;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use vantage::{Port, Vantage};

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The first line of the report.
    pub(crate) line: String,
    /// The word of the verdict over all.
    pub(crate) verdict: String,
    /// Whose fault it is.
    pub(crate) blame: Option<String>,
    /// Each finding: check, kind, verdict and what it rests on.
    pub(crate) findings: Vec<Map<String, Value>>,
    /// The evidence of each finding.
    pub(crate) seen: Vec<Value>,
    /// The checks that did not apply.
    pub(crate) skipped: Vec<Value>,
}

impl Answer {
    /// Looks at a tree as somebody without privileges.
    pub(crate) fn of(scenario: &Scenario, tree: &Tree) -> Self {
        let (definition, vantage) = (scenario.definition(), tree.vantage());
        let request = Request {
            role: scenario.role,
            ports: scenario.ports.iter().filter_map(|&port| Port::new(port)).collect(),
            word: scenario.word.clone(),
            deadline: Some(Duration::from_secs(60)),
        };
        let report = unprivileged(move || report(&definition, &request, vantage));
        let (report, skipped) = report;
        let text = tree.translate(&serde_json::to_string(&skipped).unwrap());
        let skipped = serde_json::from_str(&text).unwrap();
        Self::new(&report, skipped, tree)
    }

    fn new(report: &Report, skipped: Vec<Value>, tree: &Tree) -> Self {
        let overall = report.verdict();
        let mut findings = Vec::new();
        let mut seen = Vec::new();
        for finding in report.all() {
            let mut value = Map::new();
            let mut set = |key: &str, text: Option<&str>| {
                if let Some(text) = text {
                    value.insert(key.into(), tree.translate(text).into());
                }
            };
            set("check", Some(&finding.check));
            set("kind", Some(finding.kind));
            set("verdict", Some(finding.verdict.word()));
            set("because", finding.verdict.because());
            set("blame", finding.verdict.blame().map(|blame| blame.word()));
            set("proof", finding.proof.as_deref());
            set("hint", finding.hint.as_deref());
            findings.push(value);
            let text = tree.translate(&json!(finding.seen).to_string());
            seen.push(serde_json::from_str(&text).unwrap());
        }
        Self {
            line: tree.translate(report.to_text().lines().next().unwrap_or_default()),
            verdict: overall.word().to_owned(),
            blame: overall.blame().map(|blame| blame.word().to_owned()),
            findings,
            seen,
            skipped,
        }
    }

    /// As it is kept beside the scenario: without the evidence, which the
    /// words rest on.
    pub(crate) fn to_golden(&self) -> String {
        let mut value = json!({ "line": self.line, "findings": self.findings });
        if !self.skipped.is_empty() {
            value["skipped"] = json!(self.skipped);
        }
        serde_json::to_string_pretty(&value).unwrap() + "\n"
    }
}

/// Plans and evaluates.
pub(crate) fn report(
    definition: &healthcheck::definition::Definition,
    request: &Request,
    vantage: Vantage,
) -> (Report, Vec<Value>) {
    let vantage = Arc::new(vantage);
    let plan = Plan::new(definition, request, &vantage);
    let skipped = plan
        .skipped
        .iter()
        .map(|skipped| json!({ "check": skipped.name, "because": skipped.because }))
        .collect();
    let findings = evaluate(&plan, &vantage);
    let maintenance = Maintenance::None;
    let report = Report { service: plan.service.clone(), role: plan.role, findings, maintenance };
    (report, skipped)
}

/// Does `work` on a thread that may not read what its mode forbids, and whose
/// threads may not either.
pub(crate) fn unprivileged<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut sets = capabilities(None).unwrap();
            let powers = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            sets.effective -= powers;
            sets.permitted -= powers;
            sets.inheritable -= powers;
            set_capabilities(None, sets).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}
