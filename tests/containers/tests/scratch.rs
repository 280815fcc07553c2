//! The probe where there is nothing else: no shell, no library, no user, no network, no right.

use anyhow::Result;
use container_tests::{Answer, Container, scratch_image};

/// As little as a container can have.
const BARE: [&str; 7] =
    ["--user", "65534:65534", "--read-only", "--cap-drop", "ALL", "--network", "none"];

fn check(answer: &Answer, status: i32, verdict: &str) {
    assert_eq!((answer.status, answer.verdict()), (status, verdict), "{}", answer.output);
}

/// A bus that answers no ping.
const BUS: [&str; 4] = [
    "--env",
    "OS_DEFAULT__TRANSPORT_URL=rabbit://nova:secret@127.0.0.1:5672/",
    "--env",
    "OS_DEFAULT__RPC_PING_ENABLED=false",
];

#[test]
fn with_no_argument_it_finds_its_service_and_tells_the_truth_from_both_sides() -> Result<()> {
    let image = scratch_image("memcached")?;
    let command = ["/memcached", "listen", "127.0.0.1:11211"];
    let container = Container::run(&BARE, &image, &command)?.ready()?;
    check(&container.inside(&[])?, 0, "healthy: memcached: 2 checks");
    check(&container.outside(&[])?, 0, "healthy: memcached: 2 checks");

    container.signal("STOP")?;
    let stopped = "unhealthy: memcached: process: memcached (process 1) is stopped by a signal, or frozen (self)";
    check(&container.inside(&[])?, 1, stopped);
    let outside = container.outside(&[])?;
    assert_eq!(outside.status, 1);
    // The process has another number out here.
    let pid = container.inspect("{{.State.Pid}}")?;
    check(&outside, 1, &stopped.replace("process 1)", &format!("process {pid})")));
    container.signal("CONT")?;
    Ok(())
}

#[test]
fn each_role_asks_its_own_question() -> Result<()> {
    let image = scratch_image("nova-conductor")?;
    // Nobody listens on the bus: a dependency's outage.
    let options = [&BARE[..], &BUS].concat();
    let container = Container::run(&options, &image, &["/nova-conductor"])?.ready()?;
    for (role, status) in [(None, 1), (Some("live"), 0), (Some("ready"), 1), (Some("startup"), 0)] {
        let arguments = role.map_or_else(Vec::new, |role| vec!["--role", role]);
        for answer in [container.inside(&arguments)?, container.outside(&arguments)?] {
            assert_eq!(answer.status, status, "{role:?}: {}", answer.output);
            assert!(answer.verdict().ends_with("(dependency)"), "{}", answer.output);
            assert!(!answer.output.contains("secret"), "{}", answer.output);
        }
    }
    Ok(())
}

#[test]
fn as_another_user_than_the_service_it_says_what_its_proof_rests_on() -> Result<()> {
    let image = scratch_image("mariadbd")?;
    let command = ["/mariadbd", "listen", "127.0.0.1:3306"];
    let container = Container::run(&BARE, &image, &command)?.ready()?;
    let answer = container.exec(&["--user", "12345"], &["/openstack/healthcheck"])?;
    check(&answer, 0, "healthy: mariadb: 2 checks");
    assert!(answer.output.contains("owner known by its user only"), "{}", answer.output);
    assert!(answer.output.contains("hint: "), "{}", answer.output);
    Ok(())
}

#[test]
fn without_netlink_it_falls_back_and_says_so() -> Result<()> {
    let profile = tempfile::NamedTempFile::new()?;
    // AF_NETLINK is 16: refused, as SELinux does for containers.
    std::fs::write(
        profile.path(),
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO",
            "args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"}]}]}"#,
    )?;
    let seccomp = format!("seccomp={}", profile.path().display());
    let image = scratch_image("nova-conductor")?;
    let options = [&BARE[..], &BUS, &["--security-opt", &seccomp]].concat();
    let command = ["/nova-conductor", "listen", "127.0.0.1:5672", "connect", "127.0.0.1:5672"];
    let container = Container::run(&options, &image, &command)?.ready()?;
    let answer = container.inside(&[])?;
    check(&answer, 0, "healthy: nova-conductor: 2 checks");
    assert!(answer.output.contains("movement not seen"), "{}", answer.output);
    assert!(answer.output.contains("AF_NETLINK"), "{}", answer.output);
    Ok(())
}
