//! What each verdict rests on, for the people who do not believe it.

use super::Report;
use super::text::name;
use crate::settings::secret::redact;
use crate::text::shown;

/// As much of one check's evidence is shown.
const MAX_EVIDENCE: usize = 2000;

impl Report {
    /// A line for each finding: check, verdict, proof and evidence.
    pub fn evidence(&self) -> String {
        let mut text = "\nseen\n".to_owned();
        for finding in self.all() {
            let seen = finding.seen.as_ref().map_or_else(String::new, ToString::to_string);
            let line = format!("{}: {} {seen}", finding.verdict.word(), finding.because());
            let line = shown(&redact(&line), MAX_EVIDENCE);
            text.push_str(&format!("  {:13} {line}\n", name(&finding.check)));
        }
        text
    }
}
