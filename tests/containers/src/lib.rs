//! The tests in `tests/` run on a real container engine, which `cargo xtask test` brings up; it
//! tells them by environment variables where the probe, `healthctl` and the images are. This is
//! what they share: containers that go when they are done with, and the engine's own words.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Longer than any state takes to be reached on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// In every password of these tests; no answer of ours has it, whatever was asked.
pub const HUSH: &str = "hush";

/// What is said of a process that was sent SIGSTOP, before any of its silence.
pub const FROZEN: &str = "is stopped by a signal, or frozen";

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A path or a name that `cargo xtask test` gives by an environment variable.
///
/// # Errors
/// Where it is not set.
pub fn from_xtask(variable: &str) -> Result<String> {
    std::env::var(variable)
        .with_context(|| format!("{variable} is not set: run by cargo xtask test"))
}

/// Runs the engine's client.
///
/// # Errors
/// Where it cannot be run; its exit status is the caller's to judge.
pub fn docker(args: &[&str]) -> Result<Output> {
    let mut docker = Command::new("docker");
    docker.env("DOCKER_BUILDKIT", "0").args(args).output().context("cannot run docker")
}

/// Builds an image from files in memory; gives its tag.
///
/// # Errors
/// Where the engine refuses.
pub fn build(name: &str, containerfile: &str, files: &[(&Path, &str)]) -> Result<String> {
    let context = tempfile::tempdir()?;
    fs::write(context.path().join("Dockerfile"), containerfile)?;
    for (from, to) in files {
        fs::copy(from, context.path().join(to))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let tag = format!("openstack-healthcheck/{name}");
    let built = docker(&["build", "--quiet", "--tag", &tag, &context.path().to_string_lossy()])?;
    ensure!(
        built.status.success(),
        "cannot build {tag}: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(tag)
}

/// An image with nothing in it but the probe and a stand-in under a service's name.
///
/// # Errors
/// Where the engine refuses.
pub fn scratch_image(service: &str) -> Result<String> {
    let probe = PathBuf::from(from_xtask("HEALTHCHECK_PROBE")?);
    let stand_in = PathBuf::from(from_xtask("HEALTHCHECK_STAND_IN")?);
    let containerfile = format!(
        "FROM scratch\nCOPY healthcheck /openstack/healthcheck\nCOPY stand-in /{service}\n\
         HEALTHCHECK CMD [\"/openstack/healthcheck\"]\n"
    );
    build(
        &format!("scratch-{service}"),
        &containerfile,
        &[(&probe, "healthcheck"), (&stand_in, "stand-in")],
    )
}

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub output: String,
}

impl Answer {
    fn of(output: &Output) -> Result<Self> {
        let status = output.status.code().context("ended by a signal")?;
        Ok(Self { status, output: String::from_utf8_lossy(&output.stdout).into_owned() })
    }

    fn tells_no_secret(self) -> Result<Self> {
        ensure!(!self.output.contains(HUSH), "a secret in {}", self.output);
        Ok(self)
    }

    /// The first line: the verdict.
    pub fn verdict(&self) -> &str {
        self.output.lines().next().unwrap_or_default()
    }
}

/// A container that is removed when it is dropped.
#[derive(Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
}

impl Container {
    /// Starts a container; `options` are `docker run`'s.
    ///
    /// # Errors
    /// Where the engine refuses.
    pub fn run(options: &[&str], image: &str, command: &[&str]) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("healthcheck-test-{}-{count}", std::process::id());
        let container = Self { name };
        let start = ["run", "--detach", "--name", &container.name];
        let ran = docker(&[&start[..], options, &[image], command].concat())?;
        ensure!(
            ran.status.success(),
            "cannot run {image}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        Ok(container)
    }

    /// Waits until its process has said that it is ready.
    ///
    /// # Errors
    /// Where it says nothing for a minute.
    pub fn ready(self) -> Result<Self> {
        self.follow(&["logs", "--follow", &self.name], |line| line.contains("ready"))
            .with_context(|| format!("{} did not get ready", self.name))?;
        Ok(self)
    }

    /// Runs a command in it; `options` are `docker exec`'s.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn exec(&self, options: &[&str], command: &[&str]) -> Result<Answer> {
        Answer::of(&docker(&[&["exec"], options, &[&self.name], command].concat())?)
    }

    /// What the probe in it says.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn inside(&self, arguments: &[&str]) -> Result<Answer> {
        self.exec(&[], &[&["/openstack/healthcheck"], arguments].concat())?.tells_no_secret()
    }

    /// What `healthctl` says of it, from outside.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn outside(&self, arguments: &[&str]) -> Result<Answer> {
        let mut healthctl = Command::new(from_xtask("HEALTHCTL")?);
        Answer::of(
            &healthctl
                .args(["check", &self.name])
                .args(arguments)
                .output()
                .context("cannot run healthctl")?,
        )?
        .tells_no_secret()
    }

    /// Runs a script in it, as `user`; gives what it said.
    ///
    /// # Errors
    /// Where it fails.
    pub fn shell_as(&self, user: &str, script: &str) -> Result<String> {
        let answer = self.exec(&["--user", user], &["sh", "-ec", script])?;
        ensure!(answer.status == 0, "{script}: {}", answer.output);
        Ok(answer.output)
    }

    /// Runs a script in it, as root; gives what it said.
    ///
    /// # Errors
    /// Where it fails.
    pub fn shell(&self, script: &str) -> Result<String> {
        self.shell_as("root", script)
    }

    /// Asks about a service of the catalogue until the answer, from inside and
    /// then from outside, has these words.
    ///
    /// # Errors
    /// Where it does not come to that in a minute, or the two differ.
    pub fn says(&self, service: &str, words: &[&str]) -> Result<()> {
        self.asked(&["--service", service], &["--service", service], words)
    }

    /// The same by a definition.
    ///
    /// # Errors
    /// Likewise.
    pub fn says_by(&self, definition: &str, words: &[&str]) -> Result<()> {
        let file = tempfile::Builder::new()
            .suffix(".toml")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile()?;
        fs::write(&file, definition)?;
        let path = file.path().to_str().context("no path in UTF-8")?;
        let copied = docker(&["cp", path, &format!("{}:/definition.toml", self.name)])?;
        ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let inside = ["--definition", "/definition.toml"];
        self.asked(&inside, &["--definition", path], words)?;
        self.inside(&[&["explain"], &inside[..]].concat())?;
        self.inside(&[&inside[..], &["--format", "json", "--deadline", "1s"]].concat())?;
        Ok(())
    }

    fn asked(&self, inside: &[&str], outside: &[&str], words: &[&str]) -> Result<()> {
        let soon = ["--deadline", "3s"];
        let until = Instant::now() + PATIENCE;
        let said = |output: &str| words.iter().all(|words| output.contains(words));
        loop {
            let inside = self.inside(&[inside, &soon].concat())?.output;
            let outside = match said(&inside) {
                true => self.outside(&[outside, &soon].concat())?.output,
                false => "not asked".to_owned(),
            };
            if said(&outside) {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "expected {words:?}, found inside {inside}\nand outside {outside}"
            );
        }
    }

    /// A field of `docker inspect`.
    ///
    /// # Errors
    /// Where the engine has none.
    pub fn inspect(&self, format: &str) -> Result<String> {
        let answer = docker(&["inspect", "--format", format, &self.name])?;
        ensure!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    }

    /// Sends a signal to its first process, from the host: from within, the
    /// kernel would spare it.
    ///
    /// # Errors
    /// Where it cannot be sent.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.inspect("{{.State.Pid}}")?;
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status()?;
        ensure!(sent.success(), "cannot send {signal} to {pid}");
        Ok(())
    }

    /// Waits until the engine says that its health is `state`; gives the last
    /// message in the engine's log.
    ///
    /// # Errors
    /// Where it does not come to that in a minute.
    pub fn health(&self, state: &str) -> Result<String> {
        // The stream is opened before the state is looked at, or the change
        // could fall between the two.
        let filter = format!("container={}", self.name);
        let wanted = format!("health_status: {state}");
        let events = ["events", "--since", "0", "--filter", &filter, "--format", "{{.Action}}"];
        let mut last = String::new();
        self.follow(&events, |line| {
            if line.starts_with("health_status") {
                line.clone_into(&mut last);
            }
            // What has been is told at once; the last of it counts.
            last == wanted && self.inspect("{{.State.Health.Status}}").is_ok_and(|now| now == state)
        })
        .with_context(|| {
            format!(
                "{} did not become {state}: {:?}",
                self.name,
                self.inspect("{{json .State.Health}}")
            )
        })?;
        let log = self.inspect("{{range .State.Health.Log}}{{json .Output}}\n{{end}}")?;
        let last =
            log.lines().rfind(|line| !line.is_empty()).context("the engine's log is empty")?;
        serde_json::from_str(last).context("the engine's log is no JSON")
    }

    /// Reads a stream of the engine's client until a line is the wanted one.
    fn follow(&self, args: &[&str], mut wanted: impl FnMut(&str) -> bool) -> Result<()> {
        let mut client = Command::new("docker")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = client.stdout.take().context("no output")?;
        let (sender, lines) = channel();
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let seen = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if wanted(&line) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        client.kill()?;
        client.wait()?;
        drop(lines);
        ensure!(reader.join().is_ok(), "the reader of `docker {}` broke", args.join(" "));
        if seen { Ok(()) } else { bail!("nothing in {} s", PATIENCE.as_secs()) }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = docker(&["rm", "--force", "--volumes", &self.name]);
    }
}
