//! `cargo xtask fuzz`: libFuzzer on every parser of what others send, by the package `fuzz`. What
//! the compiler has to add is in the pinned one already: no other toolchain, no cargo-fuzz.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::program::Program;
use crate::session::Session;

/// Long enough for the first build.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);
/// Beyond the time that libFuzzer is given: to read the corpus, and to end.
const GRACE: Duration = Duration::from_secs(120);

/// Counters on every edge, and what is compared with what (the flags of cargo-fuzz).
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// Feed every parser of what others send with what none of them expects
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Which; all if none is named
    targets: Vec<String>,
    /// How long each: 30s, 10m, 2h
    #[arg(long = "for", default_value = "1m", value_parser = duration)]
    time: Duration,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let session = Session::begin()?;
    let mut targets = Vec::new();
    for folder in fs::read_dir(session.root().join("fuzz/corpus"))? {
        targets.push(folder?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    if let Some(unknown) = args.targets.iter().find(|name| !targets.contains(name)) {
        bail!("no target {unknown}; there are {}", targets.join(", "));
    }
    targets.retain(|name| args.targets.is_empty() || args.targets.contains(name));
    build(&session)?;
    let mut rows = Vec::new();
    for name in &targets {
        rows.push(fuzz(&session, name, args.time)?);
    }
    session.progress.heading("findings");
    session.progress.say(&table(&rows));
    let found: usize = rows.iter().map(|row| row.findings).sum();
    if found > 0 {
        bail!("{found} inputs were not survived: {}", session.work("fuzz").display());
    }
    Ok(())
}

/// Named in the build, so that build scripts, which do not link libFuzzer, are built without what
/// it counts.
fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn build(session: &Session) -> Result<()> {
    let step = session.progress.start("fuzz targets");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Program::new(cargo)
        .within(session.root())
        .limit(BUILD_LIMIT)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .args(["build", "--locked", "--package", "fuzz", "--features", "libfuzzer"])
        .args(["--bin", "fuzz", "--profile", "fuzz", "--target", &triple(), "--target-dir"])
        .args([session.work("fuzz-target")])
        .logged(&session.interrupt, &session.log("fuzz"))?;
    step.done("");
    Ok(())
}

/// What came of a target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    name: String,
    executions: u64,
    per_second: u64,
    edges: u64,
    corpus: u64,
    findings: usize,
}

fn fuzz(session: &Session, name: &str, time: Duration) -> Result<Row> {
    let step = session.progress.start(name);
    let folder = |of: &str| session.work("fuzz").join(name).join(of);
    let (grown, findings) = (folder("corpus"), folder("findings"));
    for folder in [&grown, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let before = files(&findings)?;
    let log = session.log(&format!("fuzz {name}"));
    let path = format!("fuzz-target/{}/fuzz/fuzz", triple());
    let done = Program::new(session.work(&path))
        .env("FUZZ_TARGET", name)
        .limit(time + GRACE)
        .args([format!("-max_total_time={}", time.as_secs())])
        .args([format!("-artifact_prefix={}/", findings.display())])
        .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .args([grown, session.root().join("fuzz/corpus").join(name)])
        .logged(&session.interrupt, &log);
    session.interrupt.check()?;
    let row = Row {
        name: name.to_owned(),
        findings: files(&findings)? - before,
        ..told(&String::from_utf8_lossy(&fs::read(&log)?))
    };
    match (done, row.findings) {
        (Ok(()), _) => step.done(&format!("{} executions", row.executions)),
        // A finding is what we came for; the step's line says FAILED.
        (Err(_), 1..) => {}
        (Err(error), 0) => return Err(error),
    }
    Ok(row)
}

fn files(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder)?.count())
}

/// What libFuzzer says of itself: `#99 DONE cov: 12 ft: 34 corp: 5/678b …`, and `stat::NAME: N`.
fn told(log: &str) -> Row {
    let mut row = Row::default();
    let number = |word: Option<&str>| -> u64 {
        let digits = word.unwrap_or_default().split('/').next().unwrap_or_default();
        digits.parse().unwrap_or_default()
    };
    for line in log.lines() {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "cov:" => row.edges = number(words.next()),
                "corp:" => row.corpus = number(words.next()),
                "stat::number_of_executed_units:" => row.executions = number(words.next()),
                "stat::average_exec_per_sec:" => row.per_second = number(words.next()),
                _ => {}
            }
        }
    }
    row
}

fn table(rows: &[Row]) -> String {
    let heads = ["target", "executions", "per second", "edges", "corpus", "findings"];
    let mut table = format!(
        "{:<16}{:>14}{:>12}{:>8}{:>8}{:>10}",
        heads[0], heads[1], heads[2], heads[3], heads[4], heads[5]
    );
    for Row { name, executions, per_second, edges, corpus, findings } in rows {
        table.push_str(&format!(
            "\n{name:<16}{executions:>14}{per_second:>12}{edges:>8}{corpus:>8}{findings:>10}"
        ));
    }
    table
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).unwrap_or(("", ""));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("expected 30s, 10m or 2h".to_owned()),
    };
    match number.parse::<u64>() {
        Ok(count @ 1..=100_000) => Ok(Duration::from_secs(count * seconds)),
        _ => Err("expected 30s, 10m or 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, duration, told};
    use std::time::Duration;

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let log = "#3 INITED cov: 5 ft: 6 corp: 2/40b\n#9\tDONE   cov: 12 ft: 34 corp: 5/678b lim: 4\n\
                   stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     33\n";
        let expected =
            Row { executions: 99, per_second: 33, edges: 12, corpus: 5, ..Row::default() };
        assert_eq!(told(log), expected);
        assert_eq!(told("killed"), Row::default());
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        for wrong in ["", "m", "10", "0s", "ä", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
