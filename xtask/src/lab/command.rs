//! `cargo xtask lab`: real OpenStack services on a network of their own.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Subcommand;

use super::run;
use super::services::{self, Service};
use super::stage::{Props, Stage};
use super::watch::Watch;
use crate::engine::{Afterwards, Engine};
use crate::machine::debian::Release;
use crate::session::Session;
use crate::{base_image, images, peers, probe};

/// Real services in containers, broken for real: what four health checks say of it.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only the few services and faults of the short lab, and no docs/lab.md.
    #[arg(long)]
    short: bool,
    #[command(flatten)]
    made: Made,
    #[command(flatten)]
    called: Called,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring services up and leave them running.
    Up(Which),
    /// Remove everything that `up` made but its images.
    Down(Called),
    /// The services there are.
    List(Which),
    /// Do faults to a lab that is up, and write docs/lab.md.
    Run(run::Options),
    /// Look at a lab that is up, with the probe as it is now, and count false alarms.
    Watch(WatchArgs),
}

/// Which services are meant.
#[derive(clap::Args, Debug)]
pub(crate) struct Which {
    /// These and what they need; all of them when none is named.
    pub(crate) services: Vec<String>,
    /// Only the few that the test run takes.
    #[arg(long, conflicts_with = "services")]
    pub(crate) short: bool,
    #[command(flatten)]
    pub(crate) made: Made,
    #[command(flatten)]
    pub(crate) called: Called,
}

/// What a lab is made of.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Made {
    /// The packages of this release of Debian, such as trixie; of this machine's if not given.
    #[arg(long, value_name = "RELEASE", default_value_t)]
    pub(crate) debian: Release,
}

/// How a lab is watched.
#[derive(clap::Args, Debug)]
pub(crate) struct WatchArgs {
    /// How long, such as 90m.
    #[arg(long = "for", value_name = "TIME", value_parser = minutes)]
    time: Duration,
    /// In the second half, do requests, calls and queries, and take the processor away at times.
    #[arg(long)]
    load: bool,
    #[command(flatten)]
    called: Called,
}

/// Which lab is meant.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Called {
    /// What containers, network and volumes are named after.
    #[arg(long, default_value = "lab")]
    pub(crate) name: String,
    /// This probe, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) probe: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let session = Session::begin()?;
    match &args.command {
        Some(Command::Up(which)) => {
            let engine = bring_up(&session, which)?;
            let filter = format!("label=lab={}", which.called.name);
            session.progress.heading(&format!("Up; have a look: docker ps --filter {filter}"));
            if let Some(done) = engine.finish(Afterwards::Keep) {
                session.progress.say(&done);
            }
            Ok(())
        }
        Some(Command::Down(called)) => {
            let engine = Engine::bring_up(&session)?;
            let step = session.progress.start(format!("remove {}", called.name));
            Stage::new(&session, &engine, &called.name).down()?;
            step.done("");
            Ok(())
        }
        Some(Command::Watch(args)) => watch_over(&session, args),
        Some(Command::List(which)) => {
            list(&which.choose(&session)?);
            Ok(())
        }
        Some(Command::Run(options)) => {
            let engine = Engine::bring_up(&session)?;
            let done = run::run(&session, &engine, options);
            engine.finish(Afterwards::Keep);
            done
        }
        None => whole(&session, &args.short_or_all()),
    }
}

impl Args {
    fn short_or_all(&self) -> Which {
        let (made, called) = (self.made.clone(), self.called.clone());
        Which { services: Vec::new(), short: self.short, made, called }
    }
}

/// The short lab of the test run, under a name of its own.
pub(crate) fn short(session: &Session, release: &Release) -> Result<()> {
    let made = Made { debian: release.clone() };
    let called = Called { name: "lab-of-the-tests".to_owned(), probe: None };
    whole(session, &Which { services: Vec::new(), short: true, made, called })
}

/// Brings services up, does faults to them and removes them, whatever came of it.
fn whole(session: &Session, which: &Which) -> Result<()> {
    let engine = bring_up(session, which)?;
    let name = &which.called.name;
    let done = match which.short {
        true => run::run_short(session, &engine, name),
        false => run::run(session, &engine, &run::Options::everything(name)),
    };
    let removed = Stage::new(session, &engine, name).down();
    engine.finish(Afterwards::Stop);
    done.and(removed)
}

impl Which {
    /// The services that are meant, in an order in which they can be started.
    pub(crate) fn choose(&self, session: &Session) -> Result<Vec<Service>> {
        let all = services::read(session.root(), &self.made.debian)?;
        if self.short { Ok(services::short(&all)) } else { services::select(&all, &self.services) }
    }
}

/// Brings an engine, the images, the probe and the chosen services up; what was brought up is
/// removed again when that fails or is interrupted.
pub(crate) fn bring_up(session: &Session, which: &Which) -> Result<Engine> {
    let services = which.choose(session)?;
    let (engine, built) = thread::scope(|scope| {
        let building = scope.spawn(|| {
            if let Some(given) = &which.called.probe {
                return Ok(given.clone());
            }
            let step = session.progress.start("static probe");
            let built = probe::build_probe(session)?;
            step.done(&built.describe());
            anyhow::Ok(built.path)
        });
        let engine = Engine::bring_up(session);
        (engine, building.join().unwrap_or_else(|_| Err(anyhow!("building the probe panicked"))))
    });
    let (engine, probe) = (engine?, built?);
    let release = &which.made.debian;
    let base = base_image::ensure(session, &engine, release)?;
    if which.short {
        let names: BTreeSet<_> = services.iter().filter_map(|each| each.short.as_deref()).collect();
        let names: Vec<_> = names.into_iter().collect();
        images::build_for_tests(session, &engine, &base, &probe, &names)?;
    } else {
        let names: BTreeSet<_> = services.iter().map(|each| each.image.as_str()).collect();
        let names: Vec<_> = names.into_iter().collect();
        images::build_for_lab(session, &engine, &base, release, &names)?;
    }
    let peers = peers::fetch(session).inspect_err(|error| {
        session.progress.say(&format!("without the predecessors' scripts: {error:#}"));
    });
    session.progress.heading("Services");
    let stage = Stage::new(session, &engine, &which.called.name);
    let props = Props { probe: &probe, peers: peers.as_ref().ok(), release, short: which.short };
    let brought = stage.up(session, &services, props);
    if brought.is_err() && session.interrupt.is_raised() {
        stage.down()?;
    }
    brought?;
    Ok(engine)
}

fn watch_over(session: &Session, args: &WatchArgs) -> Result<()> {
    let engine = Engine::bring_up(session)?;
    let step = session.progress.start("static probe");
    let probe = probe::build_probe(session)?;
    step.done(&probe.describe());
    let step = session.progress.start("healthctl");
    let built = probe::build_healthctl(session)?;
    // A copy, since the next build replaces it while this runs.
    let healthctl = session.work(&format!("healthctl-of-{}", args.called.name));
    fs::copy(&built.path, &healthctl).context("cannot copy healthctl")?;
    step.done("");
    let stage = Stage::new(session, &engine, &args.called.name);
    stage.install_probe(&probe.path)?;
    let services = stage.running(session)?;
    let watch = Watch {
        stage: &stage,
        engine: &engine,
        services: &services,
        healthctl: &healthctl,
        time: args.time,
        load: args.load,
    };
    let log = session.work(&format!("watch/{}.log", args.called.name));
    session.progress.say(&format!("what is not healthy goes to {}", log.display()));
    let watched = watch.run(session, &log);
    engine.finish(Afterwards::Keep);
    watched
}

/// Hours, minutes or seconds, by their letter.
fn minutes(text: &str) -> Result<Duration> {
    let expected = || anyhow!("expected a number of hours, minutes or seconds, such as 90m");
    let (number, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).with_context(expected)?;
    let seconds = match unit {
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return Err(expected()),
    };
    Ok(Duration::from_secs(number.parse::<u32>().with_context(expected)?.into()) * seconds)
}

fn list(services: &[Service]) {
    for service in services {
        let trap = if service.trap { "  (a trap: never unhealthy)" } else { "" };
        println!("{:<24} {:<12} {}{trap}", service.name, service.image, service.healthcheck());
    }
}
