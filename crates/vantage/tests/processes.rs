//! Processes: real ones that vanish and stop, and fixtures of hostile and of
//! very many ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use rustix::process::Signal;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{Netns, connections, listeners, own_pid, soon};
use tempfile::TempDir;
use vantage::{Inode, Obstacle, Pid, ProcessState, Protocol, SocketSource, SocketState, Vantage};

/// A fixture whose processes are written one by one.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        // In memory where there is such a place: some fixtures are very many files.
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        fs::create_dir(directory.path().join("root")).unwrap();
        fs::create_dir_all(directory.path().join("proc/net")).unwrap();
        fs::write(directory.path().join("proc/uptime"), "1000.00 1.00\n").unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// As much of a process as a listing looks at.
    fn listed(&self, pid: u32, cmdline: &[u8], group: &str) {
        let directory = self.path().join(format!("proc/{pid}"));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("cmdline"), cmdline).unwrap();
        fs::write(directory.join("cgroup"), format!("0::{group}\n")).unwrap();
    }

    fn process(&self, pid: u32, name: &str, cmdline: &[u8]) {
        self.listed(pid, cmdline, "/");
        let directory = self.path().join(format!("proc/{pid}"));
        fs::create_dir(directory.join("fd")).unwrap();
        let zeros = "0 ".repeat(17);
        fs::write(directory.join("stat"), format!("{pid} ({name}) S 1 {zeros}4200 0 0\n")).unwrap();
    }

    fn vantage(&self) -> Vantage {
        Vantage::at(self.path()).unwrap()
    }
}

/// A process that ends with the test at the latest.
struct Sleeper(Child);

impl Sleeper {
    fn new(title: &str) -> Self {
        let mut command = Command::new("sleep");
        Self(command.arg0(title).arg("1000").stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid::new(self.0.id())
    }

    fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_is_found_with_what_it_was_started_as() {
    let sleeper = Sleeper::new("nova-conductor: worker\nnext");
    let pid = sleeper.pid();
    let by = soon();
    let (inside, arguments) = loop {
        assert!(!by.has_passed(), "it never had arguments");
        let inside = Vantage::inside().unwrap();
        let mut all = inside.processes().unwrap().iter();
        let arguments = all.find(|process| process.pid == pid).unwrap().arguments.clone();
        // Within its execve there are none for a moment.
        if !arguments.is_empty() {
            break (inside, arguments);
        }
    };
    assert_eq!(arguments, ["nova-conductor: worker\nnext", "1000"]);
    assert!(!inside.processes().unwrap().iter().any(|process| process.pid == own_pid()));
    let status = inside.process_status(pid).unwrap().unwrap();
    assert_eq!((status.name.as_str(), status.parent), ("sleep", own_pid()));
    assert_eq!(status.owner.0, rustix::process::geteuid().as_raw());
    // Of its start the kernel tells hundredths of seconds.
    assert!(status.age < Duration::from_secs(600), "{:?}", status.age);
}

#[test]
fn a_process_that_stops_and_one_that_has_ended() {
    let sleeper = Sleeper::new("sleep");
    let pid = sleeper.pid();
    let inside = Vantage::inside().unwrap();
    let state_becomes = |state| {
        let by = soon();
        while inside.process_status(pid).unwrap().unwrap().state != state {
            assert!(!by.has_passed(), "never {state:?}");
        }
    };
    sleeper.signal(Signal::STOP);
    state_becomes(ProcessState::Stopped);
    sleeper.signal(Signal::KILL);
    state_becomes(ProcessState::Zombie);
    let listed = Vantage::inside().unwrap();
    // It has no arguments any more, and in version 1 no control group.
    let mut all = listed.processes().unwrap().iter();
    assert!(all.all(|process| process.pid != pid || process.arguments.is_empty()));
    drop(sleeper);
    assert_eq!(inside.process_status(pid).unwrap(), None);
}

#[test]
fn a_process_that_vanishes_between_two_looks() {
    let sleeper = Sleeper::new("sleep");
    let pid = sleeper.pid();
    let inside = Vantage::inside().unwrap();
    assert!(inside.processes().unwrap().iter().any(|process| process.pid == pid));
    drop(sleeper);
    // What was seen is remembered; what is looked at now is not there.
    assert!(inside.processes().unwrap().iter().any(|process| process.pid == pid));
    assert_eq!(inside.process_status(pid).unwrap(), None);
    assert!(inside.socket_inodes(pid).unwrap().is_empty());
    assert!(inside.environment(pid).unwrap().is_empty());
    assert_eq!(Vantage::outside(pid).unwrap_err().obstacle, Obstacle::Missing);
}

#[test]
fn a_process_of_another_user_is_blind_with_advice() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: becoming another user takes root");
        return;
    }
    let sleeper = Sleeper::new("sleep");
    let pid = sleeper.pid();
    let blind = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // For this thread alone.
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            let inside = Vantage::inside().unwrap();
            // What anybody may see is still seen.
            assert!(inside.process_status(pid).unwrap().is_some());
            // That nothing is asked for makes nothing readable.
            assert!(inside.sockets_held_of(pid, &HashSet::new()).is_err());
            (inside.socket_inodes(pid).unwrap_err(), inside.environment(pid).unwrap_err())
        });
        thread.join().unwrap()
    });
    for blind in [&blind.0, &blind.1] {
        assert_eq!(blind.obstacle, Obstacle::Forbidden);
    }
    assert_eq!(blind.0.attempt, format!("read /proc/{pid}/fd"));
    assert!(blind.0.hint.unwrap().contains("CAP_SYS_PTRACE"));
}

#[test]
fn from_outside_the_processes_are_those_of_the_container() {
    let Some(netns) = Netns::with_pids() else { return };
    let outside = Vantage::outside(netns.pid()).unwrap();
    let found: Vec<Pid> = outside.processes().unwrap().iter().map(|found| found.pid).collect();
    assert_eq!(found, [netns.pid()]);
}

#[test]
fn titles_and_names_of_every_sort() {
    let fixture = Fixture::new();
    let title = vec![b'x'; 100_000];
    fixture.process(7, "a) S 1 (b", &title);
    fixture.process(8, "line\nend", b"nova-compute\n--fake\0\x1b[31m\0\xff\0\0\0");
    fixture.process(9, "kthread", b"");
    let from = fixture.vantage();
    let processes = from.processes().unwrap();
    assert_eq!(processes.len(), 3);
    assert_eq!(processes[0].arguments.len(), 1);
    assert!(processes[0].arguments[0].len() < title.len(), "cut off");
    assert_eq!(processes[1].arguments, ["nova-compute\n--fake", "\u{1b}[31m", "\u{fffd}"]);
    assert!(processes[2].arguments.is_empty());
    let status = |pid| from.process_status(Pid::new(pid)).unwrap().unwrap();
    assert_eq!(status(7).name, "a) S 1 (b");
    assert_eq!(status(8).name, "line\nend");
    assert_eq!((status(8).started, status(8).age), (4200, Duration::from_secs(958)));
}

#[test]
fn command_lines_that_would_fill_our_memory_are_not_read() {
    let fixture = Fixture::new();
    // 16 k arguments of a byte each take some 25 times that as strings.
    fixture.listed(1, &b"a\0".repeat(16 << 10), "/");
    let first = fixture.path().join("proc/1");
    for pid in 2..400 {
        let directory = fixture.path().join(format!("proc/{pid}"));
        fs::create_dir(&directory).unwrap();
        fs::hard_link(first.join("cmdline"), directory.join("cmdline")).unwrap();
    }
    let blind = fixture.vantage().processes().unwrap_err();
    assert!(blind.to_string().contains("bytes of command lines, found more"), "{blind}");
}

#[test]
fn a_process_with_the_number_of_another_started_at_another_time() {
    let fixture = Fixture::new();
    fixture.process(7, "nova", b"nova\0");
    let from = fixture.vantage();
    let before = from.process_status(Pid::new(7)).unwrap().unwrap();
    let stat = fixture.path().join("proc/7/stat");
    let reused = fs::read_to_string(&stat).unwrap().replace("4200", "99000");
    fs::write(&stat, reused).unwrap();
    let after = from.process_status(Pid::new(7)).unwrap().unwrap();
    assert_ne!(before.started, after.started);
    fs::write(&stat, "nonsense").unwrap();
    let blind = from.process_status(Pid::new(7)).unwrap_err();
    assert_eq!(blind.attempt, "read /proc/7/stat");
}

#[test]
fn ten_thousand_processes_and_the_containers_among_them() {
    let fixture = Fixture::new();
    for pid in 1..=10_000 {
        let group = if pid % 1000 == 0 { "/docker/ab/worker" } else { "/docker/abc" };
        fixture.listed(pid, format!("worker\0{pid}\0").as_bytes(), group);
    }
    assert_eq!(fixture.vantage().processes().unwrap().len(), 10_000);
    fs::create_dir(fixture.path().join("proc/1000/root")).unwrap();
    let pid = Pid::new(1000);
    let cgroup = fixture.path().join("proc/1000/cgroup");
    fs::write(cgroup, "0::/docker/ab\n").unwrap();
    let from = Vantage::at_host_fixture(fixture.path(), pid).unwrap();
    let found: Vec<u32> =
        from.processes().unwrap().iter().map(|process| process.pid.get()).collect();
    assert_eq!(found, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000]);
}

#[test]
fn fifty_thousand_sockets_in_a_table() {
    let fixture = Fixture::new();
    let mut table = String::from("  sl  local_address rem_address   st tx_queue rx_queue ...\n");
    for number in 0..50_000u32 {
        let (port, inode) = (number % 20_000 + 10_000, 100_000 + number);
        table.push_str(&format!(
            "{number:5}: 0100007F:{port:04X} 020011AC:1628 01 00000000:00000000 00:00000000 00000000 42436 0 {inode} 1 0 20 4 0 10 -1\n"
        ));
    }
    fs::write(fixture.path().join("proc/net/tcp"), table).unwrap();
    let from = fixture.vantage();
    let found = from.sockets(&connections(Protocol::Tcp, &[10_007]), soon()).unwrap();
    let inodes: Vec<u64> = found.sockets.iter().map(|socket| socket.inode.0).collect();
    assert_eq!(inodes, [100_007, 120_007, 140_007]);
    let all = from.sockets(&connections(Protocol::Tcp, &[5672]), soon()).unwrap();
    assert_eq!(all.sockets.len(), 50_000);
    let SocketSource::ProcNet(refused) = all.source else { panic!("{:?}", all.source) };
    assert_eq!(refused.obstacle, Obstacle::Forbidden);
    assert!(refused.hint.unwrap().contains("virt_sandbox_use_netlink"));
}

#[test]
fn a_fixture_can_say_what_sock_diag_would() {
    let fixture = Fixture::new();
    let net = fixture.path().join("proc/net");
    let table = "\
# state local remote inode uid receive_queue send_queue last_sent last_received unacknowledged retransmits probes
established 172.17.0.5:43210 172.17.1.20:5672 71001 42436 8 0 90000 1200 0 0 0  # stopped
listen [::]:8774 [::]:0 71002 42436 129 128
";
    fs::write(net.join("tcp_diag"), table).unwrap();
    fixture.process(7, "nova", b"nova\0");
    for (number, inode) in [(3, 71001), (4, 71002)] {
        let link = fixture.path().join(format!("proc/7/fd/{number}"));
        symlink(format!("socket:[{inode}]"), link).unwrap();
    }
    symlink("/dev/null", fixture.path().join("proc/7/fd/0")).unwrap();
    let from = fixture.vantage();
    let found = from.sockets(&connections(Protocol::Tcp, &[5672]), soon()).unwrap();
    assert_eq!(found.source, SocketSource::SockDiag);
    assert_eq!(found.sockets[0].movement.unwrap().last_sent, Duration::from_secs(90));
    let found = from.sockets(&listeners(Protocol::Tcp, &[8774]), soon()).unwrap();
    assert_eq!(found.sockets[0].state, SocketState::Listen);
    let held = from.socket_inodes(Pid::new(7)).unwrap();
    assert_eq!(held, [Inode(71001), Inode(71002)].into());
    // What others hold and what was not asked for is left out.
    let among = |wanted: &[u64]| {
        let wanted = wanted.iter().map(|&inode| Inode(inode)).collect();
        from.sockets_held_of(Pid::new(7), &wanted).unwrap()
    };
    assert_eq!(among(&[71002, 5]), [Inode(71002)].into());
    assert_eq!(among(&[71001, 71002]), held);
    assert!(among(&[]).is_empty());
    fs::write(net.join("tcp_diag"), "established nonsense\n").unwrap();
    let blind = from.sockets(&connections(Protocol::Tcp, &[5672]), soon()).unwrap_err();
    let expected =
        "cannot read proc/net/tcp_diag: line 1: expected a socket, found \"established nonsense\"";
    assert_eq!(blind.to_string(), expected);
}
