//! Every scenario, looked at as its container sees itself and as the host sees
//! it among noisy neighbours: the same answer, and the one that is right.

mod support;

use healthcheck::kinds;
use std::collections::BTreeSet;
use support::answer::Answer;
use support::scenario::{self, Scenario};
use support::tree::Tree;

#[test]
fn every_scenario_has_the_same_right_answer_from_inside_and_from_outside() {
    let mut wrong = Vec::new();
    for scenario in scenario::all() {
        let trees = [Tree::inside(&scenario), Tree::host(&scenario)];
        let [inside, outside] = trees.each_ref().map(|tree| Answer::of(&scenario, tree));
        if let Some(how) = mistake(&scenario, &inside) {
            wrong.push(how);
        }
        if inside != outside {
            wrong.push(format!(
                "{}: inside and outside differ\ninside  {inside:#?}\noutside {outside:#?}",
                scenario.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with an answer: it is not the one the author knows to be
/// right, or its words are not the blessed ones.
fn mistake(scenario: &Scenario, answer: &Answer) -> Option<String> {
    let expected = (&scenario.verdict, &scenario.blame);
    if expected != (&answer.verdict, &answer.blame) {
        return Some(format!("{}: expected {expected:?}, found {answer:#?}", scenario.name));
    }
    let path = scenario::folder().join(&scenario.name).with_extension("json");
    support::golden(&path, &answer.to_golden())
}

/// What each kind can say: verdict and blame. Of what takes a dial or a
/// command nothing is known at a fixture.
const CAN_SAY: &[(&str, &[&str])] = &[
    ("amqp", &["unknown"]),
    ("amqp1", &["unknown", "unhealthy self"]),
    ("certificate", &["healthy", "degraded", "unknown", "unhealthy self", "unhealthy environment"]),
    ("command", &["unknown"]),
    ("configuration", &["healthy", "degraded"]),
    ("connected", &["healthy", "degraded", "unknown", "unhealthy self", "unhealthy dependency"]),
    ("database", &["unknown"]),
    ("dns", &["unknown", "unhealthy self"]),
    ("file", &["healthy", "unknown", "unhealthy self", "unhealthy environment"]),
    ("filesystem", &["healthy", "degraded", "unknown"]),
    ("frr", &["unknown", "unhealthy self"]),
    ("galera", &["degraded", "unknown", "unhealthy self"]),
    ("greeting", &["unknown", "unhealthy self"]),
    ("haproxy", &["unknown", "unhealthy self"]),
    ("heartbeat", &["unknown", "unhealthy self"]),
    ("http", &["unknown", "unhealthy self"]),
    ("libvirt", &["unknown", "unhealthy self", "unhealthy dependency"]),
    ("listening", &["healthy", "unknown", "unhealthy self"]),
    ("memcached", &["unknown", "unhealthy self"]),
    ("ovsdb", &["degraded", "unknown", "unhealthy self"]),
    ("process", &["healthy", "degraded", "unknown", "unhealthy self"]),
    ("rabbitmq", &["unknown", "unhealthy self"]),
    ("redis", &["unknown", "unhealthy self"]),
    ("rpc", &["unknown"]),
    ("socket", &["healthy", "unknown", "unhealthy self"]),
    ("unixctl", &["healthy", "degraded", "unknown", "unhealthy self"]),
];

#[test]
fn every_kind_has_a_scenario_for_each_verdict_it_can_give() {
    let mut said = BTreeSet::new();
    for scenario in scenario::all() {
        let answer = Answer::of(&scenario, &Tree::inside(&scenario));
        for finding in answer.findings {
            let word = |key: &str| finding.get(key).and_then(|value| value.as_str());
            let mut verdict = word("verdict").unwrap_or_default().to_owned();
            if let Some(blame) = word("blame") {
                verdict = format!("{verdict} {blame}");
            }
            said.insert((word("kind").unwrap_or_default().to_owned(), verdict));
        }
    }
    let expected: BTreeSet<_> = CAN_SAY
        .iter()
        .flat_map(|(kind, verdicts)| verdicts.iter().map(|v| ((*kind).into(), (*v).into())))
        .collect();
    let missing: Vec<_> = expected.difference(&said).collect();
    let unheard_of: Vec<_> = said.difference(&expected).collect();
    assert!(missing.is_empty(), "no scenario for {missing:?}");
    assert!(unheard_of.is_empty(), "not in the table: {unheard_of:?}");
    let kinds: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
    let told: Vec<_> = CAN_SAY.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, told, "the table names every kind, in order");
}
