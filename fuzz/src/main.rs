//! libFuzzer on one target, which `FUZZ_TARGET` names; run by `cargo xtask fuzz`.

#![no_main]

use fuzz::Target;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        Target::find(&name).unwrap_or_else(|| {
            eprintln!("FUZZ_TARGET: no target \"{name}\"");
            std::process::exit(2)
        })
    });
    target.run(input);
});
