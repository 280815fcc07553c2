//! What a look at sockets and processes costs on this machine, in microseconds
//! of processor time: `unshare --net sh -c 'ip link set lo up; cost 100 10000 50000'`,
//! where each number is how many connected sockets there are.

#![expect(clippy::unwrap_used, reason = "a program for whoever measures")]

use rustix::time::{ClockId, clock_gettime};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use vantage::{Deadline, Pid, Port, Protocol, Vantage, Wanted};

/// Each look is repeated so often and the median told.
const TIMES: usize = 31;

/// As many sockets as one process may hold without asking for more.
const HELD_BY_ONE: usize = 900;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "--hold").is_some() {
        return hold(arguments.next().unwrap().parse().unwrap());
    }
    let mut holders: Vec<(Child, u16)> = Vec::new();
    let mut held = 0;
    for count in arguments.map(|count| count.parse().unwrap()) {
        while held < count {
            let number = HELD_BY_ONE.min(count - held);
            holders.push(holder(number));
            held += number;
        }
        println!("{held} connected sockets");
        let (holder, port) = holders.first().unwrap();
        let wanted = |listening, port| Wanted {
            protocol: Protocol::Tcp,
            listening,
            ports: Port::new(port).into_iter().collect(),
        };
        tell("one process's connections, by port", &wanted(false, *port));
        tell("every connection", &wanted(false, 0));
        tell("one listener by its port", &wanted(true, *port));
        let pid = Pid::new(holder.id());
        let inodes = median(inside, |from| from.socket_inodes(pid).unwrap().len());
        println!("  descriptors of that process: {inodes}");
    }
    let names = std::fs::read_dir("/proc").unwrap().count();
    let listing = median(inside, |from| from.processes().unwrap().len());
    println!("processes, of {names} names in /proc: {listing}");
    for (mut holder, _) in holders {
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }
}

fn inside() -> Vantage {
    Vantage::inside().unwrap()
}

/// Both ways of looking.
fn tell(what: &str, wanted: &Wanted) {
    let by = Deadline::after(Duration::from_secs(600));
    let look = |from: &Vantage| from.sockets(wanted, by).unwrap().sockets.len();
    let asked = median(inside, look);
    let read = median(|| inside().without_netlink(), look);
    println!("  {what}: sock_diag {asked}, /proc/net {read}");
}

/// The median of what a look at a new vantage takes, and what it saw last.
fn median(new: impl Fn() -> Vantage, look: impl Fn(&Vantage) -> usize) -> String {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let mut seen = 0;
    let mut taken: Vec<u128> = (0..TIMES)
        .map(|_| {
            let from = new();
            let start = now();
            seen = look(&from);
            (now() - start).as_micros()
        })
        .collect();
    taken.sort_unstable();
    format!("{} µs ({seen} seen)", taken[TIMES / 2])
}

/// Another process with so many connected sockets, and its listener's port.
fn holder(number: usize) -> (Child, u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--hold", &number.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut port).unwrap();
    (child, u16::from_be_bytes(port))
}

/// Holds connected sockets until its standard input ends.
fn hold(number: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let held: Vec<_> = (0..number / 2)
        .map(|_| (TcpStream::connect(to).unwrap(), listener.accept().unwrap()))
        .collect();
    std::io::stdout().write_all(&to.port().to_be_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(held);
}
