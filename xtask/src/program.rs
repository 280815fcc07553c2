//! Another program, run under supervision: no standard input, a limit on its time, ended with
//! all its children when the limit passes or the run is interrupted.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt::Interrupt;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Long enough for a program to remove what it has made.
const GRACE: Duration = Duration::from_secs(15);
const TAIL_LINES: usize = 15;

/// A program about to be run.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    limit: Duration,
    on_interrupt: OnInterrupt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnInterrupt {
    End,
    GoOn,
}

impl Program {
    /// `name`, looked up in `PATH`; ended after a minute unless [`Self::limit`] says otherwise.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(name);
        // Its own process group: a Ctrl-C at the terminal reaches us alone, and we end it.
        command.stdin(Stdio::null()).process_group(0);
        Self { command, limit: Duration::from_secs(60), on_interrupt: OnInterrupt::End }
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn env_remove(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Runs in directory `dir`.
    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Ends the program after `limit`.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs on when the run is interrupted: for cleaning up, and for what must not stop halfway.
    pub(crate) fn uninterrupted(mut self) -> Self {
        self.on_interrupt = OnInterrupt::GoOn;
        self
    }

    /// Runs with standard output and error in the file `log`, which an error quotes the end of.
    pub(crate) fn logged(mut self, interrupt: &Interrupt, log: &Path) -> Result<()> {
        let (out, err) = open_log(log)?;
        self.command.stdout(out).stderr(err);
        let (status, what) = self.finish(interrupt)?;
        ensure_success(status, &what, || tail_of(log))
    }

    /// Runs and returns standard output; standard error goes to the file `log`.
    pub(crate) fn output_logged(mut self, interrupt: &Interrupt, log: &Path) -> Result<Vec<u8>> {
        let (_, err) = open_log(log)?;
        self.command.stdout(Stdio::piped()).stderr(err);
        let (status, what, out, _) = self.collect(interrupt)?;
        ensure_success(status, &what, || tail_of(log))?;
        Ok(out)
    }

    /// Runs and returns standard output; an error quotes the end of standard error.
    pub(crate) fn output(mut self, interrupt: &Interrupt) -> Result<Vec<u8>> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (status, what, out, err) = self.collect(interrupt)?;
        ensure_success(status, &what, || tail(&err))?;
        Ok(out)
    }

    /// Runs and returns the exit status, whatever it is, with standard output; an error is left for
    /// a program that could not be run or did not end by itself.
    pub(crate) fn exit_status(mut self, interrupt: &Interrupt) -> Result<(i32, String)> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (status, what, out, _) = self.collect(interrupt)?;
        let code = status.code().with_context(|| format!("{what}: {status}"))?;
        Ok((code, String::from_utf8_lossy(&out).trim_end().to_owned()))
    }

    /// Runs with our own standard output and error.
    pub(crate) fn in_the_open(self, interrupt: &Interrupt) -> Result<()> {
        let (status, what) = self.finish(interrupt)?;
        ensure_success(status, &what, String::new)
    }

    /// Starts it with its output in `log` and leaves it running.
    pub(crate) fn started(mut self, log: &Path) -> Result<Child> {
        let (out, err) = open_log(log)?;
        self.command.stdout(out).stderr(err);
        self.spawn()
    }

    fn collect(mut self, interrupt: &Interrupt) -> Result<(ExitStatus, String, Vec<u8>, Vec<u8>)> {
        let what = self.what();
        let mut child = self.spawn()?;
        let out = child.stdout.take().map(drain);
        let err = child.stderr.take().map(drain);
        let status = self.wait(&mut child, interrupt).with_context(|| what.clone())?;
        Ok((status, what, gather(out)?, gather(err)?))
    }

    fn finish(mut self, interrupt: &Interrupt) -> Result<(ExitStatus, String)> {
        let what = self.what();
        let mut child = self.spawn()?;
        let status = self.wait(&mut child, interrupt).with_context(|| what.clone())?;
        Ok((status, what))
    }

    fn wait(&self, child: &mut Child, interrupt: &Interrupt) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.on_interrupt == OnInterrupt::End
                && let Err(interrupted) = interrupt.check()
            {
                end(child, GRACE);
                return Err(interrupted);
            }
            if started.elapsed() > self.limit {
                end(child, GRACE);
                bail!("ended by us: not done after {} s", self.limit.as_secs_f32());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn spawn(&mut self) -> Result<Child> {
        let name = self.command.get_program().to_string_lossy().into_owned();
        self.command.spawn().with_context(|| format!("cannot run {name}"))
    }

    fn what(&self) -> String {
        let words = self.command.get_args().take(3).map(OsStr::to_string_lossy);
        let name = self.command.get_program().to_string_lossy();
        std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// Whether a program of this name is in `PATH`.
pub(crate) fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// Ends `child` and its children: SIGTERM, and SIGKILL for what is left after `grace`.
pub(crate) fn end(child: &mut Child, grace: Duration) {
    signal(child, Signal::TERM);
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
    signal(child, Signal::KILL);
    // Killed: there is nothing left to go wrong but its having been waited for already.
    drop(child.wait());
}

fn signal(child: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process_group(group, signal);
    }
}

fn open_log(log: &Path) -> Result<(File, File)> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    Ok((file.try_clone()?, file))
}

fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<std::io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes)
    })
}

fn gather(reader: Option<JoinHandle<std::io::Result<Vec<u8>>>>) -> Result<Vec<u8>> {
    match reader.map(JoinHandle::join) {
        None => Ok(Vec::new()),
        Some(Ok(read)) => Ok(read?),
        Some(Err(_)) => Err(anyhow!("the reader of its output panicked")),
    }
}

fn ensure_success(status: ExitStatus, what: &str, detail: impl Fn() -> String) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("{what}: {status}{}", detail())
}

/// The last lines of the file `log`, and where the rest is, to be put behind a message.
pub(crate) fn tail_of(log: &Path) -> String {
    let end = fs::read(log).map(|bytes| tail(&bytes)).unwrap_or_default();
    format!("{end}\n  whole log: {}", log.display())
}

fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    last.iter().map(|line| format!("\n  | {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Program, tail};
    use crate::interrupt::Interrupt;
    use std::time::Duration;

    #[test]
    fn a_failure_names_the_program_its_status_and_its_last_words() {
        let failed = Program::new("sh")
            .args(["-c", "echo first >&2; echo last >&2; exit 3"])
            .output(&Interrupt::listen().unwrap());
        let message = format!("{:#}", failed.unwrap_err());
        assert!(message.starts_with("sh -c"), "{message}");
        assert!(message.contains("exit status: 3\n  | first\n  | last"), "{message}");
    }

    #[test]
    fn a_program_is_ended_at_its_limit_with_its_children() {
        let failed = Program::new("sh")
            .args(["-c", "sleep 1000 & wait"])
            .limit(Duration::from_millis(100))
            .output(&Interrupt::listen().unwrap());
        // The child holds the pipe open: were it left, this would not return.
        assert!(format!("{:#}", failed.unwrap_err()).contains("not done after"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let failed = Program::new("no-such-program-here").output(&Interrupt::listen().unwrap());
        assert!(
            format!("{:#}", failed.unwrap_err()).starts_with("cannot run no-such-program-here")
        );
    }

    #[test]
    fn only_the_end_of_a_long_output_is_quoted() {
        let long: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let quoted = tail(long.as_bytes());
        assert!(quoted.starts_with("\n  | line 85") && quoted.ends_with("| line 99"), "{quoted}");
    }
}
