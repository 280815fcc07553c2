//! Where output goes: how wide it is, whether it shows colour, and that nobody
//! may read it any more.

use crate::engines::EngineError;
use anstyle::{AnsiColor, Style};
use std::io::{IsTerminal, Write};
use vantage::Blind;

/// Whether and how output may be dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Columns to fit into; without, as wide as it gets.
    pub(crate) width: Option<usize>,
    /// Whether colour is shown.
    pub(crate) colour: Colour,
}

/// Whether colour is shown. Nothing is told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// A terminal that shows it.
    Shown,
    /// A pipe, a file, or a person who does not want it.
    Plain,
}

/// What colour can stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Doubtful,
    Bad,
    Quiet,
    Heading,
}

impl Look {
    /// Of this process's standard output.
    pub(crate) fn of_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self { width: None, colour: Colour::Plain };
        }
        let size = terminal_size::terminal_size();
        let width = size.map_or(80, |(width, _)| usize::from(width.0));
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = if plain { Colour::Plain } else { Colour::Shown };
        Self { width: Some(width), colour }
    }

    /// Whether standard output is a person's terminal.
    pub(crate) fn is_live(self) -> bool {
        self.width.is_some()
    }
}

impl Colour {
    /// The text in a tone.
    pub(crate) fn paint(self, text: &str, tone: Tone) -> String {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        let style = match tone {
            _ if self == Self::Plain || text.is_empty() => return text.to_owned(),
            Tone::Good => colour(AnsiColor::Green),
            Tone::Doubtful => colour(AnsiColor::Yellow),
            Tone::Bad => colour(AnsiColor::Red).bold(),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Heading => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// Writes to standard output. That nobody reads it any more is no fault of ours
/// and changes no verdict.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a remark to standard error.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says why a command could not be done.
pub(crate) fn complain(error: &anyhow::Error) {
    let text = format!("{error:#}");
    remark(&if text.starts_with("error:") { text } else { format!("error: {text}") });
    let of_engine = || error.downcast_ref::<EngineError>().and_then(EngineError::hint);
    let of_blind = || error.downcast_ref::<Blind>()?.hint.clone();
    if let Some(hint) = of_blind().or_else(of_engine) {
        remark(&format!("  hint: {hint}"));
    }
}
