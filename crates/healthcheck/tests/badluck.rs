//! Bad luck: whatever is stuck, broken, hidden, huge or hostile, there is an
//! answer by the deadline, and it says what it could not know.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use healthcheck::catalog::Catalog;
use healthcheck::definition::AtWorst;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::kinds::{Judgement, Look};
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{Plan, Planned, Request};
use healthcheck::report::{MAX_FIRST_LINE, MAX_OUTPUT, Report};
use healthcheck::verdict::{Blame, Role, Verdict};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};
use support::live::{Service, is_root, ready, skipped, task};
use vantage::{Deadline, Pid, Vantage};

/// What this binary does when it is started again as another process.
#[test]
fn task_of_another_process() {
    match task().as_deref() {
        Some("listen") => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            ready(&listener.local_addr().unwrap().port().to_string());
        }
        Some(other) => unreachable!("{other}"),
        None => {}
    }
}

/// The findings of one check, seen from a vantage.
fn findings(definition: &str, from: Vantage, limit: Duration) -> Vec<Finding> {
    let mut catalog = Catalog::embedded();
    let service = catalog.add_text("definition.toml".into(), definition.into()).unwrap();
    let request = Request { deadline: Some(limit), ..Request::default() };
    let from = Arc::new(from);
    evaluate(&Plan::new(&catalog.definition(&service).unwrap(), &request, &from), &from)
}

const SOON: Duration = Duration::from_millis(700);
const LATE: Duration = Duration::from_secs(60);

struct Does<F>(F);

impl<F: Fn() -> Verdict + Send + Sync> Look for Does<F> {
    fn waits(&self) -> healthcheck::kinds::Waits {
        healthcheck::kinds::Waits::ForAnAnswer
    }

    fn describe(&self) -> String {
        "that the moon is up".into()
    }

    fn look(&self, _: &Vantage, _: Deadline) -> Finding {
        Finding::new("process", Judgement::from(self.0()), None)
    }
}

fn plan(looks: Vec<Arc<dyn Look>>, deadline: Duration) -> Plan {
    let planned = |look| Planned {
        name: "sky".into(),
        kind: "process",
        look: Ok(look),
        at_worst: AtWorst::Unhealthy,
        used: Vec::new(),
    };
    Plan {
        program: None,
        service: "night".into(),
        deadline,
        role: Role::Health,
        checks: looks.into_iter().map(planned).collect(),
        skipped: Vec::new(),
    }
}

/// Panics without the hook, which may take a second to print a backtrace.
fn broken() -> Verdict {
    std::panic::resume_unwind(Box::new("broken"))
}

fn reasons(findings: &[Finding]) -> Vec<Option<&str>> {
    findings.iter().map(|finding| finding.verdict.because()).collect()
}

#[test]
fn a_look_that_is_stuck_and_one_that_breaks_do_not_take_the_others_with_them() {
    let (held, never) = mpsc::channel::<()>();
    let never = std::sync::Mutex::new(never);
    let stuck = move || {
        let _ = never.lock().unwrap().recv();
        Verdict::Healthy
    };
    let looks: Vec<Arc<dyn Look>> =
        vec![Arc::new(Does(stuck)), Arc::new(Does(broken)), Arc::new(Does(|| Verdict::Healthy))];
    let from = Arc::new(Vantage::inside().unwrap());
    let found = evaluate(&plan(looks, Duration::from_secs(3)), &from);
    assert_eq!(
        reasons(&found),
        [
            Some("still waiting after 3s to see that the moon is up"),
            Some("the check broke while it was to see that the moon is up"),
            None
        ]
    );
    assert_eq!(found[1].verdict.word(), "unknown");
    drop(held);
}

#[test]
fn a_look_that_breaks_is_told_at_once() {
    let looks: Vec<Arc<dyn Look>> = vec![Arc::new(Does(broken))];
    // Were it waited for, this test would take a year.
    let plan = plan(looks, Duration::from_secs(31_536_000));
    let found = evaluate(&plan, &Arc::new(Vantage::inside().unwrap()));
    assert_eq!(found[0].verdict.word(), "unknown");
}

#[test]
fn once_the_service_is_known_to_be_at_fault_others_are_not_waited_for() {
    let (held, never) = mpsc::channel::<()>();
    let never = std::sync::Mutex::new(never);
    let stuck = move || {
        let _ = never.lock().unwrap().recv();
        Verdict::Healthy
    };
    let looks: Vec<Arc<dyn Look>> =
        vec![Arc::new(Does(stuck)), Arc::new(Does(|| Verdict::own_fault("frozen")))];
    // Were it waited for, this test would take a year.
    let plan = plan(looks, Duration::from_secs(31_536_000));
    let found = evaluate(&plan, &Arc::new(Vantage::inside().unwrap()));
    let stuck = "still waiting after 1s to see that the moon is up";
    assert_eq!(reasons(&found), [Some(stuck), Some("frozen")]);
    drop(held);
}

#[test]
fn a_file_on_a_file_system_that_never_answers_is_left_behind() {
    if !is_root("mounting a file system that never answers") {
        return;
    }
    // Whoever holds the device open would have to answer, and does not.
    let script = "exec 3<>/dev/fuse && mkdir -p $0/stuck && mount -i -t fuse \
        -o fd=3,rootmode=40000,user_id=0,group_id=0 fuse $0/stuck && echo READY . && exec sleep 1000";
    let folder = tempfile::tempdir().unwrap();
    if !Path::new("/dev/fuse").exists() {
        skipped("there is no /dev/fuse");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script]).arg(folder.path());
    let holder = Service::spawn(command);
    let from = Vantage::outside(Pid::new(holder.pid())).unwrap();
    let path = folder.path().join("stuck/file");
    let definition = format!(
        "service = \"x\"\n[[check]]\nkind = \"file\"\npath = \"{}\"\n[[check]]\nkind = \"file\"\npath = \"/proc\"\n",
        path.display()
    );
    let found = findings(&definition, from, SOON);
    let because =
        format!("still waiting after 700ms to see that {} is as it should be", path.display());
    assert_eq!(reasons(&found), [Some(because.as_str()), None]);
    assert_eq!(found[0].verdict.word(), "unknown");
}

#[test]
fn a_command_that_does_not_end_is_ended_and_the_answer_is_in_time() {
    let definition = "service = \"x\"\n[[check]]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"sleep 1000 & sleep 1000\"]\n";
    let found = findings(definition, Vantage::inside().unwrap(), SOON);
    assert_eq!(reasons(&found), [Some("`sh` did not end in time")]);
}

#[test]
fn a_unix_socket_that_nobody_accepts_on_is_given_up_in_time() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full");
    let open = |flags| {
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
    };
    let address = SocketAddrUnix::new(&path).unwrap();
    let listener = open(SocketFlags::CLOEXEC);
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut clients = Vec::new();
    loop {
        let client = open(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        if rustix::net::connect(&client, &address).is_err() {
            break;
        }
        clients.push(client);
    }
    let definition =
        format!("service = \"x\"\n[[check]]\nkind = \"socket\"\npath = \"{}\"\n", path.display());
    // Long enough that the look's own words are in time on a busy machine too.
    let found = findings(&definition, Vantage::inside().unwrap(), Duration::from_secs(3));
    let name = path.display();
    let because = format!("{name} does not accept: no answer from {name}");
    assert_eq!(reasons(&found), [Some(because.as_str())]);
}

#[test]
fn a_pid_that_became_another_program_s_is_not_the_service() {
    let tree = tempfile::tempdir().unwrap();
    let here = tree.path().join("proc/7");
    std::fs::create_dir_all(here.join("fd")).unwrap();
    std::fs::create_dir_all(tree.path().join("proc/net")).unwrap();
    std::fs::create_dir_all(tree.path().join("root")).unwrap();
    std::fs::write(tree.path().join("proc/uptime"), "100.0 1.0\n").unwrap();
    std::fs::write(tree.path().join("proc/net/tcp_diag"), "listen 0.0.0.0:80 0.0.0.0:0 5 0 0 9\n")
        .unwrap();
    let stat = "7 (x) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 100 1 1\n";
    std::fs::write(here.join("stat"), stat).unwrap();
    std::os::unix::fs::symlink("socket:[5]", here.join("fd/3")).unwrap();
    std::fs::write(here.join("cmdline"), "nova-api\0").unwrap();
    let from = Vantage::at(tree.path()).unwrap();
    assert_eq!(from.processes().unwrap().len(), 1);
    std::fs::write(here.join("cmdline"), "bash\0").unwrap();
    let definition = "service = \"nova-api\"\nprocess = \"nova-api\"\n[[check]]\nkind = \"process\"\n[[check]]\nkind = \"listening\"\nport = 80\n";
    let found = findings(definition, from, LATE);
    assert_eq!(
        reasons(&found),
        [
            Some("nova-api is not running"),
            Some("nova-api does not listen on port 80, another process holds 80")
        ]
    );
}

#[test]
fn another_user_s_process_is_seen_by_a_weaker_proof_without_cap_sys_ptrace() {
    if !is_root("a process of another user") {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let service = Service::start(&own, "fake-service", 65534, "listen");
    let port = &service.said;
    let definition = format!(
        "service = \"x\"\nprocess = \"fake-service\"\n[[check]]\nkind = \"process\"\n[[check]]\nkind = \"listening\"\nport = {port}\n"
    );
    let look = || findings(&definition, Vantage::inside().unwrap(), LATE);
    let strong = look();
    let weak = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut sets = capabilities(None).unwrap();
            let powers = CapabilitySet::SYS_PTRACE
                | CapabilitySet::DAC_OVERRIDE
                | CapabilitySet::DAC_READ_SEARCH;
            sets.effective -= powers;
            sets.permitted -= powers;
            set_capabilities(None, sets).unwrap();
            look()
        });
        thread.join().unwrap()
    });
    for found in [&strong, &weak] {
        assert_eq!(reasons(found), [None, None], "{found:?}");
    }
    assert_eq!(strong[1].proof.as_deref(), Some(format!("on 127.0.0.1:{port}").as_str()));
    let proof = weak[1].proof.as_deref().unwrap();
    let fd = format!("cannot read /proc/{}/fd: permission denied", service.pid());
    assert_eq!(proof, format!("on 127.0.0.1:{port}, owner known by its user only ({fd})"));
    let hint = "run as the service's own user or root, or grant CAP_SYS_PTRACE";
    assert_eq!(weak[1].hint.as_deref(), Some(hint));
}

/// A tree whose `/proc` has processes by these command lines.
fn tree(commands: impl IntoIterator<Item = String>) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(tree.path().join("proc/net")).unwrap();
    std::fs::create_dir_all(tree.path().join("root")).unwrap();
    std::fs::write(tree.path().join("proc/uptime"), "100.0 1.0\n").unwrap();
    for (index, command) in commands.into_iter().enumerate() {
        let pid = index + 2;
        let here = tree.path().join(format!("proc/{pid}"));
        std::fs::create_dir(&here).unwrap();
        std::fs::write(here.join("cmdline"), command).unwrap();
        let stat = format!("{pid} (x) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 100 1 1\n");
        std::fs::write(here.join("stat"), stat).unwrap();
    }
    tree
}

#[test]
fn one_of_ten_thousand_processes_is_found() {
    let others = (0..10_000).map(|number| format!("/usr/bin/other-{number}\0--flag\0"));
    let tree = tree(others.chain(["/usr/bin/nova-compute\0".to_owned()]));
    let definition = "service = \"x\"\nprocess = \"nova-compute\"\n[[check]]\nkind = \"process\"\n";
    let found = findings(definition, Vantage::at(tree.path()).unwrap(), LATE);
    assert_eq!(found[0].proof.as_deref(), Some("process 10002"));
}

#[test]
fn one_of_fifty_thousand_sockets_is_found_with_netlink_and_without() {
    let tree = tree(["/usr/bin/nova-api\0".to_owned()]);
    let net = tree.path().join("proc/net");
    let mut diag = String::new();
    let mut table = String::from("  sl  local_address rem_address st\n");
    for number in 0..50_000_u32 {
        let inode = number + 100;
        let port = 20_000 + number % 40_000;
        writeln!(diag, "listen 0.0.0.0:{port} 0.0.0.0:0 {inode} 0 0 128").unwrap();
        writeln!(
            table,
            "{number}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1"
        )
        .unwrap();
    }
    writeln!(diag, "listen 0.0.0.0:8774 0.0.0.0:0 7 0 0 128").unwrap();
    writeln!(
        table,
        "x: 00000000:2246 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 7 1"
    )
    .unwrap();
    std::fs::write(net.join("tcp_diag"), diag).unwrap();
    std::fs::write(net.join("tcp"), table).unwrap();
    std::fs::create_dir(tree.path().join("proc/2/fd")).unwrap();
    std::os::unix::fs::symlink("socket:[7]", tree.path().join("proc/2/fd/3")).unwrap();
    let definition =
        "service = \"x\"\nprocess = \"nova-api\"\n[[check]]\nkind = \"listening\"\nport = 8774\n";
    for refused in [false, true] {
        if refused {
            std::fs::remove_file(net.join("tcp_diag")).unwrap();
        }
        let found = findings(definition, Vantage::at(tree.path()).unwrap(), LATE);
        assert_eq!(reasons(&found), [None], "{found:?}");
    }
}

fn report(findings: Vec<Finding>) -> Report {
    let maintenance = Maintenance::None;
    Report { service: "x".into(), role: Role::Health, findings, maintenance }
}

/// What is printed, in every format.
fn printed(report: &Report) -> [String; 3] {
    [report.to_text(), report.to_json(SystemTime::UNIX_EPOCH), report.to_nagios(Duration::ZERO)]
}

#[test]
fn a_title_of_100_kb_and_control_characters_are_survived_and_never_printed() {
    let nasty = "\u{1b}]0;owned\u{7}\r\n\u{202e}healthy: x";
    let long = format!("/usr/bin/{}{nasty}\0", "n".repeat(100_000));
    let tree = tree([long, format!("{nasty}\0"), format!("sh\0{nasty}\0")]);
    let from = Vantage::at(tree.path()).unwrap();
    let unidentified = Catalog::embedded().running(&from).unwrap_err().to_string();
    let definition = "service = \"x\"\nprocess = { name = \"sh\", arguments = \"healthy\" }\n[[check]]\nkind = \"process\"\n";
    let report = report(findings(definition, from, LATE));
    for text in printed(&report).into_iter().chain([unidentified + "\n"]) {
        let safe = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(text.chars().all(safe), "{text:?}");
        assert!(text.len() <= MAX_OUTPUT, "{}", text.len());
        assert!(text.lines().next().unwrap().len() <= MAX_FIRST_LINE.max(MAX_OUTPUT));
    }
    assert!(report.to_text().lines().next().unwrap().len() <= MAX_FIRST_LINE);
}

#[test]
fn a_secret_that_a_command_says_is_not_said_on() {
    let definition = "service = \"x\"\n[[check]]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"echo amqp://nova:hunter2@r1/ password=hunter2 -u me:hunter2; exit 1\"]\n";
    let report = report(findings(definition, Vantage::inside().unwrap(), LATE));
    assert_eq!(report.verdict().blame(), Some(Blame::Itself));
    for text in printed(&report) {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
