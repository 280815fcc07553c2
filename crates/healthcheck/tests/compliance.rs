//! The predecessors' own scripts and ours in the same container: the same
//! answer, except where the old one is wrong, and each of those is listed with
//! its reason. A difference that is no more must leave the list.

mod support;

use serde::Deserialize;
use std::path::PathBuf;
use support::container::{Container, act};
use support::live::{is_root, skipped, task};

/// The variables by which `cargo xtask test` says where the programs are.
const PROBE: &str = "HEALTHCHECK_PROBE";
const TRIPLEO: &str = "HEALTHCHECK_PEER_TRIPLEO";
const KOLLA: &str = "HEALTHCHECK_PEER_KOLLA";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenes {
    scene: Vec<Scene>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    name: String,
    services: Vec<String>,
    ask: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    #[serde(default)]
    difference: Vec<Difference>,
}

/// Where we answer otherwise by intention.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    scene: String,
    ask: Vec<String>,
    theirs: i32,
    ours: i32,
    reason: String,
}

/// What this binary does when it is started again as another process.
#[test]
fn task_of_another_process() {
    if let Some(task) = task() {
        act(&task);
    }
}

/// The two commands that a question is asked by.
fn commands(ask: &str, places: &[PathBuf; 3], container: &Container) -> [Vec<String>; 2] {
    let ask = ask.replace("DIR", &container.folder().display().to_string());
    let mut words = ask.split(' ').map(str::to_owned);
    let (Some(whose), Some(name)) = (words.next(), words.next()) else { return Default::default() };
    let arguments: Vec<String> = words.collect();
    let [probe, tripleo, kolla] = places.each_ref().map(|place| place.display().to_string());
    let (theirs, ours) = match whose.as_str() {
        "tripleo" => {
            let scripts = format!("HEALTHCHECK_SCRIPTS={tripleo}");
            (
                vec!["env".into(), scripts, "bash".into(), format!("{tripleo}/{name}")],
                vec![probe, name],
            )
        }
        // Ours is called by the helper's name.
        _ => (
            vec!["bash".into(), format!("{kolla}/base/{name}")],
            vec![container.link(&name, &probe).display().to_string()],
        ),
    };
    [theirs, ours].map(|command| command.into_iter().chain(arguments.clone()).collect())
}

#[test]
fn the_predecessors_and_we_give_the_same_answer_but_for_what_is_listed() {
    let places = [PROBE, TRIPLEO, KOLLA].map(|name| std::env::var_os(name).map(PathBuf::from));
    let [Some(probe), Some(tripleo), Some(kolla)] = places else {
        skipped(&format!("{PROBE}, {TRIPLEO} and {KOLLA} are set by `cargo xtask test`"));
        return;
    };
    if !is_root("a container") {
        return;
    }
    let places = [probe, tripleo, kolla];
    let scenes: Scenes =
        toml::from_str(include_str!("../../../tests/compliance/scenes.toml")).unwrap();
    let listed: Differences =
        toml::from_str(include_str!("../../../tests/compliance/differences.toml")).unwrap();
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for scene in &scenes.scene {
        let container = Container::start(&scene.services);
        for ask in &scene.ask {
            let [theirs, ours] =
                commands(ask, &places, &container).map(|words| container.run(&words));
            if !(0..=1).contains(&ours.0) || ours.1.is_empty() {
                wrong.push(format!("{}: {ask}: ours is {ours:?}", scene.name));
            }
            // Theirs may fail by any number.
            let theirs = (theirs.0.min(1), theirs.1);
            if theirs.0 == ours.0 {
                continue;
            }
            found.push((&scene.name, ask));
            let is_listed = listed.difference.iter().any(|one| {
                one.scene == scene.name
                    && one.ask.contains(ask)
                    && (one.theirs, one.ours) == (theirs.0, ours.0)
                    && !one.reason.is_empty()
            });
            if !is_listed {
                wrong.push(format!("{}: {ask}: theirs {theirs:?}, ours {ours:?}", scene.name));
            }
        }
    }
    for one in &listed.difference {
        for ask in one.ask.iter().filter(|ask| !found.contains(&(&one.scene, ask))) {
            wrong.push(format!("{}: {ask}: listed, and no difference any more", one.scene));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
