//! `cargo xtask demo`: real services under a real engine's HEALTHCHECK, faults done to them, and
//! what the engine then says.

mod scenario;
mod screen;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::engine::{Afterwards, Engine};
use crate::lab::{Health, Lab, Standing};
use crate::progress::Hue;
use crate::session::Session;
use crate::{base_image, images, probe};
use scenario::{Act, Scenario};
use screen::Screen;

const LAB: &str = "healthcheck-demo";
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Show real services turn healthy, unhealthy and healthy again, by the engine's own word.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only memcached and redis, no OpenStack: quick from nothing.
    #[arg(long)]
    quick: bool,
    /// Leave containers, network and engine as they are at the end, to look around.
    #[arg(long)]
    keep: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let session = Session::begin()?;
    let scenario = if args.quick { scenario::quick() } else { scenario::full() };
    session.progress.heading("Preparing");
    // The probe builds while the engine comes up: neither needs the other.
    let (engine, built) = thread::scope(|scope| {
        let building = scope.spawn(|| {
            let step = session.progress.start("static probe");
            let built = probe::build_probe(&session)?;
            step.done(&built.describe());
            anyhow::Ok(built)
        });
        let engine = Engine::bring_up(&session)
            .and_then(|engine| Ok((base_image::ensure(&session, &engine)?, engine)));
        (engine, building.join().unwrap_or_else(|_| Err(anyhow!("building the probe panicked"))))
    });
    session.interrupt.check()?;
    let (base, engine) = engine?;
    let shown = built.and_then(|built| {
        images::build(&session, &engine, &base, &built.path, &scenario.images())?;
        play(&session, &engine, &scenario, args.keep)
    });
    if args.keep {
        println!("\nKept: docker ps --filter label={LAB}; another demo removes them first");
    }
    let afterwards = if args.keep { Afterwards::Keep } else { Afterwards::Stop };
    if let Some(done) = engine.finish(afterwards) {
        session.progress.say(&done);
    }
    // What was cut short says so itself, in many ways; one is enough.
    if session.interrupt.is_raised() {
        bail!("interrupted; what was started is {}", if args.keep { "kept" } else { "removed" });
    }
    let seen = shown?;
    session.progress.heading(&format!(
        "All of it seen in {:.0} s; {} the images stay, so that the next run is quick",
        started.elapsed().as_secs_f64(),
        if args.keep {
            "everything is left running;"
        } else {
            "containers and network are removed,"
        },
    ));
    for line in seen {
        session.progress.say(&format!("  {line}"));
    }
    Ok(())
}

/// Starts the services, does every fault, and returns a line for each as a summary.
fn play(
    session: &Session,
    engine: &Engine,
    scenario: &Scenario,
    keep: bool,
) -> Result<Vec<String>> {
    let mut lab = Lab::open(engine, LAB)?;
    if keep {
        lab.keep();
    }
    let mut screen = Screen::new(session.progress.terminal(), scenario.services());
    let mut lines = vec![come_up(session, &lab, scenario, &mut screen)?];
    for act in &scenario.acts {
        lines.push(perform(session, &lab, scenario, act, &mut screen)?);
    }
    Ok(lines)
}

fn come_up(
    session: &Session,
    lab: &Lab<'_>,
    scenario: &Scenario,
    screen: &mut Screen,
) -> Result<String> {
    for (service, before) in &scenario.cast {
        if let Some(errand) = before {
            let step = session.progress.start(errand.what);
            wait_for_one(session, lab, scenario, errand.needs)?;
            lab.run_once(service, errand.command)?;
            step.done("");
        }
        let step = session.progress.start(format!("start {}", service.name));
        lab.run(service, scenario.pace)?;
        step.done("");
    }
    session.progress.heading("Services come up; the engine calls /openstack/healthcheck in each");
    let all_healthy = |now: &[Standing]| now.iter().all(|each| each.health == Health::Healthy);
    let took = watch(session, lab, scenario, screen, scenario.patience, all_healthy)
        .context("not every container turned healthy")?;
    Ok(format!("{:<44} {:>5.1} s", "all healthy after", took.as_secs_f64()))
}

/// Waits until the engine calls the container of `service` healthy.
fn wait_for_one(
    session: &Session,
    lab: &Lab<'_>,
    scenario: &Scenario,
    service: &str,
) -> Result<()> {
    let only: Vec<_> =
        scenario.services().into_iter().filter(|each| each.name == service).collect();
    let deadline = Instant::now() + scenario.patience;
    loop {
        let now = lab.look(&only)?;
        if now.iter().all(|each| each.health == Health::Healthy) {
            return Ok(());
        }
        session.interrupt.check()?;
        if Instant::now() > deadline {
            let said = now.first().map_or("", |standing| standing.message.as_str());
            bail!("{service} is not healthy after {} s: {said}", scenario.patience.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn perform(
    session: &Session,
    lab: &Lab<'_>,
    scenario: &Scenario,
    act: &Act,
    screen: &mut Screen,
) -> Result<String> {
    let terminal = session.progress.terminal();
    session.progress.heading(&format!("Fault: {}", act.fault.describe()));
    session.progress.say(&format!("  {}", act.why));
    lab.inject(act.fault)?;
    let is_seen =
        |now: &[Standing]| act.expected.iter().all(|each| each.is_met(&scenario.services(), now));
    let seen = watch(session, lab, scenario, screen, act.patience, is_seen)
        .with_context(|| format!("fault not seen as expected ({})", act.describe_expected()))?;
    for each in &act.expected {
        for (role, status, meaning) in each.roles() {
            let (actual, said) =
                lab.exec(each.service, &["/openstack/healthcheck", "--role", role])?;
            if actual != status {
                bail!(
                    "{}: --role {role}: expected exit status {status}, found {actual}: {said}",
                    each.service
                );
            }
            session
                .progress
                .say(&format!("  {}: --role {role:<5} exits {status}: {meaning}", each.service));
        }
    }
    session
        .progress
        .say(&terminal.paint(Hue::Strong, &format!("  Undo: {}", act.fault.describe_undoing())));
    lab.undo(act.fault)?;
    let all_healthy = |now: &[Standing]| now.iter().all(|each| each.health == Health::Healthy);
    let recovered = watch(session, lab, scenario, screen, act.patience, all_healthy)
        .context("not everything recovered after the fault was undone")?;
    Ok(format!(
        "{:<44} seen after {:>5.1} s: {}; healthy again after {:>5.1} s",
        act.fault.describe(),
        seen.as_secs_f64(),
        act.describe_expected(),
        recovered.as_secs_f64(),
    ))
}

/// Shows the containers until `until` holds of them; returns how long that took.
fn watch(
    session: &Session,
    lab: &Lab<'_>,
    scenario: &Scenario,
    screen: &mut Screen,
    patience: Duration,
    until: impl Fn(&[Standing]) -> bool,
) -> Result<Duration> {
    let services = scenario.services();
    let started = Instant::now();
    screen.begin();
    loop {
        let now = lab.look(&services)?;
        screen.show(&now);
        if until(&now) {
            return Ok(started.elapsed());
        }
        session.interrupt.check()?;
        if started.elapsed() > patience {
            bail!("waited {} s in vain; the last state is above", patience.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}
