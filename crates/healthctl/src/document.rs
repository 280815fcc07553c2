//! `healthctl status --format json`: the answers for programs. The form is
//! described in docs/healthctl.md; what is there stays, what is new is added.

use crate::engines::Engines;
use crate::survey::Row;
use healthcheck::evaluate::Finding;
use healthcheck::verdict::Verdict;
use serde::Serialize;
use std::time::SystemTime;

/// The number of this form; it changes when something in it changes its meaning.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Document {
    version: u32,
    time: String,
    summary: Summary,
    engines: Vec<Engine>,
    containers: Vec<Container>,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    containers: usize,
    healthy: usize,
    degraded: usize,
    unhealthy: usize,
    unknown: usize,
    without_definition: usize,
}

#[derive(Debug, Serialize)]
struct Engine {
    engine: Option<&'static str>,
    socket: Option<String>,
    version: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Container {
    name: String,
    id: String,
    image: String,
    engine: &'static str,
    state: String,
    engine_health: Option<&'static str>,
    started: Option<String>,
    exit_status: Option<i64>,
    service: Option<String>,
    known_by: Option<&'static str>,
    verdict: Option<&'static str>,
    check: Option<String>,
    because: Option<String>,
    blame: Option<&'static str>,
    findings: Vec<FindingDocument>,
}

#[derive(Debug, Serialize)]
struct FindingDocument {
    check: String,
    kind: &'static str,
    verdict: &'static str,
    because: Option<String>,
    blame: Option<&'static str>,
    proof: Option<String>,
    hint: Option<String>,
}

impl Document {
    pub(crate) fn new(rows: &[Row], engines: &Engines, now: SystemTime) -> Self {
        let answering = engines.answering.iter().map(|engine| Engine {
            engine: Some(engine.kind.word()),
            socket: Some(engine.place().path().display().to_string()),
            version: Some(engine.version.clone()),
            error: None,
        });
        let failing = engines.failing.iter().map(|error| Engine {
            engine: None,
            socket: None,
            version: None,
            error: Some(error.to_string()),
        });
        let mut summary = Summary { containers: rows.len(), ..Summary::default() };
        for row in rows {
            let count = match row.looked.report.as_ref().map(|report| report.verdict()) {
                None => &mut summary.without_definition,
                Some(Verdict::Healthy) => &mut summary.healthy,
                Some(Verdict::Degraded { .. }) => &mut summary.degraded,
                Some(Verdict::Unhealthy { .. }) => &mut summary.unhealthy,
                Some(Verdict::Unknown { .. }) => &mut summary.unknown,
            };
            *count += 1;
        }
        Self {
            version: VERSION,
            time: humantime::format_rfc3339_seconds(now).to_string(),
            summary,
            engines: answering.chain(failing).collect(),
            containers: rows.iter().map(container).collect(),
        }
    }

    /// As text, with a line's end behind it.
    pub(crate) fn render(&self) -> String {
        // Nothing in it can fail to be written as JSON: no maps, no floats.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }
}

fn container(row: &Row) -> Container {
    let described = &row.container;
    let report = row.looked.report.as_ref();
    let worst = report.and_then(|report| report.worst());
    let verdict = report.map(|report| report.verdict());
    let running = described.pid.is_some();
    let service = row.looked.service.as_ref();
    Container {
        name: described.name.clone(),
        id: described.id.to_string(),
        image: described.image.clone(),
        engine: described.engine.word(),
        state: described.state.word().to_owned(),
        engine_health: described.health.word(),
        started: described.started.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
        exit_status: (!running).then_some(described.exit_status),
        service: service.map(|(service, _)| service.clone()),
        known_by: service.map(|(_, by)| by.word()),
        check: worst
            .filter(|worst| worst.verdict != Verdict::Healthy)
            .map(|worst| worst.check.clone()),
        because: verdict.as_ref().and_then(Verdict::because).map(str::to_owned),
        blame: verdict.as_ref().and_then(Verdict::blame).map(|blame| blame.word()),
        verdict: verdict.as_ref().map(Verdict::word),
        findings: report.map_or_else(Vec::new, |report| report.all().map(finding).collect()),
    }
}

fn finding(finding: &Finding) -> FindingDocument {
    FindingDocument {
        check: finding.check.clone(),
        kind: finding.kind,
        verdict: finding.verdict.word(),
        because: finding.verdict.because().map(str::to_owned),
        blame: finding.verdict.blame().map(|blame| blame.word()),
        proof: finding.proof.clone(),
        hint: finding.hint.clone(),
    }
}
