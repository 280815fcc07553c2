//! What a judge's looks amount to: whether it saw the fault, when, and whether it blamed the right one.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::faults::{Expected, Verdict};
use super::judges::{Judge, Look};

/// What came of a judge under a fault.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It saw what there was to see.
    Detected,
    /// It saw something, and called it by another verdict or blamed another.
    Misjudged,
    /// It saw nothing.
    Missed,
    /// It failed where it should not have.
    FalseAlarm,
    /// It passed, and rightly.
    Fine,
    /// It was not healthy before anything was done: nothing can be said.
    Excluded,
    /// It has no check for the service.
    NoCheck,
}

/// A judge's outcome, with what it rests on.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ruling {
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// Seconds from the fault to the end of the look that told.
    pub(crate) after: Option<f64>,
    /// Our verdict and blame in that look.
    pub(crate) answer: Option<String>,
    /// What it said then, or last.
    pub(crate) line: String,
    /// What it had said wrongly before it said what is right.
    pub(crate) before_that: Option<String>,
    /// How often it was asked under the fault.
    pub(crate) looks: usize,
    /// How often it failed.
    pub(crate) failed: usize,
    /// Median CPU of a look, in milliseconds.
    pub(crate) cpu_ms: Option<f64>,
}

/// What was done, as far as ruling on it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    /// What is right to say.
    pub(crate) expected: &'a Expected,
    /// Since when it is so.
    pub(crate) since: Instant,
    /// Seconds in which failing is forgiven where nothing should be seen.
    pub(crate) grace: u64,
}

/// What a single look should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// It should tell the fault.
    Tell,
    /// It should pass.
    Pass,
    /// Either will do.
    Any,
}

impl Case<'_> {
    /// What the looks of `judge` amount to so far.
    pub(crate) fn rule(&self, judge: Judge, looks: &[Look]) -> Ruling {
        let mut ruling = Ruling {
            outcome: Outcome::NoCheck,
            after: None,
            answer: None,
            line: looks.last().map(|look| look.line.clone()).unwrap_or_default(),
            before_that: None,
            looks: looks.len(),
            failed: looks.iter().filter(|look| !look.passed).count(),
            cpu_ms: median_cpu(looks),
        };
        if looks.is_empty() {
            return ruling;
        }
        let told = match self.right(judge) {
            Right::Any => return ruling,
            Right::Pass => {
                let alarm = looks.iter().find(|look| {
                    let late = look.asked.saturating_duration_since(self.since).as_secs();
                    !look.passed && late >= self.grace
                });
                ruling.outcome = alarm.map_or(Outcome::Fine, |_| Outcome::FalseAlarm);
                alarm
            }
            Right::Tell => {
                let tells = |look: &Look| self.tells(judge, look);
                let found = confirmed(looks, tells);
                let wrong = |look: &Look| !look.passed && !tells(look);
                match found {
                    Some(at) => {
                        ruling.outcome = Outcome::Detected;
                        let before = looks[..at].iter().find(|look| wrong(look));
                        ruling.before_that = before.map(|look| look.line.clone());
                        looks.get(at)
                    }
                    None => {
                        let at = confirmed(looks, wrong);
                        // Where it is not even to fail, failing is an alarm for nothing.
                        let failed = if self.expected.must_fail() {
                            Outcome::Misjudged
                        } else {
                            Outcome::FalseAlarm
                        };
                        ruling.outcome = at.map_or(Outcome::Missed, |_| failed);
                        at.and_then(|at| looks.get(at))
                    }
                }
            }
        };
        if let Some(look) = told {
            let after = look.answered.saturating_duration_since(self.since);
            ruling.after = Some(after.as_secs_f64());
            ruling.line = look.line.clone();
            ruling.answer = look.answer.map(|answer| answer.to_string());
        } else {
            ruling.answer = looks.last().and_then(|look| look.answer).map(|last| last.to_string());
        }
        ruling
    }

    /// Whether nothing that is still to come can make the ruling better.
    pub(crate) fn is_decided(&self, judge: Judge, looks: &[Look]) -> bool {
        match self.right(judge) {
            Right::Any => looks.len() > 1,
            Right::Pass => self.expected.must_fail() && looks.len() > 1,
            Right::Tell => {
                looks.windows(2).any(|two| two.iter().all(|look| self.tells(judge, look)))
            }
        }
    }

    fn right(&self, judge: Judge) -> Right {
        let expected = self.expected;
        match judge {
            _ if expected.is_healthy() => Right::Pass,
            Judge::Live if expected.blames_self() => Right::Tell,
            Judge::Live if expected.spares_self() => Right::Pass,
            Judge::Live => Right::Any,
            _ => Right::Tell,
        }
    }

    fn tells(&self, judge: Judge, look: &Look) -> bool {
        match judge {
            // A script has no blame and no shades: where all it can do is fail, failing is right.
            Judge::Tripleo | Judge::Kolla => self.expected.must_fail() && !look.passed,
            Judge::Live => !look.passed,
            Judge::Inside | Judge::Outside => {
                look.answer.is_some_and(|answer| self.expected.is_met(answer))
            }
        }
    }
}

impl Expected {
    /// Whether every right answer is a failure.
    fn must_fail(&self) -> bool {
        self.0.iter().all(|right| right.verdict == Verdict::Unhealthy)
    }
}

/// Where two looks in a row say so, or the last: one alone may be chance.
fn confirmed(looks: &[Look], says: impl Fn(&Look) -> bool) -> Option<usize> {
    (0..looks.len()).find(|&at| says(&looks[at]) && looks.get(at + 1).is_none_or(&says))
}

/// The middle of several numbers.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

fn median_cpu(looks: &[Look]) -> Option<f64> {
    median(looks.iter().filter_map(|look| Some(look.cpu?.as_secs_f64() * 1e3)).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Case, Outcome, Ruling};
    use crate::lab::faults::{Answer, Expected};
    use crate::lab::judges::{Judge, Look};

    fn expected(words: &[&str]) -> Expected {
        let list: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
        let text = format!("it = [{}]", list.join(","));
        let mut table: std::collections::BTreeMap<String, Expected> =
            toml::from_str(&text).unwrap();
        table.remove("it").unwrap()
    }

    /// Looks that begin every ten seconds and take one; an empty line is a script that passed.
    fn rule(judge: Judge, words: &[&str], grace: u64, lines: &[&str]) -> Ruling {
        let since = Instant::now();
        let looks: Vec<Look> = (0_u64..)
            .zip(lines)
            .map(|(at, line)| Look {
                asked: since + Duration::from_secs(at * 10),
                answered: since + Duration::from_secs(at * 10 + 1),
                passed: line.is_empty() || line.starts_with("healthy") || line.starts_with("degr"),
                answer: Answer::of_line(line),
                line: (*line).to_owned(),
                cpu: None,
            })
            .collect();
        Case { expected: &expected(words), since, grace }.rule(judge, &looks)
    }

    const WELL: &str = "healthy: x: 1 check";
    const OWN: &str = "unhealthy: x: process: gone (self)";
    const OTHERS: &str = "unhealthy: x: amqp: silent (dependency)";

    #[test]
    fn detected_is_the_first_of_two_right_answers_in_a_row() {
        let ruling = rule(Judge::Inside, &["unhealthy self"], 0, &[WELL, OWN, WELL, OWN, OWN]);
        assert_eq!((ruling.outcome, ruling.after), (Outcome::Detected, Some(31.0)));
        let ruling = rule(Judge::Inside, &["unhealthy self"], 0, &[WELL, OTHERS, OWN]);
        assert_eq!((ruling.outcome, ruling.after), (Outcome::Detected, Some(21.0)));
        assert_eq!(ruling.before_that.as_deref(), Some(OTHERS));
    }

    #[test]
    fn another_blame_is_no_detection_and_no_miss() {
        let ruling = rule(Judge::Inside, &["unhealthy self"], 0, &[WELL, OTHERS, OTHERS]);
        assert_eq!((ruling.outcome, ruling.line.as_str()), (Outcome::Misjudged, OTHERS));
        assert_eq!(rule(Judge::Outside, &["unhealthy self"], 0, &[WELL]).outcome, Outcome::Missed);
    }

    #[test]
    fn a_script_that_fails_has_detected_whoever_is_to_blame() {
        let ruling = rule(Judge::Kolla, &["unhealthy dependency"], 0, &["", "no", "no"]);
        assert_eq!((ruling.outcome, ruling.after), (Outcome::Detected, Some(11.0)));
    }

    #[test]
    fn a_liveness_probe_must_fail_for_its_own_service_only() {
        let live = |words: &[&str], lines: &[&str]| rule(Judge::Live, words, 0, lines).outcome;
        assert_eq!(live(&["unhealthy self"], &[WELL, OWN, OWN]), Outcome::Detected);
        assert_eq!(live(&["unhealthy self"], &[WELL, WELL]), Outcome::Missed);
        assert_eq!(live(&["unhealthy dependency"], &[WELL, WELL]), Outcome::Fine);
        assert_eq!(live(&["unhealthy dependency"], &[WELL, OWN]), Outcome::FalseAlarm);
        assert_eq!(live(&["unhealthy"], &[WELL, OWN]), Outcome::NoCheck);
    }

    #[test]
    fn in_a_trap_one_failure_is_an_alarm_unless_it_comes_while_that_is_forgiven() {
        let trap = |grace, lines: &[&str]| rule(Judge::Inside, &["healthy"], grace, lines).outcome;
        assert_eq!(trap(0, &[WELL, OWN, WELL]), Outcome::FalseAlarm);
        assert_eq!(trap(15, &[WELL, OWN, WELL]), Outcome::Fine);
        assert_eq!(trap(15, &[WELL, WELL, OWN]), Outcome::FalseAlarm);
    }

    #[test]
    fn what_a_service_can_do_without_must_not_fail_it() {
        let without =
            |judge, lines: &[&str]| rule(judge, &["degraded dependency"], 0, lines).outcome;
        let degraded = "degraded: x: memcached: refused (dependency)";
        assert_eq!(without(Judge::Inside, &[WELL, degraded]), Outcome::Detected);
        assert_eq!(without(Judge::Inside, &[OTHERS, OTHERS]), Outcome::FalseAlarm);
        assert_eq!(without(Judge::Tripleo, &["no", "no"]), Outcome::FalseAlarm);
        assert_eq!(without(Judge::Tripleo, &["", ""]), Outcome::Missed);
    }
}
