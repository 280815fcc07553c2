//! `healthctl` beside a real engine: every container of it, looked at from
//! outside, the engine's own state beside ours.

use anyhow::{Context, Result, ensure};
use container_tests::{Container, docker, from_xtask};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn healthctl(arguments: &[&str]) -> Result<Command> {
    let mut healthctl = Command::new(from_xtask("HEALTHCTL")?);
    healthctl.args(arguments);
    Ok(healthctl)
}

fn ask(arguments: &[&str]) -> Result<Output> {
    healthctl(arguments)?.output().context("cannot run healthctl")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What `status` says of one container.
fn status(container: &Container) -> Result<Value> {
    let output = ask(&["status", "--all", "--engine", "docker", "--format", "json"])?;
    let document: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{}{}", text(&output.stdout), text(&output.stderr)))?;
    let containers = document["containers"].as_array().context("no containers")?;
    let found = containers.iter().find(|found| found["name"] == container.name.as_str());
    found.cloned().with_context(|| format!("no {} in {document}", container.name))
}

fn memcached(options: &[&str], command: &[&str]) -> Result<Container> {
    Container::run(options, &from_xtask("HEALTHCHECK_IMAGE_MEMCACHED")?, command)
}

/// One that has come up: a signal before that would meet the runtime.
fn healthy(options: &[&str]) -> Result<Container> {
    let container = memcached(options, &[])?;
    let waited = ask(&["wait", &container.name, "--timeout", "1m", "--interval", "100ms"])?;
    ensure!(waited.status.success(), "{}{}", text(&waited.stdout), text(&waited.stderr));
    Ok(container)
}

#[test]
fn status_shows_the_engine_s_word_beside_ours_before_the_engine_knows() -> Result<()> {
    // The engine's own check comes too late to tell anything within this test.
    let seldom = ["--health-interval", "1h", "--health-start-period", "1h"];
    let running = healthy(&seldom)?;
    let frozen = healthy(&seldom)?;
    frozen.signal("STOP")?;

    let healthy = status(&running)?;
    assert_eq!(healthy["verdict"], "healthy", "{healthy}");
    assert_eq!(healthy["service"], "memcached", "{healthy}");
    assert_eq!(healthy["engine"], "docker", "{healthy}");
    let frozen = status(&frozen)?;
    assert_eq!(frozen["verdict"], "unhealthy", "{frozen}");
    assert_eq!(frozen["blame"], "self", "{frozen}");
    assert_eq!(frozen["check"], "process", "{frozen}");
    Ok(())
}

#[test]
fn the_table_names_every_container_and_its_exit_status_tells_of_the_worst() -> Result<()> {
    let frozen = healthy(&[])?;
    frozen.signal("STOP")?;
    let shown = ask(&["status", "--engine", "docker"])?;
    let table = text(&shown.stdout);
    assert_eq!(shown.status.code(), Some(1), "{table}");
    let line = table.lines().find(|line| line.contains(&frozen.name)).context("no line")?;
    assert!(line.contains("unhealthy") && line.contains("(self)"), "{line}");
    assert!(!table.contains('\u{1b}'), "{table}");
    Ok(())
}

#[test]
fn a_container_of_nobody_s_is_shown_and_is_no_fault() -> Result<()> {
    let base = from_xtask("HEALTHCHECK_IMAGE_BASE")?;
    let sleeping = Container::run(&[], &base, &["sleep", "600"])?;
    let seen = status(&sleeping)?;
    assert_eq!(seen["verdict"], Value::Null, "{seen}");
    assert_eq!(seen["state"], "running", "{seen}");
    Ok(())
}

#[test]
fn a_service_whose_container_has_ended_is_unhealthy() -> Result<()> {
    let label = ["--label", "org.openstack.healthcheck.service=memcached"];
    let ended = memcached(&label, &["false"])?;
    ensure!(docker(&["wait", &ended.name])?.status.success(), "it did not end");
    let seen = status(&ended)?;
    assert_eq!(seen["verdict"], "unhealthy", "{seen}");
    assert_eq!(seen["known_by"], "label", "{seen}");
    let because = seen["because"].as_str().unwrap_or_default();
    assert!(because.starts_with("its process ended with status 1, "), "{seen}");
    Ok(())
}

#[test]
fn a_container_that_its_engine_has_frozen_is_unhealthy() -> Result<()> {
    let container = healthy(&[])?;
    ensure!(docker(&["pause", &container.name])?.status.success(), "it cannot be paused");
    let seen = status(&container)?;
    ensure!(docker(&["unpause", &container.name])?.status.success(), "it cannot be unpaused");
    assert_eq!(seen["verdict"], "unhealthy", "{seen}");
    assert_eq!(seen["blame"], "environment", "{seen}");
    assert_eq!(status(&container)?["verdict"], "healthy");
    Ok(())
}

#[test]
fn the_container_s_own_place_for_maintenance_is_heeded() -> Result<()> {
    let container = healthy(&["--env", "HEALTHCHECK_MAINTENANCE=/tmp/maintenance"])?;
    assert_eq!(container.outside(&["--role", "ready"])?.status, 0);
    container.exec(&[], &["touch", "/tmp/maintenance"])?;
    let answer = container.outside(&["--role", "ready"])?;
    assert_eq!(answer.status, 1, "{}", answer.output);
    assert!(answer.output.contains("in maintenance"), "{}", answer.output);
    assert_eq!(container.outside(&[])?.status, 0);
    Ok(())
}

/// A container that makes itself look like `script` says, and then sleeps.
fn hostile(script: &str) -> Result<Container> {
    let script = format!("mkdir -p /openstack; {script}; echo ready; exec sleep 600");
    let base = from_xtask("HEALTHCHECK_IMAGE_BASE")?;
    Container::run(&[], &base, &["sh", "-c", &script])?.ready()
}

#[test]
fn a_container_cannot_stall_the_host_with_a_fifo() -> Result<()> {
    let seen =
        status(&hostile("mkfifo /openstack/healthcheck.toml; touch /openstack/healthcheck")?)?;
    assert_eq!(seen["verdict"], "unknown", "{seen}");
    let because = seen["because"].as_str().unwrap_or_default();
    assert!(because.contains("expected a file, found a FIFO"), "{seen}");
    Ok(())
}

#[test]
fn a_container_cannot_read_the_host_by_a_link() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret.toml");
    let definition = "service = \"of-the-host\"\nprocess = \"x\"\n[[check]]\nkind = \"process\"\n";
    std::fs::write(&file, definition)?;
    let link = format!("ln -s {} /openstack/healthcheck.toml", file.display());
    let up = format!("mkdir -p /a/b; ln -s ../../../../../../{} /a/b/up", file.display());
    let container = hostile(&format!("{link}; {up}; ln -s /a/b /openstack/healthcheck.d"))?;
    let seen = status(&container)?;
    assert_eq!(seen["service"], Value::Null, "{seen}");
    assert!(!seen.to_string().contains("of-the-host"), "{seen}");
    Ok(())
}

#[test]
fn a_container_cannot_write_to_a_terminal_by_its_processes_names() -> Result<()> {
    let name = "exec -a \"$(printf 'memcached\\033[2J')\" sleep 600";
    let base = from_xtask("HEALTHCHECK_IMAGE_BASE")?;
    let script = format!("mkdir /openstack; touch /openstack/healthcheck; echo ready; {name}");
    let container = Container::run(&[], &base, &["bash", "-c", &script])?.ready()?;
    let shown = ask(&["status", "--engine", "docker"])?;
    let table = text(&shown.stdout);
    assert!(table.contains(&container.name), "{table}");
    assert!(table.contains("(memcached\\u{1b}[2J)"), "{table:?}");
    assert!(!table.contains('\u{1b}'), "{table:?}");
    Ok(())
}

#[test]
fn a_wait_ends_when_the_service_recovers() -> Result<()> {
    let container = healthy(&[])?;
    container.signal("STOP")?;
    let wait = ["wait", &container.name, "--timeout", "2m", "--interval", "100ms"];
    let mut waiting = healthctl(&wait)?.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(waiting.stdout.take().context("no output")?).lines();
    let first = lines.next().context("it said nothing")??;
    ensure!(first.contains("is stopped by a signal"), "{first}");
    container.signal("CONT")?;
    let last = lines.last().context("it said no more")??;
    assert!(last.starts_with("all healthy after "), "{last}");
    assert!(waiting.wait()?.success());
    Ok(())
}

#[test]
fn a_wait_that_fails_tells_ci_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.xml");
    let container = healthy(&[])?;
    container.signal("STOP")?;
    let junit = report.display().to_string();
    let waited = ask(&["wait", &container.name, "--timeout", "1s", "--junit", &junit])?;
    assert_eq!(waited.status.code(), Some(1), "{}", text(&waited.stdout));
    let xml = std::fs::read_to_string(report)?;
    let failure = "<failure message=\"unhealthy: memcached: process: memcached (process ";
    assert!(xml.contains(failure), "{xml}");
    assert!(xml.contains("tests=\"1\" failures=\"1\""), "{xml}");
    Ok(())
}

#[test]
fn explain_says_which_definition_and_why() -> Result<()> {
    let container = healthy(&[])?;
    let explained = ask(&["explain", &container.name])?;
    let said = text(&explained.stdout);
    assert!(explained.status.success(), "{said}{}", text(&explained.stderr));
    assert!(said.contains("catalog/memcached.toml"), "{said}");
    Ok(())
}
