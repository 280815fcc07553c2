//! The predecessors' own scripts, from the package index: what we are measured
//! against and compared with. They are fetched, used and never kept.

use crate::program::Program;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The releases that are compared with: the last of tripleo-common before it
/// was retired, and kolla of the time this was written.
pub(crate) const PACKAGES: [(&str, &str); 2] = [("tripleo-common", "18.0.0"), ("kolla", "23.0.0")];

/// Where their scripts are.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    /// tripleo-common's `healthcheck/`, with `common.sh`.
    pub(crate) tripleo: PathBuf,
    /// kolla's `docker/`, with `base/healthcheck_port` and the others.
    pub(crate) kolla: PathBuf,
}

/// The predecessors' scripts, fetched once.
pub(crate) fn fetch(session: &Session) -> Result<Peers> {
    let folder = session.work("peers");
    for (name, version) in PACKAGES {
        let into = folder.join(name);
        if into.is_dir() {
            continue;
        }
        let download = folder.join("download");
        let log = session.log(&format!("fetch {name}"));
        fs::create_dir_all(&download)
            .with_context(|| format!("cannot make {}", download.display()))?;
        Program::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d"])
            .args([download.as_os_str()])
            .args([format!("{name}=={version}")])
            .limit(Duration::from_secs(180))
            .logged(&session.interrupt, &log)
            .with_context(|| {
                format!(
                    "cannot fetch {name} {version}: python3-pip and the package index are needed"
                )
            })?;
        let wheel = wheel_of(&download, name)?;
        let partial = folder.join(format!("{name}.partial"));
        Program::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([wheel.as_os_str(), partial.as_os_str()])
            .logged(&session.interrupt, &log)
            .with_context(|| format!("cannot unpack {}", wheel.display()))?;
        fs::rename(&partial, &into).with_context(|| format!("cannot make {}", into.display()))?;
    }
    let (_, tripleo) = PACKAGES[0];
    let data = format!(
        "tripleo-common/tripleo_common-{tripleo}.data/data/share/tripleo-common/healthcheck"
    );
    let peers = Peers { tripleo: folder.join(data), kolla: folder.join("kolla/kolla/docker") };
    for script in [peers.tripleo.join("common.sh"), peers.kolla.join("base/healthcheck_port")] {
        if !script.is_file() {
            bail!("the fetched package has no {}", script.display());
        }
    }
    Ok(peers)
}

fn wheel_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let prefix = name.replace('-', "_");
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.starts_with(&prefix) && file.ends_with(".whl") {
            return Ok(path);
        }
    }
    bail!("no package {name} in {}", folder.display())
}
