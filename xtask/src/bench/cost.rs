//! What a command costs: the CPU of its whole process tree and its peak
//! memory, as the kernel accounts them to whoever waits for it.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use std::time::Duration;
use wait4::Wait4;

/// A command to be measured.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// What to call it in the table.
    pub(super) name: String,
    /// The program and its arguments.
    pub(super) command: Vec<String>,
}

/// The medians of several runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Cost {
    /// What was measured.
    pub(super) name: String,
    /// User and system time, in milliseconds.
    pub(super) cpu_ms: f64,
    /// Peak resident memory of the largest process, in kilobytes.
    pub(super) peak_kb: u64,
}

/// Runs all commands in turn, `rounds` times, so that whatever else the machine
/// does is shared by all. A command that fails would measure nothing: an error.
pub(super) fn measure(commands: &[Measured], rounds: usize, floor: &str) -> Result<Vec<Cost>> {
    let mut runs: Vec<Vec<Duration>> = vec![Vec::new(); commands.len()];
    // The first round warms caches and is not counted.
    for round in 0..=rounds {
        for (measured, runs) in commands.iter().zip(&mut runs) {
            let run = run(measured)?;
            if round > 0 {
                runs.push(run);
            }
        }
    }
    let costs = commands.iter().zip(runs).map(|(measured, runs)| {
        let cpu_ms = median(runs);
        let peak_kb = peak(measured, floor)?;
        Ok(Cost { name: measured.name.clone(), cpu_ms, peak_kb })
    });
    costs.collect()
}

/// The median, in milliseconds.
pub(super) fn median(mut runs: Vec<Duration>) -> f64 {
    runs.sort_unstable();
    runs.get(runs.len() / 2).map_or(f64::NAN, |run| run.as_secs_f64() * 1e3)
}

/// The peak memory of a command, in kilobytes, as the floor program finds it.
fn peak(measured: &Measured, floor: &str) -> Result<u64> {
    let output = Command::new(floor).args(&measured.command).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let peak = text.split_ascii_whitespace().next().unwrap_or_default();
    peak.parse().with_context(|| format!("{}: no peak memory: {text}", measured.name))
}

fn run(measured: &Measured) -> Result<Duration> {
    let (program, arguments) = measured.command.split_first().context("no command")?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let ended = child.wait4().with_context(|| format!("cannot wait for {program}"))?;
    if !ended.status.success() {
        // Once more, for what it says.
        let said = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
        bail!(
            "{}: `{}` ended with {}, so it measures nothing: {}",
            measured.name,
            measured.command.join(" "),
            ended.status,
            String::from_utf8_lossy(&said.stdout)
        );
    }
    Ok(ended.rusage.utime + ended.rusage.stime)
}
