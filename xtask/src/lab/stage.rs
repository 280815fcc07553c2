//! The services of a lab, brought up as containers on a network of their own, and removed again.
//! Everything is named and labelled after the lab: several on one machine do not meet.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::services::{self, Service};
use crate::engine::Engine;
use crate::machine::debian::Release;
use crate::peers::Peers;
use crate::program::{self, Program};
use crate::session::Session;

/// Services of the lab that are prepared, started and waited for at the same time.
const AT_ONCE: usize = 3;
const PREPARE_LIMIT: Duration = Duration::from_secs(900);
const READY_LIMIT: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// The label that tells `healthctl` which service a container is.
const SERVICE_LABEL: &str = "org.openstack.healthcheck.service";

/// Starts the service of its container unless it runs. The lab's folder is `/lab`: it can be
/// written by whoever the service runs as.
const START: &str = r#"#!/bin/sh
if read -r pid 2>/dev/null < /lab/pid && grep -q . "/proc/$pid/cmdline" 2>/dev/null; then
    exit 0
fi
echo $$ > /lab/pid
exec >> /lab/log 2>&1
cd /
"#;

/// Succeeds when the service was started and its process is no more.
const HAS_ENDED: &str = r#"read -r pid < /lab/pid && ! grep -q . "/proc/$pid/cmdline""#;

/// A lab by its name, whether it is up or not.
#[derive(Debug)]
pub(crate) struct Stage<'e> {
    engine: &'e Engine,
    name: String,
    /// Beneath it a folder for each service, which its container has as `/lab`.
    folder: PathBuf,
}

/// The file in a lab's folder that tells the release of Debian that it is made of.
const RELEASE: &str = ".release";

/// What containers of the lab have beside their service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Props<'a> {
    /// The probe, for `/openstack/healthcheck`.
    pub(crate) probe: &'a Path,
    /// The predecessors' scripts, for `/peers`; none where they could not be fetched.
    pub(crate) peers: Option<&'a Peers>,
    /// The release of Debian that they are made of.
    pub(crate) release: &'a Release,
    /// Whether the images are those of `tests/images`.
    pub(crate) short: bool,
}

/// How far the services are, for those that come after them.
#[derive(Debug, Default)]
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ready: BTreeSet<String>,
    failed: BTreeSet<String>,
    at_work: usize,
}

impl<'e> Stage<'e> {
    /// The lab called `name`; touches nothing.
    pub(crate) fn new(session: &Session, engine: &'e Engine, name: &str) -> Self {
        let folder = session.work("lab").join(name);
        Self { engine, name: name.to_owned(), folder }
    }

    /// The release of Debian that the lab is made of.
    pub(crate) fn release(&self) -> Result<Release> {
        let file = self.folder.join(RELEASE);
        let name = fs::read_to_string(&file).with_context(|| self.is_not_up())?;
        name.parse().with_context(|| file.display().to_string())
    }

    fn is_not_up(&self) -> String {
        format!("no lab of the name {0} is up: cargo xtask lab up --name {0}", self.name)
    }

    /// The name of the container of the service `name`.
    pub(crate) fn container(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Brings `services` up on a fresh network, having removed what was left of the lab; returns
    /// when all of them are ready.
    pub(crate) fn up(&self, session: &Session, services: &[Service], props: Props) -> Result<()> {
        self.down()?;
        self.install_probe(props.probe)?;
        fs::write(self.folder.join(RELEASE), props.release.name())
            .context("cannot note the release of Debian")?;
        let label = format!("lab={}", self.name);
        self.engine
            .ask(&["network", "create", "--label", &label, &self.name])
            .with_context(|| format!("cannot make the network {}", self.name))?;
        let board = Board::default();
        let brought: Vec<(&Service, Result<()>)> = thread::scope(|scope| {
            let threads: Vec<_> = services
                .iter()
                .map(|service| {
                    let bring = || {
                        let brought = self.bring(session, service, props, &board);
                        board.leave(service, brought.is_ok());
                        brought
                    };
                    (service, scope.spawn(bring))
                })
                .collect();
            let panicked = |_| Err(anyhow!("the thread that brought it up panicked"));
            let joined = threads.into_iter();
            joined.map(|(service, each)| (service, each.join().unwrap_or_else(panicked))).collect()
        });
        session.interrupt.check()?;
        let mut failed = String::new();
        for (service, brought) in brought {
            if let Err(error) = brought {
                write!(failed, "\n  {}: {error:#}", service.name)?;
            }
        }
        ensure!(failed.is_empty(), "not everything came up:{failed}");
        Ok(())
    }

    /// Removes whatever carries the lab's label, and its folder.
    pub(crate) fn down(&self) -> Result<()> {
        let filter = format!("label=lab={}", self.name);
        let list = |of: &[&str]| {
            self.engine.ask_regardless(&[of, &["--quiet", "--filter", &filter]].concat())
        };
        let remove = |with: &[&str], found: &str| -> Result<()> {
            let args: Vec<&str> = with.iter().copied().chain(found.lines()).collect();
            if args.len() > with.len() {
                self.engine.ask_regardless(&args)?;
            }
            Ok(())
        };
        remove(&["rm", "--force", "--volumes"], &list(&["ps", "--all"])?)?;
        remove(&["volume", "rm"], &list(&["volume", "ls"])?)?;
        remove(&["network", "rm"], &list(&["network", "ls"])?)?;
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
                .with_context(|| format!("cannot remove {}", self.folder.display()))?;
        }
        Ok(())
    }

    /// Puts `probe` into every container of the lab, also those that run.
    pub(crate) fn install_probe(&self, probe: &Path) -> Result<()> {
        let folder = self.folder.join(".openstack");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let partial = folder.join("healthcheck.new");
        fs::copy(probe, &partial).with_context(|| format!("cannot copy {}", probe.display()))?;
        // By renaming: it may be run at this moment.
        fs::rename(&partial, folder.join("healthcheck")).context("cannot install the probe")
    }

    /// Starts the service of a container that is up, unless it runs.
    pub(crate) fn start(&self, service: &Service) -> Result<()> {
        let container = self.container(&service.name);
        self.engine.ask(&["exec", "--detach", &container, "/lab/start"]).map(drop)
    }

    /// Runs `command` in the container of the service `name`, as `user` or else as the
    /// container's own; returns its exit status and output.
    pub(crate) fn exec(
        &self,
        name: &str,
        user: Option<&str>,
        command: &[&str],
    ) -> Result<(i32, String)> {
        let container = self.container(name);
        let user = user.map(|user| ["--user", user]);
        let docker = self.engine.docker().args(["exec"]).args(user.iter().flatten());
        docker.args([container.as_str()]).args(command).exit_status(self.engine.interrupt())
    }

    /// Whether the service can be used now, by its own `ready` or else by our check.
    pub(crate) fn is_ready(&self, service: &Service) -> Result<bool> {
        let (status, _) = match &service.ready {
            Some(command) => self.exec(&service.name, Some("0"), &["sh", "-c", command])?,
            None => self.look_inside(service)?,
        };
        Ok(status == 0)
    }

    /// Our check, run in the container as its user: exit status and what it said.
    pub(crate) fn look_inside(&self, service: &Service) -> Result<(i32, String)> {
        let check = ["/openstack/healthcheck", "--service", service.healthcheck()];
        self.exec(&service.name, None, &check)
    }

    /// Our check, from the host: exit status and what it said.
    pub(crate) fn look_outside(
        &self,
        healthctl: &Path,
        service: &Service,
        limit: Duration,
    ) -> Result<(i32, String)> {
        let container = self.container(&service.name);
        let look = Program::new(healthctl).limit(limit);
        look.args(["check", &container]).exit_status(self.engine.interrupt())
    }

    /// Runs `command` in a container beside the services, with `folder` as its `/beside`.
    pub(crate) fn run_beside(
        &self,
        name: &str,
        image: &str,
        folder: &Path,
        command: &[&str],
    ) -> Result<()> {
        let label = format!("lab={}", self.name);
        let container = self.container(name);
        let volume = format!("{}:/beside:ro", folder.display());
        let mut args = vec!["run", "--detach", "--init", "--no-healthcheck", "--label", &label];
        args.extend(["--name", &container, "--network", &self.name, "--volume", &volume, image]);
        args.extend(command);
        self.engine.ask(&args).map(drop).with_context(|| format!("cannot start {container}"))
    }

    /// The services whose containers run; that none does is an error.
    pub(crate) fn running(&self, session: &Session) -> Result<Vec<Service>> {
        let services = services::read(session.root(), &self.release()?)?;
        let filter = format!("label=lab={}", self.name);
        let said = self.engine.ask(&["ps", "--filter", &filter, "--format", "{{.Names}}"])?;
        let names: BTreeSet<&str> = said.lines().collect();
        let runs = |service: &Service| names.contains(self.container(&service.name).as_str());
        let running: Vec<Service> = services.into_iter().filter(runs).collect();
        ensure!(!running.is_empty(), "{}", self.is_not_up());
        Ok(running)
    }

    /// Waits until the service can be used.
    pub(crate) fn await_ready(&self, service: &Service, limit: Duration) -> Result<()> {
        let started = Instant::now();
        let log = self.folder.join(&service.name).join("log");
        while !self.is_ready(service)? {
            self.engine.interrupt().check()?;
            if self.exec(&service.name, Some("0"), &["sh", "-c", HAS_ENDED])?.0 == 0 {
                bail!("it ended{}", program::tail_of(&log));
            }
            if started.elapsed() > limit {
                let said = self.look_inside(service).map_or_else(|e| e.to_string(), |look| look.1);
                bail!("not ready after {} s: {said}\nits log: {}", limit.as_secs(), log.display());
            }
            thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    fn bring(
        &self,
        session: &Session,
        service: &Service,
        props: Props,
        board: &Board,
    ) -> Result<()> {
        board.await_turn(session, service)?;
        let step = session.progress.start(service.name.clone());
        self.create(service, props)?;
        let prepared = Instant::now();
        if let Some(script) = &service.prepare {
            self.prepare(session, service, script)?;
        }
        let (prepared, started) = (prepared.elapsed().as_secs_f64(), Instant::now());
        self.start(service)?;
        self.await_ready(service, READY_LIMIT)?;
        let started = started.elapsed().as_secs_f64();
        step.done(&format!("prepared in {prepared:.1} s, ready {started:.1} s after its start"));
        Ok(())
    }

    /// Makes the container, with its files in place and its service not started.
    fn create(&self, service: &Service, props: Props) -> Result<()> {
        let own = self.folder.join(&service.name);
        lay_out(service, &own)?;
        let container = self.container(&service.name);
        let mut args: Vec<String> =
            ["create", "--init", "--no-healthcheck", "--cap-add", "NET_ADMIN"]
                .map(str::to_owned)
                .into();
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        option("--label", format!("lab={}", self.name));
        option("--label", format!("{SERVICE_LABEL}={}", service.healthcheck()));
        option("--name", container.clone());
        option("--user", service.user.clone());
        for capability in &service.caps {
            option("--cap-add", capability.clone());
        }
        match &service.net_of {
            Some(other) => option("--network", format!("container:{}", self.container(other))),
            None => {
                option("--network", self.name.clone());
                option("--network-alias", service.name.clone());
                option("--hostname", service.name.clone());
                // A host has ::1, whatever its network has.
                option("--sysctl", "net.ipv6.conf.lo.disable_ipv6=0".to_owned());
            }
        }
        let mut mount = |from: String, to: &str| option("--volume", format!("{from}:{to}"));
        mount(own.display().to_string(), "/lab");
        mount(self.folder.join(".openstack").display().to_string(), "/openstack:ro");
        if let Some(peers) = props.peers {
            mount(peers.tripleo.display().to_string(), "/peers/tripleo:ro");
            mount(peers.kolla.display().to_string(), "/peers/kolla:ro");
        }
        for (volume, at) in &service.volumes {
            let volume = self.container(volume);
            let label = format!("lab={}", self.name);
            self.engine.ask(&["volume", "create", "--label", &label, &volume])?;
            mount(volume, at);
        }
        args.extend([service.image(props.short), "sleep".to_owned(), "infinity".to_owned()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.engine.ask(&args).with_context(|| format!("cannot make {container}"))?;
        for folder in &service.folders {
            let from = format!("{}/.", folder.display());
            self.engine.ask(&["cp", &from, &format!("{container}:/")])?;
        }
        self.engine.ask(&["start", &container]).map(drop)
    }

    fn prepare(&self, session: &Session, service: &Service, script: &str) -> Result<()> {
        let container = self.container(&service.name);
        let log = session.log(&format!("lab {} prepare {}", self.name, service.name));
        let docker: Program = self.engine.docker().limit(PREPARE_LIMIT);
        docker
            .args(["exec", "--user", "0", &container, "sh", "-exc", script])
            .logged(&session.interrupt, &log)
            .context("cannot be prepared")
    }
}

/// Makes the folder that the container has as `/lab`.
fn lay_out(service: &Service, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (before, last) = service.start.trim_end().rsplit_once('\n').unwrap_or(("", &service.start));
    let start = folder.join("start");
    fs::write(&start, format!("{START}{before}\nexec {last}\n"))
        .with_context(|| format!("cannot write {}", start.display()))?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?;
    Ok(())
}

impl Board {
    /// Waits until what `service` needs is ready and there is room; fails when that will never be.
    fn await_turn(&self, session: &Session, service: &Service) -> Result<()> {
        let mut state = self.state();
        loop {
            session.interrupt.check()?;
            if let Some(needed) = service.needs().find(|it| state.failed.contains(*it)) {
                // It leaves as if it had been let in.
                state.at_work += 1;
                bail!("not tried without {needed}");
            }
            if state.at_work < AT_ONCE && service.needs().all(|it| state.ready.contains(it)) {
                state.at_work += 1;
                return Ok(());
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(300));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn leave(&self, service: &Service, is_ready: bool) {
        let mut state = self.state();
        state.at_work = state.at_work.saturating_sub(1);
        let group = if is_ready { &mut state.ready } else { &mut state.failed };
        group.insert(service.name.clone());
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
