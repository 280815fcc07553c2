//! Whether anybody got to run while we waited. On a host that lets nobody, what
//! did not happen in time says nothing of a service.

use crate::program::Program;
use std::time::Duration;
use vantage::{Deadline, Pid, Scheduled, Starvation, Vantage};

/// Waiting for a CPU for half of the time is starving: what is merely busy gets its turn.
const STARVED: f64 = 0.5;

/// That we waited says less of the service than that it did.
const STARVED_OURSELVES: f64 = 0.8;

/// How long is watched where nothing was watched before: many turns of the
/// scheduler, a small part of any deadline.
const GLANCE: Duration = Duration::from_millis(250);

/// A watch over what the service's threads, and ours, wait for.
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
    let Starvation { over, service, own, throttled } = *seen;
    let exceeds = |span: Duration, part| span >= over.mul_f64(part) && !span.is_zero();
    let is_most = |span| exceeds(span, STARVED);
    let seconds = |span: Duration| format!("{:.1} s", span.as_secs_f64());
    let of = seconds(over);
    if is_most(throttled) {
        let throttled = seconds(throttled);
        return Some(format!(
            "its control group's CPU limit held the container back for {throttled} of {of}"
        ));
    }
    if is_most(service) {
        let service = seconds(service);
        return Some(format!("the service waited for a CPU for {service} of {of}"));
    }
    if exceeds(own, STARVED_OURSELVES) {
        return Some(format!("this check waited for a CPU for {} of {of}", seconds(own)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::told;
    use std::time::Duration;
    use vantage::Starvation;

    #[test]
    fn only_who_waited_most_of_the_time_was_starved() {
        let seen = |service, own, throttled| {
            let ms = Duration::from_millis;
            let over = ms(4000);
            told(&Starvation { over, service: ms(service), own: ms(own), throttled: ms(throttled) })
        };
        assert_eq!(seen(0, 0, 0), None);
        assert_eq!(seen(1900, 3100, 1900), None);
        assert_eq!(seen(3100, 0, 0).unwrap(), "the service waited for a CPU for 3.1 s of 4.0 s");
        assert_eq!(
            seen(3100, 0, 3300).unwrap(),
            "its control group's CPU limit held the container back for 3.3 s of 4.0 s"
        );
        assert_eq!(seen(0, 3300, 0).unwrap(), "this check waited for a CPU for 3.3 s of 4.0 s");
        assert_eq!(told(&Starvation::default()), None);
    }
}
