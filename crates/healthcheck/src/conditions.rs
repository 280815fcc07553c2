//! Conditions on a JSON document, for files and for answers.

use crate::definition::Var;
use crate::plan::{Scene, Unplanned};
use crate::text::shown;
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A condition on one value of a JSON document.
#[derive(Debug, Clone)]
pub(crate) struct JsonCondition {
    /// Where the value is, as a JSON pointer (RFC 6901).
    at: String,
    test: Test,
    /// Whether there may be no such value.
    optional: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Is(Value),
    AtMost(f64),
    AtLeast(f64),
    MaxAge(Duration),
}

/// As definitions write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Written {
    /// Where the value is, as a JSON pointer: `/checks/0/status`; empty for the document.
    at: String,
    /// It is exactly this.
    is: Option<Value>,
    /// It is a number no larger.
    at_most: Option<f64>,
    /// It is a number no smaller.
    at_least: Option<f64>,
    /// It is a time in seconds since 1970, no longer ago.
    max_age: Option<Var<Duration>>,
    /// There may be no such value; if there is one, it is as it should be.
    #[serde(default)]
    optional: bool,
}

impl JsonCondition {
    /// Fills a condition in.
    ///
    /// # Errors
    /// Where a setting is not to be found, or two tests are given.
    pub(crate) fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let mut tests = Vec::new();
        tests.extend(written.is.clone().map(Test::Is));
        tests.extend(written.at_most.map(Test::AtMost));
        tests.extend(written.at_least.map(Test::AtLeast));
        if let Some(age) = &written.max_age {
            tests.push(Test::MaxAge(scene.value(age)?));
        }
        if tests.len() > 1 {
            let message = format!(
                "json at \"{}\": expected one of is, at-most, at-least and max-age",
                written.at
            );
            return Err(Unplanned::Nothing(message));
        }
        let test = tests.pop().unwrap_or(Test::Exists);
        Ok(Self { at: written.at.clone(), test, optional: written.optional })
    }

    /// Each test of one place: place, test and number on the first line, and a document.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn fuzz(bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let (at, document) = text.split_once('\n').unwrap_or(("", &text));
        let Ok(document) = serde_json::from_str::<Value>(document) else { return };
        let age = Duration::from_secs(60);
        let is = Test::Is(Value::Null);
        for test in [Test::Exists, is, Test::AtMost(1.0), Test::AtLeast(1.0), Test::MaxAge(age)] {
            let condition = Self { at: at.to_owned(), test, optional: at.is_empty() };
            for now in [0, 1 << 31] {
                let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
                let _ = condition.ahead(&document, now);
                let _ = condition.violation(&document, now);
            }
        }
    }

    /// The time that is still to come, in words, where one in the past was
    /// expected. A minute ahead is two clocks' difference; more is a clock that was set.
    pub(crate) fn ahead(&self, document: &Value, now: SystemTime) -> Option<String> {
        let Test::MaxAge(_) = self.test else { return None };
        let then = document.pointer(&self.at)?.as_f64()?;
        let ahead = then - seconds(now);
        (ahead > 60.0).then(|| {
            let span = crate::kinds::file::span(ahead as i64);
            format!("{} is {span} in the future: the clock was set back", self.at)
        })
    }

    /// Why it does not hold in a document, if it does not.
    pub(crate) fn violation(&self, document: &Value, now: SystemTime) -> Option<String> {
        let at = if self.at.is_empty() { "the document" } else { self.at.as_str() };
        let Some(value) = document.pointer(&self.at) else {
            if self.optional {
                return None;
            }
            return Some(format!("expected a value at {at}, found none"));
        };
        let found = || shown(&value.to_string(), 60);
        match &self.test {
            Test::Exists => None,
            Test::Is(expected) if value == expected => None,
            Test::Is(expected) => Some(format!("expected {expected} at {at}, found {}", found())),
            Test::AtMost(limit) if value.as_f64().is_some_and(|number| number <= *limit) => None,
            Test::AtMost(limit) => {
                Some(format!("expected at most {limit} at {at}, found {}", found()))
            }
            Test::AtLeast(limit) if value.as_f64().is_some_and(|number| number >= *limit) => None,
            Test::AtLeast(limit) => {
                Some(format!("expected at least {limit} at {at}, found {}", found()))
            }
            Test::MaxAge(limit) => {
                let Some(then) = value.as_f64() else {
                    return Some(format!("expected seconds since 1970 at {at}, found {}", found()));
                };
                let age = seconds(now) - then;
                (age > limit.as_secs_f64()).then(|| {
                    let limit = humantime::format_duration(*limit);
                    format!(
                        "{at} is {} ago, expected at most {limit}",
                        crate::kinds::file::span(age as i64)
                    )
                })
            }
        }
    }
}

/// Seconds since 1970.
fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::{JsonCondition, Test};
    use serde_json::json;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_condition_says_why_it_does_not_hold() {
        let document = json!({ "status": "ok", "checks": [{ "free": 3.5 }], "last": 900 });
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let cases = [
            ("/status", Test::Is(json!("ok")), None),
            ("/status", Test::Is(json!("OK")), Some("expected \"OK\" at /status, found \"ok\"")),
            ("/nothing", Test::Exists, Some("expected a value at /nothing, found none")),
            ("/checks/0/free", Test::AtLeast(3.0), None),
            (
                "/checks/0/free",
                Test::AtMost(3.0),
                Some("expected at most 3 at /checks/0/free, found 3.5"),
            ),
            ("/status", Test::AtLeast(3.0), Some("expected at least 3 at /status, found \"ok\"")),
            ("/last", Test::MaxAge(Duration::from_secs(100)), None),
            (
                "/last",
                Test::MaxAge(Duration::from_secs(99)),
                Some("/last is 1m 40s ago, expected at most 1m 39s"),
            ),
            (
                "/status",
                Test::MaxAge(Duration::ZERO),
                Some("expected seconds since 1970 at /status, found \"ok\""),
            ),
        ];
        for (at, test, expected) in cases {
            let condition = JsonCondition { at: at.into(), test, optional: false };
            assert_eq!(condition.violation(&document, now).as_deref(), expected, "{condition:?}");
        }
    }
}
