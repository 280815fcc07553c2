//! For people, and for engines that keep the first few hundred characters.
//! Always in this order: verdict, service, kind, reason, blame.

use super::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use crate::evaluate::Finding;
use crate::text::{cut, escape, shown};

/// As much of one finding's line is kept beneath the first.
const MAX_LINE: usize = 1000;
/// As much of a service's or a check's name.
const MAX_NAME: usize = 60;
/// As much of a hint.
const MAX_HINT: usize = 300;
/// Room for the line that says how many findings are left out.
const REST: usize = 40;

impl Report {
    /// The report as lines; the first is the verdict.
    pub fn to_text(&self) -> String {
        let mut lines = Lines { text: self.first_line(), left_out: 0 };
        lines.text.push('\n');
        let speaker = self.speaker();
        if let Some(speaker) = speaker {
            let line = line(&self.service, speaker);
            // What had to be cut on the first line is told in full beneath.
            if line.len() > MAX_FIRST_LINE {
                lines.push(&format!("{line}\n"));
            }
            lines.push(&hint(speaker));
        }
        for finding in self.all() {
            if !speaker.is_some_and(|speaker| std::ptr::eq(finding, speaker)) {
                lines.push(&format!("{}\n{}", line(&self.service, finding), hint(finding)));
            }
        }
        if lines.left_out > 0 {
            lines.text.push_str(&format!("… and {} more\n", lines.left_out));
        }
        lines.text
    }

    /// The verdict in a line of at most [`MAX_FIRST_LINE`] bytes, without its end.
    pub fn first_line(&self) -> String {
        match self.speaker() {
            Some(finding) => {
                let blame = blame(finding);
                let room = MAX_FIRST_LINE - blame.len();
                format!("{}{blame}", cut(&reason(&self.service, finding), room))
            }
            None => {
                let (word, what) = match self.findings.len() {
                    0 => ("unknown", "no check applies here".to_owned()),
                    1 => ("healthy", "1 check".to_owned()),
                    count => ("healthy", format!("{count} checks")),
                };
                format!("{}{what}", prefix(word, &self.service))
            }
        }
    }
}

/// Lines, as many as fit.
struct Lines {
    text: String,
    left_out: usize,
}

impl Lines {
    fn push(&mut self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        if self.text.len() + lines.len() + REST <= MAX_OUTPUT {
            self.text.push_str(lines);
        } else {
            self.left_out += 1;
        }
    }
}

/// The line of a finding, its blame kept even where its reason must be cut.
fn line(service: &str, finding: &Finding) -> String {
    format!("{}{}", reason(service, finding), blame(finding))
}

fn reason(service: &str, finding: &Finding) -> String {
    let because = finding.because();
    let separator = if because.is_empty() { "" } else { ": " };
    let check = shown(&finding.check, MAX_NAME);
    let text = format!("{}{check}{separator}{because}", prefix(finding.verdict.word(), service));
    cut(&escape(&text), MAX_LINE).into_owned()
}

/// What stands before every reason.
pub(super) fn prefix(word: &str, service: &str) -> String {
    format!("{word}: {}: ", name(service))
}

/// A name, as it may be shown.
pub(super) fn name(service: &str) -> String {
    shown(service, MAX_NAME)
}

fn blame(finding: &Finding) -> String {
    finding.verdict.blame().map_or_else(String::new, |blame| format!(" ({blame})"))
}

fn hint(finding: &Finding) -> String {
    match &finding.hint {
        Some(hint) => format!("  hint: {}\n", cut(&escape(hint), MAX_HINT)),
        None => String::new(),
    }
}
