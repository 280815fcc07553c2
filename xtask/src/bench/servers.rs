//! Real servers, each in a container of its own, and what it costs to ask them how they are. What
//! is measured runs there and is accounted there: what the engine takes to start a command is
//! nobody's part.

use super::cost::{Cost, Measured, median};
use crate::base_image;
use crate::engine::{Afterwards, Engine};
use crate::images::{self, Image};
use crate::machine::debian::Release;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Where the program that accounts is in each container.
const FLOOR: &str = "/floor";
const PROBE: &str = "/openstack/healthcheck";
/// Longer than RabbitMQ takes to start on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Each of RabbitMQ's own commands starts a virtual machine.
const SLOW: Duration = Duration::from_secs(120);

/// A server, how it is started, and who asks it.
struct Server {
    name: &'static str,
    image: Image,
    options: &'static [&'static str],
    command: &'static [&'static str],
    asked: &'static [(&'static str, &'static [&'static str])],
}

const SERVERS: [Server; 3] = [
    Server {
        name: "rabbitmq",
        image: Image("rabbitmq"),
        options: &[],
        command: &[],
        asked: &[
            ("ours", &[PROBE]),
            ("check_running", &["rabbitmq-diagnostics", "--quiet", "check_running"]),
            ("kolla", &["bash", "/kolla/rabbitmq/healthcheck_rabbitmq"]),
        ],
    },
    // A cluster of one: kolla's script asks for that. Its user needs no password on its own host.
    Server {
        name: "mariadb",
        image: Image("mariadb"),
        options: &["--env", "MYSQL_USERNAME=mysql"],
        command: &[
            "mariadbd",
            "--binlog-format=ROW",
            "--wsrep-on=ON",
            "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
            "--wsrep-cluster-address=gcomm://",
        ],
        asked: &[
            ("ours", &[PROBE]),
            ("mysql", &["mysql", "-e", "select 1"]),
            ("kolla", &["bash", "/kolla/mariadb-server/healthcheck_mariadb"]),
        ],
    },
    Server {
        name: "redis",
        image: Image("servers"),
        options: &["--user", "redis", "--env", "REDISCLI_AUTH=of-the-bench"],
        command: &[
            "sh",
            "-c",
            "printf 'bind 127.0.0.1\\nrequirepass of-the-bench\\n' > /etc/redis/redis.conf
             exec redis-server /etc/redis/redis.conf",
        ],
        asked: &[
            ("ours", &[PROBE]),
            ("tripleo", &["bash", "/tripleo/redis"]),
            ("redis-cli", &["redis-cli", "-e", "ping"]),
        ],
    },
];

/// Where what is measured comes from, on this host.
pub(super) struct Sources<'a> {
    pub(super) probe: &'a Path,
    pub(super) floor: &'a Path,
    pub(super) tripleo: &'a Path,
    pub(super) kolla: &'a Path,
}

/// Measures on real servers.
pub(super) fn measure(
    session: &Session,
    sources: &Sources<'_>,
    rounds: usize,
) -> Result<Vec<Cost>> {
    let engine = Engine::bring_up(session)?;
    let measured = measure_on(session, &engine, sources, rounds);
    engine.finish(Afterwards::Stop);
    measured
}

fn measure_on(
    session: &Session,
    engine: &Engine,
    sources: &Sources<'_>,
    rounds: usize,
) -> Result<Vec<Cost>> {
    let base = base_image::ensure(session, engine, &Release::default())?;
    let all = SERVERS.map(|server| server.image);
    images::build(session, engine, &base, sources.probe, &all)?;
    let step = session.progress.start("measuring: Servers");
    let mut running = Vec::new();
    for server in &SERVERS {
        running.push(Running::start(engine, server, sources)?);
    }
    let mut asked = Vec::new();
    for running in &running {
        running.wait_until_it_is_healthy()?;
        for (who, command) in running.server.asked {
            let name = format!("{}: {who}", running.server.name);
            let command = command.iter().map(|&word| word.to_owned()).collect();
            asked.push((running, Measured { name, command }, Vec::new()));
        }
    }
    // The first round warms caches and is not counted.
    for round in 0..=rounds {
        for (running, measured, runs) in &mut asked {
            let run = running.account(measured)?;
            if round > 0 {
                runs.push(run);
            }
        }
    }
    step.done(&format!("{rounds} rounds"));
    let costs = asked.into_iter().map(|(_, Measured { name, .. }, runs)| {
        let (times, peaks): (Vec<_>, Vec<u64>) = runs.into_iter().unzip();
        Cost { name, cpu_ms: median(times), peak_kb: peaks.into_iter().max().unwrap_or(0) }
    });
    Ok(costs.collect())
}

/// A server in its container, which goes with this.
struct Running<'a> {
    engine: &'a Engine,
    server: &'a Server,
    container: String,
}

impl<'a> Running<'a> {
    fn start(engine: &'a Engine, server: &'a Server, sources: &Sources<'_>) -> Result<Self> {
        let container = format!("healthcheck-bench-{}-{}", std::process::id(), server.name);
        let running = Self { engine, server, container };
        let mount = |from: &Path, to: &str| format!("--volume={}:{to}:ro", from.display());
        let (tag, image) = (server.image.tag(), [server.command]);
        let program = engine
            .docker()
            // The engine would ask it how it is meanwhile.
            .args(["run", "--detach", "--no-healthcheck", "--name", &running.container])
            .args([mount(sources.floor, FLOOR), mount(sources.tripleo, "/tripleo")])
            .args([mount(sources.kolla, "/kolla")])
            .args(server.options)
            .args([tag])
            .args(image.concat());
        program
            .output(engine.interrupt())
            .with_context(|| format!("cannot start {}", server.name))?;
        Ok(running)
    }

    fn wait_until_it_is_healthy(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let asked = self.engine.docker().args(["exec", &self.container, PROBE]);
            let (status, said) = asked.exit_status(self.engine.interrupt())?;
            if status == 0 {
                return Ok(());
            }
            if started.elapsed() > START_LIMIT {
                bail!("{} is not healthy after {START_LIMIT:?}: {said}", self.server.name);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Runs a command in the container: its CPU time, and its peak memory in kilobytes.
    fn account(&self, measured: &Measured) -> Result<(Duration, u64)> {
        let asked = self.engine.docker().limit(SLOW).args(["exec", &self.container, FLOOR]);
        let said = asked.args(&measured.command).output(self.engine.interrupt())?;
        let said = String::from_utf8_lossy(&said);
        let numbers: Vec<u64> =
            said.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers.as_slice() {
            &[peak, time, 0] => Ok((Duration::from_micros(time), peak)),
            [_, _, _] => bail!("{}: it failed, so it measures nothing", measured.name),
            _ => bail!("{}: it was not accounted: {said}", measured.name),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let remove = ["rm", "--force", "--volumes", &self.container];
        // It may never have started.
        let _ = self.engine.ask_regardless(&remove);
    }
}
