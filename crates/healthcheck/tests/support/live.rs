//! Living processes to look at: this test's own binary, run again under
//! another name to do one thing until it is told to end.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What tells the binary that it is such a process, and which.
const TASK: &str = "HEALTHCHECK_TEST_TASK";

/// A process of another name; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// What it said once it was ready.
    pub(crate) said: String,
}

impl Service {
    /// Starts this binary, or a link to it, as `name` and user `uid`, to do `task`.
    pub(crate) fn start(program: &Path, name: &str, uid: u32, task: &str) -> Self {
        let mut command = Command::new(program);
        command.arg0(name).uid(uid);
        Self::spawn(Self::with_task(command, task))
    }

    /// A command that ends in this binary, with what makes it do `task`.
    pub(crate) fn with_task(mut command: Command, task: &str) -> Command {
        command.args(["task_of_another_process", "--exact", "--nocapture"]).env(TASK, task);
        command
    }

    /// Runs a command that says a line when it is ready.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("READY ")?.1.to_owned()))
            .unwrap();
        Self { child, said }
    }

    /// Its id here.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The task this binary was started for, if for any.
pub(crate) fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// Says that it is ready, and waits to be killed.
pub(crate) fn ready(said: &str) -> ! {
    println!("READY {said}");
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// Whether we are root; says so where we are not.
pub(crate) fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped(&format!("{what} takes root"));
    }
    root
}

/// Says that a test was left out, past the harness, which keeps what a test that
/// passes prints to itself.
pub(crate) fn skipped(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
