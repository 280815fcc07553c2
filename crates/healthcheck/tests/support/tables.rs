//! The kernel's tables of sockets, written from the scenario's lines: what
//! sock_diag would say, and what `/proc/net` says where it may not be asked.

use super::scenario::Scenario;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Writes a `net` folder. `shift` is added to every inode, so that another
/// namespace's sockets are not the container's.
pub(crate) fn write(folder: &Path, scenario: &Scenario, shift: u64) {
    std::fs::create_dir_all(folder).unwrap();
    for (protocol, lines) in [("tcp", &scenario.tcp), ("udp", &scenario.udp)] {
        let lines: Vec<Line> = lines.lines().filter_map(|line| Line::parse(line, shift)).collect();
        let diag: String = lines
            .iter()
            .filter(|line| line.state != "time-wait")
            .map(|line| line.recorded.clone() + "\n")
            .collect();
        std::fs::write(folder.join(format!("{protocol}_diag")), diag).unwrap();
        for (name, version) in [(protocol.to_owned(), 4), (format!("{protocol}6"), 6)] {
            let mut table = String::from(HEADER);
            for (number, line) in lines.iter().filter(|line| line.version() == version).enumerate()
            {
                table.push_str(&line.of_the_kernel(number));
            }
            std::fs::write(folder.join(name), table).unwrap();
        }
    }
    let mut unix = String::from("Num       RefCount Protocol Flags    Type St Inode Path\n");
    for (inode, name) in &scenario.unix {
        writeln!(
            unix,
            "0000000000000000: 00000002 00000000 00010000 0001 01 {} {name}",
            inode + shift
        )
        .unwrap();
    }
    std::fs::write(folder.join("unix"), unix).unwrap();
    if shift == 0 {
        for name in &scenario.refused {
            match name.as_str() {
                // How a fixture says that netlink is refused.
                "tcp_diag" | "udp_diag" => std::fs::remove_file(folder.join(name)).unwrap(),
                _ => super::tree::forbid(&folder.join(name)),
            }
        }
    }
}

const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

struct Line {
    recorded: String,
    state: String,
    local: SocketAddr,
    remote: SocketAddr,
    inode: u64,
    uid: String,
    queues: (u32, u32),
}

impl Line {
    fn parse(line: &str, shift: u64) -> Option<Self> {
        let line = line.split('#').next().unwrap().trim();
        if line.is_empty() {
            return None;
        }
        let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let inode: u64 = fields[3].parse().unwrap();
        let inode = if inode == 0 { 0 } else { inode + shift };
        fields[3] = inode.to_string();
        Some(Self {
            recorded: fields.join(" "),
            state: fields[0].clone(),
            local: fields[1].parse().unwrap(),
            remote: fields[2].parse().unwrap(),
            inode,
            uid: fields[4].clone(),
            queues: (fields[5].parse().unwrap(), fields[6].parse().unwrap()),
        })
    }

    fn version(&self) -> u8 {
        if self.local.is_ipv4() { 4 } else { 6 }
    }

    fn of_the_kernel(&self, number: usize) -> String {
        let state = match self.state.as_str() {
            "established" => "01",
            "syn-sent" => "02",
            "syn-received" => "03",
            "time-wait" => "06",
            "close" => "07",
            "close-wait" => "08",
            "listen" => "0A",
            "closing" => "0B",
            other => panic!("{other} is no state"),
        };
        let (received, sent) = self.queues;
        // /proc/net knows no limit of a listener's queue.
        let sent = if self.state == "listen" { 0 } else { sent };
        let (local, remote) = (hexadecimal(self.local), hexadecimal(self.remote));
        let (uid, inode) = (&self.uid, self.inode);
        format!(
            "{number:4}: {local} {remote} {state} {sent:08X}:{received:08X} 00:00000000 00000000 {uid:>5}        0 {inode} 1 0000000000000000 100 0 0 10 0\n"
        )
    }
}

/// Words of the machine's own byte order, the port plain.
fn hexadecimal(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words: String = octets
        .chunks(4)
        .map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap())))
        .collect();
    format!("{words}:{:04X}", address.port())
}
