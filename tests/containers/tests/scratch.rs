//! The probe where there is nothing else: no shell, no library, no user, no network.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result};

fn from_xtask(variable: &str) -> Result<PathBuf> {
    let value = std::env::var_os(variable);
    value
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set: run by cargo xtask test"))
}

fn docker(args: &[&str]) -> Result<Output> {
    let mut docker = Command::new("docker");
    docker.env("DOCKER_BUILDKIT", "0").args(args).output().context("cannot run docker")
}

#[test]
fn the_probe_starts_in_an_empty_image_without_any_right() -> Result<()> {
    let context = tempfile::tempdir()?;
    fs::copy(from_xtask("HEALTHCHECK_PROBE")?, context.path().join("healthcheck"))?;
    let containerfile = "FROM scratch\nCOPY healthcheck /openstack/healthcheck\n";
    fs::write(context.path().join("Dockerfile"), containerfile)?;
    let (tag, at) = ("openstack-healthcheck/scratch", context.path().to_string_lossy());
    let built = docker(&["build", "--quiet", "--tag", tag, &at])?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let unprivileged = ["--user", "65534:65534", "--read-only", "--cap-drop", "ALL"];
    let command = ["--network", "none", tag, "/openstack/healthcheck", "--version"];
    let run = docker(&[&["run", "--rm"], &unprivileged[..], &command].concat())?;
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{out}{err}");
    Ok(())
}
