//! The short form, for every run of the tests: each target over its seeds, and
//! over some thousand changes to them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has failed")]

use fuzz::Target;
use fuzz::changes::Chance;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// How many changed inputs each target is given.
const CHANGES: usize = 3000;

fn seeds(target: Target) -> Vec<Vec<u8>> {
    let folder = target.corpus();
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_has_seeds_and_all_seeds_have_a_target() {
    let targets: BTreeSet<_> = Target::all().iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), Target::all().len(), "names are unique");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders = fs::read_dir(corpus).unwrap().map(|folder| folder.unwrap().file_name());
    let folders: BTreeSet<_> = folders.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(folders, targets);
    for target in Target::all() {
        assert!(!seeds(target).is_empty(), "{}", target.name);
    }
}

#[test]
fn every_target_survives_its_seeds_and_changes_to_them() {
    for target in Target::all() {
        let seeds = seeds(target);
        let mut chance = Chance::new(42);
        let changed = (0..CHANGES).map(|_| {
            let (seed, other) = (chance.below(seeds.len()), chance.below(seeds.len()));
            chance.changed(&seeds[seed], &seeds[other])
        });
        let changed: Vec<_> = changed.collect();
        for input in seeds.iter().chain(&changed).chain([&Vec::new()]) {
            let run = catch_unwind(AssertUnwindSafe(|| target.run(input)));
            assert!(run.is_ok(), "{}: {}", target.name, input.escape_ascii());
        }
    }
}
