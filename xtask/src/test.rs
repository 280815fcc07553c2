//! `cargo xtask test`: everything the default CI run checks. The steps run in order; one that fails
//! stops none behind it, so that one run tells all.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::engine::{Afterwards, Engine};
use crate::images::Image;
use crate::machine::debian::Release;
use crate::program::Program;
use crate::session::Session;
use crate::{base_image, generate, images, lab, machine, peers, policy, probe, tidy};

const STEP_LIMIT: Duration = Duration::from_secs(25 * 60);
/// The package whose tests need a container engine, and so the environment prepared here.
const CONTAINER_TESTS: &str = "container-tests";
/// The images its tests may start.
const IMAGES: [Image; 6] = [
    Image("mariadb"),
    Image("memcached"),
    Image("nova-conductor"),
    Image("rabbitmq"),
    Image("redis"),
    Image("servers"),
];

/// Run everything that CI checks: format, lints, policy, tests, and tests on a real engine.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Leave out what needs a container engine.
    #[arg(long)]
    no_containers: bool,
    /// Make the images of this release of Debian, such as trixie; of this machine's if not given.
    #[arg(long, value_name = "RELEASE", default_value_t)]
    debian: Release,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let session = Session::begin()?;
    let mut failed = Vec::new();
    let mut step = |name: &'static str, done: Result<()>| -> Result<()> {
        // Stopping is not failing: nothing more is tried then.
        session.interrupt.check()?;
        if let Err(error) = done {
            session.progress.say(&format!("{name} failed: {error:#}"));
            failed.push(name);
        }
        Ok(())
    };
    step("format", cargo(&session, &["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("lints", cargo(&session, &lints))?;
    step("tidiness", tidy::check(session.root()))?;
    step("generated pages", generate::check(&session))?;
    step("dependency policy", policy::check(&session))?;
    let tests = ["test", "--locked", "--workspace", "--exclude", CONTAINER_TESTS, "--no-fail-fast"];
    step("tests", cargo(&session, &tests))?;
    step("compliance", compliance(&session))?;
    if !args.no_containers {
        step("container tests", container_tests(&session, &args.debian))?;
        step("short lab", lab::command::short(&session, &args.debian))?;
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn cargo(session: &Session, args: &[&str]) -> Result<()> {
    session.progress.heading(&format!("cargo {}", args.join(" ")));
    program(session).args(args).in_the_open(&session.interrupt)
}

fn program(session: &Session) -> Program {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Program::new(cargo).within(session.root()).limit(STEP_LIMIT)
}

/// What the predecessors' scripts call, by Debian's names.
const PEERS_NEED: [&str; 6] = ["bash", "curl", "gawk", "iproute2", "lsof", "procps"];

/// Runs the predecessors' scripts and ours in the same containers.
fn compliance(session: &Session) -> Result<()> {
    session.progress.heading("compliance");
    if !machine::is_root() {
        session.progress.say("SKIPPED: compliance: its containers take root");
        return Ok(());
    }
    machine::install(session, &PEERS_NEED)?;
    let peers = peers::fetch(session)?;
    let probe = probe::build_probe(session)?;
    program(session)
        .env("HEALTHCHECK_PROBE", &probe.path)
        .env("HEALTHCHECK_PEER_TRIPLEO", &peers.tripleo)
        .env("HEALTHCHECK_PEER_KOLLA", &peers.kolla)
        .args(["test", "--locked", "--package", "healthcheck", "--test", "compliance"])
        .in_the_open(&session.interrupt)
}

/// Brings up an engine and what the container tests start on it, then runs them with the places of
/// both in the environment.
fn container_tests(session: &Session, release: &Release) -> Result<()> {
    session.progress.heading("container tests: preparing");
    let step = session.progress.start("static probe");
    let probe = probe::build_probe(session)?;
    step.done(&probe.describe());
    let step = session.progress.start("static stand-in");
    let stand_in = probe::build_stand_in(session)?;
    step.done("");
    let step = session.progress.start("healthctl");
    let healthctl = probe::build_healthctl(session)?;
    step.done("");
    let engine = Engine::bring_up(session)?;
    let tested = base_image::ensure(session, &engine, release).and_then(|base| {
        images::build(session, &engine, &base, &probe.path, &IMAGES)?;
        session.progress.heading("container tests");
        let mut tests = program(session)
            .env("HEALTHCHECK_PROBE", &probe.path)
            .env("HEALTHCHECK_STAND_IN", &stand_in.path)
            .env("HEALTHCTL", &healthctl.path)
            .env("HEALTHCHECK_IMAGE_BASE", base);
        for image in IMAGES {
            let name = format!("HEALTHCHECK_IMAGE_{}", image.0.to_uppercase().replace('-', "_"));
            tests = tests.env(&name, image.tag());
        }
        tests
            .args(["test", "--locked", "--no-fail-fast", "--package", CONTAINER_TESTS])
            .in_the_open(&session.interrupt)
            .context("tests on a real engine")
    });
    // Whatever it says of itself would come behind the tests' own summary.
    engine.finish(Afterwards::Stop);
    tested
}
