//! What others read: help, JSON, JUnit's XML.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::{FakeEngine, command, golden, healthctl, masked};

#[test]
fn the_help_of_every_command() {
    golden("help.txt", &healthctl(&["--help"]).out);
    for command in ["status", "check", "explain", "wait", "list", "lint"] {
        golden(&format!("help-{command}.txt"), &healthctl(&[command, "--help"]).out);
    }
}

#[test]
fn the_status_of_recorded_engines_as_json() {
    for name in ["docker", "podman"] {
        let engine = FakeEngine::recorded(name);
        let said =
            healthctl(&["status", "--all", "--format", "json", "--socket", &engine.socket()]);
        let text = masked(&masked(&said.out, "time"), "socket");
        golden(&format!("status-{name}.json"), &text);
    }
}

#[test]
fn a_wait_that_fails_tells_ci_why() {
    let engine = FakeEngine::recorded("docker");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let report_path = report.display().to_string();
    let wait = ["wait", "--all", "--timeout", "1ms", "--interval", "1ms"];
    let more = ["--socket", &engine.socket(), "--junit", &report_path];
    let said = healthctl(&[&wait[..], &more].concat());
    assert_eq!(said.status, 1, "{said:?}");
    golden("wait.txt", &said.out);
    golden("wait.xml", &masked(&std::fs::read_to_string(report).unwrap(), "time"));
}

#[test]
fn a_wait_names_what_is_not_there() {
    let engine = FakeEngine::recorded("docker");
    let wait = ["wait", "nova-api", "--timeout", "1ms", "--interval", "1ms"];
    let said = healthctl(&[&wait[..], &["--socket", &engine.socket()]].concat());
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.contains("\n  nova-api: no such container\n"), "{said:?}");
}

#[test]
fn every_mistake_of_a_definition_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mistaken.toml");
    std::fs::write(
        &file,
        "service = \"example\"\nproces = \"example\"\n\n[[check]]\nkind = \"listning\"\nport = 1\n",
    )
    .unwrap();
    let said = healthctl(&["lint", &file.display().to_string()]);
    assert_eq!(said.status, 1);
    let file = file.display();
    for line in [
        format!("error: {file}:2:1: proces: unknown key"),
        "  2 | proces = \"example\"".to_owned(),
        "    | ^^^^^^".to_owned(),
        "  hint: did you mean `process`?".to_owned(),
        "  hint: did you mean `listening`?".to_owned(),
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line}\n{}", said.out);
    }
    assert!(said.out.contains(&format!("error: {file}:5:8: kind: expected ")), "{}", said.out);
}

#[test]
fn a_definition_without_mistakes_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sound.toml").display().to_string();
    std::fs::write(&file, "service = \"x\"\nprocess = \"x\"\n[[check]]\nkind = \"process\"\n")
        .unwrap();
    let said = healthctl(&["lint", &file]);
    assert_eq!((said.status, said.out), (0, format!("{file}: x: no mistakes\n")));
}

#[test]
fn a_service_is_explained_without_a_container() {
    let engine = FakeEngine::recorded("docker");
    let said = healthctl(&["explain", "nova-conductor", "--socket", &engine.socket()]);
    assert_eq!(said.status, 0, "{said:?}");
    for line in [
        "  definition    catalog/nova-conductor.toml",
        "  process       nova-conductor",
        "  transport_url  DEFAULT.transport_url in nova's configuration",
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line}\n{}", said.out);
    }
}

#[test]
fn an_interrupt_ends_a_wait_with_its_reasons() {
    let engine = FakeEngine::recorded("docker");
    let mut wait = command(&["wait", "--all", "--timeout", "10m", "--socket", &engine.socket()]);
    let mut child = wait.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It has looked once, and waits for its next look.
    lines.next().unwrap().unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.starts_with("interrupted after ")), "{rest:?}");
    let last = rest.last().unwrap();
    assert_eq!(last, "  ctl-stopped: unknown: container: its process 4999999 is not on this host");
}

#[test]
fn every_key_of_the_json_is_documented() {
    fn keys(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                found.extend(map.keys().cloned());
                map.values().for_each(|value| keys(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let engine = FakeEngine::recorded("docker");
    let said = healthctl(&["status", "--format", "json", "--socket", &engine.socket()]);
    let mut found = Vec::new();
    keys(&serde_json::from_str(&said.out).unwrap(), &mut found);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/healthctl.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(!found.is_empty());
    for key in found {
        assert!(page.contains(&format!("`{key}`")), "{key} is not in docs/healthctl.md");
    }
}
