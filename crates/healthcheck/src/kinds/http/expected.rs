//! Which statuses are an answer.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::ops::RangeInclusive;

/// What an author may write.
const EXPECTED: &str = "a status such as 200, \"2xx\" or \"200-399\"";

/// The statuses that are an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statuses(Vec<Range>);

/// One status, or those from one to another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range(RangeInclusive<u16>);

/// What curl's `--fail` lets pass: a redirect that is not followed is an
/// answer, and so is a choice of API versions (300).
impl Default for Statuses {
    fn default() -> Self {
        Self(vec![Range(200..=399)])
    }
}

impl Statuses {
    pub(super) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.0.contains(&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&crate::text::either(&words))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { first.fmt(f) } else { write!(f, "{first}-{last}") }
    }
}

/// A range from its text: `200`, `2xx`, `200-399`.
fn range(text: &str) -> Option<Range> {
    let text = text.trim();
    let number = |text: &str| {
        let number: u16 = text.parse().ok()?;
        (text.len() == 3 && (100..=599).contains(&number)).then_some(number)
    };
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(Range(class * 100..=class * 100 + 99));
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some(Range(first..=last))
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;

        impl Visitor<'_> for Visit {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Range, E> {
                range(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Range, E> {
                range(&number.to_string())
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }

        from.deserialize_any(Visit)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ranges = crate::definition::OneOrMany::<Range>::deserialize(from)?.into_vec();
        if ranges.is_empty() {
            return Err(D::Error::invalid_length(0, &EXPECTED));
        }
        Ok(Self(ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::{Statuses, range};

    #[test]
    fn a_status_a_class_or_a_range() {
        for (text, expected) in [
            ("200", Some("200")),
            ("2xx", Some("200-299")),
            ("200-399", Some("200-399")),
            ("200-200", Some("200")),
            ("6xx", None),
            ("0xx", None),
            ("20", None),
            ("399-200", None),
            ("+200", None),
            ("", None),
            ("xx", None),
        ] {
            let told = range(text).map(|range| range.to_string());
            assert_eq!(told.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_told_is_what_curl_lets_pass() {
        let usual = Statuses::default();
        assert!([200, 204, 300, 302, 399].iter().all(|&status| usual.contain(status)));
        assert!(![101, 199, 400, 401, 404, 503].iter().any(|&status| usual.contain(status)));
        assert_eq!(usual.to_string(), "200-399");
    }
}
