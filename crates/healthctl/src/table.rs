//! Answers for people: a table that fits the terminal, and one line that sums
//! it up.

use crate::engines::Health;
use crate::survey::Row;
use crate::terminal::{Look, Tone};
use healthcheck::evaluate::Finding;
use healthcheck::report::Report;
use healthcheck::text::escape;
use healthcheck::verdict::Verdict;
use std::time::{Duration, SystemTime};

/// The containers of a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    /// In the order they are shown.
    pub(crate) rows: &'a [Row],
    /// Whether a name must say whose it is.
    pub(crate) several_engines: bool,
}

const HEADINGS: [&str; 6] = ["CONTAINER", "SERVICE", "ENGINE", "VERDICT", "AGE", "WHY"];

/// Between two columns.
const GAP: usize = 2;

/// A reason in fewer columns than this reads badly: it gets lines of its own.
const NARROW: usize = 28;

/// A name cut to less than this names nothing any more.
const SHORTEST: usize = 16;

/// The columns before the reason.
const FIXED: usize = HEADINGS.len() - 1;

/// Which of them is the verdict.
const VERDICT: usize = 3;

/// What stands where there is nothing to say.
const NOTHING: &str = "—";

struct Line {
    cells: [String; FIXED],
    tone: Tone,
    why: String,
}

impl Table<'_> {
    /// The table and its summary.
    pub(crate) fn render(&self, look: Look, now: SystemTime) -> String {
        if self.rows.is_empty() {
            return format!("{}\n", summary(self.rows));
        }
        let mut lines: Vec<Line> = self.rows.iter().map(|row| self.line(row, now)).collect();
        let mut widths: [usize; FIXED] = std::array::from_fn(|at| width(HEADINGS[at]));
        for line in &lines {
            for (most, cell) in widths.iter_mut().zip(&line.cells) {
                *most = width(cell).max(*most);
            }
        }
        if let Some(all) = look.width {
            shorten(&mut lines, &mut widths, all);
        }
        let before: usize = widths.iter().map(|width| width + GAP).sum();
        let room = look.width.map(|all| all.saturating_sub(before));
        let mut text = String::new();
        let headings: [String; FIXED] = std::array::from_fn(|at| HEADINGS[at].to_owned());
        let heading = |text: &str| look.colour.paint(text, Tone::Heading);
        let why = if room.is_some_and(|room| room < NARROW) { "" } else { HEADINGS[FIXED] };
        let painted = headings.map(|cell| (heading(&cell), width(&cell)));
        text.push_str(&row_of(&painted, &widths, &heading(why)));
        for line in &lines {
            line.push(&mut text, &widths, room, look);
        }
        text.push('\n');
        for part in wrap(&summary(self.rows), look.width.unwrap_or(usize::MAX)) {
            text.push_str(&format!("{part}\n"));
        }
        text
    }

    fn line(&self, row: &Row, now: SystemTime) -> Line {
        let container = &row.container;
        let name = match self.several_engines {
            true => format!("{}:{}", container.engine, container.name),
            false => container.name.clone(),
        };
        let service = row.looked.service.as_ref().map(|(service, _)| escape(service).into_owned());
        let report = row.looked.report.as_ref();
        let verdict = report.map(Report::verdict);
        let age = container.started.and_then(|start| now.duration_since(start).ok());
        let cells = [
            name,
            service.unwrap_or_else(|| NOTHING.to_owned()),
            engine_word(row),
            verdict.as_ref().map_or(NOTHING, Verdict::word).to_owned(),
            age.filter(|_| container.pid.is_some()).map_or_else(|| NOTHING.to_owned(), span),
        ];
        let why = report.map_or_else(|| "no definition".to_owned(), why);
        Line { cells, tone: verdict.as_ref().map_or(Tone::Quiet, tone), why }
    }
}

impl Line {
    fn push(&self, text: &mut String, widths: &[usize; FIXED], room: Option<usize>, look: Look) {
        let painted = std::array::from_fn(|at| {
            let cell = &self.cells[at];
            let shown = match at {
                VERDICT => look.colour.paint(cell, self.tone),
                _ => cell.clone(),
            };
            (shown, width(cell))
        });
        let quiet = |part: &str| match self.tone {
            Tone::Good | Tone::Quiet => look.colour.paint(part, Tone::Quiet),
            _ => part.to_owned(),
        };
        match (room, look.width) {
            (Some(room), Some(all)) if room < NARROW => {
                text.push_str(&row_of(&painted, widths, ""));
                for part in wrap(&self.why, all.saturating_sub(4).max(20)) {
                    text.push_str(&format!("    {}\n", quiet(&part)));
                }
            }
            (room, _) => {
                let parts =
                    room.map_or_else(|| vec![self.why.clone()], |room| wrap(&self.why, room));
                let mut parts = parts.iter();
                let first = parts.next().map_or("", String::as_str);
                text.push_str(&row_of(&painted, widths, &quiet(first)));
                let indent: usize = widths.iter().map(|width| width + GAP).sum();
                for part in parts {
                    text.push_str(&format!("{:indent$}{}\n", "", quiet(part)));
                }
            }
        }
    }
}

/// Cuts the containers' names where nothing else would fit.
fn shorten(lines: &mut [Line], widths: &mut [usize; FIXED], all: usize) {
    let before: usize = widths.iter().map(|width| width + GAP).sum();
    let most = widths[0].saturating_sub(before.saturating_sub(all + GAP)).max(SHORTEST);
    widths[0] = widths[0].min(most);
    for Line { cells: [name, ..], .. } in lines {
        if width(name) > most {
            *name = name.chars().take(most - 1).chain(['…']).collect();
        }
    }
}

/// One line of cells, padded by how wide they look, and what stands last.
fn row_of(cells: &[(String, usize); FIXED], widths: &[usize; FIXED], last: &str) -> String {
    let mut text = String::new();
    for ((cell, wide), width) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(width.saturating_sub(*wide) + GAP));
    }
    text.push_str(last);
    format!("{}\n", text.trim_end())
}

/// What the engine says: the state of its own checks while it runs, else its state.
fn engine_word(row: &Row) -> String {
    let container = &row.container;
    match (&container.state, container.health) {
        (crate::engines::State::Running, Health::Unhealthy { failing_streak }) => {
            format!("unhealthy ×{failing_streak}")
        }
        (crate::engines::State::Running, health) => health.word().unwrap_or("unchecked").to_owned(),
        (crate::engines::State::Exited, _) => format!("exited {}", container.exit_status),
        (state, _) => escape(state.word()).into_owned(),
    }
}

fn tone(verdict: &Verdict) -> Tone {
    match verdict {
        Verdict::Healthy => Tone::Good,
        Verdict::Degraded { .. } | Verdict::Unknown { .. } => Tone::Doubtful,
        Verdict::Unhealthy { .. } => Tone::Bad,
    }
}

/// The reason for a verdict: the worst finding's, or what health rests on.
pub(crate) fn why(report: &Report) -> String {
    let bad = report.all().filter(|finding| finding.verdict != Verdict::Healthy).count();
    match report.worst().filter(|worst| worst.verdict != Verdict::Healthy) {
        Some(worst) => {
            let blame =
                worst.verdict.blame().map_or_else(String::new, |blame| format!(" ({blame})"));
            let because = worst.verdict.because().unwrap_or_default();
            let more = match bad {
                0 | 1 => String::new(),
                more => format!(", and {} more", more - 1),
            };
            let text = format!("{}: {because}", worst.check);
            format!("{}{blame}{more}", escape(&healthcheck::text::cut(&text, 1000)))
        }
        None => proof(report),
    }
}

/// What a healthy verdict rests on: the last check's proof, the strongest by the
/// order definitions are written in.
fn proof(report: &Report) -> String {
    let proven = |finding: &&Finding| finding.proof.is_some();
    match report.findings.iter().rev().find(proven) {
        Some(Finding { check, proof: Some(proof), .. }) => {
            escape(&healthcheck::text::cut(&format!("{check}: {proof}"), 1000)).into_owned()
        }
        _ => String::new(),
    }
}

/// `12 containers: 10 healthy, 1 degraded, 1 unhealthy`.
pub(crate) fn summary(rows: &[Row]) -> String {
    let count = |word: &str| {
        let is = |row: &&Row| {
            row.looked.report.as_ref().is_some_and(|report| report.verdict().word() == word)
        };
        rows.iter().filter(is).count()
    };
    let none = rows.iter().filter(|row| row.looked.report.is_none()).count();
    let mut parts: Vec<String> = ["healthy", "degraded", "unhealthy", "unknown"]
        .into_iter()
        .map(|word| (count(word), word))
        .chain([(none, "without a definition")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() {
        return "no containers".to_owned();
    }
    let noun = if rows.len() == 1 { "container" } else { "containers" };
    let last = parts.pop().unwrap_or_default();
    let parts = if parts.is_empty() { last } else { format!("{}, {last}", parts.join(", ")) };
    format!("{} {noun}: {parts}", rows.len())
}

/// A span of time, roughly: `34 s`, `3 min`, `5 h`, `12 d`.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// How many columns a text takes.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text in lines of at most `limit` columns, broken at blanks where it can be.
fn wrap(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        if !line.is_empty() && width(&line) + 1 + width(&word) > limit {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > limit {
            let at = word.char_indices().nth(limit).map_or(word.len(), |(at, _)| at);
            let rest = word.split_off(at);
            lines.push(std::mem::replace(&mut word, rest));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
