//! `cargo xtask probe`: the static `healthcheck` that images copy, proven to need no loader.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::program::Program;
use crate::session::Session;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Longer than a slow line takes for thirty megabytes; without one it fails at once.
const TARGET_LIMIT: Duration = Duration::from_secs(120);
const PT_INTERP: u32 = 3;
/// Static, and at a fixed address: relocating itself would cost a tenth of what starting the probe
/// costs, for the randomness of one mapping in a program without unsafe code of its own.
const STATIC: &str = "-C target-feature=+crt-static -C relocation-model=static";

/// Build the static probe, /openstack/healthcheck, and print where it is.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// A binary that cargo built.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The target it was built for.
    pub(crate) target: String,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// Runs the command.
pub(crate) fn run(_: &Args) -> Result<()> {
    let session = Session::begin()?;
    let step = session.progress.start("static probe");
    let built = build_probe(&session)?;
    step.done(&built.describe());
    println!("{}", built.path.display());
    Ok(())
}

impl Built {
    /// Size and target, for a person.
    pub(crate) fn describe(&self) -> String {
        let tenths = self.size / 100_000;
        format!("{}.{} MB, no loader needed, {}", tenths / 10, tenths % 10, self.target)
    }
}

/// Builds the probe.
pub(crate) fn build_probe(session: &Session) -> Result<Built> {
    build_static(session, "probe", "healthcheck")
}

/// Builds the stand-in for a service that container tests put into empty images.
pub(crate) fn build_stand_in(session: &Session) -> Result<Built> {
    build_static(session, "stand-in", "stand-in")
}

/// Builds a binary for this machine's architecture: against musl where that target is to be had,
/// else against glibc, static either way. To start with glibc costs three times as much: among the
/// rest it asks the processor for all it can do, and a virtual machine's is slow to answer.
fn build_static(session: &Session, package: &str, binary: &str) -> Result<Built> {
    let arch = std::env::consts::ARCH;
    let musl = format!("{arch}-unknown-linux-musl");
    let target = if has_target(session, &musl) || add_target(session, &musl) {
        musl
    } else {
        session.progress.say(&format!(
            "  built against glibc, which starts slower\n  hint: rustup target add {musl}"
        ));
        format!("{arch}-unknown-linux-gnu")
    };
    // With an explicit target these flags leave build scripts and proc-macros alone.
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let cargo = cargo(session)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", format!("{flags} {STATIC}").trim());
    let options = ["--release", "--package", package, "--target", &target];
    let cargo = compiling_c_for(cargo, &target).args(options);
    let built = build(session, cargo, binary, &target)?;
    let bytes =
        fs::read(&built.path).with_context(|| format!("cannot read {}", built.path.display()))?;
    ensure_static(&bytes).with_context(|| built.path.display().to_string())?;
    Ok(built)
}

/// Builds `healthctl` to look with: unoptimised, as `cargo test` has built most of it already.
pub(crate) fn build_healthctl(session: &Session) -> Result<Built> {
    build(session, cargo(session).args(["--package", "healthctl"]), "healthctl", "this host")
}

/// Builds `healthctl` to measure with.
pub(crate) fn build_healthctl_optimised(session: &Session) -> Result<Built> {
    let cargo = cargo(session).args(["--release", "--package", "healthctl"]);
    build(session, cargo, "healthctl", "this host")
}

fn cargo(session: &Session) -> Program {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Program::new(cargo).within(session.root()).limit(BUILD_LIMIT).args([
        "build",
        "--locked",
        "--message-format",
        "json-render-diagnostics",
    ])
}

fn build(session: &Session, cargo: Program, name: &str, target: &str) -> Result<Built> {
    let log = session.log(&format!("build {name}"));
    let messages = cargo.output_logged(&session.interrupt, &log)?;
    let path = executable(&String::from_utf8_lossy(&messages), name)
        .with_context(|| format!("cargo built no binary named {name}"))?;
    let size = fs::metadata(&path).with_context(|| path.display().to_string())?.len();
    Ok(Built { path, target: target.to_owned(), size })
}

#[derive(Deserialize)]
struct Message {
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

/// Where cargo's JSON messages say the binary `name` is.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

fn has_target(session: &Session, target: &str) -> bool {
    // In the repository, where rustup picks the toolchain that cargo will use.
    let rustc = Program::new("rustc").within(session.root());
    let asked =
        rustc.args(["--print", "target-libdir", "--target", target]).output(&session.interrupt);
    asked.is_ok_and(|libdir| Path::new(String::from_utf8_lossy(&libdir).trim()).is_dir())
}

/// Installs a target's standard library; `false` where rustup is not there or cannot.
fn add_target(session: &Session, target: &str) -> bool {
    let rustup = Program::new("rustup").within(session.root()).limit(TARGET_LIMIT);
    let log = session.log(&format!("rustup target add {target}"));
    rustup.args(["target", "add", target]).logged(&session.interrupt, &log).is_ok()
}

/// What little C there is (ring's) needs no library, so this machine's compiler will do for musl
/// where no other is named; some distributions' has it call glibc's checks unless told not to.
fn compiling_c_for(cargo: Program, target: &str) -> Program {
    let name = target.replace('-', "_");
    let (compiler, flags) = (format!("CC_{name}"), format!("CFLAGS_{name}"));
    if !target.ends_with("-musl") || std::env::var_os(&compiler).is_some() {
        return cargo;
    }
    cargo.env(&compiler, "cc").env(&flags, "-U_FORTIFY_SOURCE")
}

/// Fails when the kernel would need a loader to start this ELF file: when a program header says
/// `PT_INTERP`. Byte offsets are those of `Elf64_Ehdr` and `Elf64_Phdr` in elf(5).
fn ensure_static(elf: &[u8]) -> Result<()> {
    ensure!(elf.starts_with(b"\x7fELF\x02\x01"), "no 64-bit little-endian ELF file");
    let table = usize::try_from(u64::from_le_bytes(bytes_at(elf, 0x20)?))?;
    let entry_size = usize::from(u16::from_le_bytes(bytes_at(elf, 0x36)?));
    let entries = usize::from(u16::from_le_bytes(bytes_at(elf, 0x38)?));
    ensure!(entries > 0, "it has no program headers");
    for index in 0..entries {
        let at = table.saturating_add(index.saturating_mul(entry_size));
        if u32::from_le_bytes(bytes_at(elf, at)?) == PT_INTERP {
            bail!("it is not static: program header {index} names a loader (PT_INTERP)");
        }
    }
    Ok(())
}

fn bytes_at<const N: usize>(elf: &[u8], at: usize) -> Result<[u8; N]> {
    let found = at.checked_add(N).and_then(|end| elf.get(at..end));
    found
        .and_then(|bytes| bytes.try_into().ok())
        .with_context(|| format!("it ends before byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::{ensure_static, executable};
    use std::path::Path;

    /// An ELF header with program headers of these types behind it.
    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(64, 0);
        file[0x20] = 64;
        file[0x36] = 56;
        file[0x38] = kinds.len() as u8;
        for kind in kinds {
            file.extend(kind.to_le_bytes());
            file.extend([0; 52]);
        }
        file
    }

    #[test]
    fn a_file_without_an_interpreter_is_static() {
        ensure_static(&elf(&[1, 2, 4])).unwrap();
    }

    #[test]
    fn a_file_with_an_interpreter_is_not() {
        let refused = ensure_static(&elf(&[6, 3, 1])).unwrap_err().to_string();
        assert!(refused.contains("program header 1 names a loader"), "{refused}");
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn our_own_tests_are_dynamic_as_the_kernel_sees_them() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(ensure_static(&own).is_err());
    }

    #[test]
    fn what_is_cut_off_or_no_elf_at_all_is_refused() {
        for bytes in [&b""[..], b"#!/bin/sh", &elf(&[1, 1])[..80], &elf(&[])] {
            assert!(ensure_static(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_binary_is_where_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"vantage"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"healthcheck"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"healthcheck"},"executable":"/t/healthcheck"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(said, "healthcheck").as_deref(), Some(Path::new("/t/healthcheck")));
        assert_eq!(executable(said, "healthctl"), None);
    }
}
