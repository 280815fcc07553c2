//! What an author wrote for a service: TOML to [`Definition`]. A definition
//! with a mistake runs nothing, and all of its mistakes are reported at once,
//! each with its place. Reading it touches nothing but its text.

mod condition;
pub(crate) mod decode;
mod mistake;
mod var;

pub use condition::{CONDITION_FIELDS, Condition};
pub use mistake::{Mistake, Mistakes};
pub use var::{FromText, OneOrMany, Var, placeholders};

use crate::kinds::command::Matching;
use crate::kinds::{self, Fields, Written};
use crate::program::Program;
use crate::settings::Source;
use crate::text::nearest;
use decode::Decoder;
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What makes a service healthy, as its author wrote it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The service's name.
    pub service: String,
    /// Where this was written: a file's path, or `catalog/NAME.toml`.
    pub file: String,
    /// A sentence for the catalogue.
    pub about: Option<String>,
    /// Other names it is called by.
    pub aliases: Vec<String>,
    /// Words after the command that mean another service; `*` is any word.
    pub words: BTreeMap<String, String>,
    /// The definitions it builds on.
    pub like: Vec<String>,
    /// Their checks are not looked at while one of these holds.
    pub like_unless: Vec<Condition>,
    /// The oslo.config project whose files hold its options.
    pub project: Option<String>,
    /// Its processes.
    pub process: Option<Program>,
    /// What some command line of its container says, where its program alone
    /// does not tell it from other services.
    pub known_by: Option<Regex>,
    /// How long an evaluation may take.
    pub deadline: Option<Duration>,
    /// What would prove more and is not looked at yet.
    pub lacks: Vec<String>,
    /// Named values, and where to look for each, in order.
    pub settings: BTreeMap<String, Vec<Source>>,
    /// What is looked at.
    pub checks: Vec<Check>,
    /// Whether it stands for a service, or only for what several share.
    pub profile: Profile,
}

/// Whether a definition can be asked for by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// It defines a service.
    #[default]
    Service,
    /// It says once what several services share, for their `like`.
    Shared,
}

/// One kind with its values.
#[derive(Debug, Clone)]
pub struct Check {
    /// What to call it in findings; the kind's name if not given.
    pub name: String,
    /// The kind's name.
    pub kind: &'static str,
    /// It is only looked at while all of these hold.
    pub when: Vec<Condition>,
    /// It is not looked at while one of these holds.
    pub unless: Vec<Condition>,
    /// What its verdict is at worst, where the service can do without.
    pub at_worst: AtWorst,
    /// The kind's own values.
    pub written: Arc<dyn Written>,
    /// The settings its values refer to, and where.
    uses: Vec<(String, Range<usize>)>,
    /// The settings its conditions ask for, and where.
    asks: Vec<(String, Range<usize>)>,
}

/// What a check's verdict is at worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtWorst {
    /// Whatever it is.
    #[default]
    Unhealthy,
    /// Works, but.
    Degraded,
}

impl Definition {
    /// Reads a definition. `file` is what mistakes cite.
    ///
    /// # Errors
    /// All of its mistakes. What `like` refers to is not known here:
    /// [`crate::catalog::Catalog`] puts definitions together and checks that.
    pub fn parse(text: &str, file: &str) -> Result<Self, Mistakes> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        let mut decoder = Decoder::new(text, file);
        for error in syntax {
            decoder.error(&error);
        }
        // What is left of a file with a syntax error would give mistakes that are none.
        decoder.stop_if_mistaken()?;
        let definition = read(table, &mut decoder);
        decoder.stop_if_mistaken()?;
        definition.ok_or_else(|| decoder.into_mistakes())
    }

    /// The program whose command line and environment hold its settings: its
    /// own, or the one it is known by.
    pub fn program(&self) -> Option<Program> {
        self.process.clone().or_else(|| self.known_by.clone().map(Program::like))
    }

    /// The settings that its checks refer to and nothing defines. What several
    /// share may leave settings to those that build on it.
    ///
    /// # Errors
    /// A mistake for each of them, with its place in `text`; for a check that
    /// it builds on, which all but the last `own_checks` are, the definition's beginning.
    pub(crate) fn check_references(&self, text: &str, own_checks: usize) -> Result<(), Mistakes> {
        let mut decoder = Decoder::new(text, &self.file);
        if self.profile == Profile::Shared {
            return Ok(());
        }
        for name in self.like_unless.iter().filter_map(|condition| condition.setting.as_ref()) {
            if !self.settings.contains_key(name) {
                let message =
                    format!("like-unless: expected the name of a setting, found \"{name}\"");
                decoder.mistake(
                    0..1,
                    message,
                    nearest(name, self.settings.keys().map(String::as_str)),
                );
            }
        }
        let inherited = self.checks.len().saturating_sub(own_checks);
        for (place, check) in self.checks.iter().enumerate() {
            let refers = check.uses.iter().chain(&check.asks);
            for (name, span) in refers.filter(|(name, _)| !self.settings.contains_key(name)) {
                let known = self.settings.keys().map(String::as_str);
                let nearest = nearest(name, known);
                if place >= inherited {
                    let message = format!("expected the name of a setting, found \"{name}\"");
                    decoder.mistake(span.clone(), message, nearest);
                } else {
                    let message = format!(
                        "settings: expected \"{name}\", which the check \"{}\" of `like` refers to, found nothing",
                        check.name
                    );
                    decoder.mistake(0..1, message, nearest);
                }
            }
        }
        decoder.stop_if_mistaken()
    }

    /// Puts this definition upon the one it builds on: its own values win, its
    /// checks come after.
    #[must_use]
    pub fn upon(mut self, mut base: Self) -> Self {
        self.project = self.project.or(base.project);
        self.process = self.process.or(base.process);
        self.known_by = self.known_by.or(base.known_by);
        self.deadline = self.deadline.or(base.deadline);
        base.settings.append(&mut self.settings);
        self.settings = base.settings;
        base.lacks.append(&mut self.lacks);
        self.lacks = base.lacks;
        for check in &mut base.checks {
            check.unless.extend_from_slice(&self.like_unless);
        }
        base.checks.append(&mut self.checks);
        self.checks = base.checks;
        self
    }
}

/// What an author may write at the top level, for the reference.
pub const KEYS: Fields = &[
    ("about", "a sentence for the catalogue"),
    ("aliases", "other names it is called by; `_` and `-` are the same"),
    ("check", "`[[check]]`: what is looked at, in this order"),
    ("deadline", "how long an evaluation may take, such as `\"5s\"`"),
    (
        "known-by",
        "a regular expression: what some command line of its container says, where its program alone does not tell it from other services",
    ),
    ("lacks", "what would prove more and is not looked at yet"),
    ("like", "the definitions it builds on: their checks come first, its own values win"),
    (
        "like-unless",
        "a condition, or several: while one holds, the checks it builds on are not looked at",
    ),
    ("process", "its program: a name, several, or `{ name, arguments = REGEX }`"),
    ("profile", "`shared` where it only says what several services share"),
    ("project", "the oslo.config project whose files hold its options"),
    ("service", "its name"),
    ("settings", "named values, and where to look for each, in order"),
    ("words", "words after the command that mean another service; `*` is any"),
];

/// What an author may write of a check besides its kind's own fields.
pub const CHECK_KEYS: Fields = &[
    ("kind", "its kind"),
    ("name", "what to call it in findings; the kind's name if not given"),
    (
        "at-worst",
        "`\"degraded\"` where the service can do without what is looked at; `\"unhealthy\"` if not given",
    ),
    ("when", "a condition, or several: it is only looked at while all of them hold"),
    ("unless", "a condition, or several: it is not looked at while one of them holds"),
];

/// Reads the top level, key by key, so that each mistake is found.
fn read(mut table: Spanned<DeTable<'_>>, decoder: &mut Decoder<'_>) -> Option<Definition> {
    let span = table.span();
    let mut take = |key: &str| table.get_mut().remove(key);
    let service = take("service");
    let about = take("about");
    let aliases = take("aliases");
    let words = take("words");
    let like = take("like");
    let like_unless = take("like-unless");
    let project = take("project");
    let process = take("process");
    let known_by = take("known-by");
    let deadline = take("deadline");
    let lacks = take("lacks");
    let profile = take("profile");
    let settings = take("settings");
    let check = take("check");
    // What is there and has mistakes is not missing.
    let lacks_checks = match check.as_ref().map(Spanned::get_ref) {
        None => true,
        Some(DeValue::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    let lacks_checks = lacks_checks && like.is_none();
    for (key, _) in table.get_ref().iter() {
        let name = key.get_ref().as_ref();
        decoder.mistake(
            key.span(),
            format!("{}: unknown key", crate::text::shown(name, 60)),
            nearest(name, KEYS.iter().map(|(key, _)| *key)),
        );
    }

    if service.is_none() {
        decoder.mistake(
            0..span.start.min(1),
            "service: expected the service's name, found nothing".into(),
            None,
        );
    }
    let settings = read_settings(settings, decoder);
    let checks = read_checks(check, decoder);
    let deadline_span = deadline.as_ref().map_or(0..0, Spanned::span);
    let deadline: Option<Var<Duration>> = decoder.value("deadline", deadline);
    // Settings are looked up while a plan is made, and the deadline counts from before.
    if deadline.as_ref().is_some_and(|deadline| deadline.literal().is_none()) {
        let expected = Duration::EXPECTED;
        let message = format!("deadline: expected {expected}, found the name of a setting");
        decoder.mistake(deadline_span, message, None);
    }
    let definition = Definition {
        service: decoder.value("service", service).unwrap_or_default(),
        file: decoder.file().to_owned(),
        about: decoder.value("about", about),
        aliases: decoder.value("aliases", aliases).unwrap_or_default(),
        words: decoder.value("words", words).unwrap_or_default(),
        like: decoder.value("like", like).map(OneOrMany::into_vec).unwrap_or_default(),
        like_unless: decoder
            .value("like-unless", like_unless)
            .map(OneOrMany::into_vec)
            .unwrap_or_default(),
        project: decoder.value("project", project),
        process: decoder.value("process", process),
        known_by: decoder.value("known-by", known_by).map(|Matching(pattern)| pattern),
        deadline: deadline.and_then(|deadline| deadline.literal().copied()),
        lacks: decoder.value("lacks", lacks).map(OneOrMany::into_vec).unwrap_or_default(),
        settings,
        checks,
        profile: decoder.value("profile", profile).unwrap_or_default(),
    };
    // What several share may say no more than what all of them lack.
    if lacks_checks && definition.profile == Profile::Service {
        decoder.mistake(
            span.end..span.end,
            "expected at least one [[check]], or `like`, found neither".into(),
            None,
        );
    }
    Some(definition)
}

fn read_settings(
    value: Option<Spanned<DeValue<'_>>>,
    decoder: &mut Decoder<'_>,
) -> BTreeMap<String, Vec<Source>> {
    let mut settings = BTreeMap::new();
    for (key, value) in decoder.table("settings", value) {
        let name = key.get_ref().as_ref().to_owned();
        let sources = match value.get_ref() {
            DeValue::Array(_) => {
                let span = value.span();
                let DeValue::Array(items) = value.into_inner() else { continue };
                if items.is_empty() {
                    decoder.mistake(
                        span,
                        format!("settings.{name}: expected where to look, found nothing"),
                        None,
                    );
                }
                items
                    .into_iter()
                    .filter_map(|item| decoder.value(&format!("settings.{name}"), Some(item)))
                    .collect()
            }
            _ => decoder.value(&format!("settings.{name}"), Some(value)).into_iter().collect(),
        };
        settings.insert(name, sources);
    }
    settings
}

fn read_checks(value: Option<Spanned<DeValue<'_>>>, decoder: &mut Decoder<'_>) -> Vec<Check> {
    let Some(value) = value else { return Vec::new() };
    let span = value.span();
    let DeValue::Array(items) = value.into_inner() else {
        decoder.mistake(
            span,
            "check: expected [[check]], found something else".into(),
            Some("[[check]]"),
        );
        return Vec::new();
    };
    items.into_iter().filter_map(|item| read_check(item, decoder)).collect()
}

fn read_check(item: Spanned<DeValue<'_>>, decoder: &mut Decoder<'_>) -> Option<Check> {
    let span = item.span();
    let DeValue::Table(mut table) = item.into_inner() else {
        decoder.mistake(
            span,
            "check: expected [[check]], found something else".into(),
            Some("[[check]]"),
        );
        return None;
    };
    let mut uses = Vec::new();
    var::collect_placeholders(&table, &mut uses);
    let name: Option<String> = decoder.value("name", table.remove("name"));
    let place = |table: &DeTable<'_>, key: &str| table.get(key).map_or(0..0, Spanned::span);
    let places = [place(&table, "when"), place(&table, "unless")];
    let mut conditions = |key: &'static str| -> Vec<Condition> {
        let found: Option<OneOrMany<Condition>> = decoder.value(key, table.remove(key));
        found.map(OneOrMany::into_vec).unwrap_or_default()
    };
    let (when, unless) = (conditions("when"), conditions("unless"));
    let at_worst: Option<AtWorst> = decoder.value("at-worst", table.remove("at-worst"));
    let settings = |condition: &Condition| condition.setting.clone();
    let mut asks = Vec::new();
    asks.extend(when.iter().filter_map(settings).map(|name| (name, places[0].clone())));
    asks.extend(unless.iter().filter_map(settings).map(|name| (name, places[1].clone())));
    let Some(kind) = table.remove("kind") else {
        decoder.mistake(span, format!("kind: expected {}, found nothing", kinds::EXPECTED), None);
        return None;
    };
    let kind_span = kind.span();
    let kind: String = decoder.value("kind", Some(kind))?;
    let Some(entry) = kinds::find(&kind) else {
        let names = kinds::ALL.iter().map(|entry| entry.name);
        let found = crate::text::shown(&kind, 60);
        decoder.mistake(
            kind_span,
            format!("kind: expected {}, found \"{found}\"", kinds::EXPECTED),
            nearest(&kind, names),
        );
        return None;
    };
    let written = (entry.read)(decoder, Spanned::new(span, table))?;
    Some(Check {
        name: name.unwrap_or(kind),
        kind: entry.name,
        when,
        unless,
        at_worst: at_worst.unwrap_or_default(),
        written,
        uses,
        asks,
    })
}
