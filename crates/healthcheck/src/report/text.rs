//! For people, and for engines that keep the first few hundred characters.
//! Always in this order: verdict, service, kind, reason, blame.

use super::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use crate::evaluate::Finding;
use crate::text::{cut, escape};
use crate::verdict::Verdict;

impl Report {
    /// The report as lines; the first is the verdict.
    pub fn to_text(&self) -> String {
        let worst = self.worst().filter(|worst| worst.verdict != Verdict::Healthy);
        let mut text = match worst {
            Some(worst) => first_line(&self.service, worst),
            None if self.findings.is_empty() => {
                let because = "no check applies here";
                cut(&format!("unknown: {}: {because}", escape(&self.service)), MAX_FIRST_LINE)
                    .into_owned()
            }
            None => {
                let count = self.findings.len();
                let noun = if count == 1 { "check" } else { "checks" };
                cut(&format!("healthy: {}: {count} {noun}", escape(&self.service)), MAX_FIRST_LINE)
                    .into_owned()
            }
        };
        text.push('\n');
        if let Some(worst) = worst {
            push(&mut text, &hint(worst));
        }
        for finding in
            self.all().filter(|finding| !worst.is_some_and(|worst| std::ptr::eq(*finding, worst)))
        {
            push(&mut text, &format!("{}\n{}", line(&self.service, finding), hint(finding)));
        }
        text
    }
}

/// Adds lines while there is room.
fn push(text: &mut String, lines: &str) {
    if text.len() + lines.len() <= MAX_OUTPUT {
        text.push_str(lines);
    }
}

/// The line of a finding, its blame kept even where its reason must be cut.
fn first_line(service: &str, finding: &Finding) -> String {
    let blame = blame(finding);
    let room = MAX_FIRST_LINE - blame.len();
    format!("{}{blame}", cut(&reason(service, finding), room))
}

fn line(service: &str, finding: &Finding) -> String {
    format!("{}{}", reason(service, finding), blame(finding))
}

fn reason(service: &str, finding: &Finding) -> String {
    let because = finding.verdict.because().or(finding.proof.as_deref()).unwrap_or_default();
    let separator = if because.is_empty() { "" } else { ": " };
    let text =
        format!("{}: {service}: {}{separator}{because}", finding.verdict.word(), finding.check);
    cut(&escape(&text), 1000).into_owned()
}

fn blame(finding: &Finding) -> String {
    finding.verdict.blame().map_or_else(String::new, |blame| format!(" ({blame})"))
}

fn hint(finding: &Finding) -> String {
    match &finding.hint {
        Some(hint) => format!("  hint: {}\n", cut(&escape(hint), 300)),
        None => String::new(),
    }
}
