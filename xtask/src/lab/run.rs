//! `cargo xtask lab run`: does faults to a lab that is up and keeps what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::faults::{Fault, Faults};
use super::judges::Judge;
use super::referee::{Referee, Shells, hold_all};
use super::results::{About, Results, Row};
use super::ruling::Outcome;
use super::services::Service;
use super::stage::Stage;
use super::table;
use crate::engine::Engine;
use crate::machine::debian::Release;
use crate::program::Program;
use crate::session::Session;
use crate::{peers, probe};

/// The packages whose versions the page names, where an image has them.
const PACKAGES: &str = "blazar-manager ceilometer-common cinder-api cloudkitty-common galera-4 glance-api gnocchi-common haproxy \
                        heat-engine keystone libvirt-daemon magnum-common mariadb-server masakari-common memcached neutron-common \
                        nova-common openvswitch-switch ovn-central placement-api python3-oslo.messaging rabbitmq-server \
                        redis-server swift-proxy trove-common valkey-server watcher-common";

/// Which faults, and how.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Faults or sections; all that need not be asked for when none is named
    faults: Vec<String>,
    /// The lab, as `up` named it
    #[arg(long, default_value = "lab")]
    name: String,
    /// How many at once, of those that do not touch the same services
    #[arg(long, default_value_t = 2)]
    lanes: usize,
    /// Only what the page of this lab does not have yet
    #[arg(long)]
    resume: bool,
    /// Leave the page and its JSON as they are; print the page
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    /// All faults, on the lab of this name.
    pub(crate) fn everything(name: &str) -> Self {
        Self { faults: Vec::new(), name: name.to_owned(), lanes: 2, resume: false, dry_run: false }
    }
}

/// Does faults to the lab that is up, with the probe as it is now, and writes its page and the same in JSON after each.
pub(crate) fn run(session: &Session, engine: &Engine, options: &Options) -> Result<()> {
    let began = Instant::now();
    let faults = Faults::read(session.root())?;
    let stage = Stage::new(session, engine, &options.name);
    let there = stage.running(session)?;
    let page = Page::of(session, stage.release()?);
    let mut results = Results::load(&page.json)?;
    let is_whole = options.faults.is_empty() && !options.resume;
    if is_whole {
        results = Results::default();
    }
    let mut chosen = faults.select(&options.faults)?;
    if options.resume {
        chosen.retain(|fault| !results.has(&fault.name));
    }
    chosen.retain(|fault| !faults.judged(fault, &there).is_empty());
    let step = session.progress.start("healthctl, optimised");
    let healthctl = probe::build_healthctl_optimised(session)?.path;
    step.done("");
    let step = session.progress.start("static probe");
    let probe = probe::build_probe(session)?;
    step.done(&probe.describe());
    stage.install_probe(&probe.path)?;
    results.about = About { took: results.about.took, ..about(session, engine, options, &there)? };
    let commit = commit(session)?;
    let referee = Referee {
        session,
        commit: &commit,
        lab: &options.name,
        healthctl: &healthctl,
        there: &there,
        faults: &faults,
        judges: &Judge::ALL,
        shells: Shells::default(),
    };
    session.progress.heading(&format!("{} faults and traps", chosen.len()));
    let list: Vec<&str> = faults.all().iter().map(|fault| fault.name.as_str()).collect();
    let results = Mutex::new(results);
    let done = |fault: &Fault, came: Result<Vec<Row>>| {
        tell(session, fault, &came);
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        if session.interrupt.is_raised() {
            return;
        }
        results.take(&fault.name, came, &list);
        if !options.dry_run
            && let Err(error) = page.write(&results, &faults)
        {
            session.progress.say(&format!("error: {error:#}"));
        }
    };
    hold_all(&referee, &chosen, options.lanes, &session.interrupt, &done);
    session.interrupt.check()?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    if is_whole {
        results.about.took = Some(began.elapsed().as_secs_f64());
    }
    match options.dry_run {
        true => println!("{}", table::page(&results, faults.all(), &page.release)?),
        false => page.write(&results, &faults)?,
    }
    Ok(())
}

/// Does the faults of the short lab and fails unless each was seen, blamed rightly and got over.
pub(crate) fn run_short(session: &Session, engine: &Engine, name: &str) -> Result<()> {
    let faults = Faults::read(session.root())?;
    let there = Stage::new(session, engine, name).running(session)?;
    let step = session.progress.start("healthctl");
    let healthctl = probe::build_healthctl(session)?;
    step.done("");
    let commit = commit(session)?;
    let referee = Referee {
        session,
        commit: &commit,
        lab: name,
        healthctl: &healthctl.path,
        there: &there,
        faults: &faults,
        judges: &Judge::OURS,
        shells: Shells::default(),
    };
    let chosen: Vec<&Fault> = faults.all().iter().filter(|fault| fault.short).collect();
    let wrong = Mutex::new(Vec::new());
    let done = |fault: &Fault, came: Result<Vec<Row>>| {
        tell(session, fault, &came);
        let found = match came {
            Ok(rows) => rows.iter().flat_map(mistakes).collect(),
            Err(error) => vec![format!("{}: {error:#}", fault.name)],
        };
        wrong.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    };
    hold_all(&referee, &chosen, 1, &session.interrupt, &done);
    session.interrupt.check()?;
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(wrong.is_empty(), "the lab saw otherwise than it should:\n  {}", wrong.join("\n  "));
    Ok(())
}

/// What ours did not do as it should.
fn mistakes(row: &Row) -> Vec<String> {
    let mut found = Vec::new();
    for judge in Judge::OURS {
        let Some(ruling) = row.rulings.get(&judge) else { continue };
        let right = match judge {
            // Where a restart neither helps nor harms, either answer will do.
            Judge::Live => {
                matches!(ruling.outcome, Outcome::Detected | Outcome::Fine | Outcome::NoCheck)
            }
            _ if row.expected.starts_with("healthy") => ruling.outcome == Outcome::Fine,
            _ => ruling.outcome == Outcome::Detected,
        };
        if !right {
            found.push(format!(
                "{}: {judge:?} of {}: expected {}, {:?}: {}",
                row.fault, row.service, row.expected, ruling.outcome, ruling.line
            ));
        }
    }
    if row.recovered.is_none() {
        found.push(format!("{}: {} was not well again", row.fault, row.service));
    }
    found
}

/// Where the results are written: a page for each release of Debian, and the same in JSON.
struct Page {
    release: Release,
    markdown: PathBuf,
    json: PathBuf,
}

impl Page {
    fn of(session: &Session, release: Release) -> Self {
        let name = table::name(&release);
        let file = |kind| session.root().join("docs").join(format!("{name}.{kind}"));
        Self { markdown: file("md"), json: file("json"), release }
    }

    fn write(&self, results: &Results, faults: &Faults) -> Result<()> {
        results.save(&self.json)?;
        let page = table::page(results, faults.all(), &self.release)?;
        fs::write(&self.markdown, page)
            .with_context(|| format!("cannot write {}", self.markdown.display()))
    }
}

/// Says in a few lines what came of a fault.
fn tell(session: &Session, fault: &Fault, came: &Result<Vec<Row>>) {
    let progress = &session.progress;
    match came {
        Err(error) => progress.say(&format!("FAILED   {}: {error:#}", fault.name)),
        Ok(rows) => {
            progress.say(&format!("{}: {}", fault.name, fault.title));
            for row in rows {
                let judges: Vec<String> = row
                    .rulings
                    .iter()
                    .map(|(judge, ruling)| {
                        let after = ruling.after.map_or_else(String::new, |s| format!(" {s:.0} s"));
                        format!("{judge:?} {:?}{after}", ruling.outcome)
                    })
                    .collect();
                let again = row.recovered.map_or("never".into(), |s| format!("{s:.0} s"));
                progress.say(&format!(
                    "  {:<22} {}; well again {again}",
                    row.service,
                    judges.join(", ")
                ));
                let ours = row.rulings.get(&Judge::Inside);
                progress.say(&format!("  {:<22} {}", "", ours.map_or("", |own| &own.line)));
            }
        }
    }
}

/// The commit that is checked out.
fn commit(session: &Session) -> Result<String> {
    let git = Program::new("git").within(session.root()).args(["rev-parse", "--short=10", "HEAD"]);
    Ok(String::from_utf8_lossy(&git.output(&session.interrupt)?).trim().to_owned())
}

fn about(
    session: &Session,
    engine: &Engine,
    options: &Options,
    there: &[Service],
) -> Result<About> {
    let date = Program::new("date").args(["-u", "+%Y-%m-%d"]).output(&session.interrupt)?;
    let mut images = BTreeSet::new();
    let mut versions = BTreeMap::new();
    for service in there.iter().filter(|service| images.insert(service.image.clone())) {
        let asked = format!(
            "dpkg-query -W -f '${{db:Status-Status}} ${{Package}} ${{Version}}\\n' {PACKAGES} 2>/dev/null || true"
        );
        let container = format!("{}-{}", options.name, service.name);
        for line in engine.ask(&["exec", &container, "sh", "-c", &asked])?.lines() {
            if let ["installed", package, version] = line.split(' ').collect::<Vec<_>>()[..] {
                versions.insert(package.to_owned(), version.to_owned());
            }
        }
    }
    for (package, version) in peers::PACKAGES {
        versions.insert(format!("{package} (its checks)"), version.to_owned());
    }
    Ok(About {
        date: String::from_utf8_lossy(&date).trim().to_owned(),
        machine: machine(),
        versions,
        took: None,
    })
}

/// Processors, memory and kernel, for a person.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(Path::new(file)).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .map_or(0, |kilobytes: u64| kilobytes.div_ceil(1024 * 1024));
    let kernel = read("/proc/sys/kernel/osrelease");
    let version = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or_default().to_owned();
    format!(
        "a machine with {processors} processors, {memory} GB and Linux {version}, where {load} processes wanted to run \
         (the load of the last five minutes)"
    )
}

#[cfg(test)]
mod tests {
    use super::mistakes;
    use crate::lab::judges::Judge;
    use crate::lab::results::Row;
    use crate::lab::ruling::{Outcome, Ruling};

    fn row(expected: &str, inside: Outcome, live: Outcome, recovered: Option<f64>) -> Row {
        let ruling = |outcome| Ruling {
            outcome,
            after: None,
            answer: None,
            line: "said".to_owned(),
            before_that: None,
            looks: 2,
            failed: 0,
            cpu_ms: None,
        };
        Row {
            commit: "c".to_owned(),
            fault: "f".to_owned(),
            title: "t".to_owned(),
            section: "s".to_owned(),
            trap: false,
            service: "x".to_owned(),
            expected: expected.to_owned(),
            out_of_reach: None,
            window: 1.0,
            settled: 0.0,
            rulings: [(Judge::Inside, ruling(inside)), (Judge::Live, ruling(live))].into(),
            recovered,
        }
    }

    #[test]
    fn a_fault_seen_blamed_rightly_and_got_over_is_no_mistake() {
        let own = row("unhealthy (self)", Outcome::Detected, Outcome::Detected, Some(1.0));
        assert!(mistakes(&own).is_empty());
        let trap = row("healthy", Outcome::Fine, Outcome::Fine, Some(1.0));
        assert!(mistakes(&trap).is_empty());
    }

    #[test]
    fn everything_else_is_told() {
        for (expected, inside, live, recovered) in [
            ("unhealthy (self)", Outcome::Missed, Outcome::Detected, Some(1.0)),
            ("unhealthy (self)", Outcome::Misjudged, Outcome::Detected, Some(1.0)),
            ("unhealthy (self)", Outcome::Excluded, Outcome::Detected, Some(1.0)),
            ("unhealthy (dependency)", Outcome::Detected, Outcome::FalseAlarm, Some(1.0)),
            ("unhealthy (self)", Outcome::Detected, Outcome::Missed, Some(1.0)),
            ("healthy", Outcome::FalseAlarm, Outcome::Fine, Some(1.0)),
            ("healthy", Outcome::Fine, Outcome::Fine, None),
        ] {
            let told = mistakes(&row(expected, inside, live, recovered));
            assert_eq!(told.len(), 1, "{told:?}");
        }
    }
}
