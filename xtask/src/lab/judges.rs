//! The judges of a fault: tripleo's script and kolla's in the container, our check in the container
//! and from outside. What is run in a container is run by a shell that stays open there, as the
//! container's own user: to start one for each look would cost more than most looks.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use wait4::Wait4;

use super::faults::{Answer, Judged};

/// After which an engine ends a check and counts it as failed: Docker's default, and what kolla
/// and TripleO set.
const LIMIT: Duration = Duration::from_secs(30);
/// Longer than the shell needs to tell that the limit has passed.
const PATIENCE: Duration = Duration::from_secs(45);
const MOST_OUTPUT: usize = 64 * 1024;

/// What the shell in the container is told first. The builtin `time` counts a command with all its
/// children, to the millisecond; its word comes last before the line that ends an answer.
const SHELL: &str = r"
TIMEFORMAT=$'\n%3U %3S'
export HEALTHCHECK_SCRIPTS=/peers/tripleo MYSQL_USERNAME=mysql
look() { local end=$1; shift; { time { eval $* </dev/null 2>&1; }; echo $end $?; } 2>&1; }
";

/// Who is asked.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Judge {
    /// The script of tripleo-common, in the container.
    Tripleo,
    /// The command of kolla, in the container.
    Kolla,
    /// Our check in the container, as HEALTHCHECK asks it.
    Inside,
    /// Our check in the container, as a liveness probe asks it.
    Live,
    /// Our check from the host.
    Outside,
}

/// What a judge said once.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// When it was asked.
    pub(crate) asked: Instant,
    /// When it had answered.
    pub(crate) answered: Instant,
    /// Whether the exit status was 0; a check that its engine must end has failed.
    pub(crate) passed: bool,
    /// Our own answer, where it is ours and was understood.
    pub(crate) answer: Option<Answer>,
    /// The line that says it best: the first of ours, the last of a script's.
    pub(crate) line: String,
    /// User and system time of the check and its children; none where it was ended by us.
    pub(crate) cpu: Option<Duration>,
}

impl Judge {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 5] =
        [Self::Tripleo, Self::Kolla, Self::Inside, Self::Live, Self::Outside];

    /// Our check, wherever and for whatever it is run.
    pub(crate) const OURS: [Self; 3] = [Self::Inside, Self::Live, Self::Outside];

    /// Whether it is our check.
    pub(crate) fn is_ours(self) -> bool {
        !matches!(self, Self::Tripleo | Self::Kolla)
    }

    /// From the end of one look to the beginning of the next: the scripts are dear.
    pub(crate) fn pace(self) -> Duration {
        Duration::from_secs(match self {
            Self::Tripleo | Self::Kolla => 8,
            Self::Inside | Self::Live => 2,
            Self::Outside => 3,
        })
    }

    /// How it is asked about `service`; none where it has no check for it.
    pub(crate) fn command(self, service: &Judged) -> Option<String> {
        let limited =
            |command: String| format!("timeout --kill-after=2 {} {command}", LIMIT.as_secs());
        let ours = |options: &str| {
            Some(format!("/openstack/healthcheck {options} --service {}", service.healthcheck))
        };
        match self {
            Self::Tripleo => {
                let script = service.tripleo.as_ref()?;
                Some(limited(format!("bash /peers/tripleo/{script}")))
            }
            Self::Kolla => {
                let command = service.kolla.as_ref()?;
                // A wheel keeps no execute bits: neither its own folder nor PATH would do.
                let script = match command.starts_with("healthcheck_") {
                    true => format!("bash /peers/kolla/*/{command}"),
                    false => command.clone(),
                };
                Some(limited(format!("bash -c {}", quote(&script))))
            }
            Self::Inside => ours(""),
            // As the guide has it for Kubernetes.
            Self::Live => ours("--role live --deadline 4s"),
            Self::Outside => Some(String::new()),
        }
    }
}

/// A shell in a container that runs one check after the other.
#[derive(Debug)]
pub(crate) struct Shell {
    container: String,
    client: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    count: u64,
}

impl Shell {
    /// Opens a shell in `container`, as its own user.
    pub(crate) fn open(container: &str) -> Result<Self> {
        let mut client = Command::new("docker")
            .args(["exec", "--interactive", container, "bash", "--norc"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot open a shell in {container}"))?;
        let mut orders = client.stdin.take().context("no standard input")?;
        let output = client.stdout.take().context("no standard output")?;
        orders.write_all(SHELL.as_bytes()).with_context(|| format!("in {container}"))?;
        let (sender, lines) = sync_channel(256);
        thread::spawn(move || forward(output, &sender));
        Ok(Self { container: container.to_owned(), client, orders, lines, count: 0 })
    }

    /// Runs `command` and waits for what it says.
    pub(crate) fn look(&mut self, judge: Judge, command: &str) -> Result<Look> {
        self.count += 1;
        let end = format!("end-of-look-{}", self.count);
        let asked = Instant::now();
        let order = format!("look {end} {}\n", quote(command));
        self.orders
            .write_all(order.as_bytes())
            .and_then(|()| self.orders.flush())
            .with_context(|| format!("the shell in {} is gone", self.container))?;
        let mut said: Vec<String> = Vec::new();
        let mut length = 0;
        loop {
            let left = PATIENCE.saturating_sub(asked.elapsed());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the shell in {} ended: {}", self.container, said.join(" | "))
                }
                Err(RecvTimeoutError::Timeout) => bail!("no answer from {}", self.container),
            };
            if let Some(status) = line.strip_prefix(&end) {
                let status = status.trim().parse().context("no exit status")?;
                return Ok(Look::of_script(judge, asked, status, &said));
            }
            length += line.len();
            if length < MOST_OUTPUT {
                said.push(line);
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The shell in the container ends with its input.
        let _gone_already = self.client.kill();
        drop(self.client.wait());
    }
}

fn forward(output: impl Read, to: &SyncSender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(MOST_OUTPUT as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if to.send(text).is_err() {
                    return;
                }
            }
        }
    }
}

/// A word for a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Look {
    fn of_script(judge: Judge, asked: Instant, status: i32, said: &[String]) -> Self {
        let (times, said) = said.split_last().map_or(("", said), |(last, rest)| (&**last, rest));
        let cpu = times
            .split(' ')
            .map(|seconds| seconds.parse().ok().map(Duration::from_secs_f64))
            .sum::<Option<Duration>>()
            .filter(|_| !times.is_empty());
        let mut lines = said.iter().filter(|line| !line.trim().is_empty());
        let line = if judge.is_ours() { lines.next() } else { lines.next_back() };
        // 124 and 137 are timeout's.
        let line = match status {
            124 | 137 if !judge.is_ours() => format!("no answer in {} s", LIMIT.as_secs()),
            _ => line.map_or_else(|| format!("(exit status {status})"), |line| line.trim().into()),
        };
        Self::new(judge, asked, status == 0, line, cpu)
    }

    fn new(
        judge: Judge,
        asked: Instant,
        passed: bool,
        line: String,
        cpu: Option<Duration>,
    ) -> Self {
        let answer = Answer::of_line(&line).filter(|_| judge.is_ours());
        Self { asked, answered: Instant::now(), passed, answer, line, cpu }
    }
}

/// Asks our check from the host.
pub(crate) fn look_from_outside(healthctl: &Path, container: &str, service: &str) -> Result<Look> {
    let asked = Instant::now();
    let mut child = Command::new(healthctl)
        .args(["check", container, "--service", service])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", healthctl.display()))?;
    let mut output = child.stdout.take().context("no output")?;
    // A few lines, which a pipe holds: it never waits for us.
    let ended = child.wait4().context("cannot wait for healthctl")?;
    let mut said = String::new();
    output.read_to_string(&mut said).context("cannot read what healthctl says")?;
    let line = said.lines().next().ok_or_else(|| anyhow!("healthctl says nothing"))?.to_owned();
    let cpu = ended.rusage.utime + ended.rusage.stime;
    Ok(Look::new(Judge::Outside, asked, ended.status.success(), line, Some(cpu)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Judge, Look, quote};

    fn lines(said: &[&str]) -> Vec<String> {
        said.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn of_our_check_the_first_line_counts_and_of_a_script_the_last() {
        let said = lines(&["first", "last", "", "0.120 0.030"]);
        let ours = Look::of_script(Judge::Inside, Instant::now(), 1, &said);
        assert_eq!((ours.line.as_str(), ours.passed), ("first", false));
        let theirs = Look::of_script(Judge::Tripleo, Instant::now(), 0, &said);
        assert_eq!((theirs.line.as_str(), theirs.passed), ("last", true));
        assert_eq!(theirs.cpu, Some(Duration::from_millis(150)));
    }

    #[test]
    fn a_script_that_its_engine_must_end_has_failed() {
        let said = lines(&["", "0.001 0.002"]);
        let look = Look::of_script(Judge::Kolla, Instant::now(), 124, &said);
        assert_eq!((look.line.as_str(), look.passed), ("no answer in 30 s", false));
    }

    #[test]
    fn silence_is_shown_with_the_exit_status() {
        let look = Look::of_script(Judge::Kolla, Instant::now(), 1, &lines(&["", "0.001 0.002"]));
        assert_eq!(look.line, "(exit status 1)");
        let look = Look::of_script(Judge::Kolla, Instant::now(), 1, &[]);
        assert_eq!((look.line.as_str(), look.cpu), ("(exit status 1)", None));
    }

    #[test]
    fn a_quoted_word_is_one_word() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
