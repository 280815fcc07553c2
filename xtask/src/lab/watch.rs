//! A lab that nothing is done to, watched for false alarms: each service is looked at from inside
//! and from outside, for hours, idle and under load. Whatever is not healthy or degraded is one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::services::Service;
use super::stage::Stage;
use crate::engine::Engine;
use crate::images;
use crate::session::Session;

/// From the start of one round over all services to the start of the next.
const ROUND: Duration = Duration::from_secs(20);
/// A service that was not looked at for longer than this was not watched meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(90);
const LOOK_LIMIT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(200);
/// How often a line says how it is going.
const SAY_EVERY: Duration = Duration::from_secs(300);
/// What makes the load, in the lab's own network, and the image it runs in.
const LOAD: &str = "load";
const LOAD_IMAGE: &str = "openstack";

/// What is watched, with what.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    /// The lab.
    pub(crate) stage: &'a Stage<'a>,
    /// Its engine.
    pub(crate) engine: &'a Engine,
    /// Those that run in it.
    pub(crate) services: &'a [Service],
    /// The agent's view: `healthctl`.
    pub(crate) healthctl: &'a Path,
    /// In all.
    pub(crate) time: Duration,
    /// Whether there is load in the second half.
    pub(crate) load: bool,
}

/// Where a look was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Inside,
    Outside,
}

/// What a look was taken under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Idle,
    Loaded,
}

/// One look, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Healthy,
    Degraded,
    /// Unhealthy, unknown, or no answer at all.
    Alarm,
}

/// Everything that was seen.
#[derive(Debug)]
struct Book {
    file: File,
    counts: BTreeMap<(Phase, From), Count>,
    /// What was said that is not healthy, and how often.
    said: BTreeMap<(Phase, From, String), u64>,
    alarms: u64,
}

#[derive(Clone, Debug, Default)]
struct Count {
    looks: u64,
    degraded: u64,
    alarms: u64,
    /// The sum over the services of how long each was watched.
    watched: Duration,
    slowest: Duration,
}

impl Watch<'_> {
    /// Watches, and fails when there was a false alarm. Each look that is not healthy is written to
    /// the file `log` as it happens, and the sums at the end.
    pub(crate) fn run(&self, session: &Session, log: &Path) -> Result<()> {
        let folder = log.parent().context("the log is in no folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let book =
            Mutex::new(Book { file, counts: BTreeMap::new(), said: BTreeMap::new(), alarms: 0 });
        let (started, is_loaded, is_over) =
            (Instant::now(), AtomicBool::new(false), AtomicBool::new(false));
        let watched = thread::scope(|scope| {
            let from = |from| {
                let (book, is_loaded, is_over) = (&book, &is_loaded, &is_over);
                scope.spawn(move || self.look_around(from, book, is_loaded, is_over))
            };
            let watching = [from(From::Inside), from(From::Outside)];
            let waited = self.wait(session, started, &is_loaded, &book);
            is_over.store(true, Ordering::Relaxed);
            let panicked = || Err(anyhow!("a watcher panicked"));
            let looked = watching.map(|it| it.join().unwrap_or_else(|_| panicked()));
            looked.into_iter().collect::<Result<()>>().and(waited)
        });
        if self.load {
            self.end_load();
        }
        let mut book = book.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sums = book.sums(self.services.len(), started.elapsed());
        session.progress.heading("Watched");
        session.progress.say(&sums);
        writeln!(book.file, "{sums}").with_context(|| format!("cannot write {}", log.display()))?;
        watched?;
        match book.alarms {
            0 => Ok(()),
            alarms => Err(anyhow!("{alarms} false alarms; each is in {}", log.display())),
        }
    }

    /// Until the time is over or the run is interrupted; puts the load on at half of it.
    fn wait(
        &self,
        session: &Session,
        started: Instant,
        is_loaded: &AtomicBool,
        book: &Mutex<Book>,
    ) -> Result<()> {
        let mut said = Instant::now();
        while started.elapsed() < self.time && !session.interrupt.is_raised() {
            if self.load && !is_loaded.load(Ordering::Relaxed) && started.elapsed() > self.time / 2
            {
                self.begin_load(session)?;
                is_loaded.store(true, Ordering::Relaxed);
                session.progress.say("  the load begins");
            }
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                let sums = locked(book).sums(self.services.len(), started.elapsed());
                session.progress.say(&sums);
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn look_around(
        &self,
        from: From,
        book: &Mutex<Book>,
        is_loaded: &AtomicBool,
        is_over: &AtomicBool,
    ) -> Result<()> {
        let mut last: BTreeMap<&str, Instant> = BTreeMap::new();
        loop {
            let round = Instant::now();
            for service in self.services {
                if is_over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let asked = Instant::now();
                let (word, said) = self.look(from, service);
                // What was cut short says nothing about the service.
                if is_over.load(Ordering::Relaxed) || self.engine.interrupt().is_raised() {
                    return Ok(());
                }
                let now = Instant::now();
                let watched = last.insert(&service.name, now).map(|before| now - before);
                let phase =
                    if is_loaded.load(Ordering::Relaxed) { Phase::Loaded } else { Phase::Idle };
                let look = Look { phase, from, word, took: asked.elapsed() };
                locked(book).add(&service.name, look, watched, said)?;
            }
            while round.elapsed() < ROUND && !is_over.load(Ordering::Relaxed) {
                thread::sleep(TICK);
            }
        }
    }

    /// One look: what it is counted as, and what was said.
    fn look(&self, from: From, service: &Service) -> (Word, String) {
        let looked = match from {
            From::Inside => self.stage.look_inside(service),
            From::Outside => self.stage.look_outside(self.healthctl, service, LOOK_LIMIT),
        };
        let (status, said) = match looked {
            Ok(looked) => looked,
            Err(error) => return (Word::Alarm, format!("(no answer: {error:#})")),
        };
        (word(status, &said), said)
    }

    fn begin_load(&self, session: &Session) -> Result<()> {
        let script = session.root().join("lab").join(LOAD);
        let image = images::tag_of_lab(LOAD_IMAGE, &self.stage.release()?);
        self.stage.run_beside(LOAD, &image, &script, &["python3", "/beside/load.py"])
    }

    fn end_load(&self) {
        let container = self.stage.container(LOAD);
        drop(self.engine.ask_regardless(&["rm", "--force", &container]));
    }
}

/// What a look counts as: the status and the first word must agree.
fn word(status: i32, said: &str) -> Word {
    match (status, said.split(':').next()) {
        (0, Some("healthy")) => Word::Healthy,
        (0, Some("degraded")) => Word::Degraded,
        _ => Word::Alarm,
    }
}

fn locked(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, Debug)]
struct Look {
    phase: Phase,
    from: From,
    word: Word,
    took: Duration,
}

impl Book {
    fn add(
        &mut self,
        service: &str,
        look: Look,
        watched: Option<Duration>,
        said: String,
    ) -> Result<()> {
        let count = self.counts.entry((look.phase, look.from)).or_default();
        count.looks += 1;
        count.slowest = count.slowest.max(look.took);
        count.watched += watched.filter(|gap| *gap <= LONGEST_GAP).unwrap_or_default();
        match look.word {
            Word::Healthy => return Ok(()),
            Word::Degraded => count.degraded += 1,
            Word::Alarm => {
                count.alarms += 1;
                self.alarms += 1;
            }
        }
        let (phase, from) = (look.phase, look.from);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let took = look.took.as_secs_f64();
        writeln!(self.file, "{now} {phase} {from} {took:.1} s {service}\n{said}\n")?;
        let first = said.lines().next().unwrap_or("(silence)").to_owned();
        *self.said.entry((phase, from, format!("{service}: {first}"))).or_default() += 1;
        Ok(())
    }

    fn sums(&self, services: usize, time: Duration) -> String {
        let minutes = time.as_secs_f64() / 60.0;
        let mut lines = vec![format!("{services} services, {minutes:.1} minutes")];
        for ((phase, from), count) in &self.counts {
            lines.push(format!(
                "  {phase:<7} {from:<8} {:>6.2} service-hours {:>6} looks {:>4} degraded {:>4} false alarms, slowest {:.1} s",
                count.watched.as_secs_f64() / 3600.0,
                count.looks,
                count.degraded,
                count.alarms,
                count.slowest.as_secs_f64(),
            ));
        }
        for ((phase, from, said), times) in &self.said {
            lines.push(format!("  {times:>4} x {phase} {from}: {said}"));
        }
        lines.join("\n")
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Loaded => "loaded",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Word, word};

    #[test]
    fn only_healthy_and_degraded_are_no_alarm() {
        assert_eq!(word(0, "healthy: redis: 2 checks"), Word::Healthy);
        assert_eq!(word(0, "degraded: redis: tls: ends in 5 days"), Word::Degraded);
        assert_eq!(word(1, "unhealthy: redis: process: gone (self)"), Word::Alarm);
        assert_eq!(word(1, "unknown: redis: process: not looked"), Word::Alarm);
        assert_eq!(word(1, "healthy: but the status says no"), Word::Alarm);
        assert_eq!(word(0, ""), Word::Alarm);
    }
}
