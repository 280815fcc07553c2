//! `application/health+json`, as draft-inadarei-api-health-check-06 has it,
//! within what an engine keeps of a check's output.

use super::text::name;
use super::{MAX_OUTPUT, Report};
use crate::evaluate::Finding;
use crate::text::shown;
use crate::verdict::{Exit, Verdict};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The media type of [`Report::to_json`].
pub const MEDIA_TYPE: &str = "application/health+json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'r> {
    status: &'static str,
    /// Ours, finer than the draft's three.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<&'static str>,
    service_id: Cow<'r, str>,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    checks: BTreeMap<String, Vec<Component<'r>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'r> {
    component_id: String,
    component_type: &'static str,
    status: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<&'static str>,
    time: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<&'r serde_json::Value>,
}

/// How much is told, from all to what fits whatever happens.
#[derive(Clone, Copy)]
struct Detail {
    evidence: bool,
    /// Bytes of each check's output.
    output: usize,
    checks: usize,
}

impl Report {
    /// The report as one JSON document and a line's end; `at` is when it was
    /// looked at. What does not fit is left out: first evidence, then the ends
    /// of reasons, then checks, the worst of which stay.
    pub fn to_json(&self, at: SystemTime) -> String {
        let all = self.all().count();
        let shorter = [
            Detail { evidence: true, output: 1000, checks: all },
            Detail { evidence: false, output: 1000, checks: all },
            Detail { evidence: false, output: 200, checks: all },
            Detail { evidence: false, output: 100, checks: all },
        ];
        let fewer = (0..all).rev().map(|checks| Detail { evidence: false, output: 100, checks });
        let mut texts = shorter.into_iter().chain(fewer).map(|detail| self.json_with(detail, at));
        let fits = |text: &String| text.len() <= MAX_OUTPUT;
        texts.find(fits).unwrap_or_else(|| "{\"status\":\"fail\"}\n".to_owned())
    }

    fn json_with(&self, detail: Detail, at: SystemTime) -> String {
        let verdict = self.verdict();
        let time = humantime::format_rfc3339_seconds(at).to_string();
        let mut ranked: Vec<&Finding> = self.all().collect();
        ranked.sort_by_key(|finding| std::cmp::Reverse(finding.verdict.severity()));
        let left_out = ranked.split_off(detail.checks.min(ranked.len())).len();
        let mut notes: Vec<String> = self.speaker().into_iter().filter_map(hint).collect();
        if left_out > 0 {
            notes.push(format!("{left_out} more checks do not fit in {MAX_OUTPUT} bytes"));
        }
        let mut checks: BTreeMap<String, Vec<Component<'_>>> = BTreeMap::new();
        for finding in self.all().filter(|one| ranked.iter().any(|kept| std::ptr::eq(*one, *kept)))
        {
            let key = format!("{}:{}", finding.kind, shown(&finding.check, 60));
            checks.entry(key).or_default().push(Component {
                component_id: name(&self.service),
                component_type: "component",
                status: status(&finding.verdict),
                verdict: finding.verdict.word(),
                blame: finding.verdict.blame().map(|blame| blame.word()),
                time: time.clone(),
                output: shown(finding.because(), detail.output),
                observed_value: finding.seen.as_ref().filter(|_| detail.evidence),
            });
        }
        let document = Document {
            status: self.status(&verdict),
            verdict: verdict.word(),
            blame: verdict.blame().map(|blame| blame.word()),
            service_id: Cow::Owned(name(&self.service)),
            description: format!("health of {}", name(&self.service)),
            output: (verdict != Verdict::Healthy).then(|| self.first_line()),
            notes,
            checks,
        };
        // A map of strings and plain values cannot fail to be written.
        let mut text = serde_json::to_string(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Report {
    /// Of all together: what the exit status says, and a warning where the
    /// role passes what is not healthy.
    fn status(&self, verdict: &Verdict) -> &'static str {
        match (self.exit(), verdict) {
            (Exit::Fail, _) => "fail",
            (Exit::Pass, Verdict::Healthy) => "pass",
            (Exit::Pass, _) => "warn",
        }
    }
}

fn status(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "pass",
        Verdict::Degraded { .. } => "warn",
        Verdict::Unknown { .. } | Verdict::Unhealthy { .. } => "fail",
    }
}

fn hint(finding: &Finding) -> Option<String> {
    finding.hint.as_ref().map(|hint| format!("hint: {}", shown(hint, 300)))
}
