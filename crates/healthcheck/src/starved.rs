//! Whether anybody got to run while we waited. On a host that lets nobody, what
//! did not happen in time says nothing of a service.

use crate::program::Program;
use std::time::Duration;
use vantage::{Deadline, Pid, Scheduled, Starvation, Vantage};

/// Waiting for a CPU for half of the time is starving: what is merely busy gets its turn.
const STARVED: f64 = 0.5;

/// How long is watched where nothing was watched before: many turns of the
/// scheduler, a small part of any deadline.
const GLANCE: Duration = Duration::from_millis(250);

/// That the calling thread did not get to run since it was started, in words.
pub(crate) fn ourselves(from: &Vantage) -> Option<String> {
    let (span, over) = from.own_wait()?;
    waited(span, over)
}

/// A few milliseconds of a look that took no longer are the scheduler's daily work.
fn waited(span: Duration, over: Duration) -> Option<String> {
    (over >= GLANCE && is_most(span, over))
        .then(|| format!("this check waited for a CPU for {}", of(span, over)))
}

fn is_most(span: Duration, over: Duration) -> bool {
    span >= over.mul_f64(STARVED) && !span.is_zero()
}

fn of(span: Duration, over: Duration) -> String {
    format!("{:.1} s of {:.1} s", span.as_secs_f64(), over.as_secs_f64())
}

/// A watch over what the service's threads wait for.
pub(crate) struct Watch {
    pids: Vec<Pid>,
    begun: Scheduled,
}

impl Watch {
    /// Begins to watch the processes of a program.
    pub(crate) fn begin(program: Option<&Program>, from: &Vantage) -> Self {
        let found = program.and_then(|program| program.find(from).ok()).unwrap_or_default();
        let pids: Vec<Pid> = found.iter().map(|process| process.pid).collect();
        let begun = from.scheduled(&pids);
        Self { pids, begun }
    }

    /// Who did not get to run since, in words. Watches a little longer where it has only
    /// begun, if there is time.
    pub(crate) fn end(self, from: &Vantage, by: Deadline) -> Option<String> {
        let look = || from.scheduled(&self.pids).since(&self.begun);
        let mut seen = look();
        if seen.over < GLANCE {
            std::thread::sleep((GLANCE - seen.over).min(by.remaining()));
            seen = look();
        }
        told(&seen)
    }
}

fn told(seen: &Starvation) -> Option<String> {
    let Starvation { over, service, throttled } = *seen;
    if is_most(throttled, over) {
        let span = of(throttled, over);
        return Some(format!("its control group's CPU limit held the container back for {span}"));
    }
    is_most(service, over)
        .then(|| format!("the service waited for a CPU for {}", of(service, over)))
}

#[cfg(test)]
mod tests {
    use super::{told, waited};
    use std::time::Duration;
    use vantage::Starvation;

    #[test]
    fn a_look_of_a_few_milliseconds_was_not_starved() {
        let ms = Duration::from_millis;
        assert_eq!(waited(ms(4), ms(5)), None);
        assert_eq!(waited(ms(100), ms(800)), None);
        let told = waited(ms(500), ms(800)).unwrap();
        assert_eq!(told, "this check waited for a CPU for 0.5 s of 0.8 s");
    }

    #[test]
    fn only_who_waited_most_of_the_time_was_starved() {
        let seen = |service, throttled| {
            let ms = Duration::from_millis;
            told(&Starvation { over: ms(4000), service: ms(service), throttled: ms(throttled) })
        };
        assert_eq!(seen(0, 0), None);
        assert_eq!(seen(1900, 1900), None);
        assert_eq!(seen(3100, 0).unwrap(), "the service waited for a CPU for 3.1 s of 4.0 s");
        assert_eq!(
            seen(3100, 3300).unwrap(),
            "its control group's CPU limit held the container back for 3.3 s of 4.0 s"
        );
        assert_eq!(told(&Starvation::default()), None);
    }
}
