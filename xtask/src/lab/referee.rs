//! Does a fault to the lab and has all judges say what they see of it: healthy before, the fault,
//! what is said and when, the fault undone, healthy again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::faults::{Answer, Fault, Faults, Judged};
use super::judges::{Judge, Look, Shell, look_from_outside};
use super::results::Row;
use super::ruling::{Case, Outcome, Ruling};
use super::services::Service;
use crate::interrupt::Interrupt;
use crate::program::Program;
use crate::session::Session;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// For all judges to be content before anything is done.
const BEFORE: Duration = Duration::from_secs(60);
/// For a service to be well again.
const RECOVERY: Duration = Duration::from_secs(120);
const SETTLE: Duration = Duration::from_secs(40);
const SCRIPT: Duration = Duration::from_secs(120);

/// What every fault is done with.
#[derive(Debug)]
pub(crate) struct Referee<'a> {
    /// Signals, logs and progress.
    pub(crate) session: &'a Session,
    /// Our commit.
    pub(crate) commit: &'a str,
    /// What containers' names begin with.
    pub(crate) lab: &'a str,
    /// Our command on the host.
    pub(crate) healthctl: &'a Path,
    /// The services that run.
    pub(crate) there: &'a [Service],
    /// All that can be done to them.
    pub(crate) faults: &'a Faults,
    /// Who is asked.
    pub(crate) judges: &'static [Judge],
    /// Shells that nobody uses at the moment.
    pub(crate) shells: Shells,
}

/// Open shells, by container and judge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shells(Arc<Mutex<BTreeMap<(String, Judge), Shell>>>);

/// Judges at work, each in a thread of its own; they stop soon after this is dropped.
#[derive(Debug)]
struct Watch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    /// By service and judge; there is an entry for every judge that has a check.
    looks: Mutex<BTreeMap<(usize, Judge), Vec<Look>>>,
}

/// Undoes a fault, whatever happens meanwhile.
struct Undo<'r, 'a> {
    referee: &'r Referee<'a>,
    fault: &'r Fault,
    undone: bool,
}

impl Referee<'_> {
    /// Does `fault` and tells what was said of each service.
    pub(crate) fn hold(&self, fault: &Fault) -> Result<Vec<Row>> {
        let judged = self.faults.judged(fault, self.there);
        if judged.is_empty() {
            bail!("none of its services runs in this lab");
        }
        if let Some(script) = &fault.prepare {
            self.script(fault, script, "prepare")?;
        }
        let held = self.hold_prepared(fault, &judged);
        if let Some(script) = &fault.tidy {
            self.script(fault, script, "tidy")?;
        }
        held
    }

    fn hold_prepared(&self, fault: &Fault, judged: &[Judged]) -> Result<Vec<Row>> {
        let excluded = match fault.standing {
            true => BTreeMap::new(),
            false => self.before(fault, judged)?,
        };
        let mut undo = Undo { referee: self, fault, undone: false };
        self.script(fault, &fault.inflict, "do")?;
        let since = Instant::now();
        let watch = self.watch(judged, self.judges, &excluded);
        let settled = self.settle(fault)?;
        let decided = |looks: &BTreeMap<(usize, Judge), Vec<Look>>| {
            looks.iter().all(|(&(service, judge), looks)| {
                let expected = &judged[service].expected;
                Case { expected, since, grace: fault.grace }.is_decided(judge, looks)
            })
        };
        while since.elapsed() < Duration::from_secs(fault.within) && !decided(&watch.looks()) {
            self.session.interrupt.check()?;
            thread::sleep(LOOK_EVERY);
        }
        let window = since.elapsed();
        let looks = watch.looks().clone();
        drop(watch);
        undo.now()?;
        let recovered = self.recover(judged, &excluded)?;
        let row = |(at, service): (usize, &Judged)| {
            let case = Case { expected: &service.expected, since, grace: fault.grace };
            let ruled = |judge: Judge| {
                let looks = looks.get(&(at, judge)).map_or(&[][..], Vec::as_slice);
                let mut ruling = case.rule(judge, looks);
                if let Some(line) = excluded.get(&(at, judge)) {
                    ruling = Ruling { outcome: Outcome::Excluded, line: line.clone(), ..ruling };
                }
                (judge, ruling)
            };
            Row {
                commit: self.commit.to_owned(),
                fault: fault.name.clone(),
                title: fault.title.clone(),
                section: fault.section.clone(),
                trap: fault.trap,
                service: service.name.clone(),
                expected: service.expected.to_string(),
                out_of_reach: service.out_of_reach.clone(),
                window: window.as_secs_f64(),
                settled: settled.as_secs_f64(),
                rulings: self.judges.iter().copied().map(ruled).collect(),
                recovered: recovered.get(&at).map(Duration::as_secs_f64),
            }
        };
        Ok(judged.iter().enumerate().map(row).collect())
    }

    /// Waits until everybody is content; gives who is not, with what they say.
    fn before(&self, fault: &Fault, judged: &[Judged]) -> Result<BTreeMap<(usize, Judge), String>> {
        let watch = self.watch(judged, self.judges, &BTreeMap::new());
        let began = Instant::now();
        let content = |(who, looks): (&(usize, Judge), &Vec<Look>)| {
            looks.last().is_some_and(|look| is_well(look, &judged[who.0]))
        };
        // A script that fails twice has no more to say; ours is given time.
        let heard = |each: (&(usize, Judge), &Vec<Look>)| {
            content(each) || !each.0.1.is_ours() && each.1.len() > 1
        };
        let mut helped = false;
        while began.elapsed() < BEFORE && !watch.looks().iter().all(heard) {
            self.session.interrupt.check()?;
            if began.elapsed() > BEFORE / 4 && !helped {
                helped = true;
                let ill: Vec<usize> = (watch.looks().iter())
                    .filter(|each| {
                        each.0.1 == Judge::Inside && !each.1.is_empty() && !content(*each)
                    })
                    .map(|each| each.0.0)
                    .collect();
                for service in ill {
                    self.restart(&judged[service])?;
                }
            }
            thread::sleep(LOOK_EVERY);
        }
        let mut excluded = BTreeMap::new();
        for (&who, looks) in watch.looks().iter().filter(|&each| !content(each)) {
            let line = looks.last().map_or("no answer", |look| &look.line).to_owned();
            let service = &judged[who.0].name;
            self.session.progress.say(&format!(
                "         {}: before it, {:?} says of {service}: {line}",
                fault.name, who.1
            ));
            excluded.insert(who, line);
        }
        Ok(excluded)
    }

    /// Waits until the fault is really in effect.
    fn settle(&self, fault: &Fault) -> Result<Duration> {
        let began = Instant::now();
        let Some(script) = &fault.settled else { return Ok(Duration::ZERO) };
        loop {
            let Err(error) = self.script(fault, script, "settled") else {
                return Ok(began.elapsed());
            };
            self.session.interrupt.check()?;
            if began.elapsed() > SETTLE {
                return Err(error.context("the fault does not take effect"));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until our check says that each service is well; gives how long that took.
    fn recover(
        &self,
        judged: &[Judged],
        excluded: &BTreeMap<(usize, Judge), String>,
    ) -> Result<BTreeMap<usize, Duration>> {
        let began = Instant::now();
        let watch = self.watch(judged, &[Judge::Inside, Judge::Outside], excluded);
        let since_when = |service: usize, looks: &[Look]| {
            let is_bad = |look: &Look| !is_well(look, &judged[service]);
            let bad = looks.iter().rposition(is_bad).map_or(0, |at| at + 1);
            // Two in a row: one alone may be chance.
            (looks.len() > bad + 1).then(|| looks[bad].answered.saturating_duration_since(began))
        };
        let mut recovered: BTreeMap<usize, Duration> = BTreeMap::new();
        loop {
            let looks = watch.looks().clone();
            let done: Option<Vec<_>> =
                looks.iter().map(|(who, looks)| Some((who.0, since_when(who.0, looks)?))).collect();
            let is_done = done.is_some();
            if is_done || began.elapsed() > RECOVERY {
                for (service, _) in judged.iter().enumerate() {
                    let own: Option<Vec<_>> = looks
                        .iter()
                        .filter(|(who, _)| who.0 == service)
                        .map(|(who, looks)| since_when(who.0, looks))
                        .collect();
                    if let Some(latest) = own.and_then(|own| own.into_iter().max()) {
                        recovered.insert(service, latest);
                    }
                }
                break;
            }
            self.session.interrupt.check()?;
            thread::sleep(LOOK_EVERY);
        }
        drop(watch);
        for (at, service) in judged.iter().enumerate() {
            if !recovered.contains_key(&at) && !excluded.contains_key(&(at, Judge::Inside)) {
                self.restart(service)?;
            }
        }
        Ok(recovered)
    }

    /// Restarts a service that is ill without a fault: what an earlier one left must not spoil the next.
    fn restart(&self, service: &Judged) -> Result<()> {
        let name = &service.name;
        self.session.progress.say(&format!("         {name} is not well: restarted"));
        self.run_script(&format!("restart {name}"), name, &format!("restart {name}"))
    }

    fn watch(
        &self,
        judged: &[Judged],
        who: &[Judge],
        but: &BTreeMap<(usize, Judge), String>,
    ) -> Watch {
        let shared =
            Arc::new(Shared { stop: AtomicBool::new(false), looks: Mutex::new(BTreeMap::new()) });
        for (at, service) in judged.iter().enumerate() {
            for &judge in who.iter().filter(|&&judge| !but.contains_key(&(at, judge))) {
                let Some(command) = judge.command(service) else { continue };
                shared.looks().insert((at, judge), Vec::new());
                let post = Post {
                    shared: Arc::clone(&shared),
                    shells: self.shells.clone(),
                    container: format!("{}-{}", self.lab, service.name),
                    healthctl: self.healthctl.to_path_buf(),
                    healthcheck: service.healthcheck.clone(),
                    key: (at, judge),
                    command,
                };
                // Not waited for: a script may hang until its limit.
                thread::spawn(move || post.keep());
            }
        }
        Watch { shared }
    }

    fn script(&self, fault: &Fault, script: &str, what: &str) -> Result<()> {
        let name = format!("{} {what}", fault.name);
        let each = self.faults.each(fault, self.there);
        if fault.each.is_empty() {
            return self.run_script(script, "", &name).with_context(|| name);
        }
        for service in each {
            self.run_script(script, &service, &format!("{name} {service}"))
                .with_context(|| format!("{name}, {service}"))?;
        }
        Ok(())
    }

    /// Runs a script of a fault, with the words of `lab/faults.sh`. It is never stopped halfway.
    fn run_script(&self, script: &str, service: &str, name: &str) -> Result<()> {
        let words = self.session.root().join("lab/faults.sh");
        let programs: Vec<String> = (self.there.iter())
            .map(|service| format!("{}\t{}", service.name, service.program))
            .collect();
        Program::new("bash")
            .args(["-euc", &format!("source {}\n{script}", words.display())])
            .env("LAB", self.lab)
            .env("LAB_PROGRAMS", programs.join("\n"))
            .env("SERVICE", service)
            .env("LAB_WORK", self.session.work(""))
            .limit(SCRIPT)
            .uninterrupted()
            .logged(&self.session.interrupt, &self.session.log(&format!("{} {name}", self.lab)))
    }
}

/// Whether this is how `service` is without the fault: where being degraded is to tell it, it must
/// not be so already.
fn is_well(look: &Look, service: &Judged) -> bool {
    let tells = |answer: Answer| service.expected.is_met(answer);
    look.passed && (service.expected.is_healthy() || !look.answer.is_some_and(tells))
}

impl Undo<'_, '_> {
    fn now(&mut self) -> Result<()> {
        self.undone = true;
        self.referee.script(self.fault, &self.fault.undo, "undo")
    }
}

impl Drop for Undo<'_, '_> {
    fn drop(&mut self) {
        if !self.undone
            && let Err(error) = self.now()
        {
            eprintln!("error: cannot undo {}: {error:#}", self.fault.name);
        }
    }
}

impl Watch {
    fn looks(&self) -> MutexGuard<'_, BTreeMap<(usize, Judge), Vec<Look>>> {
        self.shared.looks()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn looks(&self) -> MutexGuard<'_, BTreeMap<(usize, Judge), Vec<Look>>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A judge at its post: one service, again and again.
struct Post {
    shared: Arc<Shared>,
    shells: Shells,
    container: String,
    healthctl: PathBuf,
    healthcheck: String,
    key: (usize, Judge),
    command: String,
}

impl Post {
    fn keep(&self) {
        let mut shell = None;
        while !self.shared.is_over() {
            if let Ok(look) = self.look(&mut shell)
                && !self.shared.is_over()
            {
                self.shared.looks().entry(self.key).or_default().push(look);
            }
            let until = Instant::now() + self.key.1.pace();
            while Instant::now() < until && !self.shared.is_over() {
                thread::sleep(LOOK_EVERY);
            }
        }
        if let Some(shell) = shell {
            self.shells.put(&self.container, self.key.1, shell);
        }
    }

    fn look(&self, kept: &mut Option<Shell>) -> Result<Look> {
        if self.key.1 == Judge::Outside {
            return look_from_outside(&self.healthctl, &self.container, &self.healthcheck);
        }
        let mut shell = match kept.take() {
            Some(shell) => shell,
            None => self.shells.take(&self.container, self.key.1)?,
        };
        // A shell that gave no answer is dropped; the next look has another.
        let look = shell.look(self.key.1, &self.command)?;
        *kept = Some(shell);
        Ok(look)
    }
}

impl Shells {
    fn take(&self, container: &str, judge: Judge) -> Result<Shell> {
        let found = self.open().remove(&(container.to_owned(), judge));
        found.map_or_else(|| Shell::open(container), Ok)
    }

    fn put(&self, container: &str, judge: Judge, shell: Shell) {
        self.open().insert((container.to_owned(), judge), shell);
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<(String, Judge), Shell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds `faults` in several lanes; those that touch the same service wait for each other.
pub(crate) fn hold_all(
    referee: &Referee<'_>,
    faults: &[&Fault],
    lanes: usize,
    interrupt: &Interrupt,
    done: &(dyn Fn(&Fault, Result<Vec<Row>>) + Sync),
) {
    let open = Mutex::new((faults.to_vec(), BTreeSet::<String>::new()));
    let lock = || open.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..lanes.max(1) {
            scope.spawn(|| {
                while !interrupt.is_raised() {
                    let mut state = lock();
                    if state.0.is_empty() {
                        return;
                    }
                    let is_free =
                        |fault: &&Fault| referee.faults.touched(fault).is_disjoint(&state.1);
                    let Some(at) = state.0.iter().position(is_free) else {
                        drop(state);
                        thread::sleep(LOOK_EVERY);
                        continue;
                    };
                    let fault = state.0.remove(at);
                    let touched = referee.faults.touched(fault);
                    state.1.extend(touched.iter().cloned());
                    drop(state);
                    done(fault, referee.hold(fault));
                    lock().1.retain(|service| !touched.contains(service));
                }
            });
        }
    });
}
