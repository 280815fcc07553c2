use super::{Table, span, wrap};
use crate::document::Document;
use crate::engines::{Container, ContainerId, Engines, Health, Kind, State};
use crate::identity::By;
use crate::look::Looked;
use crate::survey::Row;
use crate::terminal::{Colour, Look};
use healthcheck::evaluate::Finding;
use healthcheck::kinds::Judgement;
use healthcheck::maintenance::Maintenance;
use healthcheck::report::Report;
use healthcheck::verdict::{Role, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};
use vantage::Pid;

/// 2026-01-02T03:04:05Z.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn container(name: &str, state: State, health: Health) -> Container {
    let running = state == State::Running;
    Container {
        engine: Kind::Docker,
        id: ContainerId::new(&"0123456789ab".repeat(5)).unwrap(),
        name: name.to_owned(),
        image: "registry/image:1".to_owned(),
        pid: running.then(|| Pid::new(4242)),
        started: Some(now() - Duration::from_secs(7500)),
        ended: None,
        exit_status: if running { 0 } else { 137 },
        out_of_memory: false,
        labels: BTreeMap::new(),
        environment: BTreeMap::new(),
        test: Vec::new(),
        state,
        health,
    }
}

fn row(container: Container, service: Option<&str>, findings: &[(&'static str, Judgement)]) -> Row {
    let findings: Vec<Finding> = findings
        .iter()
        .map(|(kind, judgement)| Finding::new(kind, judgement.clone(), None))
        .collect();
    let report = service.map(|service| Report {
        service: service.to_owned(),
        role: Role::Health,
        findings,
        maintenance: Maintenance::None,
    });
    let service = service.map(|service| (service.to_owned(), By::Name));
    Row { container, looked: Looked { service, report } }
}

fn rows() -> Vec<Row> {
    let running = |name: &str, health| container(name, State::Running, health);
    let dependency = "no answer from 172.17.1.20:5671 for 34 s, and 1,204 bytes were sent \
                      (transport_url in /etc/nova/nova.conf:12)";
    vec![
        row(
            running("memcached", Health::Healthy),
            Some("memcached"),
            &[
                ("process", Judgement::healthy("process 4242")),
                ("listening", Judgement::healthy("on 0.0.0.0:11211")),
            ],
        ),
        row(
            running("nova_conductor", Health::Healthy),
            Some("nova-conductor"),
            &[
                ("process", Judgement::healthy("process 77")),
                ("connected", Verdict::dependency(dependency).into()),
                ("listening", Verdict::degraded("the queue is full").into()),
            ],
        ),
        row(
            running("horizon", Health::Starting),
            Some("horizon"),
            &[("http", Verdict::degraded("the certificate ends in 5 d").into())],
        ),
        row(
            running("redis", Health::Unhealthy { failing_streak: 3 }),
            Some("redis"),
            &[("process", Verdict::unknown("cannot read /proc/412/fd\u{1b}[2J").into())],
        ),
        row(
            container("heat_engine", State::Exited, Health::Unchecked),
            Some("heat-engine"),
            &[("container", Verdict::own_fault("its process ended with status 137").into())],
        ),
        row(running("toolbox", Health::Unchecked), None, &[]),
    ]
}

fn table(rows: &[Row], width: Option<usize>, colour: Colour) -> String {
    Table { rows, several_engines: false }.render(Look { width, colour }, now())
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` writes it instead.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert!(wanted == found, "{name} differs\nwanted:\n{wanted}\nfound:\n{found}");
}

#[test]
fn the_table_in_every_width() {
    golden("table.txt", &table(&rows(), None, Colour::Plain));
    golden("table-100.txt", &table(&rows(), Some(100), Colour::Plain));
    golden("table-60.txt", &table(&rows(), Some(60), Colour::Plain));
    golden("table-colour.txt", &table(&rows(), Some(120), Colour::Shown));
}

#[test]
fn the_table_fits_the_terminal() {
    for width in 60..200 {
        for line in table(&rows(), Some(width), Colour::Plain).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colour_says_nothing_that_words_do_not() {
    let painted = table(&rows(), Some(100), Colour::Shown);
    let mut plain = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, table(&rows(), Some(100), Colour::Plain));
}

#[test]
fn the_document_for_programs() {
    golden("status.json", &Document::new(&rows(), &Engines::default(), now()).render());
}

#[test]
fn nothing_is_said_to_be_nothing() {
    assert_eq!(table(&[], Some(80), Colour::Plain), "no containers\n");
}

#[test]
fn spans_are_rough() {
    let cases = [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")];
    for (seconds, expected) in cases {
        assert_eq!(span(Duration::from_secs(seconds)), expected);
    }
}

#[test]
fn words_longer_than_a_line_are_broken() {
    assert_eq!(wrap("ab cdefgh i", 4), ["ab", "cdef", "gh i"]);
    assert_eq!(wrap("", 4), [""]);
}
