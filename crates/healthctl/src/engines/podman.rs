//! Podman's own API, libpod: it says of health what its Docker-like API leaves out.

use super::ask::Socket;
use super::inspected::{self, Inspected, null_is_empty};
use super::{Container, ContainerId, EngineError, Kind, Listed, State};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    state: String,
    #[serde(default)]
    is_infra: bool,
}

pub(super) fn list(socket: &Socket, version: &str) -> Result<Vec<Listed>, EngineError> {
    let path = format!("/v{version}/libpod/containers/json?all=true");
    // With no container at all, some versions answer `null`.
    let entries: Option<Vec<Entry>> = socket.json(&path)?;
    listed(entries.unwrap_or_default())
        .ok_or_else(|| socket.garbage(&path, "a container without an id"))
}

fn listed(entries: Vec<Entry>) -> Option<Vec<Listed>> {
    // A pod's pause container runs nothing of anybody's.
    let listed = entries.into_iter().filter(|entry| !entry.is_infra).map(|entry| {
        let id = ContainerId::new(&entry.id)?;
        let name = inspected::name(&entry.names, &id);
        let image = healthcheck::text::shown(&entry.image, 200);
        Some(Listed { id, name, image, state: State::new(&entry.state) })
    });
    listed.collect()
}

/// The list in a body, if it is one.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(body: &[u8]) -> Option<Vec<Listed>> {
    listed(serde_json::from_slice(body).ok()?)
}

pub(super) fn inspect(
    socket: &Socket,
    version: &str,
    listed: &Listed,
) -> Result<Container, EngineError> {
    let path = format!("/v{version}/libpod/containers/{}/json", listed.id);
    match socket.json::<Inspected>(&path) {
        Ok(inspected) => Ok(inspected.into_container(Kind::Podman, listed)),
        Err(EngineError::Refused { status: 404, .. }) => {
            Err(EngineError::Vanished(listed.name.clone()))
        }
        Err(error) => Err(error),
    }
}
