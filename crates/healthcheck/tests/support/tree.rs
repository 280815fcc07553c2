//! The trees that a scenario becomes: what its container sees of itself, and
//! what the host sees of it among noisy neighbours.

use super::scenario::{FileSpec, ProcessSpec, Scenario};
use super::tables;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vantage::{Pid, Vantage};

const UPTIME: u64 = 100_000;

/// What is added to a container's pids on the host, chosen so that the sum is
/// no other number of any scenario.
const ON_THE_HOST: u32 = 3_140_000;

/// The same for the neighbours that are made of the container's processes.
const TWIN: u32 = 2_710_000;

/// A tree in a temporary folder.
pub(crate) struct Tree {
    folder: TempDir,
    /// The container's first process, where the tree is a host's.
    first: Option<Pid>,
    /// The container's pids on the host, with their own.
    pids: Vec<(u32, u32)>,
}

impl Tree {
    /// What the container sees of itself.
    pub(crate) fn inside(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path().join("proc");
        tables::write(&proc.join("net"), scenario, 0);
        for process in scenario.with_first() {
            write_process(&proc, process.pid, process, process.state);
        }
        write_uptime(&proc);
        write_files(&folder.path().join("root"), scenario);
        finish(folder.path(), &proc, scenario);
        Self { folder, first: None, pids: Vec::new() }
    }

    /// What the host sees: the container's processes by other pids; for each of
    /// them another container's with the same command line and a state of its
    /// own, with other sockets and other files; and a root with other files.
    pub(crate) fn host(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path().join("proc");
        let shift = if scenario.host_network { 0 } else { 500_000 };
        tables::write(&proc.join("net"), scenario, shift);
        tables::write(&folder.path().join("container-net"), scenario, 0);
        write_files(&folder.path().join("container-root"), scenario);
        write_decoys(&folder.path().join("root"), scenario);
        let mut pids = Vec::new();
        for process in scenario.with_first() {
            let pid = process.pid + ON_THE_HOST;
            pids.push((pid, process.pid));
            let here = write_process(&proc, pid, process, process.state);
            let numbers = format!("Name:\tservice\nNSpid:\t{pid}\t{}\n", process.pid);
            std::fs::write(here.join("status"), numbers).unwrap();
            symlink("../../container-net", here.join("net")).unwrap();
            symlink("../../container-root", here.join("root")).unwrap();
            std::fs::write(here.join("cgroup"), "0::/system.slice/docker-0ab1.scope\n").unwrap();
            // What is alive here is stopped there, and the other way round.
            let opposite = if process.state == 'S' { 'T' } else { 'S' };
            let sockets = process.sockets.iter().map(|inode| inode + 500_000).collect();
            let twin = ProcessSpec {
                pid: process.pid + TWIN,
                arguments: process.arguments.clone(),
                title: process.title.clone(),
                name: process.name.clone(),
                environment: process.environment.iter().map(|v| format!("{v}0")).collect(),
                sockets,
                refused: Vec::new(),
                gone: Vec::new(),
                ..*process
            };
            write_neighbour(&proc, &twin, opposite);
        }
        for process in &scenario.neighbour {
            write_neighbour(&proc, process, process.state);
        }
        write_uptime(&proc);
        finish(folder.path(), &proc, scenario);
        Self { folder, first: Some(Pid::new(1 + ON_THE_HOST)), pids }
    }

    /// The place to look from.
    pub(crate) fn vantage(&self) -> Vantage {
        match self.first {
            None => Vantage::at(self.folder.path()).unwrap(),
            Some(pid) => Vantage::at_host_fixture(self.folder.path(), pid).unwrap(),
        }
    }

    /// A text with the host's pids replaced by the container's own.
    pub(crate) fn translate(&self, text: &str) -> String {
        let text = text.replace(&format!("/proc/{}/net", 1 + ON_THE_HOST), "/proc/net");
        self.pids
            .iter()
            .fold(text, |text, (host, own)| text.replace(&host.to_string(), &own.to_string()))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What may not be read cannot be removed either, without privileges.
        let proc = self.folder.path().join("proc");
        let _ = std::fs::set_permissions(proc, std::fs::Permissions::from_mode(0o755));
    }
}

/// Takes all permissions away; the look is without the privilege to pass over that.
pub(crate) fn forbid(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
}

fn finish(folder: &Path, proc: &Path, scenario: &Scenario) {
    std::fs::write(folder.join("now"), scenario.now.to_string()).unwrap();
    std::fs::write(folder.join("filesystems"), &scenario.filesystems).unwrap();
    // Also for whoever is not the owner of this temporary folder.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    if scenario.proc_hidden {
        std::fs::set_permissions(proc, std::fs::Permissions::from_mode(0o311)).unwrap();
    }
}

fn write_uptime(proc: &Path) {
    std::fs::write(proc.join("uptime"), format!("{UPTIME}.42 3.14\n")).unwrap();
}

fn write_neighbour(proc: &Path, process: &ProcessSpec, state: char) {
    let here = write_process(proc, process.pid, process, state);
    symlink("../net", here.join("net")).unwrap();
    symlink("../../root", here.join("root")).unwrap();
    std::fs::write(here.join("cgroup"), "0::/system.slice/docker-0ab12.scope\n").unwrap();
}

fn write_process(proc: &Path, pid: u32, process: &ProcessSpec, state: char) -> PathBuf {
    let here = proc.join(pid.to_string());
    std::fs::create_dir_all(here.join("fd")).unwrap();
    let mut line = match (&process.title, state) {
        (_, 'Z') => String::new(),
        // What is left of the old arguments stays behind a title as padding.
        (Some(title), _) => format!("{title}\0\0\0"),
        (None, _) => process.arguments.iter().fold(String::new(), |mut line, argument| {
            write!(line, "{argument}\0").unwrap();
            line
        }),
    };
    if !process.sockets.is_empty() && line.is_empty() {
        line.clear();
    }
    std::fs::write(here.join("cmdline"), line).unwrap();
    let started = UPTIME.saturating_sub(process.age) * 100;
    let name: String = process.name.chars().take(15).collect();
    let stat = format!(
        "{pid} ({name}) {state} 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {started} 1 1\n"
    );
    std::fs::write(here.join("stat"), stat).unwrap();
    std::fs::write(here.join("environ"), process.environment.join("\0") + "\0").unwrap();
    for (number, inode) in process.sockets.iter().enumerate() {
        symlink(format!("socket:[{inode}]"), here.join(format!("fd/{}", number + 3))).unwrap();
    }
    symlink("pipe:[7]", here.join("fd/0")).unwrap();
    if let Some(limit) = process.open_files_limit {
        let limits = format!(
            "Max open files            {limit}                524288               files     \n"
        );
        std::fs::write(here.join("limits"), limits).unwrap();
    }
    for file in &process.gone {
        let path = here.join(file);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
    for file in &process.refused {
        forbid(&here.join(file));
    }
    if process.uid != 0 && rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&here, Some(process.uid), Some(process.uid)).unwrap();
    }
    here
}

fn write_files(root: &Path, scenario: &Scenario) {
    std::fs::create_dir_all(root).unwrap();
    for (path, file) in &scenario.file {
        write_file(&root.join(path.trim_start_matches('/')), file, scenario.now);
    }
}

/// On the host there is something else in every place.
fn write_decoys(root: &Path, scenario: &Scenario) {
    std::fs::create_dir_all(root).unwrap();
    for path in scenario.file.keys() {
        let decoy = FileSpec { text: "the host's own\n".into(), ..FileSpec::default() };
        write_file(&root.join(path.trim_start_matches('/')), &decoy, scenario.now);
    }
}

fn write_file(path: &Path, file: &FileSpec, now: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if let Some(target) = &file.link {
        symlink(target, path).unwrap();
        return;
    }
    let node = |kind| rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o644), 0).unwrap();
    match file.kind.as_deref() {
        None => {
            let bytes = file.bytes.as_deref().unwrap_or(file.text.as_bytes());
            std::fs::write(path, bytes).unwrap();
        }
        Some("directory") => std::fs::create_dir_all(path).unwrap(),
        Some("fifo") => node(FileType::Fifo),
        Some("socket") => node(FileType::Socket),
        Some("sparse") => std::fs::File::create(path).unwrap().set_len(1 << 30).unwrap(),
        Some(other) => panic!("{other} is no kind of file"),
    }
    let changed = Timespec { tv_sec: now as i64 - file.age, tv_nsec: 0 };
    let times = Timestamps { last_access: changed, last_modification: changed };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    if file.refused {
        forbid(path);
    }
}
