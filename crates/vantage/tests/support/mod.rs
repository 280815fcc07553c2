//! What the tests share: a network namespace to look into from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part of this")]

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use vantage::{Deadline, Pid, Port, Protocol, Wanted};

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

pub(crate) fn own_pid() -> Pid {
    Pid::new(std::process::id())
}

pub(crate) fn listeners(protocol: Protocol, ports: &[u16]) -> Wanted {
    Wanted {
        protocol,
        listening: true,
        ports: ports.iter().filter_map(|&p| Port::new(p)).collect(),
    }
}

pub(crate) fn connections(protocol: Protocol, ports: &[u16]) -> Wanted {
    Wanted { listening: false, ..listeners(protocol, ports) }
}

/// A process with a network namespace of its own, whose loopback is up.
pub(crate) struct Netns {
    child: Child,
    pid: Pid,
    namespace: File,
}

impl Netns {
    /// `None`, and it says so, where we are not root.
    pub(crate) fn new() -> Option<Self> {
        Self::with_etc(&[])
    }

    /// The same with these files, by name and content, and no others in its `/etc`.
    pub(crate) fn with_etc(files: &[(&str, &str)]) -> Option<Self> {
        let etc = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(etc.path().join(name), content).unwrap();
        }
        let prepare = match files {
            [] => ":",
            _ => "mount -t tmpfs none /etc; cp -r $0/. /etc",
        };
        Self::start(&["--mount"], prepare, etc.path())
    }

    /// One with a pid namespace of its own besides.
    pub(crate) fn with_pids() -> Option<Self> {
        let mut netns = Self::start(&["--pid", "--fork", "--kill-child"], ":", Path::new("/"))?;
        let unshare = netns.child.id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let first = std::fs::read_to_string(children).unwrap();
        netns.pid = Pid::new(first.trim().parse().unwrap());
        Some(netns)
    }

    fn start(options: &[&str], prepare: &str, argument: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: a network namespace takes root");
            return None;
        }
        let script = format!("set -e; {prepare}; echo ready; exec sleep 1000");
        let mut child = Command::new("unshare")
            .arg("--net")
            .args(options)
            .args(["sh", "-c", &script])
            .arg(argument)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let namespace = File::open(format!("/proc/{}/ns/net", child.id())).unwrap();
        let pid = Pid::new(child.id());
        let netns = Self { child, pid, namespace };
        netns.within(|| set_loopback(1));
        Some(netns)
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Does something within the namespace.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(self.namespace.as_fd(), kind).unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Brings the loopback of this thread's network namespace up (1) or down (0),
/// with an RTM_NEWLINK message (`man 7 rtnetlink`).
pub(crate) fn set_loopback(up: u32) {
    let flags = SocketFlags::CLOEXEC;
    let netlink =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).unwrap();
    let mut message = Vec::new();
    message.extend(32u32.to_ne_bytes());
    message.extend(16u16.to_ne_bytes());
    // NLM_F_REQUEST and NLM_F_ACK
    message.extend(5u16.to_ne_bytes());
    message.extend([0; 8]);
    // struct ifinfomsg: interface 1, flags, and which of them to change: IFF_UP.
    message.extend([0; 4]);
    message.extend(1u32.to_ne_bytes());
    message.extend(up.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    rustix::net::send(&netlink, &message, SendFlags::empty()).unwrap();
    let mut reply = [0; 512];
    rustix::net::recv(&netlink, &mut reply[..], RecvFlags::empty()).unwrap();
    assert_eq!(i32::from_ne_bytes(reply[16..20].try_into().unwrap()), 0);
}
