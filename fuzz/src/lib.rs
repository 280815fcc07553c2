//! Every parser of what a peer or a container controls, under one roof. A target
//! is a line in a crate's `fuzzing::TARGETS`, and a folder of seeds in `corpus/`.

pub mod changes;

use cap::Cap;
use std::alloc::System;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Ends the process where a target takes more than [`MEMORY`].
#[global_allocator]
static MEMORY_TAKEN: Cap<System> = Cap::new(System, usize::MAX);

/// As much as one input may make a target allocate, in bytes.
pub const MEMORY: usize = 16 << 20;

/// The longest input, in bytes.
pub const LONGEST: usize = 16 << 10;

static LIFTED: Once = Once::new();

fn unlimited() {
    // Never fails: it is more than is taken.
    let _ = MEMORY_TAKEN.set_limit(usize::MAX);
}

/// One parser.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and its folder's.
    pub name: &'static str,
    parse: fn(&[u8]),
}

impl Target {
    /// Every one, by name.
    pub fn all() -> Vec<Self> {
        let of_all = [
            healthcheck::fuzzing::TARGETS,
            healthctl::fuzzing::TARGETS,
            probe::fuzzing::TARGETS,
            vantage::fuzzing::TARGETS,
        ];
        let of_all = of_all.into_iter().flatten();
        let mut all: Vec<_> = of_all.map(|&(name, parse)| Self { name, parse }).collect();
        all.sort_by_key(|target| target.name);
        all
    }

    /// The one of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|target| target.name == name)
    }

    /// Hands it an input. Whatever it finds wrong is a panic, too much memory an abort.
    pub fn run(self, input: &[u8]) {
        LIFTED.call_once(|| {
            // Who tells of a panic reads all that the debugger would.
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                unlimited();
                before(panic);
            }));
        });
        // Never fails: it is more than is taken.
        let _ = MEMORY_TAKEN.set_limit(MEMORY_TAKEN.allocated() + MEMORY);
        (self.parse)(input);
        unlimited();
    }

    /// Where its seeds are.
    pub fn corpus(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name)
    }
}
