//! Steps as a person follows them: a line for each step that ended, with the time it took, and
//! beneath it, on a terminal, what runs right now. Elsewhere a line says now and then what is waited for.

use std::io::{IsTerminal, Write, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(120);
const REMIND_EVERY: Duration = Duration::from_secs(15);
const SPINNER: [&str; 4] = ["|", "/", "-", "\\"];

/// The steps of this run; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Shared>);

/// A step that runs; it has failed unless [`Step::done`] is called.
#[derive(Debug)]
pub(crate) struct Step {
    shared: Arc<Shared>,
    name: String,
    started: Instant,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    terminal: Terminal,
    running: Mutex<Vec<Running>>,
}

#[derive(Debug)]
struct Running {
    name: String,
    started: Instant,
    reminded: Instant,
}

/// What standard output is, and so how to write on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// A pipe or a file: lines, in order, for ever.
    No,
    /// A terminal whose user wants no colour.
    Plain,
    /// A terminal with colours.
    Colour,
}

/// A colour that stresses what the words beside it say already.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hue {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// On the way.
    Between,
    /// A heading.
    Strong,
}

impl Terminal {
    /// Asks standard output, and the `NO_COLOR` and `TERM` variables.
    pub(crate) fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        match stdout().is_terminal() {
            false => Self::No,
            true if dumb => Self::No,
            true if unwanted => Self::Plain,
            true => Self::Colour,
        }
    }

    /// `text` in `hue`, where there is colour.
    pub(crate) fn paint(self, hue: Hue, text: &str) -> String {
        if self != Self::Colour {
            return text.to_owned();
        }
        let code = match hue {
            Hue::Good => "32",
            Hue::Bad => "1;31",
            Hue::Between => "33",
            Hue::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Characters in a line; none when lines may be of any length.
    pub(crate) fn width(self) -> Option<usize> {
        if self == Self::No {
            return None;
        }
        let columns = rustix::termios::tcgetwinsize(stdout()).map_or(0, |size| size.ws_col);
        Some(if columns == 0 { 80 } else { usize::from(columns) })
    }
}

impl Progress {
    /// Begins with no step; what runs is redrawn until the last clone is gone.
    pub(crate) fn new() -> Self {
        let terminal = Terminal::of_stdout();
        let shared = Arc::new(Shared { terminal, running: Mutex::new(Vec::new()) });
        let drawn = Arc::downgrade(&shared);
        thread::spawn(move || keep_drawing(&drawn));
        Self(shared)
    }

    /// What standard output is.
    pub(crate) fn terminal(&self) -> Terminal {
        self.0.terminal
    }

    /// Announces a step that begins now.
    pub(crate) fn start(&self, name: impl Into<String>) -> Step {
        let (name, now) = (name.into(), Instant::now());
        self.0.running().push(Running { name: name.clone(), started: now, reminded: now });
        Step { shared: Arc::clone(&self.0), name, started: now, ended: false }
    }

    /// Prints a line of its own.
    pub(crate) fn say(&self, line: &str) {
        let running = self.0.running();
        self.0.clear_line();
        put(&format!("{line}\n"));
        drop(running);
    }

    /// Prints a heading.
    pub(crate) fn heading(&self, line: &str) {
        self.say(&format!("\n{}", self.0.terminal.paint(Hue::Strong, line)));
    }
}

impl Step {
    /// The step has done what it was for; `detail` says what came of it.
    pub(crate) fn done(mut self, detail: &str) {
        self.end(Hue::Good, "ok", detail);
    }

    fn end(&mut self, hue: Hue, word: &str, detail: &str) {
        self.ended = true;
        let mut running = self.shared.running();
        running.retain(|other| other.name != self.name || other.started != self.started);
        self.shared.clear_line();
        let word = self.shared.terminal.paint(hue, &format!("{word:<6}"));
        let took = self.started.elapsed().as_secs_f64();
        put(&format!("  {word} {:<30} {took:>6.1} s  {detail}\n", self.name));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Hue::Bad, "FAILED", "");
        }
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear_line(&self) {
        if self.terminal != Terminal::No {
            put("\r\x1b[2K");
        }
    }

    fn draw(&self, turn: usize) {
        let mut running = self.running();
        if running.is_empty() {
            return;
        }
        match self.terminal.width() {
            Some(width) => {
                let steps: Vec<String> = running.iter().map(Running::so_far).collect();
                let spinner = SPINNER[turn % SPINNER.len()];
                let line = format!("  {spinner}      {}", steps.join(", "));
                put(&format!("\r\x1b[2K{}", clip(&line, width.saturating_sub(1))));
            }
            None => {
                for step in
                    running.iter_mut().filter(|step| step.reminded.elapsed() >= REMIND_EVERY)
                {
                    step.reminded = Instant::now();
                    put(&format!("  ...    {}\n", step.so_far()));
                }
            }
        }
    }
}

impl Running {
    fn so_far(&self) -> String {
        format!("{} ({} s)", self.name, self.started.elapsed().as_secs())
    }
}

/// `line`, cut to `width` characters with an ellipsis.
pub(crate) fn clip(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Writes to standard output at once; a reader that has left is no reason to stop, for there is
/// still something to clean up.
pub(crate) fn put(text: &str) {
    let mut out = stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn keep_drawing(shared: &Weak<Shared>) {
    for turn in 0.. {
        match shared.upgrade() {
            Some(shared) => shared.draw(turn),
            None => return,
        }
        thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::{Hue, Terminal, clip};

    #[test]
    fn a_line_is_cut_to_the_terminal_by_characters_not_bytes() {
        assert_eq!(clip("häuser", 6), "häuser");
        assert_eq!(clip("häuser", 5), "häus…");
    }

    #[test]
    fn colour_is_for_terminals_only() {
        assert_eq!(Terminal::No.paint(Hue::Bad, "unhealthy"), "unhealthy");
        assert_eq!(Terminal::Plain.paint(Hue::Bad, "unhealthy"), "unhealthy");
        assert!(Terminal::Colour.paint(Hue::Bad, "unhealthy").contains("unhealthy"));
    }
}
