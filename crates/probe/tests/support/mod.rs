//! What the tests of the command share: running it, golden files, and a room
//! of its own where files, names and processes are the test's.

#![allow(clippy::allow_attributes, reason = "not every test file uses what they allow")]
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "what cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command.
pub(crate) const HEALTHCHECK: &str = env!("CARGO_BIN_EXE_healthcheck");

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn first(&self) -> &str {
        self.out.lines().next().unwrap_or_default()
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The command with these arguments, and nothing of our environment.
pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(HEALTHCHECK);
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs the command.
pub(crate) fn run(arguments: &[&str]) -> Answer {
    command(arguments).output().unwrap().into()
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` writes it.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; set UPDATE_GOLDEN=1", path.display()));
    assert_eq!(text, expected, "{name} differs; set UPDATE_GOLDEN=1 if that is meant");
}

/// The program that stands in for services.
pub(crate) fn stand_in() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "stand-in"])
        .status()
        .unwrap();
    assert!(built.success());
    let folder = std::env::current_exe().unwrap();
    folder.ancestors().nth(2).unwrap().join("stand-in")
}

/// A root of its own, with the host's programs in it, and its own processes.
pub(crate) struct Room {
    root: tempfile::TempDir,
}

/// Mounts, enters, and runs `$2` there. Nothing of it is left afterwards: the
/// mounts and the processes end with their namespaces.
const ENTER: &str = r#"
set -e
root=$1
for folder in bin lib lib64 usr dev; do
    [ -e "/$folder" ] || continue
    mkdir -p "$root/$folder"
    mount --rbind "/$folder" "$root/$folder"
done
mkdir -p "$root/proc" "$root/tmp" "$root/etc"
mount -t proc proc "$root/proc"
cd "$root"
exec chroot "$root" /bin/bash -c "$2"
"#;

/// For scripts in a room: `start NAME ARGUMENTS...` starts the stand-in under a
/// name and waits until it is ready.
const START: &str = r#"
start() {
    local name=$1; shift
    rm -f /tmp/ready; mkfifo /tmp/ready
    bash -c 'exec -a "$0" /tmp/stand-in "$@"' "$name" "$@" > /tmp/ready &
    started=$!
    read -r line < /tmp/ready
    [ "$line" = ready ]
}
"#;

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self { root: tempfile::tempdir().unwrap() };
        room.copy(HEALTHCHECK, "openstack/healthcheck");
        room
    }

    pub(crate) fn with_stand_in(self) -> Self {
        self.copy(stand_in(), "tmp/stand-in");
        self
    }

    fn copy(&self, from: impl AsRef<Path>, to: &str) {
        let to = self.path(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    pub(crate) fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    /// Runs a script of bash in here.
    pub(crate) fn bash(&self, script: &str) -> Answer {
        let script = format!("{START}\n{script}");
        let mut unshare = Command::new("unshare");
        if !rustix::process::getuid().is_root() {
            unshare.arg("--map-root-user");
        }
        unshare
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"])
            .arg(self.root.path())
            .arg(script)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        unshare.output().unwrap().into()
    }
}
