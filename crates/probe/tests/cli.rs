//! What is typed, what is said, and the exit status.

mod support;

use support::{Room, command, golden, run};

#[test]
fn the_help_is_golden() {
    for option in ["--help", "-h"] {
        let answer = run(&[option]);
        assert_eq!(answer.status, Some(0));
        golden("help.txt", &answer.out);
    }
}

#[test]
fn the_version_is_the_package_s() {
    let answer = run(&["--version"]);
    let expected = format!("healthcheck {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((answer.status, answer.out), (Some(0), expected));
}

#[test]
fn the_list_has_every_service_once_and_in_order() {
    let answer = run(&["--list"]);
    let names: Vec<&str> = answer.out.lines().collect();
    assert_eq!(answer.status, Some(0));
    assert!(names.contains(&"nova-conductor") && names.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_port_is_taken_by_a_service_that_is_asked_without_one() {
    // So TripleO calls it, from when it was judged by its connection.
    let answer = run(&["ovn-controller", "6642"]);
    let first = answer.first();
    assert!(
        first.starts_with("unhealthy: ovn-controller: ") || first.starts_with("unknown: "),
        "{first}"
    );
}

#[test]
fn what_cannot_be_understood_is_said_on_the_first_line_with_status_1() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["--roel", "live"], "error: unknown option \"--roel\"", "--role"),
        (
            &["--role", "life"],
            "error: --role: expected live, ready or startup, found \"life\"",
            "live",
        ),
        (&["--format", "xml"], "error: --format: expected text, json or nagios, found \"xml\"", ""),
        (&["70000"], "error: port: expected a port from 1 to 65535, found \"70000\"", ""),
        (
            &["--service", "nova-condutor"],
            "error: unknown service \"nova-condutor\", did you mean \"nova-conductor\"?",
            "",
        ),
        (&["nova-conductor", "foo"], "error: unknown word \"foo\" for nova-conductor", ""),
        (&["explain", "--format", "json"], "error: --format: expected text with explain", ""),
        (&["--definition", "/nowhere.toml"], "error: /nowhere.toml: no such file", ""),
    ];
    for (arguments, first, nearest) in cases {
        let answer = run(arguments);
        assert_eq!((answer.status, answer.first()), (Some(1), *first), "{arguments:?}");
        let hint = answer.out.lines().nth(1).unwrap_or_default();
        let expected = format!("  hint: did you mean \"{nearest}\"?");
        assert_eq!(hint, if nearest.is_empty() { "" } else { &expected }, "{arguments:?}");
    }
}

#[test]
fn every_mistake_of_a_definition_is_shown_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mistaken.toml");
    std::fs::write(&file, "service = \"x\"\nprocss = \"x\"\n[[check]]\nkind = \"file\"\npth = 1\n")
        .unwrap();
    let answer = run(&["--definition", file.to_str().unwrap()]);
    assert_eq!(answer.status, Some(1));
    golden("mistakes.txt", &answer.out.replace(file.to_str().unwrap(), "mistaken.toml"));
}

/// A service of which something is healthy, something degraded, something not
/// there and something unknown.
const MIXED: &str = r#"
service = "example"
about = "An example"
process = "example"
deadline = "3s"
lacks = "what only its own protocol could tell"

[settings]
url = [{ oslo = "DEFAULT.url" }, { default = "http://user:hidden@example:80/" }]
nowhere = { file = { path = "/etc/nowhere.conf", format = "ini", option = "a.b" } }

[[check]]
name = "there"
kind = "file"
path = "/etc/there"

[[check]]
name = "gone"
kind = "file"
path = "/etc/gone"

[[check]]
name = "unplanned"
kind = "file"
path = "{nowhere}"

[[check]]
name = "secretive"
kind = "file"
path = "{url}"

[[check]]
name = "skipped"
kind = "process"
when = { process = "other" }
"#;

/// The same for every run: times and ages taken out.
fn normalised(text: &str) -> String {
    let mut text = text.to_owned();
    for (before, after) in [("\"time\":\"", "\""), ("changed ", " ago"), ("time=", "\n")] {
        text = with_each(&text, before, after, "T");
    }
    text.replace("\"age_seconds\":0,", "\"age_seconds\":T,")
}

/// With `new` between each `before` and the `after` that follows it.
fn with_each(text: &str, before: &str, after: &str, new: &str) -> String {
    let mut parts = text.split(before);
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(after).map_or(part, |at| &part[at..]);
        changed.push_str(&format!("{before}{new}{rest}"));
    }
    changed
}

#[test]
fn every_format_and_explain_are_golden() {
    let room = Room::new();
    room.file("/etc/there", "").file("/openstack/healthcheck.toml", MIXED);
    for (arguments, name, status) in [
        ("", "mixed.txt", 1),
        ("--format json", "mixed.json", 1),
        ("--format nagios", "mixed.nagios", 2),
        ("explain", "mixed.explain", 0),
    ] {
        let answer = room.bash(&format!("/openstack/healthcheck {arguments}"));
        assert_eq!(answer.status, Some(status), "{arguments}: {answer:?}");
        assert!(!answer.out.contains("hidden"), "{}", answer.out);
        golden(name, &normalised(&answer.out));
    }
}

#[test]
fn debug_explains_and_shows_the_evidence_on_standard_error() {
    let room = Room::new();
    room.file("/etc/there", "").file("/openstack/healthcheck.toml", MIXED);
    let quiet = room.bash("/openstack/healthcheck");
    let loud = room.bash("HEALTHCHECK_DEBUG=1 /openstack/healthcheck");
    assert_eq!(quiet.err, "");
    assert_eq!(normalised(&loud.out), normalised(&quiet.out));
    assert!(loud.err.contains("known by      /openstack/healthcheck.toml"), "{}", loud.err);
    assert!(loud.err.contains("\"exists\":false"), "{}", loud.err);
    assert!(!loud.err.contains("hidden"), "{}", loud.err);
}

#[test]
fn the_command_line_s_environment_is_not_needed() {
    let answer = command(&["--version"]).env_clear().output().unwrap();
    assert_eq!(answer.status.code(), Some(0));
}
