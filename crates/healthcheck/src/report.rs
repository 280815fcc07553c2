//! Findings, as one value that can be rendered: what the answer is, and why.

mod evidence;
mod explain;
mod json;
mod nagios;
#[cfg(test)]
mod tests;
mod text;

pub use json::MEDIA_TYPE;

use crate::evaluate::Finding;
use crate::maintenance::Maintenance;
use crate::verdict::{Exit, Role, Verdict};

/// The answer of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The service.
    pub service: String,
    /// What the answer is for.
    pub role: Role,
    /// What each check found, in the order of the definition.
    pub findings: Vec<Finding>,
    /// Whether it is in maintenance.
    pub maintenance: Maintenance,
}

/// Docker keeps this much of a check's output, in bytes; podman 500 characters.
pub const MAX_OUTPUT: usize = 4096;

/// The first line's limit, in bytes: it carries the verdict wherever output is cut.
pub const MAX_FIRST_LINE: usize = 200;

impl Report {
    /// The finding that speaks for all: the worst, the first of several as bad.
    pub fn worst(&self) -> Option<&Finding> {
        self.all().fold(None, |worst, finding| match worst {
            Some(worst) if worst.verdict.severity() >= finding.verdict.severity() => Some(worst),
            _ => Some(finding),
        })
    }

    /// The finding that the first line tells: the worst, but for maintenance
    /// where that decides. `None` where all is plainly healthy.
    pub fn speaker(&self) -> Option<&Finding> {
        if self.findings.is_empty() {
            return None;
        }
        let decides =
            self.role == Role::Ready && matches!(self.maintenance, Maintenance::Active(_));
        let unhealthy =
            self.worst().filter(|worst| matches!(worst.verdict, Verdict::Unhealthy { .. }));
        if decides && unhealthy.is_none() {
            return self.maintenance.finding();
        }
        self.worst().filter(|worst| worst.verdict != Verdict::Healthy)
    }

    /// The verdict over all: the worst finding's. With nothing to look at,
    /// nothing is known.
    pub fn verdict(&self) -> Verdict {
        match (self.findings.is_empty(), self.worst()) {
            (false, Some(worst)) => worst.verdict.clone(),
            _ => Verdict::unknown("no check applies here"),
        }
    }

    /// Every finding, the one about maintenance last.
    pub fn all(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.maintenance.finding())
    }

    /// What it means for the role it was asked for.
    pub fn exit(&self) -> Exit {
        if self.role == Role::Ready && matches!(self.maintenance, Maintenance::Active(_)) {
            return Exit::Fail;
        }
        let overall = self.verdict();
        self.role.exit(self.findings.iter().map(|finding| &finding.verdict).chain([&overall]))
    }
}
