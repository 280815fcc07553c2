//! A monitoring plugin's answer: `NOVA-COMPUTE OK - 2 checks | time=0.004s`,
//! and its exit statuses, which Sensu and Consul take too.

use super::text::{name, prefix};
use super::{MAX_OUTPUT, Report};
use crate::text::cut;
use crate::verdict::{Exit, Verdict};
use std::time::Duration;

/// The word and the status for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl Report {
    /// The report in a plugin's words; `took` is how long the look was.
    pub fn to_nagios(&self, took: Duration) -> String {
        let service = unpiped(&name(&self.service).to_uppercase());
        let word = match self.plugin_status() {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Critical => "CRITICAL",
            Status::Unknown => "UNKNOWN",
        };
        let text = self.to_text();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        // What stands before the reason is said in the plugin's way already.
        let spoken =
            self.speaker().map_or_else(|| self.verdict(), |finding| finding.verdict.clone());
        let reason = first.strip_prefix(&prefix(spoken.word(), &self.service)).unwrap_or(first);
        let time = took.as_secs_f64();
        let mut said = format!("{service} {word} - {} | time={time:.3}s\n", unpiped(reason));
        for line in rest.lines() {
            let line = format!("{}\n", unpiped(line));
            if said.len() + line.len() <= MAX_OUTPUT {
                said.push_str(&line);
            }
        }
        cut(&said, MAX_OUTPUT).into_owned()
    }

    /// The exit status for [`Report::to_nagios`]: 0 to 3.
    pub fn nagios_status(&self) -> u8 {
        self.plugin_status() as u8
    }

    /// A verdict that the role passes all the same is worth a warning.
    fn plugin_status(&self) -> Status {
        match (self.exit(), self.verdict()) {
            (Exit::Pass, Verdict::Healthy) => Status::Ok,
            (Exit::Pass, _) => Status::Warning,
            (Exit::Fail, Verdict::Unknown { .. }) => Status::Unknown,
            (Exit::Fail, _) => Status::Critical,
        }
    }
}

/// What follows a pipe would be read as measured values.
fn unpiped(text: &str) -> String {
    text.replace('|', "/")
}
