//! Where engines listen: what was asked for, else what the environment names,
//! else the usual sockets.

use super::{EngineError, Kind};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vantage::{FileKind, Vantage};

/// Where an engine may be: a socket, and what led there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    named_by: Option<&'static str>,
}

impl Place {
    /// A usual place.
    pub fn usual(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), named_by: None }
    }

    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)?;
        match self.named_by {
            Some(variable) => write!(f, " (from {variable})"),
            None => Ok(()),
        }
    }
}

/// Which engines are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only the one at this socket.
    pub socket: Option<PathBuf>,
    /// How long each of its answers may take.
    pub limit: Duration,
    /// The variables of the environment that name engines.
    pub environment: BTreeMap<&'static str, String>,
}

/// Variables that may name an engine's socket, or the folder it is in.
const VARIABLES: [&str; 3] = ["DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"];

const DOCKER_SOCKETS: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

impl Wanted {
    /// With what this process's environment says.
    pub fn new(kind: Option<Kind>, socket: Option<PathBuf>, limit: Duration) -> Self {
        let named = |name: &'static str| Some((name, std::env::var(name).ok()?));
        let environment =
            VARIABLES.into_iter().filter_map(named).filter(|(_, value)| !value.is_empty());
        Self { kind, socket, limit, environment: environment.collect() }
    }

    /// Whether an engine of this kind is wanted.
    pub fn accepts(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// Whether the places are guesses: an empty one is no fault then.
    pub fn guesses(&self) -> bool {
        self.socket.is_none()
    }

    /// The sockets to ask at, each once: two paths to one socket are one engine.
    ///
    /// # Errors
    /// Where a variable names an engine that is not on this host.
    pub fn places(&self, host: &Vantage) -> Result<Vec<Place>, EngineError> {
        if let Some(path) = &self.socket {
            return Ok(vec![Place { path: path.clone(), named_by: Some("--socket") }]);
        }
        let mut places: Vec<Place> = Vec::new();
        if self.accepts(Kind::Docker) {
            match self.named("DOCKER_HOST")? {
                Some(place) => places.push(place),
                None => places.extend(DOCKER_SOCKETS.map(Place::usual)),
            }
        }
        if self.accepts(Kind::Podman) {
            match self.named("CONTAINER_HOST")? {
                Some(place) => places.push(place),
                None => {
                    places.push(Place::usual(PODMAN_SOCKET));
                    if let Some(folder) = self.environment.get("XDG_RUNTIME_DIR") {
                        places.push(Place::usual(Path::new(folder).join("podman/podman.sock")));
                    }
                }
            }
        }
        let mut seen = Vec::new();
        places.retain(|place| {
            let same = resolved(&place.path, host);
            let new = !seen.contains(&same);
            seen.push(same);
            new
        });
        Ok(places)
    }

    fn named(&self, variable: &'static str) -> Result<Option<Place>, EngineError> {
        let Some(value) = self.environment.get(variable) else { return Ok(None) };
        let remote = || EngineError::Remote {
            variable,
            value: healthcheck::text::shown(&healthcheck::settings::secret::redact(value), 100),
        };
        let path = value.strip_prefix("unix://").ok_or_else(remote)?;
        Ok(Some(Place { path: path.into(), named_by: Some(variable) }))
    }
}

/// The path with the links on its way followed: `/var/run` is `/run` on most
/// hosts, and podman-docker links Docker's socket to Podman's.
fn resolved(path: &Path, host: &Vantage) -> PathBuf {
    const MAX_LINKS: usize = 16;
    let mut resolved = PathBuf::new();
    let mut rest: Vec<_> =
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.to_str() {
            Some("..") => {
                resolved.pop();
                continue;
            }
            Some(".") => continue,
            _ => resolved.push(&part),
        }
        if links < MAX_LINKS
            && let Ok(Some(target)) = host.read_link(&resolved)
        {
            links += 1;
            resolved.pop();
            rest.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
        }
    }
    resolved
}

/// Whether anything but a socket stands at a place.
pub(super) fn is_no_socket(place: &Place, host: &Vantage) -> Option<FileKind> {
    let kind = host.stat(&place.path).ok()?.kind;
    (kind != FileKind::Socket).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::{Place, Wanted};
    use crate::engines::Kind;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::Duration;
    use vantage::Vantage;

    fn host() -> (tempfile::TempDir, Vantage) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("proc")).unwrap();
        std::fs::create_dir_all(folder.path().join("root/run/podman")).unwrap();
        std::fs::create_dir_all(folder.path().join("root/var")).unwrap();
        symlink("/run", folder.path().join("root/var/run")).unwrap();
        let host = Vantage::at(folder.path()).unwrap();
        (folder, host)
    }

    fn wanted(environment: &[(&'static str, &str)]) -> Wanted {
        let environment = environment.iter().map(|&(name, value)| (name, value.to_owned()));
        let limit = Duration::from_secs(1);
        Wanted { kind: None, socket: None, limit, environment: environment.collect() }
    }

    fn paths(wanted: &Wanted, host: &Vantage) -> Vec<String> {
        let places = wanted.places(host).unwrap();
        places.iter().map(|place| place.path().display().to_string()).collect()
    }

    #[test]
    fn two_paths_to_one_socket_are_one_engine() {
        let (folder, host) = host();
        let both = ["/run/docker.sock", "/run/podman/podman.sock"];
        assert_eq!(paths(&wanted(&[]), &host), both);
        symlink("podman/podman.sock", folder.path().join("root/run/docker.sock")).unwrap();
        assert_eq!(paths(&wanted(&[]), &host), ["/run/docker.sock"]);
    }

    #[test]
    fn the_environment_and_the_kind_decide_where_to_ask() {
        let (_folder, host) = host();
        let mut wanted = wanted(&[
            ("DOCKER_HOST", "unix:///tmp/docker.sock"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
        ]);
        let user = "/run/user/1000/podman/podman.sock";
        assert_eq!(paths(&wanted, &host), ["/tmp/docker.sock", "/run/podman/podman.sock", user]);
        wanted.kind = Some(Kind::Podman);
        assert_eq!(paths(&wanted, &host), ["/run/podman/podman.sock", user]);
        wanted.socket = Some("/tmp/x".into());
        assert_eq!(paths(&wanted, &host), ["/tmp/x"]);
    }

    #[test]
    fn an_engine_elsewhere_is_said_to_be_elsewhere() {
        let (_folder, host) = host();
        let wanted = wanted(&[("DOCKER_HOST", "tcp://user:secret@10.0.0.1:2376")]);
        let said = wanted.places(&host).unwrap_err().to_string();
        assert!(said.starts_with("DOCKER_HOST=tcp://"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }

    #[test]
    fn a_place_says_what_named_it() {
        assert_eq!(Place::usual("/run/docker.sock").to_string(), "/run/docker.sock");
        let place = Place { path: Path::new("/tmp/x").to_owned(), named_by: Some("DOCKER_HOST") };
        assert_eq!(place.to_string(), "/tmp/x (from DOCKER_HOST)");
    }
}
