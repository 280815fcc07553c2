//! Every entry reads and says what it is about; the reference names what is read.

use super::services;
use healthcheck::catalog::Catalog;
use healthcheck::catalog::EMBEDDED;
use healthcheck::definition::CHECK_KEYS;
use healthcheck::definition::Definition;
use healthcheck::definition::KEYS;
use healthcheck::settings::SOURCES;
use regex_lite::Regex;
use std::path::Path;

#[test]
fn every_entry_reads_and_is_put_together() {
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    for entry in services() {
        match catalog.definition(entry.service) {
            Ok(definition) => {
                assert!(!definition.checks.is_empty(), "{}: no check", entry.file);
                assert_eq!(definition.service, entry.service, "{}", entry.file);
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_entry_is_in_the_file_of_its_name_and_says_what_it_is_about() {
    for entry in EMBEDDED {
        let stem = Path::new(entry.file).file_stem().unwrap();
        assert_eq!(stem, entry.service, "{}", entry.file);
        let shared = entry.file.starts_with("catalog/shared/");
        assert_eq!(shared, entry.shared, "{}: shared files have their folder", entry.file);
        let definition = Definition::parse(entry.text, entry.file).unwrap();
        let about = definition.about.unwrap_or_default();
        assert!(about.len() > 10 && !about.ends_with('.'), "{}: about: {about:?}", entry.file);
    }
}

/// What these kinds see is that something is there, not that it works.
#[test]
fn an_entry_that_proves_little_says_what_it_lacks() {
    let weak = ["file", "listening", "process", "socket"];
    for entry in services() {
        let definition = Catalog::embedded().definition(entry.service).unwrap();
        let proves_little = definition.checks.iter().all(|check| weak.contains(&check.kind));
        assert!(!proves_little || !definition.lacks.is_empty(), "{}", entry.file);
        for lack in &definition.lacks {
            assert!(!lack.ends_with('.') && lack.len() < 160, "{}: {lack}", entry.file);
        }
    }
}

#[test]
fn every_pattern_is_a_regular_expression() {
    for entry in EMBEDDED {
        for pattern in entry.arguments.iter().chain(&entry.known_by) {
            Regex::new(pattern).unwrap_or_else(|error| panic!("{}: {error}", entry.file));
        }
    }
}

#[test]
fn the_reference_names_keys_and_sources_that_are_read() {
    for (key, _) in KEYS {
        let text = format!("{key} = 1\n");
        let mistakes = Definition::parse(&text, "x.toml").unwrap_err().to_string();
        assert!(!mistakes.contains("unknown key"), "{mistakes}");
    }
    for (key, _) in CHECK_KEYS {
        let text = format!("service = \"x\"\n[[check]]\n{key} = 1\n");
        let mistakes = Definition::parse(&text, "x.toml").unwrap_err().to_string();
        assert!(!mistakes.contains("unknown key"), "{mistakes}");
    }
    let text = "service = \"x\"\nlike = \"bus\"\n[settings]\nx = { nothing = 1 }\n";
    let mistakes = Definition::parse(text, "x.toml").unwrap_err().to_string();
    for (source, _) in SOURCES {
        assert!(mistakes.contains(&format!("`{source}`")), "{source}: {mistakes}");
    }
}
