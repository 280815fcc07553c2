use super::{Action, Misuse, Typed, parse};
use crate::output::Format;
use healthcheck::verdict::Role;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use vantage::Port;

fn typed(line: &[&str]) -> Typed {
    parse(line.iter().map(OsString::from)).unwrap_or_else(|misuse| panic!("{line:?}: {misuse}"))
}

fn misuse(line: &[&str]) -> (String, Option<String>) {
    let misuse: Misuse = parse(line.iter().map(OsString::from)).expect_err("a misuse");
    (misuse.to_string(), misuse.nearest())
}

fn ports(numbers: &[u16]) -> Vec<Port> {
    numbers.iter().filter_map(|number| Port::new(*number)).collect()
}

#[test]
fn words_are_ports_or_names() {
    assert_eq!(typed(&[]), Typed::default());
    assert_eq!(typed(&["5671", "5672"]).ports, ports(&[5671, 5672]));
    assert_eq!(typed(&["5671 5672"]).ports, ports(&[5671, 5672]));
    for nothing in [&[""][..], &["null"], &["", "null"], &["  "]] {
        assert_eq!(typed(nothing), Typed::default(), "{nothing:?}");
    }
    let both = typed(&["virtlogd", "16509"]);
    assert_eq!((both.words, both.ports), (vec!["virtlogd".to_owned()], ports(&[16509])));
    assert_eq!(typed(&["explain", "redis"]).action, Action::Explain);
    assert_eq!(typed(&["redis", "explain"]).action, Action::Check);
}

#[test]
fn options_stand_anywhere_and_the_last_wins() {
    let expected = Typed {
        role: Role::Ready,
        format: Format::Json,
        deadline: Some(Duration::from_millis(900)),
        service: Some("redis".into()),
        definition: Some("/d.toml".into()),
        ports: ports(&[6379]),
        ..Typed::default()
    };
    let line = [
        "--role=live",
        "6379",
        "--role",
        "ready",
        "--format=json",
        "--deadline",
        "900ms",
        "--service=redis",
        "--definition",
        "/d.toml",
    ];
    assert_eq!(typed(&line), expected);
    assert_eq!(typed(&["--deadline=5"]).deadline, Some(Duration::from_secs(5)));
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let cases = [
        (&["--roel", "live"][..], "unknown option \"--roel\"", Some("--role")),
        (&["-x"], "unknown option \"-x\"", None),
        (
            &["--role", "life"],
            "--role: expected live, ready or startup, found \"life\"",
            Some("live"),
        ),
        (&["--role"], "--role: expected live, ready or startup, found nothing", None),
        (&["--format=jsn"], "--format: expected text, json or nagios, found \"jsn\"", Some("json")),
        (
            &["--deadline", "soon"],
            "--deadline: expected a duration such as \"5s\" or \"2 days\", found \"soon\"",
            None,
        ),
        (
            &["--deadline", "0"],
            "--deadline: expected a duration such as \"5s\" or \"2 days\", found \"0\"",
            None,
        ),
        (&["99999"], "port: expected a port from 1 to 65535, found \"99999\"", None),
        (&["0"], "port: expected a port from 1 to 65535, found \"0\"", None),
        (&["--help=me"], "--help: expected no value, found \"me\"", None),
        (&["--service="], "--service: expected a service's name, found \"\"", None),
    ];
    for (line, message, nearest) in cases {
        assert_eq!(misuse(line), (message.to_owned(), nearest.map(str::to_owned)), "{line:?}");
    }
}

#[test]
fn what_is_not_utf8_or_endless_is_an_error_that_fits() {
    let broken = OsString::from_vec(vec![b'a', 0xff]);
    for line in [vec![broken.clone()], vec!["--service".into(), broken.clone()]] {
        let message = parse(line).expect_err("a misuse").to_string();
        assert!(message.contains("found \"a\u{fffd}\""), "{message}");
    }
    let long = format!("--{}", "x".repeat(1 << 20));
    assert!(misuse(&[&long]).0.len() < 200);
    let many = typed(&[&"word ".repeat(1 << 18)]);
    assert_eq!(many.words.len(), 1 << 18);
}
