//! What goes wrong with an engine is said plainly, whatever it is.

mod support;

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{FakeEngine, NO_PROCESS, Reply, Said, command, healthctl, run};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn status(engine: &FakeEngine) -> Said {
    healthctl(&["status", "--engine-timeout", "1s", "--socket", &engine.socket()])
}

/// One running container in Docker's list.
fn one() -> String {
    format!(r#"[{{"Id":"{ID}","Names":["/db"],"Image":"i","State":"running"}}]"#)
}

fn inspected(labels: &str) -> String {
    format!(
        r#"{{"Id":"{ID}","Name":"/db","State":{{"Status":"running","Pid":{NO_PROCESS}}},
            "Config":{{"Labels":{labels}}}}}"#
    )
}

/// Fails with `reason` on standard error, and shows no table.
fn check_fails(said: &Said, reason: &str) {
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.starts_with("error: "), "{said:?}");
    assert!(said.err.contains(reason), "{said:?}");
    assert_eq!(said.out, "", "{said:?}");
}

#[test]
fn no_engine_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock").display().to_string();
    check_fails(
        &healthctl(&["status", "--socket", &socket]),
        &format!("{socket} (from --socket): no such socket"),
    );
}

#[test]
fn a_socket_that_an_engine_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let said = healthctl(&["status", "--socket", &socket.display().to_string()]);
    check_fails(&said, "nobody listens there: the engine is not running");
}

#[test]
fn a_file_that_is_no_socket() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = healthctl(&["status", "--socket", &file.display().to_string()]);
    check_fails(&said, "expected a socket, found a file");
}

#[test]
fn an_engine_elsewhere() {
    let said = run(command(&["status"]).env("DOCKER_HOST", "tcp://user:secret@10.0.0.1:2376"));
    check_fails(&said, "only unix sockets can be asked");
    assert!(!said.err.contains("secret"), "{said:?}");
}

#[test]
fn an_engine_that_hangs_at_once_or_later() {
    check_fails(
        &status(&FakeEngine::start(|_| Reply::Silence)),
        "GET /_ping: no answer within 1s: the engine hangs",
    );
    let later = FakeEngine::start(|path| match path {
        "/_ping" => Reply::Docker,
        _ => Reply::Silence,
    });
    check_fails(&status(&later), "GET /v1.41/containers/json?all=true: no answer within 1s");
    let half = FakeEngine::start(|path| match path {
        "/_ping" => Reply::Docker,
        _ => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_vec()),
    });
    check_fails(&status(&half), "the body ended after 1 bytes of 100");
}

#[test]
fn an_engine_that_hangs_at_one_container_shows_the_others() {
    let other = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    let list = format!(
        r#"[{{"Id":"{ID}","Names":["/db"],"Image":"i","State":"running"}},
            {{"Id":"{other}","Names":["/job"],"Image":"i","State":"exited"}}]"#
    );
    let engine = FakeEngine::docker(list, move |path| match path.contains(other) {
        true => Reply::Json(
            r#"{"State":{"Status":"exited","ExitCode":3},"Config":{"Labels":null}}"#.into(),
        ),
        false => Reply::Silence,
    });
    let said = status(&engine);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.contains("no answer within 1s: the engine hangs"), "{said:?}");
    assert!(said.out.contains("exited 3"), "{said:?}");
    assert!(said.out.ends_with("2 containers: 1 unknown, 1 without a definition\n"), "{said:?}");
}

#[test]
fn a_look_that_is_stuck_is_named_and_left_behind() {
    let engine = FakeEngine::docker(one(), |_| Reply::Silence);
    let patient = ["status", "--engine-timeout", "1h", "--deadline", "1s"];
    let said = healthctl(&[&patient[..], &["--socket", &engine.socket()]].concat());
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.contains("container: it could not be looked at within 6s"), "{said:?}");
}

#[test]
fn an_engine_that_answers_nonsense() {
    let raw = |text: &'static str| FakeEngine::start(move |_| Reply::Raw(text.into()));
    check_fails(&status(&raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")), "found \"SSH-2.0-OpenSSH_9.2\"");
    check_fails(
        &status(&raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblog")),
        "no Api-Version in the answer",
    );
    check_fails(&status(&raw("")), "closed the connection without an answer");
    let listing = |text: &'static str| FakeEngine::docker(text.into(), |_| Reply::Silence);
    check_fails(&status(&listing("<html>\u{1b}[31m")), "found \"<html>\\u{1b}[31m\"");
    check_fails(&status(&listing("{\"Id\":1}")), "expected the answer of a container engine");
    check_fails(
        &status(&listing(r#"[{"Id":"../../x","Names":[],"State":"running"}]"#)),
        "a container without an id",
    );
}

#[test]
fn an_engine_that_never_stops_answering() {
    let engine = FakeEngine::start(|path| match path {
        "/_ping" => Reply::Docker,
        _ => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n[".to_vec()),
    });
    let said = healthctl(&["status", "--socket", &engine.socket()]);
    check_fails(&said, "answered with a body of more than");
}

#[test]
fn an_engine_that_answers_that_it_cannot() {
    let engine = FakeEngine::start(|path| match path {
        "/_ping" => Reply::Docker,
        _ => Reply::Failure(500, r#"{"message":"layer does not\nexist"}"#.into()),
    });
    check_fails(&status(&engine), "the engine answered with status 500: layer does not\\nexist");
}

#[test]
fn a_container_that_vanishes_after_it_was_listed() {
    let engine = FakeEngine::docker(one(), |_| Reply::Failure(404, r#"{"message":"gone"}"#.into()));
    let said = status(&engine);
    assert_eq!((said.status, said.out.as_str()), (0, "no containers\n"), "{said:?}");
    assert_eq!(said.err, "container db has gone meanwhile\n");
}

#[test]
fn a_container_whose_process_is_not_on_this_host() {
    let label = r#"{"org.openstack.healthcheck.service":"nova-conductor"}"#;
    let engine = FakeEngine::docker(one(), move |_| Reply::Json(inspected(label)));
    let said = status(&engine);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("nova-conductor"), "{said:?}");
    assert!(said.out.contains("container: its process 4999999 is not on this host"), "{said:?}");
}

#[test]
fn a_container_is_meant_by_its_name_or_the_beginning_of_its_id() {
    let engine = FakeEngine::docker(one(), |_| Reply::Json(inspected("{}")));
    for name in ["db", "0123", ID] {
        let said = healthctl(&["check", name, "--socket", &engine.socket()]);
        assert!(said.out.starts_with("unknown: db: container: its process 4999999"), "{said:?}");
    }
    let said = healthctl(&["check", "dbb", "--socket", &engine.socket()]);
    check_fails(&said, "no container \"dbb\", did you mean \"db\"?");
}

#[test]
fn two_engines_are_shown_together_and_a_broken_one_hides_none_of_the_others() {
    let docker = FakeEngine::recorded("docker");
    let podman = FakeEngine::recorded("podman");
    let at = |socket: String| format!("unix://{socket}");
    let mut both = command(&["status"]);
    both.env("DOCKER_HOST", at(docker.socket())).env("CONTAINER_HOST", at(podman.socket()));
    let said = run(&mut both);
    assert!(said.out.contains("\ndocker:ctl-dead"), "{said:?}");
    assert!(said.out.contains("\npodman:ctl-pod-memcached"), "{said:?}");

    let silent = FakeEngine::start(|_| Reply::Silence);
    let mut one = command(&["status", "--engine-timeout", "1s"]);
    one.env("DOCKER_HOST", at(silent.socket())).env("CONTAINER_HOST", at(podman.socket()));
    let said = run(&mut one);
    assert!(said.out.contains("\nctl-pod-memcached"), "{said:?}");
    assert!(said.err.contains("the engine hangs"), "{said:?}");
    assert_eq!(said.status, 1);
}

#[test]
fn a_process_number_that_changes_hands_is_not_mistaken_for_the_container() {
    let asked = AtomicUsize::new(0);
    let engine = FakeEngine::docker(one(), move |_| {
        // Ours at first; by the second look the engine has started it anew.
        let pid = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => std::process::id(),
            _ => NO_PROCESS,
        };
        Reply::Json(inspected("{}").replace(&NO_PROCESS.to_string(), &pid.to_string()))
    });
    let said = status(&engine);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.contains("ended or was started anew while it was looked at"), "{said:?}");
}

#[test]
fn a_container_that_its_engine_has_frozen_is_not_healthy() {
    let paused = format!(
        r#"{{"Id":"{ID}","State":{{"Status":"paused","Pid":{}}},
            "Config":{{"Labels":{{"org.openstack.healthcheck.service":"memcached"}}}}}}"#,
        std::process::id()
    );
    let engine = FakeEngine::docker(one(), move |_| Reply::Json(paused.clone()));
    let said = healthctl(&["check", "db", "--socket", &engine.socket()]);
    assert_eq!(said.status, 1, "{said:?}");
    let line = "unhealthy: memcached: container: it is paused by its engine: nothing in it runs";
    assert!(said.out.contains(&format!("{line} (environment)")), "{said:?}");
}

#[test]
fn a_container_without_a_process_is_not_guessed_at() {
    let label = r#"{"org.openstack.healthcheck.service":"memcached"}"#;
    let engine = FakeEngine::docker(one(), move |_| {
        Reply::Json(inspected(label).replace(&NO_PROCESS.to_string(), "0"))
    });
    let said = healthctl(&["check", "db", "--socket", &engine.socket()]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.out.starts_with("unknown: memcached: container: it runs, and its engine"),
        "{said:?}"
    );
}
