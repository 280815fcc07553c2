//! Spanned TOML values to typed ones, going on after each mistake.

use super::mistake::{Mistake, Mistakes};
use crate::settings::secret::redact;
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

/// Reads values and gathers the mistakes in them.
pub(crate) struct Decoder<'t> {
    text: &'t str,
    file: &'t str,
    mistakes: Vec<Mistake>,
}

impl<'t> Decoder<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Self {
        Self { text, file, mistakes: Vec::new() }
    }

    pub(super) fn file(&self) -> &'t str {
        self.file
    }

    /// Notes a mistake.
    pub(super) fn mistake(&mut self, span: Range<usize>, message: String, hint: Option<&str>) {
        self.mistakes.push(Mistake::at(self.text, self.file, span, message, hint));
    }

    /// Notes an error of the TOML library's.
    pub(super) fn error(&mut self, error: &toml::de::Error) {
        self.mistake(error.span().unwrap_or(0..0), plain(error.message()), None);
    }

    pub(super) fn stop_if_mistaken(&mut self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(self.take()) }
    }

    pub(super) fn into_mistakes(mut self) -> Mistakes {
        self.take()
    }

    fn take(&mut self) -> Mistakes {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.dedup();
        Mistakes(mistakes)
    }

    /// A value by its type; `None` where there is none, or a mistake in it.
    pub(super) fn value<T: DeserializeOwned>(
        &mut self,
        key: &str,
        value: Option<Spanned<DeValue<'_>>>,
    ) -> Option<T> {
        let value = value?;
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = error.span().unwrap_or(span);
                self.mistake(span, format!("{key}: {}", plain(error.message())), None);
                None
            }
        }
    }

    /// The entries of a table; none where there is none, or something else.
    pub(super) fn table<'i>(
        &mut self,
        key: &str,
        value: Option<Spanned<DeValue<'i>>>,
    ) -> Vec<(Spanned<DeString<'i>>, Spanned<DeValue<'i>>)> {
        let Some(value) = value else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => table.into_iter().collect(),
            _ => {
                self.mistake(span, format!("{key}: expected a table, found something else"), None);
                Vec::new()
            }
        }
    }

    /// A struct from a table. The library stops at the first mistake; the key
    /// it is in is noted and left out, and what remains is read again.
    pub(crate) fn fields<T: DeserializeOwned>(&mut self, table: Spanned<DeTable<'_>>) -> Option<T> {
        let span = table.span();
        let mut table = table.into_inner();
        let mut left_out: Vec<String> = Vec::new();
        loop {
            let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(value) => return left_out.is_empty().then_some(value),
                Err(error) => error,
            };
            let at = error.span().unwrap_or(span.clone());
            let culprit = table
                .iter()
                .find(|(key, value)| key.span().start <= at.start && at.end <= value.span().end)
                .map(|(key, _)| key.get_ref().as_ref().to_owned());
            match culprit {
                Some(key) => {
                    let (message, hint) = worded(&key, error.message());
                    self.mistake(at, message, hint.as_deref());
                    table.remove(key.as_str());
                    left_out.push(key);
                }
                None => {
                    // A field is missing; not if it was there and wrong.
                    let missing = left_out
                        .iter()
                        .any(|key| error.message().contains(&format!("missing field `{key}`")));
                    if !missing {
                        self.mistake(at, plain(error.message()), None);
                    }
                    return None;
                }
            }
        }
    }
}

/// A mistake in a key of a table, with what was probably meant.
fn worded(key: &str, message: &str) -> (String, Option<String>) {
    let shown = crate::text::shown(key, 60);
    match message.strip_prefix("unknown field ") {
        Some(rest) => {
            let expected = rest.split('`').skip(3).step_by(2);
            let hint = crate::text::nearest(key, expected).map(str::to_owned);
            (format!("{shown}: unknown key"), hint)
        }
        None => (format!("{shown}: {}", plain(message)), None),
    }
}

/// What serde calls by its own names.
fn in_toml_s_words(text: &str) -> &str {
    match text {
        "a sequence" | "sequence" => "a list",
        "a map" | "map" => "a table",
        other => other,
    }
}

/// The library's words in ours: `expected …, found …`.
fn plain(message: &str) -> String {
    if let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((found, expected)) = rest.rsplit_once(", expected ")
    {
        let (expected, found) = (in_toml_s_words(expected), in_toml_s_words(found));
        return format!("expected {expected}, found {found}");
    }
    if let Some((found, expected)) =
        message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let expected = expected.strip_prefix("one of ").unwrap_or(expected);
        return format!(
            "expected {expected}, found \"{}\"",
            crate::text::shown(&redact(found), 60)
        );
    }
    if message.starts_with("wanted exactly 1 element") {
        return "expected a table of one key, found another number of keys".into();
    }
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("{}: expected a value, found nothing", field.trim_matches('`'));
    }
    message.trim_end().replace('\n', ", ")
}
