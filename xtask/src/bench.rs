//! `cargo xtask bench`: what our checks cost beside the predecessors', all in
//! one run and interleaved, as ratios. Written to docs/performance.md.

mod cost;
mod servers;
mod service;
mod stage;

use crate::session::Session;
use crate::{machine, peers, probe};
use anyhow::{Context, Result, bail};
use cost::Cost;
use service::Part;
use stage::{Places, Stage};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Measure what checks cost, ours beside the predecessors'
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How often each command is run; the median counts
    #[arg(long, default_value_t = 41)]
    rounds: usize,
    /// Leave out the real servers, which need a container engine
    #[arg(long)]
    no_containers: bool,
    /// Do not write docs/performance.md
    #[arg(long)]
    dry_run: bool,
    #[arg(long, hide = true)]
    stage: Option<Stage>,
    #[arg(long, hide = true)]
    play: Option<Part>,
    #[command(flatten)]
    places: Places,
    /// What the service that is played was started with: the probe reads it there.
    #[arg(long, hide = true)]
    config_file: Option<String>,
}

/// What the machine must have: the predecessors' scripts need the rest.
const PACKAGES: [&str; 9] = [
    "curl",
    "gawk",
    "gcc",
    "iproute2",
    "libc6-dev",
    "lsof",
    "monitoring-plugins-basic",
    "procps",
    "python3-pip",
];

/// Real servers are asked so many times less often: RabbitMQ's own commands take seconds each.
const FEWER: usize = 4;

/// A row of the table: who is measured, against whom, and what we aim at.
struct Goal {
    row: &'static str,
    what: &'static str,
    peer: &'static str,
    /// How many times cheaper than the peer; for start-up, how many times dearer at most.
    at_least: f64,
}

const GOALS: &[Goal] = &[
    Goal { row: "start-up", what: "start-up", peer: "static true", at_least: 1.0 / 1.15 },
    Goal {
        row: "port",
        what: "port check, in a container of its own",
        peer: "tripleo",
        at_least: 12.0,
    },
    Goal {
        row: "port",
        what: "port check, in a container of its own",
        peer: "kolla",
        at_least: 8.0,
    },
    Goal {
        row: "crowd port",
        what: "port check, beside 50,000 sockets",
        peer: "tripleo",
        at_least: 15.0,
    },
    Goal {
        row: "crowd port",
        what: "port check, beside 50,000 sockets",
        peer: "kolla",
        at_least: 80.0,
    },
    Goal { row: "listen", what: "who listens on a port", peer: "kolla", at_least: 8.0 },
    Goal { row: "http", what: "HTTP request", peer: "tripleo", at_least: 8.0 },
    Goal { row: "http", what: "HTTP request", peer: "kolla", at_least: 6.0 },
    Goal { row: "http", what: "HTTP request", peer: "check_http", at_least: 2.0 },
    Goal { row: "rabbitmq", what: "RabbitMQ", peer: "check_running", at_least: 300.0 },
    Goal { row: "rabbitmq", what: "RabbitMQ", peer: "kolla", at_least: 2000.0 },
    Goal { row: "redis", what: "redis", peer: "tripleo", at_least: 25.0 },
    Goal { row: "mariadb", what: "MariaDB", peer: "mysql", at_least: 8.0 },
    Goal {
        row: "definition",
        what: "nova-compute's whole definition",
        peer: "start-up: ours",
        at_least: 0.5,
    },
];

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(part) = args.play {
        return service::play(part);
    }
    if let Some(stage) = args.stage {
        return stage::perform(stage, &args.places, args.rounds);
    }
    if !machine::is_root() {
        bail!("expected to be root: the bench makes namespaces of its own");
    }
    let session = Session::begin()?;
    machine::install(&session, &PACKAGES)?;
    let peers = peers::fetch(&session)?;
    let step = session.progress.start("static probe");
    let built = probe::build_probe(&session)?;
    step.done(&built.describe());
    let floor = static_floor(&session)?;
    let places = Places::new(&built.path, &floor, &peers.tripleo, &peers.kolla);
    let mut costs = Vec::new();
    for (stage, prefix) in [(Stage::Container, ""), (Stage::Crowd, "crowd ")] {
        let step = session.progress.start(format!("measuring: {stage:?}"));
        let measured = stage::measure_on(&session, stage, &places, args.rounds)?;
        costs.extend(
            measured
                .into_iter()
                .map(|cost| Cost { name: format!("{prefix}{}", cost.name), ..cost }),
        );
        step.done(&format!("{} rounds", args.rounds));
    }
    let fewer = args.rounds.div_ceil(FEWER);
    if !args.no_containers {
        let sources = servers::Sources {
            probe: &built.path,
            floor: &floor,
            tripleo: &peers.tripleo,
            kolla: &peers.kolla,
        };
        costs.extend(servers::measure(&session, &sources, fewer)?);
    }
    let page = page(&costs, &built, args.rounds, fewer)?;
    println!("{page}");
    if !args.dry_run {
        let file = session.root().join("docs/performance.md");
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The least a process can cost here: a static C program that does nothing. Given a command it runs
/// that as its child and prints the child's peak memory in kilobytes, the CPU time of its tree in
/// microseconds, and how it ended. The memory measured from here would be our own, which a child
/// has until it has become another program; the time in a container can only be told there.
const FLOOR: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>
int main(int argc, char **argv) {
  struct rusage usage;
  int status;
  long time;
  if (argc < 2) return 0;
  pid_t child = vfork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), 1);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  if (wait4(child, &status, 0, &usage) != child) return 1;
  time = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L;
  time += usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  printf("%ld %ld %d\n", usage.ru_maxrss, time, status);
  return 0;
}
"#;

fn static_floor(session: &Session) -> Result<PathBuf> {
    let source = session.work("floor.c");
    let binary = session.work("floor");
    fs::write(&source, FLOOR)?;
    let (from, to): (&Path, &Path) = (&source, &binary);
    crate::program::Program::new("cc")
        .args(["-O2", "-static", "-o"])
        .args([to.as_os_str(), from.as_os_str()])
        .logged(&session.interrupt, &session.log("static floor"))?;
    Ok(binary)
}

fn page(costs: &[Cost], built: &probe::Built, rounds: usize, fewer: usize) -> Result<String> {
    let find = |name: &str| costs.iter().find(|cost| cost.name == name);
    let mut page = format!(
        "# What a check costs\n\nMade by `cargo xtask bench`: medians of {rounds} runs, {fewer} against real servers (RabbitMQ, redis, MariaDB), all \
         commands in turn, CPU of the whole process tree. Trust the ratios; the milliseconds are this machine's. The probe: {}.\n\n\
         | check | ours, ms | peer | peer, ms | ratio | goal |\n|---|---|---|---|---|---|\n",
        built.describe()
    );
    for goal in GOALS {
        let ours = find(&format!("{}: ours", goal.row));
        let theirs = find(&format!("{}: {}", goal.row, goal.peer)).or_else(|| find(goal.peer));
        let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
        let ratio = theirs.cpu_ms / ours.cpu_ms;
        let (ratio_text, goal_text) = if goal.at_least < 1.0 {
            (format!("{:.2} × its cost", 1.0 / ratio), format!("≤ {:.2} ×", 1.0 / goal.at_least))
        } else {
            (format!("{ratio:.1} × cheaper"), format!("≥ {:.0} ×", goal.at_least))
        };
        let met = if ratio >= goal.at_least { "" } else { " (missed)" };
        writeln!(
            page,
            "| {} | {:.2} | {} | {:.2} | {ratio_text} | {goal_text}{met} |",
            goal.what, ours.cpu_ms, goal.peer, theirs.cpu_ms
        )?;
    }
    page.push_str("\n| command | CPU, ms | peak memory, kB |\n|---|---|---|\n");
    for cost in costs {
        writeln!(page, "| {} | {:.2} | {} |", cost.name, cost.cpu_ms, cost.peak_kb)?;
    }
    Ok(page)
}
