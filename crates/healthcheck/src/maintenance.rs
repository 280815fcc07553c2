//! Maintenance: while a file says so, `ready` answers no by intention. The
//! habit is oslo.middleware's `disable_by_file`; the end inside the file is
//! ours, so that nobody's forgotten file keeps a service out for ever.

use crate::evaluate::Finding;
use crate::kinds::Judgement;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Deserialize;
use std::path::Path;
use std::time::SystemTime;
use vantage::{FileError, Vantage};

/// Where the file is, unless somebody says otherwise.
pub const FILE: &str = "/run/openstack/maintenance";

/// Whether the service is in maintenance.
#[derive(Debug, Clone, PartialEq)]
pub enum Maintenance {
    /// It is not.
    None,
    /// It is: `ready` answers no.
    Active(Finding),
    /// It was, and the file was left behind; or the file cannot be understood.
    Stale(Finding),
}

/// What the file says. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// When it ends: a date and time with an offset.
    until: Option<toml::value::Datetime>,
    /// Why.
    reason: Option<String>,
    /// Who said so.
    by: Option<String>,
}

impl Maintenance {
    /// What the file at `path` says now.
    pub fn look(path: &Path, from: &Vantage) -> Self {
        let text = match from.read_text(path) {
            Ok(text) => text,
            Err(FileError::Missing(_)) => return Self::None,
            // It is there: somebody meant it, whatever is wrong with it.
            Err(error) => {
                return Self::Active(finding(Verdict::degraded(format!(
                    "in maintenance: {error}"
                ))));
            }
        };
        Self::of(&text, path, from.now())
    }

    /// What the text of the file at `path` means.
    fn of(text: &str, path: &Path, now: SystemTime) -> Self {
        let written: Written = match toml::from_str(text) {
            Ok(written) => written,
            Err(error) => {
                let because = format!(
                    "in maintenance, and {} cannot be understood: {}",
                    path.display(),
                    error.message()
                );
                return Self::Active(finding(Verdict::degraded(because)));
            }
        };
        let mut because = "in maintenance".to_owned();
        if let Some(by) = &written.by {
            because.push_str(&format!(" by {}", shown(by, 40)));
        }
        if let Some(reason) = &written.reason {
            because.push_str(&format!(": {}", shown(reason, 80)));
        }
        let Some(until) = written.until else {
            because.push_str(", without an end");
            let finding = finding(Verdict::degraded(because));
            return Self::Active(Finding {
                hint: Some(format!("write `until = 2026-01-31T18:00:00Z` into {}", path.display())),
                ..finding
            });
        };
        let Ok(end) = humantime::parse_rfc3339(&in_utc(&until)) else {
            because.push_str(&format!(", and its end {until} is no date and time"));
            return Self::Active(finding(Verdict::degraded(because)));
        };
        match end.duration_since(now) {
            Ok(_) => Self::Active(finding(Verdict::degraded(format!("{because}, until {until}")))),
            Err(ended) => {
                let ago = crate::kinds::file::span(ended.duration().as_secs() as i64);
                let because =
                    format!("maintenance ended {ago} ago and {} is still there", path.display());
                Self::Stale(finding(Verdict::degraded(because)))
            }
        }
    }

    /// What to add to the findings.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::None => None,
            Self::Active(finding) | Self::Stale(finding) => Some(finding),
        }
    }
}

/// The file's text.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(text: &str) {
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 31);
    let maintenance = Maintenance::of(text, Path::new(FILE), now);
    assert!(maintenance.finding().is_some());
}

fn finding(verdict: Verdict) -> Finding {
    Finding::new("maintenance", Judgement::from(verdict), None)
}

/// A TOML date and time as RFC 3339 in UTC; one without an offset is taken as
/// UTC, one without a time as that day's beginning.
fn in_utc(datetime: &toml::value::Datetime) -> String {
    let mut utc = *datetime;
    let minutes = match utc.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        _ => 0,
    };
    utc.offset = None;
    let mut text = utc.to_string();
    if utc.time.is_none() {
        text.push_str("T00:00:00");
    }
    text.push('Z');
    match humantime::parse_rfc3339(&text) {
        Ok(local) if minutes != 0 => {
            let offset = std::time::Duration::from_secs(minutes.unsigned_abs() * 60);
            let moment: Option<SystemTime> =
                if minutes > 0 { local.checked_sub(offset) } else { local.checked_add(offset) };
            moment.map_or(text, |moment| humantime::format_rfc3339_seconds(moment).to_string())
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::Maintenance;
    use crate::verdict::Verdict;
    use std::path::Path;
    use vantage::Vantage;

    /// 2026-03-01T12:00:00Z.
    const NOW: &str = "1772366400";

    fn look(text: Option<&str>) -> Maintenance {
        let folder = tempfile::tempdir().unwrap();
        for name in ["proc", "root/run"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("now"), NOW).unwrap();
        if let Some(text) = text {
            std::fs::write(folder.path().join("root/run/m"), text).unwrap();
        }
        Maintenance::look(Path::new("/run/m"), &Vantage::at(folder.path()).unwrap())
    }

    fn check(text: &str, active: bool, because: &str) {
        let found = look(Some(text));
        assert_eq!(matches!(found, Maintenance::Active(_)), active, "{text}: {found:?}");
        let Some(Verdict::Degraded { because: said }) = found.finding().map(|f| &f.verdict) else {
            panic!("{text}: {found:?}");
        };
        assert!(said.starts_with(because), "{text}: {said}");
    }

    #[test]
    fn no_file_is_no_maintenance() {
        assert_eq!(look(None), Maintenance::None);
        assert!(look(None).finding().is_none());
    }

    #[test]
    fn it_lasts_until_its_end_wherever_that_is_written() {
        let until = "in maintenance, until ";
        let ended = "maintenance ended ";
        for (end, active) in [
            ("2026-03-01T12:00:01Z", true),
            ("2026-03-01T11:59:59Z", false),
            ("2026-03-01T14:00:01+02:00", true),
            ("2026-03-01T13:59:59+02:00", false),
            ("2026-03-01T07:00:01-05:00", true),
            ("2026-03-01T06:59:59-05:00", false),
            ("2026-03-02", true),
            ("2026-03-01", false),
            ("2026-03-01T12:00:01", true),
        ] {
            check(&format!("until = {end}"), active, if active { until } else { ended });
        }
        check(
            "until = 2026-02-28T12:00:00Z",
            false,
            "maintenance ended 1day ago and /run/m is still there",
        );
    }

    #[test]
    fn whatever_is_there_was_meant() {
        check("", true, "in maintenance, without an end");
        check(
            "by = \"ops\"\nreason = \"new disks\"",
            true,
            "in maintenance by ops: new disks, without an end",
        );
        check("until = 10:00:00", true, "in maintenance, and its end 10:00:00 is no date and time");
        check("until = \"tomorrow\"", true, "in maintenance, and /run/m cannot be understood: ");
        check("untill = 2026-03-02", true, "in maintenance, and /run/m cannot be understood: ");
        check("\u{1b}[31m", true, "in maintenance, and /run/m cannot be understood: ");
    }
}
