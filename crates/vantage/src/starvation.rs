//! Whether threads get to run: how long each has waited for a CPU, as the
//! scheduler counts it, and what the container's control group withholds.

use crate::files::directory_names;
use crate::{Pid, Vantage};
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// As many threads as are looked at in one container.
const MAX_THREADS: usize = 512;

/// Where a container finds its own control group: version 2, version 1.
const CPU_STAT: [&str; 3] = [
    "/sys/fs/cgroup/cpu.stat",
    "/sys/fs/cgroup/cpu/cpu.stat",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
];

/// What the scheduler has counted until one moment.
#[derive(Debug, Clone)]
pub struct Scheduled {
    at: Instant,
    threads: HashMap<(Pid, u32), Times>,
    throttled: Option<Duration>,
}

/// A thread's times (`/proc/PID/schedstat`, Documentation/scheduler/sched-stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    run: Duration,
    /// Runnable, and not run.
    wait: Duration,
}

/// What was kept from running between two moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Starvation {
    /// Between the two moments.
    pub over: Duration,
    /// How long the thread that waited longest did; nothing of those that had
    /// a third of that time to run.
    pub service: Duration,
    /// How long the container's control group held it back.
    pub throttled: Duration,
}

impl Vantage {
    /// What the scheduler has counted for the threads of these processes until
    /// now. What cannot be seen is left out.
    pub fn scheduled(&self, pids: &[Pid]) -> Scheduled {
        let mut threads = HashMap::new();
        for pid in pids {
            for thread in self.threads(*pid, MAX_THREADS - threads.len()) {
                let path = format!("{pid}/task/{thread}/schedstat");
                if let Some(times) = self.read_proc(&path, 128).ok().and_then(|text| parse(&text)) {
                    threads.insert((*pid, thread), times);
                }
            }
        }
        let throttled =
            CPU_STAT.iter().find_map(|path| throttled(&self.read_text(Path::new(path)).ok()?));
        Scheduled { at: Instant::now(), threads, throttled }
    }

    /// How long the calling thread has waited for a CPU, and since when: how long ago it was
    /// started. `None` where that is not known.
    pub fn own_wait(&self) -> Option<(Duration, Duration)> {
        if self.is_fixture() {
            return None;
        }
        let times = parse(&std::fs::read("/proc/thread-self/schedstat").ok()?)?;
        let age = self.age(&std::fs::read("/proc/thread-self/stat").ok()?)?;
        Some((times.wait, age))
    }

    fn threads(&self, pid: Pid, limit: usize) -> Vec<u32> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = format!("{pid}/task");
        let directory = rustix::fs::openat(&self.proc, path, flags, Mode::empty());
        let names = directory.and_then(|directory| directory_names(&directory, limit));
        let names = names.unwrap_or_default();
        names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect()
    }
}

impl Scheduled {
    /// What was kept from running since an earlier moment.
    pub fn since(&self, earlier: &Self) -> Starvation {
        let waits = self.threads.iter().filter_map(|(thread, now)| {
            let times = now.since(earlier.threads.get(thread)?);
            (times.wait > times.run * 3).then_some(times.wait)
        });
        let throttled = self.throttled.zip(earlier.throttled);
        Starvation {
            over: self.at.saturating_duration_since(earlier.at),
            service: waits.max().unwrap_or_default(),
            throttled: throttled.map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then)),
        }
    }

    /// Whether one of the threads has run since an earlier moment; `None` where none is seen.
    pub fn ran_since(&self, earlier: &Self) -> Option<bool> {
        let run = |times: &Times| times.run;
        let ran =
            |(thread, now): (_, &Times)| earlier.threads.get(thread).map(run) != Some(now.run);
        (!self.threads.is_empty()).then(|| self.threads.iter().any(ran))
    }
}

impl Times {
    fn since(self, earlier: &Self) -> Self {
        let [run, wait] = [(self.run, earlier.run), (self.wait, earlier.wait)]
            .map(|(now, then)| now.saturating_sub(then));
        Self { run, wait }
    }
}

/// `run wait slices`, in nanoseconds.
fn parse(content: &[u8]) -> Option<Times> {
    let mut fields = std::str::from_utf8(content).ok()?.split_ascii_whitespace();
    let mut next = || Some(Duration::from_nanos(fields.next()?.parse().ok()?));
    Some(Times { run: next()?, wait: next()? })
}

/// `throttled_usec` of version 2, `throttled_time` in nanoseconds of version 1.
fn throttled(cpu_stat: &str) -> Option<Duration> {
    cpu_stat.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let value = || value.trim().parse().ok();
        match name {
            "throttled_usec" => Some(Duration::from_micros(value()?)),
            "throttled_time" => Some(Duration::from_nanos(value()?)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduled(threads: &[(u32, u64, u64)], throttled: u64) -> Scheduled {
        let ms = Duration::from_millis;
        let threads = threads
            .iter()
            .map(|&(thread, run, wait)| {
                ((Pid::new(7), thread), Times { run: ms(run), wait: ms(wait) })
            })
            .collect();
        Scheduled { at: Instant::now(), threads, throttled: Some(ms(throttled)) }
    }

    #[test]
    fn a_thread_that_wants_to_run_and_cannot_is_starved() {
        let before = scheduled(&[(7, 100, 50), (8, 100, 50), (9, 0, 0)], 30);
        let after = scheduled(&[(7, 110, 3050), (8, 3000, 4000), (10, 0, 9000)], 2030);
        let starvation = after.since(&before);
        // Thread 8 ran for most of its wait, and 10 is new.
        assert_eq!(starvation.service, Duration::from_millis(3000));
        assert_eq!(starvation.throttled, Duration::from_millis(2000));
    }

    #[test]
    fn who_has_not_run_is_told_from_whom_nothing_is_seen_of() {
        let before = scheduled(&[(7, 100, 50), (8, 100, 50)], 0);
        assert_eq!(before.ran_since(&before), Some(false));
        for after in [&[(7, 100, 50), (8, 101, 50)][..], &[(7, 100, 50), (9, 0, 0)]] {
            assert_eq!(scheduled(after, 0).ran_since(&before), Some(true));
        }
        assert_eq!(scheduled(&[], 0).ran_since(&before), None);
    }

    #[test]
    fn both_versions_of_control_groups_say_how_long_they_throttled() {
        let v2 = "usage_usec 9\nnr_throttled 3\nthrottled_usec 1500\n";
        let v1 = "nr_periods 4\nnr_throttled 3\nthrottled_time 1500000\n";
        assert_eq!(throttled(v2), Some(Duration::from_micros(1500)));
        assert_eq!(throttled(v1), Some(Duration::from_micros(1500)));
        assert_eq!(throttled("throttled_usec x"), None);
        assert_eq!(parse(b"12 34 5\n").unwrap().wait, Duration::from_nanos(34));
        assert!(parse(b"12").is_none() && parse(b"\xff 1 2").is_none());
    }

    #[test]
    fn our_own_threads_are_counted() {
        let vantage = Vantage::inside().unwrap();
        let own = [Pid::new(std::process::id())];
        let first = vantage.scheduled(&own);
        assert!(!first.threads.is_empty());
        assert!(vantage.scheduled(&own).since(&first).over > Duration::ZERO);
    }

    #[test]
    fn a_thread_that_shares_a_cpu_with_many_has_waited_for_it() {
        let vantage = Vantage::inside().unwrap();
        let busy = std::sync::atomic::AtomicBool::new(true);
        let is_busy = || busy.load(std::sync::atomic::Ordering::Relaxed);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1;
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| while is_busy() {});
            }
            let (waited, age) = loop {
                match vantage.own_wait() {
                    Some((waited, age)) if !waited.is_zero() => break (waited, age),
                    _ => {}
                }
            };
            busy.store(false, std::sync::atomic::Ordering::Relaxed);
            assert!(waited <= age, "{waited:?} of {age:?}");
        });
    }
}
