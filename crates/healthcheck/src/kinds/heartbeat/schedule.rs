//! What is to be polled how often: ceilometer's `polling.yaml`, as far as YAML is
//! written there. What is written otherwise is not guessed at.

use regex_lite::Regex;
use serde::Deserialize;
use std::time::Duration;

/// As many sources, and meters of one, as are read.
const MOST: usize = 1000;

/// The longest interval that is believed.
const LONGEST: u64 = 366 * 86_400;

/// What is to be polled how often.
#[derive(Debug)]
pub(super) struct Schedule(Vec<Source>);

#[derive(Debug, Default)]
struct Source {
    interval: u64,
    meters: Vec<Meter>,
}

/// A meter's name, or a pattern of several, as `fnmatch` has it.
#[derive(Debug)]
struct Meter {
    /// Written with a `!`.
    excluded: bool,
    name: Name,
}

#[derive(Debug)]
enum Name {
    Exactly(String),
    Like(Regex),
}

impl Schedule {
    /// Reads the file; `None` where it is none, or is written in a way that is
    /// not understood here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let sources = match text.trim_start().starts_with('{') {
            true => from_json(text)?,
            false => from_yaml(text)?,
        };
        (!sources.is_empty()).then_some(Self(sources))
    }

    /// How often a pollster is to run: of several sources with it, the shortest.
    pub(super) fn interval(&self, pollster: &str) -> Option<Duration> {
        let sources = self.0.iter().filter(|source| source.has(pollster));
        sources.map(|source| Duration::from_secs(source.interval)).min()
    }

    /// How long it may be until every source was polled once.
    pub(super) fn longest(&self) -> Duration {
        let intervals = self.0.iter().map(|source| source.interval);
        Duration::from_secs(intervals.max().unwrap_or_default())
    }
}

impl Source {
    fn new(interval: u64, meters: &[String]) -> Option<Self> {
        let meters = meters.iter().map(|meter| Meter::new(meter)).collect();
        (1..=LONGEST).contains(&interval).then_some(Self { interval, meters })
    }

    /// As `Source.is_supported` in `ceilometer/agent.py`.
    fn has(&self, pollster: &str) -> bool {
        let named = |excluded| {
            let mut meters = self.meters.iter().filter(move |meter| meter.excluded == excluded);
            meters.any(|meter| meter.name.is(pollster))
        };
        !named(true) && (named(false) || self.meters.iter().all(|meter| meter.excluded))
    }
}

impl Meter {
    fn new(text: &str) -> Self {
        let (excluded, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let like = || {
            let mut pattern = "^".to_owned();
            let mut in_class = false;
            for c in text.chars().take(200) {
                match (c, in_class) {
                    ('*', false) => pattern.push_str(".*"),
                    ('?', false) => pattern.push('.'),
                    ('[', false) => (in_class, _) = (true, pattern.push('[')),
                    (']', true) => (in_class, _) = (false, pattern.push(']')),
                    ('!', true) if pattern.ends_with('[') => pattern.push('^'),
                    ('-', true) => pattern.push('-'),
                    (c, _) => pattern.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
                }
            }
            Regex::new(&format!("{pattern}$")).ok()
        };
        let name = text.contains(['*', '?', '[']).then(like).flatten();
        Self { excluded, name: name.map_or_else(|| Name::Exactly(text.to_owned()), Name::Like) }
    }
}

impl Name {
    fn is(&self, pollster: &str) -> bool {
        match self {
            Self::Exactly(name) => name == pollster,
            Self::Like(pattern) => pattern.is_match(pollster),
        }
    }
}

fn from_json(text: &str) -> Option<Vec<Source>> {
    #[derive(Deserialize)]
    struct File {
        sources: Vec<Written>,
    }
    #[derive(Deserialize)]
    struct Written {
        interval: u64,
        meters: Vec<String>,
    }
    let file: File = serde_json::from_str(text).ok()?;
    file.sources.iter().map(|source| Source::new(source.interval, &source.meters)).collect()
}

/// The list beneath `sources:`, of which each item begins with a `-` in the same
/// column and has its keys in another.
fn from_yaml(text: &str) -> Option<Vec<Source>> {
    let mut lines = text.lines().map(without_comment).filter(|line| {
        let line = line.trim();
        !line.is_empty() && line != "---" && line != "..."
    });
    lines.by_ref().find(|line| line.trim_end() == "sources:")?;
    let mut found = Vec::new();
    // Of the source that is being read: the column of its keys, what they said, and
    // whether what follows is of its meters.
    let mut dash = None;
    let mut keys = 0;
    let (mut interval, mut meters): (Option<u64>, Option<Vec<String>>) = (None, None);
    let mut in_meters = false;
    while let Some(line) = lines.next() {
        let (mut column, mut rest) = split(line)?;
        let item = rest.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' '));
        if let (Some(inner), true) = (item, dash.is_none_or(|dash| column == dash)) {
            if dash.is_some() {
                found.push(Source::new(interval.take()?, &meters.take()?)?);
            }
            if found.len() >= MOST {
                return None;
            }
            (dash, in_meters) = (Some(column), false);
            let inner_column = inner.len() - inner.trim_start().len();
            (column, rest) = (column + 1 + inner_column, inner.trim_start());
            keys = column;
            if rest.is_empty() {
                return None;
            }
        } else if dash.is_none_or(|dash| column <= dash) {
            // Another key of the file.
            break;
        } else if let Some(inner) = item.filter(|_| in_meters && column >= keys) {
            let meters = meters.as_mut()?;
            meters.push(scalar(inner)?);
            if meters.len() >= MOST {
                return None;
            }
            continue;
        }
        if column > keys {
            // Of a key that is not for us.
            continue;
        }
        if item.is_some() && rest.starts_with('-') {
            // A list of such a key, in the column of the keys.
            continue;
        }
        let (key, value) = rest.split_once(':')?;
        in_meters = false;
        match key.trim() {
            "interval" => interval = Some(scalar(value)?.parse().ok()?),
            "meters" if value.trim().is_empty() => {
                (meters, in_meters) = (Some(Vec::new()), true);
            }
            "meters" => {
                let mut flow = value.trim().strip_prefix('[')?.to_owned();
                while !flow.contains(']') {
                    flow.push_str(lines.next()?);
                }
                let inner = flow.trim_end().strip_suffix(']')?;
                let items = inner.split(',').filter(|item| !item.trim().is_empty());
                meters = Some(items.take(MOST).map(scalar).collect::<Option<_>>()?);
            }
            _ => {}
        }
    }
    dash?;
    found.push(Source::new(interval?, &meters?)?);
    Some(found)
}

/// The column that a line's text begins in, and the text; `None` with a tab there.
fn split(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start_matches(' ');
    (!rest.starts_with('\t')).then(|| (line.len() - rest.len(), rest.trim_end()))
}

/// A line as far as its comment: a `#` at its begin or after a blank, in no quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) if matches!(before, ' ' | '[' | ',' | ':' | '-') => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if before == ' ' => return line.get(..at).unwrap_or(line),
            _ => {}
        }
        before = c;
    }
    line
}

/// A plain or quoted text; `None` where it is something else: an alias, a tag, a block.
fn scalar(text: &str) -> Option<String> {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote)?;
            return (!inner.contains([quote, '\\'])).then(|| inner.to_owned());
        }
    }
    // `*` alone would be an alias to YAML, and a file with it is refused by ceilometer.
    let indicates = ['&', '*', '!', '|', '>', '{', '[', '@', '%', '`', '?'];
    (!text.is_empty() && !text.starts_with(indicates) && !text.contains(": "))
        .then(|| text.to_owned())
}

/// What may be read of any text is asked for.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(text: &str) {
    if let Some(schedule) = Schedule::parse(text) {
        assert!(schedule.longest() >= Duration::from_secs(1));
        if let Some(interval) = schedule.interval("cpu") {
            assert!(interval <= schedule.longest());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use proptest::prelude::*;

    fn interval(text: &str, pollster: &str) -> Option<u64> {
        Schedule::parse(text).unwrap().interval(pollster).map(|interval| interval.as_secs())
    }

    #[test]
    fn what_deployments_write_is_understood() {
        // ceilometer's own, TripleO's and kolla's, openstack-helm's, and as JSON.
        let own = "---\nsources:\n    - name: some_pollsters\n      interval: 300\n      meters:\n        - power.state\n        - cpu\n";
        let wild =
            "---\nsources:\n- name: all\n  interval: 600   # ten minutes\n  meters:\n  - \"*\"\n";
        let helm = "sources:\n- interval: 60\n  meters:\n  - disk.*\n  - 'cpu'\n  name: a\n- interval: 3600\n  meters: [\"storage.*\", volume.size]\n  name: b\n";
        let json = "{\"sources\": [{\"name\": \"all\", \"interval\": 30, \"meters\": [\"!cpu\"]}]}";
        for (text, pollster, expected) in [
            (own, "cpu", Some(300)),
            (own, "cpu.util", None),
            (wild, "anything", Some(600)),
            (helm, "disk.device.read.bytes", Some(60)),
            (helm, "cpu", Some(60)),
            (helm, "volume.size", Some(3600)),
            (helm, "storage.objects", Some(3600)),
            (helm, "memory.usage", None),
            (json, "cpu", None),
            (json, "memory.usage", Some(30)),
        ] {
            assert_eq!(interval(text, pollster), expected, "{pollster} in {text}");
        }
        assert_eq!(Schedule::parse(helm).unwrap().longest().as_secs(), 3600);
    }

    #[test]
    fn other_keys_and_other_forms_are_passed_over() {
        let text = "other:\n  - a\nsources:\n    -   name: a\n        resources:\n          - x://y\n          - interval: 5\n        discovery:\n        - endpoint:a\n        meters:\n        - a?c\n        - \"[!x]yz\"\n        interval: '120'\n    - name: b\n      interval: 10\n      meters: [ '!a*',\n         \"!b\" ]\nfurther: 1\n";
        assert_eq!(interval(text, "abc"), Some(120));
        assert_eq!(interval(text, "ayz"), Some(120));
        assert_eq!(interval(text, "xyz"), Some(10));
        assert_eq!(interval(text, "b"), None);
        assert_eq!(Schedule::parse(text).unwrap().longest().as_secs(), 120);
    }

    #[test]
    fn what_is_not_understood_is_not_guessed_at() {
        for text in [
            "",
            "sources:\n",
            "sources: []\n",
            "sources: *all\n",
            "sources:\n- name: a\n  interval: 60\n",
            "sources:\n- name: a\n  meters: [a]\n",
            "sources:\n- name: a\n  interval: 0\n  meters: [a]\n",
            "sources:\n- name: a\n  interval: *i\n  meters: [a]\n",
            "sources:\n- name: a\n  interval: 60\n  meters: *m\n",
            "sources:\n- name: a\n  interval: 60\n  meters: [a\n",
            "sources:\n-\tname: a\n\tinterval: 60\n",
            "sources:\n-\n  interval: 60\n  meters: [a]\n",
            "{\"sources\": [{\"interval\": \"x\"}]}",
        ] {
            assert!(Schedule::parse(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(
            text in "(sources:\n)?([ ]{0,3}(- )?(interval|meters|name)?(: )?[-'\"#\\[\\],!*0-9a-z.]{0,6}\n){0,8}",
        ) {
            if let Some(schedule) = Schedule::parse(&text) {
                prop_assert!(schedule.longest().as_secs() > 0);
            }
        }
    }
}
