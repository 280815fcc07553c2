//! Definitions with mistakes: every one is told at once, with its place; and
//! no text whatever makes reading one panic.

mod support;

use healthcheck::catalog::{Catalog, CatalogError, EMBEDDED};
use healthcheck::definition::Definition;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/definitions")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn every_mistake_is_told_at_once_with_its_place() {
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut catalog = Catalog::embedded();
        let read = catalog.add_text(name.into(), std::fs::read_to_string(&path).unwrap());
        let put_together = read.and_then(|service| catalog.definition(&service));
        let told = format!("{}\n", put_together.unwrap_err());
        wrong.extend(support::golden(&path.with_extension("txt"), &told));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_of_six_mistakes_has_its_place() {
    let text = include_str!("../../../tests/definitions/six-mistakes.toml");
    let found = Definition::parse(text, "six.toml").unwrap_err().0;
    let places: Vec<_> = found.iter().map(|mistake| (mistake.line, mistake.column)).collect();
    assert_eq!(places, [(2, 1), (3, 12), (6, 8), (9, 8), (14, 15), (15, 1)]);
}

#[test]
fn definitions_that_build_on_one_another_in_a_circle_are_told() {
    for (first, second) in [("a", "b"), ("a", "a")] {
        let mut catalog = Catalog::embedded();
        for (service, like) in [("a", first), ("b", "a")] {
            let like = if service == "a" { second } else { like };
            let text = format!("service = \"{service}\"\nlike = \"{like}\"\n");
            catalog.add_text(format!("{service}.toml"), text).unwrap();
        }
        let error = catalog.definition("a").unwrap_err();
        assert!(matches!(error, CatalogError::Circular { .. }), "{error}");
    }
}

#[test]
fn two_that_build_on_a_third_have_its_checks_once() {
    let mut catalog = Catalog::embedded();
    for text in [
        "service = \"base\"\nprofile = \"shared\"\n[[check]]\nkind = \"process\"\n",
        "service = \"left\"\nprofile = \"shared\"\nlike = \"base\"\n",
        "service = \"right\"\nprofile = \"shared\"\nlike = \"base\"\n",
        "service = \"x\"\nprocess = \"x\"\nlike = [\"left\", \"right\"]\n",
    ] {
        catalog.add_text("x.toml".to_owned() + text.lines().next().unwrap(), text.into()).unwrap();
    }
    assert_eq!(catalog.definition("x").unwrap().checks.len(), 1);
}

#[test]
fn a_hostile_image_cannot_make_us_assemble_without_end() {
    let mut catalog = Catalog::embedded();
    // Each of eight levels builds on the one beneath a hundred times over.
    for level in 0..7 {
        let like = vec![format!("\"level{}\"", level + 1); 100].join(", ");
        let text = format!("service = \"level{level}\"\nlike = [{like}]\n");
        catalog.add_text(format!("{level}.toml"), text).unwrap();
    }
    let last = "service = \"level7\"\nprocess = \"x\"\n[[check]]\nkind = \"process\"\n";
    catalog.add_text("7.toml".into(), last.into()).unwrap();
    assert_eq!(catalog.definition("level0").unwrap().checks.len(), 1);
}

/// A file of the catalogue with some of its text cut out or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        "[\\[\\]{}=\",.#\n\t ]{0,3}",
        "\\PC{0,4}",
        Just("[[check]]\n".to_owned()),
        Just("-1".to_owned()),
        Just("{x}".to_owned()),
    ];
    let place = any::<prop::sample::Index>();
    (any::<prop::sample::Index>(), prop::collection::vec((place, 0..12_usize, piece), 1..4))
        .prop_map(|(which, cuts)| {
            let mut letters: Vec<char> =
                EMBEDDED[which.index(EMBEDDED.len())].text.chars().collect();
            for (at, length, piece) in cuts {
                let at = at.index(letters.len() + 1);
                let end = (at + length).min(letters.len());
                letters.splice(at..end, piece.chars());
            }
            letters.into_iter().collect()
        })
}

/// Reads it, and puts what is wrong with it into words.
fn survive(text: &str) {
    if let Err(mistakes) = Definition::parse(text, "any.toml") {
        assert!(!mistakes.0.is_empty());
        let told = mistakes.to_string();
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        for mistake in &mistakes.0 {
            assert!(mistake.line >= 1 && mistake.line <= text.lines().count().max(1) + 1);
        }
    }
}

#[test]
fn a_mistake_in_a_regular_expression_is_told_on_one_line() {
    survive("service = \"x\"\nknown-by = \"(a\tb\"\n");
}

proptest! {
    #[test]
    fn any_text_is_read_or_told_wrong(text in "\\PC{0,200}") {
        survive(&text);
    }

    #[test]
    fn any_mutation_of_the_catalogue_is_read_or_told_wrong(text in mutated()) {
        survive(&text);
    }
}
