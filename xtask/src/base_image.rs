//! The Debian image that all test images stand on: pulled where a registry can be reached, else
//! made by mmdebstrap from the archives in this machine's own apt sources.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::engine::Engine;
use crate::machine;
use crate::machine::debian::{Archive, Release};
use crate::program::Program;
use crate::session::Session;

const PULL_LIMIT: Duration = Duration::from_secs(60);
const MAKE_LIMIT: Duration = Duration::from_secs(600);
/// Raised when the recipe below changes, so that an older image is not taken for it.
const RECIPE: u32 = 1;

/// What mmdebstrap is told, beside suite and archives: small, quick to unpack, and with no service
/// started by its package.
const MMDEBSTRAP: [&str; 7] = [
    "--variant=minbase",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--aptopt=Acquire::Languages \"none\"",
    "--customize-hook=printf '#!/bin/sh\\nexit 101\\n' > \"$1/usr/sbin/policy-rc.d\" && chmod +x \"$1/usr/sbin/policy-rc.d\"",
];

/// Returns the name of a base image of this release that the engine has, having fetched or made it if need be.
pub(crate) fn ensure(session: &Session, engine: &Engine, release: &Release) -> Result<String> {
    let official = format!("debian:{release}-slim");
    let own = format!("openstack-healthcheck/base:{release}-{RECIPE}");
    for name in [&own, &official] {
        if engine.ask(&["image", "inspect", "--format", "{{.Id}}", name]).is_ok() {
            session.progress.start("base image").done(&format!("{name}, had it already"));
            return Ok(name.clone());
        }
    }
    session.interrupt.check()?;
    let step = session.progress.start("base image, pulled");
    let pull = engine.docker().limit(PULL_LIMIT).args(["pull", "--quiet", &official]);
    let pulled = pull.logged(&session.interrupt, &session.log("pull"));
    session.interrupt.check()?;
    let refused = match pulled {
        Ok(()) => {
            step.done(&official);
            return Ok(official);
        }
        Err(refused) => refused,
    };
    if Release::of_this_machine().is_none() || !machine::is_root() {
        return Err(refused.context(format!(
            "no base image: {official} cannot be pulled, and only root on Debian can make one"
        )));
    }
    step.done("no registry in reach, one is made instead");
    make(session, engine, release, &own)?;
    Ok(own)
}

fn make(session: &Session, engine: &Engine, release: &Release, name: &str) -> Result<()> {
    machine::install(session, &["mmdebstrap"])?;
    let archives = release.archives(session)?;
    let step = session.progress.start("base image, made");
    let tar = session.work("base.tar");
    let made = bootstrap(session, release, &archives, &tar)
        .and_then(|()| import(session, engine, &tar, name));
    // Only a means to the image, and large.
    let removed = fs::remove_file(&tar);
    made?;
    removed.with_context(|| format!("cannot remove {}", tar.display()))?;
    step.done(&format!("{name}, from this machine's apt sources"));
    Ok(())
}

fn bootstrap(session: &Session, release: &Release, archives: &[Archive], tar: &Path) -> Result<()> {
    let sources = archives
        .iter()
        .map(|Archive { uri, suite, component }| format!("deb {uri} {suite} {component}"));
    Program::new("mmdebstrap")
        .limit(MAKE_LIMIT)
        .args(MMDEBSTRAP)
        .args([release.name().as_ref(), tar.as_os_str()])
        .args(sources)
        .logged(&session.interrupt, &session.log("mmdebstrap"))
        .context("cannot make the base image")
}

fn import(session: &Session, engine: &Engine, tar: &Path, name: &str) -> Result<()> {
    let import = engine.docker().limit(MAKE_LIMIT).args(["import"]).args([tar]).args([name]);
    import.output(&session.interrupt).context("cannot import the base image")?;
    if engine.ask(&["image", "inspect", "--format", "{{.Id}}", name])?.is_empty() {
        bail!("the engine took the base image {name} and does not have it");
    }
    Ok(())
}
