//! Where it is measured: in a pid and network namespace of its own, as a
//! container has, with a service and its neighbours running.

use super::cost::{Cost, Measured, measure};
use super::service::{API, BUS, Part, SOCKETS_PER_HOLDER};
use crate::program::Program;
use crate::session::Session;
use anyhow::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What surrounds the service.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing: a container of its own.
    Container,
    /// Fifty thousand sockets of others, as on a host's own network.
    Crowd,
}

/// Where the programs to measure are.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Places {
    /// The static probe.
    #[arg(long, hide = true, default_value = "")]
    probe: String,
    /// A static `true`.
    #[arg(long, hide = true, default_value = "")]
    floor: String,
    /// The folder of tripleo's scripts.
    #[arg(long, hide = true, default_value = "")]
    tripleo: String,
    /// The folder of kolla's scripts.
    #[arg(long, hide = true, default_value = "")]
    kolla: String,
}

impl Places {
    /// With these paths.
    pub(super) fn new(probe: &Path, floor: &Path, tripleo: &Path, kolla: &Path) -> Self {
        let text = |path: &Path| path.display().to_string();
        Self { probe: text(probe), floor: text(floor), tripleo: text(tripleo), kolla: text(kolla) }
    }
}

/// Measures on a stage, by running ourselves in namespaces of our own.
pub(super) fn measure_on(
    session: &Session,
    stage: Stage,
    places: &Places,
    rounds: usize,
) -> Result<Vec<Cost>> {
    let own = std::env::current_exe().context("cannot find ourselves")?;
    let name = format!("{stage:?}").to_lowercase();
    let output = Program::new("unshare")
        .args(["--pid", "--net", "--mount", "--mount-proc", "--fork", "--kill-child", "--"])
        .args([own.as_os_str()])
        .args(["bench", "--stage", &name, "--rounds", &rounds.to_string()])
        .args(["--probe", &places.probe, "--floor", &places.floor])
        .args(["--tripleo", &places.tripleo, "--kolla", &places.kolla])
        .limit(Duration::from_secs(900))
        .output_logged(&session.interrupt, &session.log(&format!("bench {name}")))?;
    serde_json::from_slice(&output).context("the stage gave no costs")
}

/// On the stage: starts the players, measures, prints the costs as JSON.
pub(super) fn perform(stage: Stage, places: &Places, rounds: usize) -> Result<()> {
    Command::new("ip").args(["link", "set", "lo", "up"]).status().context("cannot run ip")?;
    let folder = std::env::temp_dir().join(format!("healthcheck-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let config = folder.join("nova.conf");
    fs::write(
        &config,
        format!("[DEFAULT]\ntransport_url = rabbit://guest:guest@127.0.0.1:{BUS}/\n"),
    )?;
    let config = config.display().to_string();
    let mut players = vec![start(Part::Broker, &folder, "beam.smp", &[])?];
    players.push(start(Part::Service, &folder, "nova-compute", &["--config-file", &config])?);
    if stage == Stage::Crowd {
        for _ in 0..50_000_usize.div_ceil(SOCKETS_PER_HOLDER) {
            players.push(start(Part::Holder, &folder, "neighbour", &[])?);
        }
    }
    // Written in one go, as an engine unpacks an image: a linker's file lies in the kernel's
    // memory in small pieces, each of which is a page fault.
    let probe = folder.join("healthcheck").display().to_string();
    fs::copy(&places.probe, &probe).context("cannot copy the probe")?;
    let places = &Places { probe, ..places.clone() };
    let helpers = link_helpers(&folder, &places.probe)?;
    let costs = measure(&commands(stage, places, &helpers), rounds, &places.floor);
    for player in &mut players {
        // Ended with the namespace in any case.
        let _ = player.kill();
    }
    fs::remove_dir_all(&folder)?;
    println!("{}", serde_json::to_string(&costs?)?);
    Ok(())
}

/// Ourselves, in a part and under another name, once it is ready. The kernel's
/// name for it counts too: that is what the predecessors grep for.
fn start(part: Part, folder: &Path, name: &str, arguments: &[&str]) -> Result<Child> {
    let link = folder.join(name);
    if !link.exists() {
        std::os::unix::fs::symlink(std::env::current_exe()?, &link)?;
    }
    let part = format!("{part:?}").to_lowercase();
    let mut child = Command::new(link)
        .arg0(name)
        .args(["bench", "--play", &part])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut line = String::new();
    let output = child.stdout.take().context("no output")?;
    BufReader::new(output).read_line(&mut line)?;
    anyhow::ensure!(line == "ready\n", "{name} did not get ready");
    Ok(child)
}

/// The probe under the names of kolla's helpers.
fn link_helpers(folder: &Path, probe: &str) -> Result<String> {
    for name in ["healthcheck_port", "healthcheck_listen", "healthcheck_curl"] {
        std::os::unix::fs::symlink(probe, folder.join(name))?;
    }
    Ok(folder.display().to_string())
}

/// What is measured; names are `row: who`.
fn commands(stage: Stage, places: &Places, helpers: &str) -> Vec<Measured> {
    let mut all = Vec::new();
    let mut add = |name: &str, command: &[&str]| {
        all.push(Measured {
            name: name.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
        });
    };
    let Places { probe, floor, tripleo, kolla } = places;
    let bus = BUS.to_string();
    let api = API.to_string();
    let url = format!("http://127.0.0.1:{API}/");
    let script = format!("{tripleo}/nova-compute");
    let library = format!("{tripleo}/common.sh");
    let scripts = format!("HEALTHCHECK_SCRIPTS={tripleo}");
    add("port: ours", &[&format!("{helpers}/healthcheck_port"), "nova-compute", &bus]);
    add("port: tripleo", &["env", &scripts, "bash", &script, &bus]);
    add("port: kolla", &["bash", &format!("{kolla}/base/healthcheck_port"), "nova-compute", &bus]);
    add("definition: ours", &[probe, "nova-compute"]);
    if stage == Stage::Crowd {
        return all;
    }
    add("start-up: ours", &[probe, "--version"]);
    add("start-up: static true", &[floor]);
    add("listen: ours", &[&format!("{helpers}/healthcheck_listen"), "nova-compute", &api]);
    add(
        "listen: kolla",
        &["bash", &format!("{kolla}/base/healthcheck_listen"), "nova-compute", &api],
    );
    add("http: ours", &[&format!("{helpers}/healthcheck_curl"), &url]);
    add(
        "http: tripleo",
        &["env", &scripts, "bash", "-c", &format!(". {library}; healthcheck_curl {url}")],
    );
    add("http: kolla", &["bash", &format!("{kolla}/base/healthcheck_curl"), &url]);
    let check_http = "/usr/lib/nagios/plugins/check_http";
    if Path::new(check_http).exists() {
        add("http: check_http", &[check_http, "-H", "127.0.0.1", "-p", &api, "-u", "/"]);
    }
    all
}
