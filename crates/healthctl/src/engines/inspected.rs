//! What both engines say of one container, alike but for a few names.

use super::{Container, ContainerId, Health, Kind, Listed, State};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::SystemTime;
use vantage::Pid;

/// The answer of Docker's `/containers/ID/json` and of libpod's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    state: InspectedState,
    config: InspectedConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    status: String,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
    // Podman 3 says `Healthcheck`, and an empty status where there is no check.
    #[serde(default, alias = "Healthcheck")]
    health: Option<InspectedHealth>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedHealth {
    #[serde(default)]
    status: String,
    #[serde(default)]
    failing_streak: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    #[serde(default, deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    env: Vec<String>,
    #[serde(default)]
    healthcheck: Option<Healthcheck>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    #[serde(default, deserialize_with = "null_is_empty")]
    test: Vec<String>,
}

/// Go writes `null` for an empty list or table.
pub(super) fn null_is_empty<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Inspected {
    pub(super) fn into_container(self, engine: Kind, listed: &Listed) -> Container {
        let Self { state, config } = self;
        let now = State::new(&state.status);
        let pid = matches!(now, State::Running | State::Paused).then_some(state.pid);
        Container {
            engine,
            id: listed.id.clone(),
            name: listed.name.clone(),
            image: listed.image.clone(),
            state: now,
            health: health(state.health.as_ref()),
            pid: pid.filter(|&pid| pid != 0).map(Pid::new),
            started: moment(&state.started_at),
            ended: moment(&state.finished_at),
            exit_status: state.exit_code,
            out_of_memory: state.out_of_memory,
            labels: config.labels,
            environment: environment(&config.env),
            test: config.healthcheck.map(|healthcheck| healthcheck.test).unwrap_or_default(),
        }
    }
}

/// What a check heeds. The rest may be secret and is not kept.
fn environment(env: &[String]) -> BTreeMap<String, String> {
    let variables = env.iter().filter_map(|variable| variable.split_once('='));
    variables
        .filter(|(name, value)| {
            (*name == "PATH" || name.starts_with("HEALTHCHECK")) && !value.is_empty()
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn health(health: Option<&InspectedHealth>) -> Health {
    let Some(InspectedHealth { status, failing_streak }) = health else {
        return Health::Unchecked;
    };
    match status.as_str() {
        "starting" => Health::Starting,
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy { failing_streak: *failing_streak },
        // Docker says `none`, Podman nothing.
        _ => Health::Unchecked,
    }
}

/// A moment as Go writes it, in any offset. Year 1 means never.
fn moment(text: &str) -> Option<SystemTime> {
    let (text, offset) = match text.strip_suffix('Z') {
        Some(utc) => (utc, 0),
        None => {
            let at = text.len().checked_sub(6)?;
            let (local, offset) = (text.get(..at)?, text.get(at..)?);
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let seconds = hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60;
            let seconds = i64::try_from(seconds).ok()?;
            (local, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    if text.starts_with("0001-") {
        return None;
    }
    let local = humantime::parse_rfc3339(&format!("{text}Z")).ok()?;
    let span = std::time::Duration::from_secs(offset.unsigned_abs());
    if offset > 0 { local.checked_sub(span) } else { local.checked_add(span) }
}

/// A name in a list, without Docker's slash, made safe to show.
pub(super) fn name(names: &[String], id: &ContainerId) -> String {
    // A container that others link to has further names, `/other/alias`.
    let own =
        names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    let name = own.filter(|name| !name.is_empty()).unwrap_or(id.short());
    healthcheck::text::shown(name, 120)
}

#[cfg(test)]
mod tests {
    use super::moment;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_moment_is_read_in_any_offset_and_year_one_is_never() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(moment("1970-01-01T01:00:00Z"), at(3600));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), at(0));
        assert_eq!(moment("1970-01-01T01:00:00-00:30"), at(5400));
        assert_eq!(moment("0001-01-01T00:00:00Z"), None);
        assert_eq!(moment(""), None);
        assert_eq!(moment("yesterday"), None);
    }
}
