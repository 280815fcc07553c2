//! `cargo xtask demo`: real services under a real engine's HEALTHCHECK, faults done to them, and
//! what the engine then says.

mod outside;
mod play;
mod scenario;
mod screen;

use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::engine::{Afterwards, Engine};
use crate::lab::Lab;
use crate::machine::debian::Release;
use crate::session::Session;
use crate::{base_image, images, probe};
use outside::Outside;
use play::Play;

const LAB: &str = "healthcheck-demo";

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
        let engine = Engine::bring_up(&session).and_then(|engine| {
            Ok((base_image::ensure(&session, &engine, &Release::default())?, engine))
        });
        (engine, building.join().unwrap_or_else(|_| Err(anyhow!("building the probe panicked"))))
    });
    session.interrupt.check()?;
    let (base, engine) = engine?;
    let shown = built.and_then(|built| {
        let outside = thread::scope(|scope| {
            let building = scope.spawn(|| match args.quick {
                true => Ok(None),
                false => Outside::prepare(&session),
            });
            images::build(&session, &engine, &base, &built.path, &scenario.images())?;
            building.join().unwrap_or_else(|_| Err(anyhow!("building healthctl panicked")))
        })?;
        let mut lab = Lab::open(&engine, LAB)?;
        if args.keep {
            lab.keep();
        }
        Play::new(&session, &lab, &scenario, outside.as_ref()).run()
    });
    if args.keep {
        let kept =
            format!("\nKept: docker ps --filter label={LAB}; another demo removes them first");
        session.progress.say(&kept);
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
