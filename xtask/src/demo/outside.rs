//! The same containers by `healthctl`, which starts nothing in them: it must say what the command
//! in the container says.

use anyhow::{Result, bail};

use super::scenario::Expected;
use crate::lab::Lab;
use crate::machine;
use crate::probe::{self, Built};
use crate::program::Program;
use crate::session::Session;

/// A `healthctl` to look with.
#[derive(Debug)]
pub(crate) struct Outside(Built);

impl Outside {
    /// Builds it; none where we may not look into other users' processes.
    pub(crate) fn prepare(session: &Session) -> Result<Option<Self>> {
        if !machine::is_root() {
            return Ok(None);
        }
        let step = session.progress.start("healthctl");
        let built = probe::build_healthctl(session)?;
        step.done("to see the same from outside");
        Ok(Some(Self(built)))
    }

    /// What it says of the container that is `expected` to be unhealthy; fails when it says otherwise.
    pub(crate) fn sees(
        &self,
        session: &Session,
        lab: &Lab<'_>,
        expected: &Expected,
    ) -> Result<String> {
        let container = lab.container(expected.service);
        let check = Program::new(&self.0.path).args(["check", &container]);
        let (status, said) = check.exit_status(&session.interrupt)?;
        let first = said.lines().next().unwrap_or_default();
        if status != 1 || !expected.is_said_by(first) {
            bail!("healthctl check {container} sees it otherwise (exit status {status}): {first}");
        }
        Ok(first.to_owned())
    }
}
