//! ceilometer's polling agent polls: it tells over a socket of its own when each
//! of its pollsters ran last. It tells that of those that had something to poll, so
//! that none ran for long is nothing where nothing is left; and it sends what it
//! polled before it polls on, so that it may be its broker's fault.

mod schedule;

use super::amqp::{self, Amqp};
use super::file::span;
use super::{Fields, Judgement, Kind, Level};
use crate::definition::{OneOrMany, Var};
use crate::peer::{Hosts, Peer, Replies, Side};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::heartbeat::{self, Beat};
use crate::protocols::libvirt;
use crate::text::shown;
use crate::verdict::Verdict;
use schedule::Schedule;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use vantage::{Blind, Deadline, ProcessState, Vantage};

#[cfg(feature = "fuzzing")]
pub(crate) use schedule::fuzz;

/// ceilometer's polling agent polls.
pub struct Heartbeat {
    peer: Peer,
    program: Option<Program>,
    schedule: Option<Schedule>,
    instances: Option<Peer>,
    broker: Option<Amqp>,
    others: bool,
}

/// The fields of a `heartbeat` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    unix: OneOrMany<Var<String>>,
    process: Option<Program>,
    #[serde(default)]
    polling: OneOrMany<Var<String>>,
    #[serde(default)]
    instances: OneOrMany<Var<String>>,
    coordination: Option<Var<String>>,
    #[serde(default)]
    broker: OneOrMany<Var<String>>,
    tls: Option<Var<bool>>,
    ca: Option<Var<String>>,
    certificate: Option<Var<String>>,
    key: Option<Var<String>>,
    verify_name: Option<Var<bool>>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    heartbeat: Replies<Told>,
    /// Since when the youngest of its processes has been running, in seconds.
    running_for: Option<u64>,
    /// How many instances run on this host; asked only where something is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Replies<Option<u32>>>,
    /// Whether what is polled can be sent; asked only where something is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<Replies<amqp::Answer>>,
}

/// What the agent told.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Told {
    /// How many pollsters have run.
    pollsters: usize,
    /// Seconds since the last did; negative if that is still to come.
    last: Option<i64>,
    /// What should have been polled again by now, the shortest interval first.
    overdue: Vec<Overdue>,
}

/// Pollsters that run at one interval, in a thread of its own.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Overdue {
    /// Seconds from one run to the next, if known.
    interval: Option<u64>,
    /// Seconds since one of them ran, or since the agent started and none did.
    age: u64,
    /// One of them.
    example: Option<String>,
    /// How many they are.
    pollsters: usize,
}

/// How many runs may be missed: one may take longer than its interval.
const RUNS: u32 = 3;

/// What may pass from one run to the next at least: a host that is busy.
const SHORTEST: Duration = Duration::from_secs(120);

/// What may pass where nothing says how often is polled.
const UNTOLD: Duration = Duration::from_secs(3600);

/// A minute ahead is two clocks' difference; more is a clock that was set.
const AHEAD: i64 = -60;

/// What libvirt is asked to look into for instances.
const URI: &str = "qemu:///system";

impl Kind for Heartbeat {
    const NAME: &'static str = "heartbeat";
    const ABOUT: &'static str = "ceilometer's polling agent polls as often as it should, as it tells over its heartbeat socket";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"heartbeat\"
unix = \"/var/run/ceilometer/ceilometer-compute.socket\"   # in [polling] heartbeat_socket_dir
polling = \"/etc/ceilometer/polling.yaml\"
instances = \"/run/libvirt/libvirt-sock-ro\"
";
    const FIELDS: Fields = &[
        (
            "unix",
            "the agent's heartbeat socket, `ceilometer-NAMESPACES.socket` in the folder that its option names; of several, the first there is; not looked at where that option is not set or cannot be read",
        ),
        ("process", "whose it is, with its workers; the definition's if not given"),
        (
            "polling",
            "the file that says how often which pollster is to run; of several, the first there is. Three intervals may pass without a run, and an hour where no file says it",
        ),
        (
            "instances",
            "libvirt's unix sockets, of several the first there is: where pollsters are overdue, it is asked whether there are instances to poll. Without an answer they are degraded and not unhealthy",
        ),
        (
            "coordination",
            "the backend through which agents divide their work among themselves, mostly `\"{coordination}\"`: where it is set, others may have taken over what is overdue here, which is no news then",
        ),
        (
            "broker",
            "the URL of the broker that takes what was polled, mostly `\"{transport_url}\"`: where pollsters are overdue and it does not take it, that is why",
        ),
        ("tls", "this and the next: how the agent speaks to it, as in `amqp`"),
        ("ca", "as in `amqp`"),
        ("certificate", "as in `amqp`"),
        ("key", "as in `amqp`"),
        ("verify-name", "as in `amqp`"),
    ];
    const PROVES: Level = Level::Works;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let program = scene.program(written.process.as_ref());
        let peer = match Peer::at_one_of(written.unix.as_slice(), Side::Own, scene) {
            // What is not known to be there is not missed.
            Err(Unplanned::Unfound(unfound)) => return Err(Unplanned::Moot(unfound.to_string())),
            peer => peer?.run_by(program.clone()),
        };
        let mut schedule = None;
        for file in written.polling.as_slice() {
            let Ok(path) = scene.value(file) else { continue };
            if let Ok(text) = scene.vantage().read_text(Path::new(&path)) {
                schedule = Schedule::parse(&text);
                break;
            }
        }
        // What these could tell besides is not worth a check that cannot be planned.
        let instances = match written.instances.as_slice() {
            [] => None,
            paths => Peer::at_one_of(paths, Side::Dependency, scene).ok(),
        };
        let broker = match written.broker.as_slice() {
            [] => None,
            _ => written.login(scene).ok(),
        };
        let others = match written.coordination.as_ref().map(|backend| scene.addresses(backend)) {
            None => false,
            Some(Ok(backend)) => !backend.expose().trim().is_empty(),
            // Not set; or not to be read, and then it may be.
            Some(Err(Unplanned::Unfound(unfound))) => unfound.unreadable,
            Some(Err(_)) => true,
        };
        Ok(Self { peer, program, schedule, instances, broker, others })
    }

    fn describe(&self) -> String {
        format!("that ceilometer polls as often as it should, as {} tells", self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let running_for = self.running_for(from)?;
        let now = from.now();
        // It is to end what it says: a connection that is ended before ends the thread that says it.
        let heartbeat = self.peer.speak(Hosts::Each, from, by, |spoken| {
            Ok(self.told(&heartbeat::beats(spoken.link)?, now, running_for))
        })?;
        let overdue = |told: &Told| !told.overdue.is_empty();
        let is_overdue = heartbeat.0.iter().any(|reply| reply.outcome.as_ref().is_ok_and(overdue));
        let running_for = running_for.map(|age| age.as_secs());
        let mut seen = Seen { heartbeat, running_for, instances: None, broker: None };
        if !is_overdue {
            return Ok(seen);
        }
        // Of what cannot be asked nothing is known, which is no reason to tell nothing at all.
        if let Some(libvirt) = &self.instances {
            let half = by.at_most(by.remaining() / 2);
            let replies =
                libvirt.speak(Hosts::Each, from, half, |spoken| libvirt::running(spoken.link, URI));
            seen.instances = replies.ok();
        }
        if let Some(broker) = &self.broker {
            seen.broker = broker.observe(from, by).ok();
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        seen.heartbeat.judge(&self.peer, |_, told| self.judge_told(told, seen))
    }
}

impl Written {
    fn login(&self, scene: &Scene<'_>) -> Result<Amqp, Unplanned> {
        let files = [&self.ca, &self.certificate, &self.key];
        let (tls, verify_name) = (self.tls.as_ref(), self.verify_name.as_ref());
        Amqp::at(&self.broker, tls, files, verify_name, Hosts::UntilOneAnswers, scene)
    }
}

impl Heartbeat {
    /// Since when the youngest of its processes has been running: a worker that was
    /// started anew begins anew.
    fn running_for(&self, from: &Vantage) -> Result<Option<Duration>, Blind> {
        let Some(program) = &self.program else { return Ok(None) };
        let mut youngest = None;
        for process in program.find(from)? {
            let Some(status) = from.process_status(process.pid)? else { continue };
            if status.state != ProcessState::Zombie {
                youngest = Some(youngest.map_or(status.age, |age: Duration| age.min(status.age)));
            }
        }
        Ok(youngest)
    }

    /// What was told, and what of it is overdue.
    fn told(&self, beats: &[Beat], now: SystemTime, running_for: Option<Duration>) -> Told {
        let ages: Vec<_> = beats.iter().map(|beat| (beat, age(now, beat.at))).collect();
        let last = ages.iter().map(|(_, age)| *age).min();
        let mut tasks: Vec<Overdue> = Vec::new();
        for (beat, age) in ages {
            let interval = self.interval(&beat.pollster).map(|interval| interval.as_secs());
            let age = age.max(0).unsigned_abs();
            let at = tasks.iter().position(|task| task.interval == interval);
            let task = match at.and_then(|at| tasks.get_mut(at)) {
                Some(task) => task,
                None => {
                    let example = Some(beat.pollster.clone());
                    tasks.push(Overdue { interval, age, example, pollsters: 0 });
                    let Some(task) = tasks.last_mut() else { continue };
                    task
                }
            };
            task.pollsters += 1;
            task.age = task.age.min(age);
        }
        if beats.is_empty() {
            let interval = self.schedule.as_ref().map(|schedule| schedule.longest().as_secs());
            let age = running_for.unwrap_or_default().as_secs();
            tasks.push(Overdue { interval, age, example: None, pollsters: 0 });
        }
        // One that has just started has not had the time to poll.
        let running_for = running_for.map_or(u64::MAX, |age| age.as_secs());
        let is_late = |task: &Overdue| task.age.min(running_for) > task.allowed().as_secs();
        let mut overdue: Vec<_> = tasks.into_iter().filter(is_late).collect();
        overdue.sort_by_key(|task| task.interval.unwrap_or(u64::MAX));
        Told { pollsters: beats.len(), last, overdue }
    }

    /// How often a pollster is to run. One that is nowhere named was named before
    /// the file was changed.
    fn interval(&self, pollster: &str) -> Option<Duration> {
        let schedule = self.schedule.as_ref()?;
        Some(schedule.interval(pollster).unwrap_or_else(|| schedule.longest()))
    }

    fn judge_told(&self, told: &Told, seen: &Seen) -> Judgement {
        if let Some(last) = told.last
            && last < AHEAD
        {
            let because =
                format!("a pollster ran {} in the future: the clock was set back", span(-last));
            return Verdict::environment(because).into();
        }
        let proof = match (told.last, seen.running_for) {
            (Some(last), _) => {
                let noun = if told.pollsters == 1 { "pollster has" } else { "pollsters have" };
                format!("{} {noun} run, the last {} ago", told.pollsters, span(last.max(0)))
            }
            (None, Some(age)) => format!(
                "nothing was polled since it started {} ago",
                span(i64::try_from(age).unwrap_or(i64::MAX))
            ),
            (None, None) => "nothing was polled yet".to_owned(),
        };
        let Some(first) = told.overdue.first() else { return Judgement::healthy(proof) };
        let told = first.to_string();
        let (mut instances, mut silent) = (None, None);
        if let Some((libvirt, replies)) = self.instances.as_ref().zip(seen.instances.as_ref()) {
            let outcomes = replies.0.iter().map(|reply| &reply.outcome);
            instances =
                outcomes.filter_map(|outcome| outcome.as_ref().ok().copied()).find_map(|it| it);
            if let Verdict::Unhealthy { because, .. } =
                replies.judge(libvirt, |_, _| Verdict::Healthy.into()).verdict
            {
                silent = Some(because);
            }
        }
        if instances == Some(0) {
            return Judgement::healthy(format!("{proof}, and libvirt runs no instance to poll"));
        }
        if let Some(silent) = silent {
            return Verdict::dependency(format!("{told}; {silent}")).into();
        }
        if let Some((broker, replies)) = self.broker.as_ref().zip(seen.broker.as_ref()) {
            // A password that it does not take is not its fault.
            if let Verdict::Unhealthy { because, blame } = broker.judge(replies).verdict {
                return Verdict::Unhealthy { because: format!("{told}; {because}"), blame }.into();
            }
        }
        match instances {
            Some(instances) => {
                let noun = if instances == 1 { "instance" } else { "instances" };
                let because = format!("{told}, though libvirt runs {instances} {noun}");
                Verdict::own_fault(because).into()
            }
            None if self.others => {
                let proof = format!("{proof}, which others may do in its place");
                Judgement::healthy(proof)
            }
            None => Judgement::from(Verdict::degraded(told)).hint(
                "whether anything is left to poll is not known: if there is, restart it, and see its log",
            ),
        }
    }
}

impl Overdue {
    /// How long it may take until one of them runs again.
    fn allowed(&self) -> Duration {
        match self.interval {
            Some(seconds) => (Duration::from_secs(seconds) * RUNS).max(SHORTEST),
            None => UNTOLD,
        }
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |seconds: u64| span(i64::try_from(seconds).unwrap_or(i64::MAX));
        match &self.example {
            Some(example) => {
                f.write_str(&shown(example, 60))?;
                if let more @ 1.. = self.pollsters.saturating_sub(1) {
                    write!(f, " and {more} more")?;
                }
                write!(f, " ran {} ago", told(self.age))?;
            }
            None => write!(f, "nothing was polled in the {} since it started", told(self.age))?,
        }
        match self.interval {
            Some(seconds) => write!(f, ", to be polled every {}", told(seconds)),
            None => f.write_str(", and nothing says how often they should"),
        }
    }
}

/// Seconds from `then` to `now`; negative if that is still to come.
fn age(now: SystemTime, then: SystemTime) -> i64 {
    let seconds = |age: Duration| i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    match now.duration_since(then) {
        Ok(age) => seconds(age),
        Err(error) => -seconds(error.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Heartbeat, Kind, Schedule, Seen};
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::protocols::heartbeat::Beat;
    use crate::settings::url::Endpoint;
    use crate::verdict::Verdict;
    use std::time::{Duration, SystemTime};

    const PATH: &str = "/run/ceilometer-compute.socket";
    const LIBVIRT: &str = "/run/libvirt/libvirt-sock-ro";
    const HOUR: u64 = 3600;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn kind(others: bool) -> Heartbeat {
        let text = "sources:\n- interval: 300\n  meters: [cpu, disk.*]\n- interval: 3600\n  meters: [slow]\n";
        Heartbeat {
            peer: Peer::own(Endpoint::Unix(PATH.into()), "x"),
            program: None,
            schedule: Schedule::parse(text),
            instances: Some(Peer::dependency(vec![Endpoint::Unix(LIBVIRT.into())], "y")),
            broker: None,
            others,
        }
    }

    /// The verdict of pollsters that ran so many seconds ago.
    fn judged(
        kind: &Heartbeat,
        beats: &[(&str, u64)],
        running_for: Option<u64>,
        instances: Option<Result<Option<u32>, Trouble>>,
    ) -> (Verdict, String) {
        let beat = |(pollster, age): &(&str, u64)| Beat {
            pollster: (*pollster).to_owned(),
            at: now() - Duration::from_secs(*age),
        };
        let beats: Vec<_> = beats.iter().map(beat).collect();
        let told = kind.told(&beats, now(), running_for.map(Duration::from_secs));
        let instances = instances.map(|outcome| Replies(vec![Reply::new(LIBVIRT, outcome)]));
        let heartbeat = Replies(vec![Reply::new(PATH, Ok(told))]);
        let judgement = kind.judge(&Seen { heartbeat, running_for, instances, broker: None });
        (judgement.verdict, judgement.proof.unwrap_or_default())
    }

    #[test]
    fn what_polls_or_has_nothing_to_poll_is_healthy() {
        let kind = kind(false);
        for (beats, running_for, instances, proof) in [
            (
                &[("cpu", 290), ("disk.device.usage", 305), ("slow", 3700)][..],
                Some(10 * HOUR),
                None,
                "3 pollsters have run, the last 4m 50s ago",
            ),
            // One run was missed, and its like is late by as much as it took.
            (&[("cpu", 800)], Some(10 * HOUR), None, "1 pollster has run, the last 13m 20s ago"),
            (&[], Some(20), None, "nothing was polled since it started 20s ago"),
            (&[], None, None, "nothing was polled yet"),
            // A worker that was started anew, beside what the other had polled.
            (&[("cpu", 5000)], Some(30), None, "1 pollster has run, the last 1h 23m 20s ago"),
            (
                &[("cpu", 5000)],
                Some(10 * HOUR),
                Some(Ok(Some(0))),
                "1 pollster has run, the last 1h 23m 20s ago, and libvirt runs no instance to poll",
            ),
            (
                &[],
                Some(10 * HOUR),
                Some(Ok(Some(0))),
                "nothing was polled since it started 10h ago, and libvirt runs no instance to poll",
            ),
        ] {
            assert_eq!(
                judged(&kind, beats, running_for, instances),
                (Verdict::Healthy, proof.into())
            );
        }
    }

    #[test]
    fn what_polls_no_more_is_judged_by_what_there_is_to_poll() {
        let late = "cpu and 1 more ran 15m 1s ago, to be polled every 5m";
        let beats = [("cpu", 901), ("disk.device.usage", 950), ("slow", 3700)];
        let running_for = Some(100 * HOUR);
        let own = Verdict::own_fault(format!("{late}, though libvirt runs 3 instances"));
        let found = judged(&kind(false), &beats, running_for, Some(Ok(Some(3))));
        assert_eq!(found.0, own);
        let silent = Trouble::new(What::Silent, "accepts connections and answers nothing");
        let found = judged(&kind(false), &beats, running_for, Some(Err(silent)));
        let because = format!("{late}; {LIBVIRT} accepts connections and answers nothing (y)");
        assert_eq!(found.0, Verdict::dependency(because));
        // Of what is left to poll nothing is known.
        for unknown in [None, Some(Ok(None))] {
            let found = judged(&kind(false), &beats, running_for, unknown.clone());
            assert_eq!(found.0, Verdict::degraded(late));
            let found = judged(&kind(true), &beats, running_for, unknown);
            assert_eq!(found.0, Verdict::Healthy);
            assert!(found.1.ends_with("which others may do in its place"), "{}", found.1);
        }
        let never = judged(&kind(false), &[], running_for, Some(Ok(Some(1)))).0;
        let because = "nothing was polled in the 4days 4h since it started, to be polled every 1h, though libvirt runs 1 instance";
        assert_eq!(never, Verdict::own_fault(because));
    }

    #[test]
    fn one_interval_says_nothing_of_another() {
        // The hourly ones run, in a thread of their own.
        let found = judged(&kind(false), &[("cpu", 1000), ("slow", 2)], None, Some(Ok(Some(1))));
        let because = "cpu ran 16m 40s ago, to be polled every 5m, though libvirt runs 1 instance";
        assert_eq!(found.0, Verdict::own_fault(because));
    }

    #[test]
    fn without_a_schedule_an_hour_may_pass() {
        let kind = Heartbeat { schedule: None, ..kind(false) };
        assert_eq!(judged(&kind, &[("cpu", 3600)], None, None).0, Verdict::Healthy);
        let because = "cpu ran 1h 1s ago, and nothing says how often they should";
        assert_eq!(judged(&kind, &[("cpu", 3601)], None, None).0, Verdict::degraded(because));
    }

    #[test]
    fn a_clock_that_was_set_back_is_the_environment_s() {
        let kind = kind(false);
        let beats = [Beat { pollster: "cpu".into(), at: now() + Duration::from_secs(3600) }];
        let told = kind.told(&beats, now(), None);
        let heartbeat = Replies(vec![Reply::new(PATH, Ok(told))]);
        let seen = Seen { heartbeat, running_for: None, instances: None, broker: None };
        let because = "a pollster ran 1h in the future: the clock was set back";
        assert_eq!(kind.judge(&seen).verdict, Verdict::environment(because));
    }
}
