//! Every name leads to one service, and every name the predecessors had is there.

use super::services;
use healthcheck::catalog::Catalog;
use healthcheck::catalog::CatalogError;
use healthcheck::catalog::EMBEDDED;
use regex_lite::Regex;
use std::collections::BTreeMap;

#[test]
fn names_are_kebab_case() {
    let kebab = Regex::new("^[a-z][a-z0-9]*(-[a-z0-9]+)*$").unwrap();
    for entry in EMBEDDED {
        for name in std::iter::once(&entry.service).chain(entry.aliases) {
            assert!(kebab.is_match(name), "{name}, in {}", entry.file);
        }
    }
}

#[test]
fn no_name_means_two_services() {
    let mut meanings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in EMBEDDED {
        for name in std::iter::once(&entry.service).chain(entry.aliases) {
            meanings.entry(name).or_default().push(entry.service);
        }
    }
    meanings.retain(|_, services| services.len() > 1);
    assert!(meanings.is_empty(), "{meanings:?}");
}

#[test]
fn names_may_have_underscores_and_may_be_cut() {
    let cases = [
        ("nova-conductor", Some("nova-conductor")),
        ("nova_conductor", Some("nova-conductor")),
        ("nova_super_conductor", Some("nova-conductor")),
        ("barbican-keystone-listener", Some("barbican-keystone-listener")),
        ("barbican-keysto", Some("barbican-keystone-listener")),
        ("barbican_keysto", Some("barbican-keystone-listener")),
        // Cut names have 15 characters, neither more nor less.
        ("barbican-keyst", None),
        ("barbican-keyston", None),
        // Cut, these are the beginning of several.
        ("trove-taskmanag", Some("trove-taskmanager")),
        ("nova_conductor ", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(Catalog::embedded().service(name), expected, "{name:?}");
    }
}

/// The names in a list, with the word that may follow each.
fn listed(text: &'static str) -> Vec<(&'static str, Option<&'static str>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| match line.split_once(": ") {
            Some((name, word)) => (name, Some(word)),
            None => (line, None),
        })
        .collect()
}

#[test]
fn every_name_the_predecessors_had_leads_to_a_service() {
    let lists = [
        ("tripleo-common", include_str!("../data/tripleo-scripts.txt"), 71),
        ("kolla-ansible", include_str!("../data/kolla-checked.txt"), 111),
        ("kolla-ansible, unchecked", include_str!("../data/kolla-unchecked.txt"), 43),
        ("edpm-ansible", include_str!("../data/edpm.txt"), 8),
        ("others", include_str!("../data/others.txt"), 30),
    ];
    let catalog = Catalog::embedded();
    let mut missing = Vec::new();
    for (whose, text, count) in lists {
        let names = listed(text);
        assert_eq!(names.len(), count, "{whose}");
        missing.extend(names.into_iter().filter(|(name, _)| catalog.service(name).is_none()));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// `healthcheck compute`: the word is known to the service that runs, or is a
/// name of it, which may be cut.
#[test]
fn every_word_leads_to_the_service_it_stands_beside() {
    let catalog = Catalog::embedded();
    for (name, word) in listed(include_str!("../data/edpm.txt")) {
        let service = catalog.service(name).unwrap();
        let definition = catalog.definition(service).unwrap();
        if let Some(word) = word {
            let meant = definition.words.get(word).map(String::as_str);
            assert_eq!(meant.or_else(|| catalog.service(word)), Some(service), "{name} {word}");
        }
    }
    for entry in services() {
        for (word, service) in catalog.definition(entry.service).unwrap().words {
            assert_eq!(
                catalog.service(&service),
                Some(service.as_str()),
                "{word} in {}",
                entry.file
            );
        }
    }
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_known() {
    let error = Catalog::embedded().definition("nova-conducter").unwrap_err();
    let expected = "unknown service \"nova-conducter\", did you mean \"nova-conductor\"?";
    assert_eq!(error.to_string(), expected);
    // What is shared is no service.
    assert!(matches!(Catalog::embedded().definition("bus"), Err(CatalogError::Unknown { .. })));
}
