//! A container as an engine makes one: with its own processes, network, mounts
//! and root, and in it living services, each good or bad in its own way.

use super::live::{Service, ready};
use rustix::fs::{CWD, FileType, Mode};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Signal, kill_process};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use vantage::Pid;

/// Where its own files are; the host has others in that place.
const FOLDER: &str = "HEALTHCHECK_TEST_FOLDER";

/// What runs in it, each as `NAME TASK`, with ` stopped` behind one that is.
const SERVICES: &str = "HEALTHCHECK_TEST_SERVICES";

/// A running container.
pub(crate) struct Container {
    folder: TempDir,
    first: Service,
}

impl Container {
    /// Starts one with these services, each as `NAME TASK` or `NAME TASK stopped`.
    pub(crate) fn start<S: AsRef<str>>(services: &[S]) -> Self {
        let services: Vec<&str> = services.iter().map(AsRef::as_ref).collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        std::fs::write(folder.path().join("own"), "the host's\n").unwrap();
        let script = "mount --rbind / $0/root; mount -t tmpfs none $0/root$0; \
            mount -t proc proc $0/root/proc; exec chroot $0/root \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "--net", "sh", "-ec", script])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .env(FOLDER, folder.path())
            .env(SERVICES, services.join(";"));
        let first = Service::spawn(Service::with_task(command, "container"));
        Self { folder, first }
    }

    /// Its first process, as the host knows it.
    pub(crate) fn pid(&self) -> Pid {
        let unshare = self.first.pid();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let first = std::fs::read_to_string(children).unwrap();
        Pid::new(first.trim().parse().unwrap())
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a process that is started in it says of `task`, as an engine's exec does.
    pub(crate) fn exec(&self, task: &str) -> String {
        let mut command = self.enter();
        command.arg(std::env::current_exe().unwrap()).env(FOLDER, self.folder());
        Service::spawn(Service::with_task(command, task)).said.clone()
    }

    /// Runs a command in it: its exit status and what it said.
    pub(crate) fn run(&self, words: &[String]) -> (i32, String) {
        let output = self.enter().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap(), said)
    }

    /// A link in it to a program of the host's.
    pub(crate) fn link(&self, name: &str, program: &str) -> PathBuf {
        let link = self.folder().join("bin").join(name);
        self.run(
            &["ln", "-sf", program]
                .map(str::to_owned)
                .into_iter()
                .chain([link.display().to_string()])
                .collect::<Vec<_>>(),
        );
        link
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--pid", "--net", "--root", "--wd", "--target"])
            .arg(self.pid().to_string());
        command
    }
}

/// Its folder, for a process in it.
pub(crate) fn own_folder() -> PathBuf {
    std::env::var_os(FOLDER).unwrap().into()
}

/// What its processes do.
pub(crate) fn act(task: &str) {
    match task.split_once(':').unwrap_or((task, "")) {
        ("container", _) => be_first(),
        ("idle", _) => ready(""),
        ("listen", port) => {
            let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
            ready(&listener.local_addr().unwrap().port().to_string());
        }
        ("hear", port) => hear(port, true),
        ("ignore", port) => hear(port, false),
        ("speak", port) => serve(port, true),
        ("hang-up", port) => serve(port, false),
        ("connect", port) => {
            let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
            // Whichever comes, a word or an end, has come before we are ready.
            let _ = stream.read(&mut [0; 4]).unwrap();
            ready("");
        }
        ("answer", place) => answer(place),
        ("unix", _) => {
            let folder = own_folder();
            let _path = UnixListener::bind(folder.join("socket")).unwrap();
            let name = SocketAddr::from_abstract_name("healthcheck-test").unwrap();
            let _name = UnixListener::bind_addr(&name).unwrap();
            ready("");
        }
        other => unreachable!("{other:?}"),
    }
}

/// Has a UDP socket and sends datagrams to itself: one for each that it reads, so that its
/// queue is never seen to shrink; or three, of which it reads none.
fn hear(port: &str, reads: bool) {
    let own = ("127.0.0.1", port.parse().unwrap());
    let socket = UdpSocket::bind(own).unwrap();
    for _ in 0..3 {
        socket.send_to(b"heartbeat", own).unwrap();
    }
    if !reads {
        ready("");
    }
    std::thread::spawn(move || {
        loop {
            // Its work on each: without, it would take a processor from those who are judged.
            std::thread::sleep(Duration::from_millis(3));
            let _ = socket.recv(&mut [0; 16]).unwrap();
            socket.send_to(b"heartbeat", own).unwrap();
        }
    });
    ready("");
}

/// A server that says a word to each client, or hangs up on it.
fn serve(port: &str, speaks: bool) {
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            if speaks {
                client.write_all(b"AMQP").unwrap();
                kept.push(client);
            }
        }
    });
    ready("");
}

/// An HTTP server: `PORT:STATUS`.
fn answer(place: &str) {
    let (port, status) = place.split_once(':').unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    let reply = format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(reply.as_bytes());
        }
    });
    ready("");
}

fn be_first() {
    set_loopback_up();
    let folder = own_folder();
    let file = |name: &str| folder.join(name);
    std::fs::write(file("own"), "its own\n").unwrap();
    std::os::unix::fs::symlink(file("own"), file("link")).unwrap();
    std::os::unix::fs::symlink("../../../../../../../../etc/../..", file("up")).unwrap();
    rustix::fs::mknodat(CWD, file("fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    std::fs::File::create(file("sparse")).unwrap().set_len(1 << 30).unwrap();
    std::fs::write(file("bus.conf"), "[DEFAULT]\nurl = rabbit://a:s3cret@127.0.0.1:5672/\n")
        .unwrap();
    // What was bound here once and is no more.
    drop(UnixListener::bind(file("left-behind")).unwrap());
    let programs = file("bin");
    std::fs::create_dir(&programs).unwrap();
    let mut services = Vec::new();
    let wanted = std::env::var(SERVICES).unwrap();
    for line in wanted.split(';').filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (name, task) = (words.next().unwrap(), words.next().unwrap());
        // By a link of that name, for the kernel's short name is the file's.
        let program = programs.join(name);
        let _ = std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program);
        services.push(Service::start(&program, name, 0, task));
        if words.next() == Some("stopped") {
            let pid = services.last().unwrap().pid();
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
        }
    }
    ready("");
}

/// With an RTM_NEWLINK message (`man 7 rtnetlink`).
fn set_loopback_up() {
    let flags = SocketFlags::CLOEXEC;
    let netlink =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).unwrap();
    let mut message = Vec::new();
    message.extend(32_u32.to_ne_bytes());
    message.extend(16_u16.to_ne_bytes());
    // NLM_F_REQUEST and NLM_F_ACK
    message.extend(5_u16.to_ne_bytes());
    message.extend([0; 8]);
    // struct ifinfomsg: interface 1, flags, and which of them to change: IFF_UP.
    message.extend([0; 4]);
    for word in [1_u32, 1, 1] {
        message.extend(word.to_ne_bytes());
    }
    rustix::net::send(&netlink, &message, SendFlags::empty()).unwrap();
    let mut reply = [0; 512];
    rustix::net::recv(&netlink, &mut reply[..], RecvFlags::empty()).unwrap();
    assert_eq!(i32::from_ne_bytes(reply[16..20].try_into().unwrap()), 0);
}
