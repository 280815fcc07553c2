//! From outside a service is asked from its own network, where its loopback is
//! not ours.

use crate::server::{self, Server, answer};
use crate::{LONG, definition, line};
use healthcheck::evaluate::evaluate;
use healthcheck::plan::{Plan, Request};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use vantage::{Pid, Vantage};

/// A process with a network of its own.
struct Elsewhere(Child);

impl Elsewhere {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a container to be looked at")]
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self(child)
    }

    /// Does something in its network.
    fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        #[expect(clippy::disallowed_methods, reason = "a container to be looked at")]
        let namespace = File::open(format!("/proc/{}/ns/net", self.0.id())).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    fn look(&self, fields: &str) -> String {
        let vantage = Arc::new(Vantage::outside(Pid::new(self.0.id())).unwrap());
        let request = Request { deadline: Some(LONG), ..Request::default() };
        let plan = Plan::new(&definition("", fields), &request, &vantage);
        line(&evaluate(&plan, &vantage).remove(0))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Brings this thread's loopback up, with an RTM_NEWLINK message (`man 7 rtnetlink`).
fn bring_loopback_up() {
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
    message.extend(1_u32.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    rustix::net::send(&netlink, &message, SendFlags::empty()).unwrap();
    let mut reply = [0; 512];
    rustix::net::recv(&netlink, &mut reply[..], RecvFlags::empty()).unwrap();
    assert_eq!(reply[16..20], [0; 4]);
}

#[test]
fn a_service_in_another_network_is_asked_there() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: a network namespace takes root");
        return;
    }
    let elsewhere = Elsewhere::new();
    elsewhere.within(bring_loopback_up);
    // The same port on both loopbacks, and another answer on each.
    let ours = server::on("127.0.0.1:0", answer("HTTP/1.1 200 Ours\r\n\r\n"));
    let port = ours.port();
    let fields = format!("port = {port}");
    assert_eq!(
        elsewhere.look(&fields),
        format!("unhealthy (self): nothing listens on port {port}")
    );
    let url = format!("url = \"http://127.0.0.1:{port}/\"");
    assert_eq!(
        elsewhere.look(&url),
        format!("unhealthy (self): connection refused by 127.0.0.1:{port}")
    );
    for (bound, expected) in [("127.0.0.1", "127.0.0.1"), ("[::]", "[::1]")] {
        let listener = elsewhere.within(|| TcpListener::bind(format!("{bound}:{port}")).unwrap());
        let at = listener.local_addr().unwrap();
        let held = Server::held(at, listener.try_clone().unwrap().into());
        let serving = std::thread::spawn(move || {
            let serve = answer("HTTP/1.1 200 Theirs\r\n\r\n");
            for stream in listener.incoming().take(1) {
                serve(&mut stream.unwrap());
            }
        });
        assert_eq!(
            elsewhere.look(&fields),
            format!("healthy: 200 Theirs to GET / on {expected}:{port}")
        );
        serving.join().unwrap();
        drop(held);
    }
}
