//! Living services in a container of their own, looked at by a command in it
//! and by us outside: the same answer, and the one that is right.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use healthcheck::catalog::Catalog;
use healthcheck::evaluate::{Finding, evaluate};
use healthcheck::plan::{Plan, Request};
use regex_lite::Regex;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::container::{Container, act, own_folder};
use support::live::{is_root, ready, task};
use vantage::Vantage;

/// What is looked at: the program, the check, and the answer that is right.
/// `DIR` is the container's folder.
const CASES: &[(&str, &str, &str)] = &[
    ("listener", "kind = 'process'", "healthy"),
    ("stopped", "kind = 'process'", "unhealthy self"),
    ("nobody", "kind = 'process'", "unhealthy self"),
    ("listener", "kind = 'listening'\nport = 8080", "healthy"),
    ("connected", "kind = 'listening'\nport = 8080", "unhealthy self"),
    ("listener", "kind = 'listening'\nport = 8081", "unhealthy self"),
    ("busy", "kind = 'listening'\nprotocol = 'udp'\nport = 5555", "healthy"),
    ("stuck", "kind = 'listening'\nprotocol = 'udp'\nport = 5556", "unhealthy self"),
    ("connected", "kind = 'connected'\nto = 'amqp://127.0.0.1:5672'\nheartbeat = '60s'", "healthy"),
    ("connected", "kind = 'connected'\nto = '{url}'", "healthy"),
    ("connected", "kind = 'connected'\nport = 5672", "healthy"),
    ("hung-up-on", "kind = 'connected'\nto = 'amqp://127.0.0.1:5673'", "unhealthy self"),
    ("lonely", "kind = 'connected'\nto = 'amqp://127.0.0.1:5672'", "unhealthy self"),
    ("lonely", "kind = 'connected'\nto = 'amqp://127.0.0.1:5999'", "unhealthy dependency"),
    ("connected", "kind = 'connected'\nto = 'amqp://127.0.0.9:5672'", "degraded"),
    ("unix", "kind = 'socket'\npath = 'DIR/socket'", "healthy"),
    ("lonely", "kind = 'socket'\npath = 'DIR/socket'", "unhealthy self"),
    ("unix", "kind = 'socket'\nabstract = 'healthcheck-test'", "healthy"),
    ("unix", "kind = 'socket'\nabstract = 'healthcheck-nobody'", "unhealthy self"),
    ("unix", "kind = 'socket'\npath = 'DIR/left-behind'", "unhealthy self"),
    ("unix", "kind = 'socket'\npath = 'DIR/missing'", "unhealthy self"),
    ("unix", "kind = 'file'\npath = 'DIR/own'\nlines = { matching = '^its own$' }", "healthy"),
    ("unix", "kind = 'file'\npath = 'DIR/link'\nlines = { matching = '^its own$' }", "healthy"),
    (
        "unix",
        "kind = 'file'\npath = 'DIR/up/DIR/own'\nlines = { matching = '^its own$' }",
        "healthy",
    ),
    ("unix", "kind = 'file'\npath = 'DIR/fifo'\nlines = { matching = 'x' }", "unknown"),
    ("unix", "kind = 'file'\npath = 'DIR/sparse'\nlines = { matching = 'x' }", "unknown"),
    ("unix", "kind = 'file'\npath = 'DIR/own'\nmax-age = '1h'", "healthy"),
    ("listener", "kind = 'listening'\nport = '{fifo}'", "unknown"),
    ("listener", "kind = 'listening'\nport = '{sparse}'", "unknown"),
];

/// What runs in the container, and what each does.
const SERVICES: &[&str] = &[
    "good-broker speak:5672",
    "rude-broker hang-up:5673",
    "listener listen:8080",
    "connected connect:5672",
    "hung-up-on connect:5673",
    "busy hear:5555",
    "stuck ignore:5556",
    "stopped idle stopped",
    "lonely idle",
    "unix unix",
];

const SETTINGS: &str = "
[settings]
url = { file = { path = 'DIR/bus.conf', format = 'ini', option = 'DEFAULT.url' } }
fifo = [{ file = { path = 'DIR/fifo', format = 'ini', option = 'DEFAULT.port' } }, { default = 8080 }]
sparse = [{ file = { path = 'DIR/sparse', format = 'ini', option = 'DEFAULT.port' } }, { default = 8080 }]
";

/// What this binary does when it is started again as another process.
#[test]
fn task_of_another_process() {
    match task().as_deref() {
        None => {}
        Some("look") => {
            let seen: Vec<[String; 2]> = look(|| Vantage::inside().unwrap(), &own_folder());
            ready(&serde_json::to_string(&seen).unwrap());
        }
        Some(task) => act(task),
    }
}

/// The answer to each case: its verdict, and all else that was said.
fn look(from: impl Fn() -> Vantage, folder: &Path) -> Vec<[String; 2]> {
    let folder = folder.display().to_string();
    let numbers =
        Regex::new(r"(process(es)? |/proc/)[0-9]+(, [0-9]+)*|last heard [0-9]+ s").unwrap();
    let ages = Regex::new(r"changed [0-9]+s ago").unwrap();
    CASES
        .iter()
        .map(|(program, check, _)| {
            let text = format!(
                "service = 'case'\nprocess = '{program}'\n{SETTINGS}\n[[check]]\n{check}\n"
            );
            let mut catalog = Catalog::embedded();
            catalog.add_text("case.toml".into(), text.replace("DIR", &folder)).unwrap();
            let definition = catalog.definition("case").unwrap();
            let request = Request { deadline: Some(Duration::from_secs(60)), ..Request::default() };
            let from = Arc::new(from());
            let found = evaluate(&Plan::new(&definition, &request, &from), &from);
            let Finding { verdict, proof, hint, .. } = &found[0];
            let mut word = verdict.word().to_owned();
            if let Some(blame) = verdict.blame() {
                word.push_str(&format!(" {blame}"));
            }
            let said = format!("{:?} {proof:?} {hint:?}", verdict.because());
            let said = numbers.replace_all(&said, "$1N").into_owned();
            [word, ages.replace_all(&said, "changed N ago").into_owned()]
        })
        .collect()
}

#[test]
fn a_living_container_looks_the_same_from_inside_and_from_outside() {
    if !is_root("a container") {
        return;
    }
    let container = Container::start(SERVICES);
    let pid = container.pid();
    let outside = look(|| Vantage::outside(pid).unwrap(), container.folder());
    let inside: Vec<[String; 2]> = serde_json::from_str(&container.exec("look")).unwrap();
    let mut wrong = Vec::new();
    for ((case, inside), outside) in CASES.iter().zip(&inside).zip(&outside) {
        if inside != outside {
            wrong.push(format!("{case:?}\n  inside  {inside:?}\n  outside {outside:?}"));
        } else if inside[0] != case.2 {
            wrong.push(format!("{case:?}: found {inside:?}"));
        }
    }
    assert_eq!(inside.len(), CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_is_run_inside_and_refused_outside() {
    if !is_root("a container") {
        return;
    }
    let container = Container::start(SERVICES);
    let from = Arc::new(Vantage::outside(container.pid()).unwrap());
    let mut catalog = Catalog::embedded();
    let text = "service = 'case'\n[[check]]\nkind = 'command'\nrun = ['true']\n";
    catalog.add_text("case.toml".into(), text.into()).unwrap();
    let plan = Plan::new(&catalog.definition("case").unwrap(), &Request::default(), &from);
    assert_eq!(evaluate(&plan, &from)[0].verdict.word(), "unknown");
}
