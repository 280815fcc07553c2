//! The containers on the screen: a table that is redrawn in place on a terminal; elsewhere a line
//! whenever something changed.

use std::time::Instant;

use crate::lab::{Health, Service, Standing};
use crate::progress::{Hue, Terminal, put};

const MARGIN: usize = 39;
const NARROWEST: usize = 30;

/// Shows the same containers again and again.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal,
    rows: Vec<Row>,
    began: Instant,
    drawn: usize,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    last: Option<Standing>,
    since: Instant,
}

impl Screen {
    /// For `services`, of which nothing is known yet.
    pub(crate) fn new(terminal: Terminal, services: Vec<Service>) -> Self {
        let now = Instant::now();
        let row = |service: Service| Row { name: service.name, last: None, since: now };
        Self { terminal, rows: services.into_iter().map(row).collect(), began: now, drawn: 0 }
    }

    /// Begins a new table beneath what was written meanwhile; times count from here.
    pub(crate) fn begin(&mut self) {
        self.began = Instant::now();
        self.drawn = 0;
    }

    /// Shows the state of every container, in the order of the services.
    pub(crate) fn show(&mut self, now: &[Standing]) {
        let mut changed = String::new();
        for (row, standing) in self.rows.iter_mut().zip(now) {
            let is_new = row.last.as_ref().is_none_or(|last| !is_same(last, standing));
            if row.last.as_ref().is_none_or(|last| last.health != standing.health) {
                row.since = Instant::now();
            }
            row.last = Some(standing.clone());
            if is_new {
                let elapsed = self.began.elapsed().as_secs_f64();
                changed.push_str(&format!(
                    "  {elapsed:>6.1} s  {:<16} {:<11}  {}\n",
                    row.name,
                    standing.health.word(),
                    standing.message
                ));
            }
        }
        match self.terminal.width() {
            None => put(&changed),
            Some(width) => self.redraw(width),
        }
    }

    fn redraw(&mut self, width: usize) {
        let mut table = String::new();
        if self.drawn > 0 {
            table.push_str(&format!("\x1b[{}A\x1b[0J", self.drawn));
        }
        let mut lines = vec![format!(
            "  {:<16} {:<11} {:>6}  {}",
            "container", "engine says", "since", "because"
        )];
        for row in &self.rows {
            let Some(standing) = &row.last else { continue };
            let word = format!("{:<11}", standing.health.word());
            let word = self.terminal.paint(hue(standing.health), &word);
            let since = format!("{} s", row.since.elapsed().as_secs());
            let room = width.saturating_sub(MARGIN).max(NARROWEST);
            let mut parts = wrap(&standing.message, room).into_iter();
            let first = parts.next().unwrap_or_default();
            lines.push(format!("  {:<16} {word} {since:>6}  {first}", row.name));
            lines.extend(parts.map(|part| format!("{:MARGIN$}{part}", "")));
        }
        table.push_str(&lines.join("\n"));
        table.push('\n');
        self.drawn = lines.len();
        put(&table);
    }
}

fn hue(health: Health) -> Hue {
    match health {
        Health::Healthy => Hue::Good,
        Health::Starting => Hue::Between,
        Health::Unhealthy | Health::Absent => Hue::Bad,
    }
}

/// Whether a person would call the two the same: figures count on, and are no news.
fn is_same(one: &Standing, other: &Standing) -> bool {
    let words = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
    one.health == other.health && words(&one.message) == words(&other.message)
}

/// `text` in lines of at most `width` characters, broken between words where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            lines.push(word.drain(..width).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::{is_same, wrap};
    use crate::lab::{Health, Standing};

    #[test]
    fn a_long_message_is_broken_between_words_and_loses_nothing() {
        let message = "unhealthy: nova-conductor: connected: no answer for 34 s (dependency)";
        let lines = wrap(message, 30);
        assert!(lines.iter().all(|line| line.chars().count() <= 30), "{lines:?}");
        assert_eq!(lines.join(" "), message);
    }

    #[test]
    fn a_word_wider_than_the_screen_is_cut() {
        assert_eq!(wrap("a abcdefgh b", 3), ["a", "abc", "def", "gh", "b"]);
    }

    #[test]
    fn a_figure_that_counts_on_is_no_news_but_another_health_is() {
        let standing = |health, message: &str| Standing { health, message: message.to_owned() };
        let nine = standing(Health::Unhealthy, "silent for 9 s");
        assert!(is_same(&nine, &standing(Health::Unhealthy, "silent for 11 s")));
        assert!(!is_same(&nine, &standing(Health::Healthy, "silent for 9 s")));
        assert!(!is_same(&nine, &standing(Health::Unhealthy, "process stopped")));
    }
}
