//! What watches over an evaluation: a signal, or a deadline that passes while
//! something else than a check is stuck (a file on a dead file system), ends
//! it with a line and a status all the same.

use crate::output;
use healthcheck::evaluate::HELD_UP;
use healthcheck::text::shown;
use healthcheck::verdict::{Exit, Role, Verdict};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::PipeReader;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vantage::Deadline;

/// Signals that end an evaluation.
const SIGNALS: [(i32, &str); 3] = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")];

/// As long as commands that are killed may take to end.
const TO_CLEAN_UP: Duration = Duration::from_millis(500);

/// Between two looks at the limit, and how long nobody else is needed: most answers are there long
/// before.
const PAUSE: Duration = HELD_UP;

/// Enough for a poll and a message.
const STACK: usize = 128 << 10;

/// Enough for whatever the evaluating thread does.
const DEPUTY_STACK: usize = 512 << 10;

/// Watches over an evaluation.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Mutex<State>>);

type Deputy = Box<dyn FnOnce() + Send>;

struct State {
    role: Role,
    started: Instant,
    limit: Duration,
    service: String,
    stage: &'static str,
    /// Somebody is about to say the answer; there is only one.
    answered: bool,
    /// There is a thread that watches.
    watched: bool,
    /// What another thread does if there is no answer soon.
    deputy: Option<Deputy>,
}

impl Watch {
    /// Begins to watch. Where a thread or a pipe is not to be had, the
    /// evaluation goes on without.
    pub(crate) fn start(role: Role, limit: Duration) -> Self {
        let state = State {
            role,
            started: Instant::now(),
            limit,
            service: "container".to_owned(),
            stage: "finding out which service this is",
            answered: false,
            watched: true,
            deputy: None,
        };
        let watch = Self(Arc::new(Mutex::new(state)));
        // Here and not in the thread, whose first allocation would cost a heap of its own.
        let caught = Arc::new(AtomicUsize::new(0));
        let pipe = catch_signals(&caught).ok();
        let theirs = watch.clone();
        let thread = std::thread::Builder::new().name("watch".into()).stack_size(STACK);
        // Without it there is no watch, and still an answer.
        let started = thread.spawn(move || theirs.run(pipe.as_ref(), &caught));
        watch.state().watched = started.is_ok();
        watch
    }

    /// What goes on now, for the message that says what took too long.
    pub(crate) fn stage(&self, service: &str, stage: &'static str) {
        let mut state = self.state();
        service.clone_into(&mut state.service);
        state.stage = stage;
    }

    /// How long it may take, once that is known better; counted from the start.
    pub(crate) fn limit(&self, limit: Duration) {
        self.state().limit = limit;
    }

    /// What another thread is to do if there is no answer soon, because this one is held up.
    /// False where nobody would have it done.
    pub(crate) fn deputise(&self, deputy: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.state();
        state.deputy = Some(Box::new(deputy));
        state.watched
    }

    /// How long it has been.
    pub(crate) fn elapsed(&self) -> Duration {
        self.state().started.elapsed()
    }

    /// Claims the answer: true for whoever asks first.
    pub(crate) fn claim(&self) -> bool {
        !std::mem::replace(&mut self.state().answered, true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, pipe: Option<&PipeReader>, caught: &AtomicUsize) {
        loop {
            // The limit may have become shorter meanwhile.
            let pause = self.state().left().min(PAUSE);
            let timeout = Timespec::try_from(pause).unwrap_or_default();
            let _ = match pipe {
                Some(pipe) => poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&timeout)),
                None => poll(&mut [], Some(&timeout)),
            };
            let caught = caught.load(Ordering::SeqCst);
            if let Some((_, name)) = SIGNALS.iter().find(|(number, _)| *number as usize == caught) {
                return self.answer(&format!("ended by {name}"), |_| Exit::Fail);
            }
            let (left, limit, stage) = {
                let state = self.state();
                (state.left(), state.limit, state.stage)
            };
            // It may be held up itself: whoever watches never is.
            let deputy = self.state().deputy.take();
            if let Some(deputy) = deputy {
                let thread = std::thread::Builder::new().name("deputy".into());
                let _ = thread.stack_size(DEPUTY_STACK).spawn(deputy);
            }
            if left.is_zero() {
                let because = format!("still {stage} after {} ms", limit.as_millis());
                return self.answer(&because, |role| role.exit([&Verdict::unknown("")]));
            }
        }
    }

    /// Says that there is no answer, unless there is one by now.
    fn answer(&self, because: &str, exit: impl Fn(Role) -> Exit) {
        if !self.claim() {
            return;
        }
        let (role, service) = {
            let state = self.state();
            (state.role, shown(&state.service, 60))
        };
        vantage::kill_commands(Deadline::after(TO_CLEAN_UP));
        output::print(&format!("unknown: {service}: interrupted: {because}\n"));
        std::process::exit(u8::from(exit(role)).into());
    }
}

/// A pipe that becomes readable when a signal was caught, after its number was
/// written to `caught`.
fn catch_signals(caught: &Arc<AtomicUsize>) -> std::io::Result<PipeReader> {
    let (reader, writer) = std::io::pipe()?;
    for (signal, _) in SIGNALS {
        signal_hook::flag::register_usize(signal, Arc::clone(caught), signal as usize)?;
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    Ok(reader)
}

impl State {
    /// What is left, with a little more so that whoever keeps the deadline by
    /// himself comes first.
    fn left(&self) -> Duration {
        let grace = (self.limit / 10).min(Duration::from_millis(100));
        (self.limit + grace).saturating_sub(self.started.elapsed())
    }
}

/// Makes a defect of ours an answer: a line, status 1, and nothing of what a
/// panic's message may hold.
pub(crate) fn answer_for_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        output::print(&format!("unknown: healthcheck: internal error{place}\n"));
        std::process::exit(1);
    }));
}

#[cfg(test)]
mod tests {
    use super::{Watch, answer_for_panics};
    use healthcheck::verdict::Role;
    use std::process::{Command, Output};
    use std::time::Duration;

    /// Set in the process that a test starts of itself, to what it shall do there.
    const PART: &str = "HEALTHCHECK_TEST_PART";

    /// This very test once more, in a process of its own that it may end.
    fn alone(test: &str, part: &str) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("watch::tests::{test}"), "--nocapture"]);
        command.env(PART, part).output().unwrap()
    }

    fn check(output: &Output, status: i32, said: &str) {
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{out}");
        assert!(out.contains(said), "{out}");
    }

    #[test]
    fn what_is_stuck_is_ended_and_named() {
        const NAME: &str = "what_is_stuck_is_ended_and_named";
        if let Ok(part) = std::env::var(PART) {
            let role = if part == "live" { Role::Live } else { Role::Health };
            let watch = Watch::start(role, Duration::from_secs(3600));
            watch.stage("x", "reading its settings");
            watch.limit(Duration::from_millis(50));
            loop {
                std::thread::park();
            }
        }
        let said = "unknown: x: interrupted: still reading its settings after 50 ms\n";
        check(&alone(NAME, "none"), 1, said);
        // What is not known must not restart anything.
        check(&alone(NAME, "live"), 0, said);
    }

    #[test]
    fn a_panic_is_an_answer_without_its_message() {
        const NAME: &str = "a_panic_is_an_answer_without_its_message";
        if std::env::var_os(PART).is_some() {
            answer_for_panics();
            panic!("hidden");
        }
        let output = alone(NAME, "panic");
        check(&output, 1, "unknown: healthcheck: internal error at ");
        let all = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("hidden"));
    }
}
