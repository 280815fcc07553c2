//! What came of every fault, kept in `docs/lab.json` as the run goes on: a run that was cut short
//! has lost nothing, and one fault can be run again without the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::judges::Judge;
use super::ruling::Ruling;

/// All there is to know of a run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Results {
    /// What it was done with.
    pub(crate) about: About,
    /// One for each fault and service, in the order of the list.
    pub(crate) rows: Vec<Row>,
    /// Faults that could not be done, with the reason.
    #[serde(default)]
    pub(crate) failed: BTreeMap<String, String>,
}

/// Where, when and with what.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct About {
    /// The day, in UTC.
    pub(crate) date: String,
    /// What it ran on.
    pub(crate) machine: String,
    /// The services' packages and their versions, and the predecessors'.
    pub(crate) versions: BTreeMap<String, String>,
    /// Seconds that the last whole run took.
    pub(crate) took: Option<f64>,
}

/// A service under a fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    /// Our commit.
    #[serde(default)]
    pub(crate) commit: String,
    /// The fault's name.
    pub(crate) fault: String,
    /// What happened.
    pub(crate) title: String,
    /// The heading it stands under.
    pub(crate) section: String,
    /// Everything was to stay healthy.
    pub(crate) trap: bool,
    /// The service.
    pub(crate) service: String,
    /// What was to be said.
    pub(crate) expected: String,
    /// Why that is too much to expect.
    pub(crate) out_of_reach: Option<String>,
    /// Seconds that it was looked at.
    pub(crate) window: f64,
    /// Seconds from doing it until it was seen to be in effect.
    pub(crate) settled: f64,
    /// What came of each judge.
    pub(crate) rulings: BTreeMap<Judge, Ruling>,
    /// Seconds from undoing it until our check said healthy, from inside and from outside.
    pub(crate) recovered: Option<f64>,
}

impl Results {
    /// Those kept in `file`; none yet is no error.
    pub(crate) fn load(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| file.display().to_string())
    }

    /// Keeps them in `file`.
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether something is known of `fault`.
    pub(crate) fn has(&self, fault: &str) -> bool {
        self.rows.iter().any(|row| row.fault == fault)
    }

    /// Takes what came of `fault`, in the order that `list` has.
    pub(crate) fn take(&mut self, fault: &str, came: Result<Vec<Row>>, list: &[&str]) {
        match came {
            Ok(rows) => {
                self.failed.remove(fault);
                self.rows.retain(|row| row.fault != fault);
                self.rows.extend(rows);
            }
            Err(error) => {
                // What was said beneath it names places of one machine.
                self.failed.insert(fault.to_owned(), error.to_string());
            }
        }
        let place = |row: &Row| list.iter().position(|&name| name == row.fault);
        self.rows.retain(|row| place(row).is_some());
        self.rows.sort_by_key(place);
    }
}
