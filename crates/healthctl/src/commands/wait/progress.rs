//! What a wait shows while it waits: a line that is written over on a
//! terminal; elsewhere a line for each change.

use super::Sight;
use crate::survey::Row;
use crate::table::span;
use crate::terminal::{self, Look};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Progress {
    look: Look,
    timeout: Duration,
    /// What was last said of each container, where lines are not written over.
    said: BTreeMap<String, String>,
}

impl Progress {
    pub(super) fn new(look: Look, timeout: Duration) -> Self {
        Self { look, timeout, said: BTreeMap::new() }
    }

    /// Shows how it stands.
    pub(super) fn show(&mut self, sight: &Sight, elapsed: Duration) {
        match self.look.width {
            Some(width) => {
                let line = line(sight, elapsed, self.timeout);
                let line: String = line.chars().take(width.saturating_sub(1)).collect();
                terminal::say(&format!("\r\x1b[K{line}"));
            }
            None => terminal::say(&self.changes(sight, elapsed)),
        }
    }

    /// Leaves the line to what comes next.
    pub(super) fn end(&self) {
        if self.look.is_live() {
            terminal::say("\r\x1b[K");
        }
    }

    /// A line for each container whose answer is another one than before. A
    /// reason's numbers change at every look: only the verdict and the check count.
    fn changes(&mut self, sight: &Sight, elapsed: Duration) -> String {
        let failing = sight.failing.iter().map(|error| {
            let text = error.to_string();
            (format!("engine {text}"), text.clone(), text)
        });
        let missing = sight
            .missing
            .iter()
            .map(|name| (name.clone(), "missing".to_owned(), format!("{name}: no such container")));
        let rows = sight.rows.iter().map(|row| {
            let report = row.looked.report.as_ref();
            let verdict = report.map_or("", |report| report.verdict().word());
            let check = report.and_then(|report| report.worst());
            let check = check.map_or("", |worst| worst.check.as_str());
            let key = format!("{}:{}", row.container.engine, row.container.name);
            (key, format!("{verdict} {check} {}", row.passes()), row.told())
        });
        let mut text = String::new();
        for (key, state, line) in failing.chain(missing).chain(rows) {
            if self.said.insert(key, state.clone()).as_ref() != Some(&state) {
                text.push_str(&format!("{:>7}  {line}\n", span(elapsed)));
            }
        }
        text
    }
}

/// How it stands, in one line; the first that is waited for is named.
fn line(sight: &Sight, elapsed: Duration, timeout: Duration) -> String {
    let all = sight.rows.len() + sight.missing.len();
    let healthy = sight.rows.iter().filter(|row| row.passes()).count();
    let limit = humantime::format_duration(timeout);
    let first = match (sight.failing.first(), sight.missing.first()) {
        (Some(error), _) => error.to_string(),
        (None, Some(name)) => format!("{name}: no such container"),
        (None, None) => {
            sight.rows.iter().find(|row| !row.passes()).map_or_else(String::new, Row::told)
        }
    };
    format!("{} of {limit}: {healthy} of {all} healthy; {first}", span(elapsed))
}
