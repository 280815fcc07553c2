//! Servers that do what no server should, for every kind that speaks to one:
//! silence, garbage, half an answer, lengths that nobody has room for, another
//! protocol. Each ends in time with a clear word, in little memory, and whatever
//! comes back, no secret is told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has failed")]

#[expect(dead_code, reason = "what the tests of http need besides")]
#[path = "http/server.rs"]
mod server;

use cap::Cap;
use healthcheck::definition::Definition;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::kinds;
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{Plan, Request};
use healthcheck::report::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use healthcheck::verdict::{Role, Verdict};
use server::{drip, hold, reset, say};
use std::alloc::System;
use std::fmt::Write as _;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vantage::Vantage;

/// What runs here is looked at for how much it takes.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// As much as all cases of one kind may take, some of them at the same time.
const MOST: usize = 48 << 20;

/// Short for the many cases in which nothing more comes. Where this machine had no
/// time for us nothing is known, so longer ones follow.
const DEADLINES: [u64; 6] = [700, 4_000, 20_000, 20_000, 20_000, 20_000];

/// Words that nothing else holds; a `%` would have to be encoded in a URL.
const SECRET: &str = "Xq7hostile-Zw9secret";

/// What some kinds want to run before they ask its socket.
const PROGRAM: &str = "hostile-daemon";

/// A process of that name, for as long as this is kept.
struct Running(Child);

impl Running {
    fn start() -> Self {
        let child = Command::new("sleep").arg0(PROGRAM).arg("3600").spawn().unwrap();
        // Within its execve it has no arguments for a moment, and so no name.
        while std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap().is_empty() {
            std::thread::yield_now();
        }
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A kind that speaks to a server.
struct Speaks {
    kind: &'static str,
    /// The fields of a check, with `AT` for the server's address, `PORT` for its
    /// port, `SOCKET` for a unix socket, `PROGRAM` for one that runs, and `SECRET`
    /// wherever the kind takes one.
    checks: &'static [&'static str],
    /// How a good answer begins, cut where it makes no sense yet.
    half: &'static [u8],
    /// Lengths that are a lie: 4 GiB, negative, nested as deep as it goes.
    lengths: &'static [&'static [u8]],
    /// The servers of which it may rightly know nothing.
    unknown: &'static [&'static str],
}

const SPEAKS: &[Speaks] = &[
    Speaks {
        kind: "certificate",
        checks: &["to = \"AT\"", "port = PORT"],
        // A ServerHello of which nothing follows.
        half: &[0x16, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3],
        lengths: &[&[0x16, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff], &[0x16, 3, 3, 0xff, 0xff]],
        // It may well serve others, and a certificate that is good.
        unknown: &["speaks a TLS alert"],
    },
    Speaks {
        kind: "dns",
        checks: &["to = \"AT\"", "port = PORT"],
        half: b"\0\x30\0\x01\x85\x80",
        lengths: &[b"\xff\xff\0\x01\x85\x80"],
        unknown: &[],
    },
    Speaks {
        kind: "greeting",
        checks: &[
            "to = \"AT\"\nexpect = \"^SSH-2\"",
            "port = PORT\nexpect = \"^SSH-2\"",
            "unix = \"SOCKET\"\nsay = \"show daemon\"\nmessages = \"multipath\"\nexpect = \"^pid\"",
        ],
        half: b"SSH-2",
        lengths: &[
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\0\0\0\0\x01\0\0\0",
            b"\0\0\0\x80\0\0\0\0",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "haproxy",
        checks: &["to = \"AT\"", "port = PORT", "unix = \"SOCKET\""],
        half: b"Name: HAProxy\nVersion: 2.6.12\nMaxco",
        lengths: &[
            b"Name: HAProxy\nVersion: 2.6.12\nMaxconn: -1\nCurrConns: 18446744073709551616\n",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "heartbeat",
        checks: &["unix = \"SOCKET\""],
        half: b"cpu 2026-11-22T22:2",
        lengths: &[b"cpu 99999-11-22T22:23:43\n", b"cpu 2026-11-22T22:23:43.4294967296\n"],
        unknown: &[],
    },
    Speaks {
        kind: "http",
        checks: &[
            "url = \"http://user:SECRET@AT/?token=SECRET\"",
            "url = \"https://user:SECRET@AT/\"",
            "port = PORT\nheaders = { X-Auth-Token = \"SECRET\" }",
        ],
        half: b"HTTP/1.1 200 OK\r\nContent-Le",
        lengths: &[
            b"HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "memcached",
        checks: &["to = \"AT\"", "port = PORT"],
        half: b"VERSION 1.6",
        lengths: &[b"VALUE version 0 4294967296\r\n"],
        unknown: &[],
    },
    Speaks {
        kind: "amqp",
        checks: &[
            "to = \"rabbit://user:SECRET@AT/\"",
            "to = \"rabbit://user:SECRET@AT/\"\ntls = true",
        ],
        // connection.start, until within its table.
        half: b"\x01\0\0\0\0\x01\xfa\0\x0a\0\x0a\0\x09\0\0\x01\xd5\x0ccapabilitiesF\0\0",
        lengths: &[
            b"\x01\0\0\xff\xff\xff\xff\0\x0a\0\x0a",
            b"\x01\0\0\0\0\x01\xfa\0\x0a\0\x0a\0\x09\xff\xff\xff\xff\x0ccapabilities",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "amqp1",
        checks: &[
            "to = \"AT\"\nuser = \"user\"\npassword = \"SECRET\"",
            "port = PORT\ntls = false",
            "port = PORT\ntls = true",
        ],
        // sasl-mechanisms, until within its array.
        half: b"AMQP\x03\x01\0\0\0\0\0\x1c\x02\x01\0\0\0S@\xc0\x0f\x01\xe0",
        lengths: &[
            b"AMQP\x03\x01\0\0\xff\xff\xff\xff\x02\x01\0\0",
            b"AMQP\x03\x01\0\0\0\0\0\x1c\xff\x01\0\0",
            b"AMQP\x03\x01\0\0\0\0\0\x18\x02\x01\0\0\0S@\xd0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "database",
        checks: &[
            "to = \"mysql+pymysql://user:SECRET@AT/nova\"",
            "to = \"mysql+pymysql://user:SECRET@AT/nova?ssl=true\"",
            "to = \"postgresql://user:SECRET@AT/nova\"",
        ],
        half: b"\x49\0\0\0\x0a5.5.5-10.11.6",
        lengths: &[b"\xff\xff\xff\0\x0a5.5.5", b"\xff\xff\xff\0\xff\xff\xff"],
        unknown: &[],
    },
    Speaks {
        kind: "frr",
        checks: &["unix = \"SOCKET\"", "unix = \"SOCKET\"\nsessions = true"],
        half: b"FRRouting 8.4.4 (h) on",
        lengths: &[b"FRRouting 8.4.4\n\0\xff\xff\xff", b"FRRouting 8.4.4\n\0\0\0\x01"],
        unknown: &[],
    },
    Speaks {
        kind: "galera",
        checks: &["unix = \"SOCKET\"\nuser = \"user\"\npassword = \"SECRET\""],
        half: b"\x49\0\0\0\x0a5.5.5-10.11.6",
        lengths: &[b"\xff\xff\xff\0\x0a5.5.5", b"\xff\xff\xff\0\xff\xff\xff"],
        unknown: &[],
    },
    Speaks {
        kind: "libvirt",
        checks: &[
            "unix = \"SOCKET\"\nuri = \"qemu:///system\"",
            "to = \"SOCKET\"",
            "unix = \"SOCKET\"\nping = true",
        ],
        half: b"\0\0\0\x24\x20\0\x80\x86\0\0\0\x01\0\0",
        lengths: &[
            b"\xff\xff\xff\xff\x20\0\x80\x86",
            b"\0\x01\0\0\x20\0\x80\x86\0\0\0\x01",
            b"\0\0\0\x20\x20\0\x80\x86\0\0\0\x01\0\0\0\x42\0\0\0\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xff",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "ovsdb",
        checks: &[
            "to = \"tcp:AT\"",
            "port = PORT",
            "process = \"PROGRAM\"\nunix = \"SOCKET\"\ndatabase = \"Open_vSwitch\"",
        ],
        half: b"{\"id\":0,\"result\":[\"Open_v",
        lengths: &[b"{\"id\":4294967296,\"result\":[]}", b"{\"id\":0,\"result\":1e999}"],
        unknown: &[],
    },
    Speaks {
        kind: "rabbitmq",
        // Of its node, whose port is the clients' as well; what it says to these is
        // not read.
        checks: &["process = \"sleep\"\nport = PORT\nnode-port = PORT"],
        // The status of a handshake, and of its name the begin.
        half: b"\0\x03sok\0\x20N\0\0",
        lengths: &[b"\xff\xffs", b"\0\x03sok\xff\xffN", b"\0\x03sok\0\x15N\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff"],
        unknown: &[],
    },
    Speaks {
        kind: "redis",
        checks: &[
            "to = \"redis://user:SECRET@AT/0\"",
            "to = \"AT\"\npassword = \"SECRET\"\ntls = true",
            "port = PORT",
            "port = PORT\nsentinel = true",
            "unix = \"SOCKET\"",
        ],
        half: b"+PON",
        lengths: &[b"$4294967296\r\n", b"*4294967296\r\n:1\r\n", b"$-5\r\n"],
        unknown: &[],
    },
    Speaks {
        kind: "rpc",
        checks: &[
            "to = \"rabbit://user:SECRET@AT/\"\nprocess = \"PROGRAM\"\nexchange = \"nova\"\ntopic = \"compute\"",
        ],
        half: b"\x01\0\0\0\0\x01\xfa\0\x0a\0\x0a\0\x09\0\0\x01\xd5\x0ccapabilitiesF\0\0",
        lengths: &[
            b"\x01\0\0\xff\xff\xff\xff\0\x0a\0\x0a",
            b"\x01\0\0\0\0\x01\xfa\0\x0a\0\x0a\0\x09\xff\xff\xff\xff\x0ccapabilities",
        ],
        unknown: &[],
    },
    Speaks {
        kind: "unixctl",
        checks: &["process = \"PROGRAM\"\nunix = \"SOCKET\""],
        half: b"{\"id\":0,\"result\":\"ovs-v",
        lengths: &[b"{\"id\":4294967296,\"result\":\"\"}", b"{\"id\":0,\"result\":1e999}"],
        unknown: &[],
    },
];

/// The kinds that speak to nobody, or to the kernel alone; `connected` dials,
/// and says nothing.
const SILENT: &[&str] = &[
    "command",
    "configuration",
    "connected",
    "file",
    "filesystem",
    "listening",
    "process",
    "socket",
];

#[test]
fn every_kind_is_in_one_of_the_tables() {
    let mut told: Vec<_> = SPEAKS.iter().map(|speaks| speaks.kind).chain(SILENT.to_vec()).collect();
    told.sort_unstable();
    let kinds: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
    assert_eq!(told, kinds);
}

type Serve = Box<dyn Fn(&mut TcpStream) + Send>;

/// What other servers say first, or when they are told what they do not expect;
/// the kinds for which that is no surprise.
const OTHERS: &[(&str, &[u8], &[&str])] = &[
    ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", &["greeting"]),
    ("HTTP", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", &["http"]),
    ("a TLS alert", &[0x15, 3, 3, 0, 2, 2, 70], &[]),
    ("AMQP", b"AMQP\x00\x00\x09\x01", &[]),
    ("AMQP 1.0", b"AMQP\x00\x01\x00\x00", &[]),
    (
        "MySQL",
        b"\x49\0\0\0\x0a5.5.5-10.11.6\0\x2a\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0",
        &[],
    ),
    ("PostgreSQL", b"E\0\0\0\x2aSFATAL\0C0A000\0Munsupported protocol\0\0", &[]),
    ("Redis", b"-ERR unknown command\r\n", &[]),
    ("memcached", b"ERROR\r\n", &[]),
    ("SMTP", b"220 mail ESMTP\r\n", &[]),
    ("JSON", b"{\"id\":null,\"error\":{\"error\":\"syntax error\"},\"result\":null}", &[]),
    ("a terminal", b"\x1b[31m\x1b[2J\x07\xe2\x80\xae\n", &[]),
];

/// Numbers that look like chance, the same ones in each run.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The servers whose answer is a good one, by the kinds that it is good for.
const FINE: &[(&str, &[&str])] = &[
    // Nothing was polled yet; and a unix socket's end is not to be told from a reset.
    (
        "heartbeat",
        &["closes at once", "closes when it is spoken to", "resets", "resets when it is spoken to"],
    ),
];

/// Every server there is for a kind, by what it does.
fn servers(of: &'static Speaks) -> Vec<(String, Serve)> {
    let mut servers: Vec<(String, Serve)> = vec![
        ("says nothing".into(), Box::new(hold)),
        ("closes at once".into(), Box::new(|_| {})),
        (
            "closes when it is spoken to".into(),
            Box::new(|stream| drop(stream.read(&mut [0; 4096]))),
        ),
        ("resets".into(), Box::new(|stream| reset(stream))),
        (
            "resets when it is spoken to".into(),
            Box::new(|stream| {
                let _ = stream.read(&mut [0; 4096]);
                reset(stream);
            }),
        ),
        ("zeros without end".into(), Box::new(|stream| while say(stream, &[0; 1 << 14]) {})),
        ("lines without end".into(), Box::new(|stream| while say(stream, &[b'\n'; 1 << 14]) {})),
        ("a line without end".into(), Box::new(|stream| while say(stream, &[b'x'; 1 << 14]) {})),
        ("the highest lengths".into(), Box::new(|stream| while say(stream, &[0xff; 1 << 14]) {})),
        ("nests without end".into(), Box::new(|stream| while say(stream, &[b'['; 1 << 14]) {})),
        (
            "a byte now and then".into(),
            Box::new(|stream| {
                let _ = stream.set_nodelay(true);
                drip(stream, &of.half[..1]);
            }),
        ),
        ("half an answer".into(), then_silence(of.half)),
        (
            "half an answer, and an end".into(),
            Box::new(|stream| {
                let _ = stream.read(&mut [0; 4096]);
                say(stream, of.half);
            }),
        ),
        (
            "says what it hears".into(),
            Box::new(|stream| {
                let mut heard = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut heard) {
                    if !say(stream, &heard[..length]) {
                        return;
                    }
                }
            }),
        ),
    ];
    for seed in 0..3 {
        let serve = move |stream: &mut TcpStream| {
            let noise = noise(1 << 14, seed);
            while say(stream, &noise) {}
        };
        servers.push((format!("noise without end ({seed})"), Box::new(serve)));
    }
    for (number, lengths) in of.lengths.iter().enumerate() {
        servers.push((format!("a length that is a lie ({number})"), then_silence(lengths)));
    }
    for (name, says, known_to) in OTHERS {
        if !known_to.contains(&of.kind) {
            let serve = |stream: &mut TcpStream| {
                say(stream, says);
                let _ = stream.read(&mut [0; 4096]);
            };
            servers.push((format!("speaks {name}"), Box::new(serve)));
        }
    }
    let fine = FINE.iter().filter(|(kind, _)| *kind == of.kind).flat_map(|(_, fine)| *fine);
    let fine: Vec<_> = fine.collect();
    servers.retain(|(name, _)| !fine.contains(&&name.as_str()));
    servers
}

/// Says something, and nothing more.
fn then_silence(says: &'static [u8]) -> Serve {
    Box::new(|stream| {
        say(stream, says);
        hold(stream);
    })
}

/// What is wrong with what is told of a server.
fn wrong(check: &str, kind: &str, serve: Serve, unknown: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let mut fields = check.replace("SECRET", SECRET).replace("SOCKET", socket.to_str().unwrap());
    fields = fields.replace("PROGRAM", PROGRAM);
    let _server = match check.contains("SOCKET") {
        true => {
            server::on_unix(&socket, serve);
            None
        }
        false => {
            let server = server::on("127.0.0.1:0", serve);
            fields = fields.replace("AT", &server.at.to_string());
            fields = fields.replace("PORT", &server.port().to_string());
            Some(server)
        }
    };
    let text = format!("service = \"hostile\"\n[[check]]\nkind = \"{kind}\"\n{fields}\n");
    let definition = Definition::parse(&text, "hostile.toml").unwrap_or_else(|m| panic!("{m}"));
    let from = Arc::new(Vantage::inside().unwrap());
    let mut told = None;
    for deadline in DEADLINES {
        let request =
            Request { deadline: Some(Duration::from_millis(deadline)), ..Request::default() };
        let plan = Plan::new(&definition, &request, &from);
        let finding = evaluate(&plan, &from).remove(0);
        let known = !matches!(finding.verdict, Verdict::Unknown { .. });
        told = Some((plan.explain(&definition, "a test"), finding));
        if known || unknown {
            break;
        }
    }
    let (explained, finding) = told?;
    let because = match &finding.verdict {
        Verdict::Unhealthy { because, .. } => because.clone(),
        Verdict::Unknown { because, .. } if unknown => because.clone(),
        other => return Some(format!("found {other:?} ({:?})", finding.proof)),
    };
    // It was to be asked, not missed.
    if ["is not running", "no socket at"].iter().any(|missed| because.contains(missed)) {
        return Some(because);
    }
    told_safely(finding, &because, explained)
}

/// What is wrong with the words of a finding, in any format.
fn told_safely(finding: Finding, because: &str, explained: String) -> Option<String> {
    let report = Report {
        service: "hostile".to_owned(),
        role: Role::Health,
        findings: vec![finding],
        maintenance: Maintenance::None,
    };
    let text = report.to_text();
    let first = text.lines().next().unwrap_or_default();
    if first.len() > MAX_FIRST_LINE || text.len() > MAX_OUTPUT || because.is_empty() {
        return Some(format!("{} bytes, the first line {}: {text}", text.len(), first.len()));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Some(format!("speaks to the terminal: {text:?}"));
    }
    let (json, nagios) = (report.to_json(SystemTime::UNIX_EPOCH), report.to_nagios(Duration::ZERO));
    let said = [explained, text, json, nagios, report.evidence()].concat();
    let secret = spellings(SECRET).into_iter().find(|spelling| said.contains(spelling.as_str()));
    secret.map(|spelling| format!("{spelling} is said: {said}"))
}

/// A secret as it may stand in text.
fn spellings(secret: &str) -> Vec<String> {
    let hexadecimal = |format: fn(u8) -> String| secret.bytes().map(format).collect::<String>();
    let mut spellings = vec![
        secret.to_owned(),
        // Half of it is too much.
        secret[..10].to_owned(),
        secret[10..].to_owned(),
        hexadecimal(|byte| format!("{byte:02x}")),
        hexadecimal(|byte| format!("{byte:02X}")),
        hexadecimal(|byte| format!("%{byte:02X}")),
        hexadecimal(|byte| format!("\\x{byte:02x}")),
    ];
    // Whatever stands before it: of three places in a group of base64 it has one.
    for before in 0..3 {
        let whole = base64(&[&vec![0; before][..], secret.as_bytes()].concat());
        spellings.push(whole[4..whole.len() - 4].to_owned());
    }
    spellings
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// How many servers are asked at the same time.
const AT_ONCE: usize = 8;

#[test]
fn each_ends_in_time_with_a_clear_word_in_little_memory_and_tells_no_secret() {
    let _running = Running::start();
    let mut failures = String::new();
    for speaks in SPEAKS {
        let mut cases: Vec<_> = speaks
            .checks
            .iter()
            .flat_map(|check| {
                servers(speaks).into_iter().map(move |(name, serve)| (name, *check, serve))
            })
            .collect();
        // What takes gigabytes is ended before it takes the machine along.
        MEMORY.set_limit(MEMORY.allocated() + 4 * MOST).unwrap();
        let before = MEMORY.allocated();
        let (queue, results) =
            (std::sync::Mutex::new(&mut cases), std::sync::Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let case = queue.lock().unwrap().pop();
                        let Some((name, check, serve)) = case else { return };
                        let wrong = wrong(
                            check,
                            speaks.kind,
                            serve,
                            speaks.unknown.contains(&name.as_str()),
                        );
                        results.lock().unwrap().push((name, check, wrong));
                    }
                });
            }
        });
        // The allocator's counters wrap where more was freed than it has seen.
        let taken = MEMORY.max_allocated().wrapping_sub(before);
        if (MOST..usize::MAX / 2).contains(&taken) {
            let _ = writeln!(failures, "{}: took {} KiB", speaks.kind, taken >> 10);
        }
        for (name, check, wrong) in results.into_inner().unwrap() {
            if let Some(wrong) = wrong {
                let _ = writeln!(failures, "{} ({check:?}): {name}: {wrong}", speaks.kind);
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
