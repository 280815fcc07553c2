//! What would be looked at, for the people who wonder: each check in words,
//! the settings it rests on, and where each came from.

use super::text::name;
use crate::definition::Definition;
use crate::plan::{Plan, Planned};
use crate::settings::secret::redact;
use crate::text::shown;
use crate::verdict::Role;

/// Where the second column begins.
const COLUMN: usize = 14;
/// As much of one value is shown.
const MAX_VALUE: usize = 400;

impl Plan {
    /// The plan in words. `told_by` says how the service is known. Nothing is
    /// looked at that was not looked at to make the plan.
    pub fn explain(&self, definition: &Definition, told_by: &str) -> String {
        let mut lines = Explained(String::new());
        let about = definition.about.as_deref().unwrap_or("no description");
        lines.0.push_str(&format!("{}: {}\n", name(&self.service), shown(about, 200)));
        lines.row("known by", told_by);
        lines.row("definition", &definition.file);
        let deadline = humantime::format_duration(self.deadline).to_string();
        lines.row("deadline", &deadline);
        lines.row("role", role(self.role));
        if !self.checks.is_empty() {
            lines.0.push_str("\nlooks\n");
        }
        for check in &self.checks {
            lines.check(check);
        }
        if !self.skipped.is_empty() {
            lines.0.push_str("\nskips\n");
        }
        for skipped in &self.skipped {
            lines.row(&skipped.name, &format!("because {}", skipped.because));
        }
        if !definition.lacks.is_empty() {
            lines.0.push_str("\nlacks\n");
        }
        for lack in &definition.lacks {
            lines.row("", lack);
        }
        lines.0
    }
}

struct Explained(String);

impl Explained {
    fn row(&mut self, name: &str, value: &str) {
        let name = shown(name, 60);
        // Nothing that is told here can have a secret; if it has, it is ours to hide.
        let value = shown(&redact(value), MAX_VALUE);
        self.0.push_str(&format!("  {name:width$}{value}\n", width = COLUMN.max(name.len() + 1)));
    }

    fn check(&mut self, check: &Planned) {
        match &check.look {
            Ok(look) => self.row(&check.name, &check.without_secrets(&look.describe())),
            Err(unplanned) => {
                let because = check.without_secrets(&unplanned.to_string());
                self.row(&check.name, &format!("unknown: {because}"));
            }
        }
        for used in &check.used {
            let value = format!("  {} = {} ({})", used.name, used.shown, used.origin);
            self.row("", &value);
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Health => "none: fails when unhealthy, whoever is to blame, or unknown",
        Role::Live => "live: fails when a restart would help",
        Role::Ready => {
            "ready: fails when unhealthy, whoever is to blame, unknown, or in maintenance"
        }
        Role::Startup => "startup: fails until it has come up",
    }
}
