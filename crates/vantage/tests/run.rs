//! Real commands, and that nothing of them is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::{own_pid, soon};
use vantage::{Blind, Deadline, Ended, MAX_COMMAND_OUTPUT, Obstacle, Vantage};

fn run(command: &[&str], by: Deadline) -> Result<Ended, Blind> {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    Vantage::inside().unwrap().run(&command, by)
}

fn shell(script: &str, by: Deadline) -> Ended {
    run(&["sh", "-c", script], by).unwrap()
}

fn briefly() -> Deadline {
    Deadline::after(Duration::from_secs(2))
}

/// A number of seconds that nobody else sleeps for, by which to find sleepers again.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(100_000);
    format!("{}.{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id())
}

/// The processes that were given this argument.
fn left(argument: &str) -> Vec<String> {
    processes("cmdline", |cmdline| cmdline.split('\0').any(|word| word == argument))
}

/// The paths in `/proc` of the processes whose file says so.
fn processes(file: &str, says: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let read = |path: &str| std::fs::read_to_string(format!("{path}/{file}")).unwrap_or_default();
    let paths = entries.map(|entry| entry.unwrap().path().display().to_string());
    paths.filter(|path| says(&read(path))).collect()
}

/// Our children that have ended and were not waited for. Other tests' may be
/// about to be; one that was forgotten stays.
fn zombies() -> Vec<String> {
    let own = format!("PPid:\t{}\n", std::process::id());
    let by = soon();
    loop {
        let zombies = processes("status", |text| text.contains(&own) && text.contains("State:\tZ"));
        if zombies.is_empty() || by.has_passed() {
            return zombies;
        }
    }
}

#[test]
fn how_it_ended_and_what_it_said() {
    let exited = |status, output: &str| Ended::Exited { status, output: output.to_owned() };
    assert_eq!(shell("echo one; echo two >&2; echo three", soon()), exited(0, "one\ntwo\nthree\n"));
    assert_eq!(shell("echo no; exit 7", soon()), exited(7, "no\n"));
    assert_eq!(run(&["cat"], soon()).unwrap(), exited(0, ""), "nothing to read");
    let signalled = Ended::Signalled { signal: 15, output: "so\n".to_owned() };
    assert_eq!(shell("echo so; kill $$; sleep 100", soon()), signalled);
    assert_eq!(run(&["printf", "\\377"], soon()).unwrap(), exited(0, "\u{fffd}"));
}

#[test]
fn what_cannot_be_started_is_blind() {
    let obstacle = |command: &[&str]| run(command, soon()).unwrap_err().obstacle;
    assert_eq!(obstacle(&["/no/such/program"]), Obstacle::Missing);
    assert!(matches!(obstacle(&[]), Obstacle::Other(_)));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(obstacle(&[file.to_str().unwrap()]), Obstacle::Forbidden);
}

#[test]
fn only_inside() {
    let command = ["true".to_owned()];
    let refused = |from: Vantage| match from.run(&command, soon()).unwrap_err().obstacle {
        Obstacle::NotFromHere(why) => why,
        other => panic!("{other:?}"),
    };
    if rustix::process::geteuid().is_root() {
        let why = refused(Vantage::outside(own_pid()).unwrap());
        assert_eq!(why, "a command runs inside the container only");
    }
    let fixture = tempfile::tempdir().unwrap();
    std::fs::create_dir(fixture.path().join("proc")).unwrap();
    std::fs::create_dir(fixture.path().join("root")).unwrap();
    refused(Vantage::at(fixture.path()).unwrap());
}

#[test]
fn at_the_deadline_all_of_it_is_killed() {
    let seconds = unique();
    let ended = shell(&format!("echo begun; sleep {seconds} | sleep {seconds}"), briefly());
    assert_eq!(ended, Ended::Killed { output: "begun\n".to_owned() });
    assert_eq!(left(&seconds), [""; 0]);
}

#[test]
fn what_ignores_signals_is_killed_all_the_same() {
    let seconds = unique();
    let script = format!("trap '' TERM INT HUP; while :; do sleep {seconds}; done");
    assert_eq!(shell(&script, briefly()), Ended::Killed { output: String::new() });
    assert_eq!(left(&seconds), [""; 0]);
}

#[test]
fn what_escapes_to_a_session_of_its_own_is_killed_too() {
    let seconds = unique();
    // With our output open, without it, with an empty environment, as a
    // daemon of two generations, and one that has ended already.
    let script = format!(
        "setsid sleep {seconds} &
         setsid -f env -i sleep {seconds} </dev/null >/dev/null 2>&1
         (setsid sh -c 'sleep {seconds} & sleep {seconds}; :' &)
         setsid -f true
         echo begun"
    );
    let ended = Ended::Exited { status: 0, output: "begun\n".to_owned() };
    assert_eq!(shell(&script, soon()), ended);
    assert_eq!(left(&seconds), [""; 0]);
    let ended = shell(&format!("{script}; sleep {seconds}"), briefly());
    assert_eq!(ended, Ended::Killed { output: "begun\n".to_owned() });
    assert_eq!(left(&seconds), [""; 0]);
    assert_eq!(zombies(), [""; 0]);
}

#[test]
fn output_without_end_is_capped() {
    let Ended::Killed { output } = run(&["yes"], briefly()).unwrap() else { panic!("it ended") };
    assert_eq!(output.len(), MAX_COMMAND_OUTPUT);
    let script = "head -c 5000000 /dev/zero | tr '\\0' '\\377'";
    let Ended::Exited { status: 0, output } = shell(script, soon()) else { panic!("it failed") };
    assert!(output.len() <= MAX_COMMAND_OUTPUT && output.len() > MAX_COMMAND_OUTPUT - 3);
}

#[test]
fn one_command_does_not_clear_away_anothers_processes() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    // Its helper is an orphan, and so a child of ours, while it still works.
    let script = format!(
        "(setsid sh -c 'until [ -e {go} ]; do sleep 0.01; done; touch {done}' &)
         touch {begun}; until [ -e {done} ]; do sleep 0.01; done; echo helped",
        go = path("go"),
        begun = path("begun"),
        done = path("done"),
    );
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| shell(&script, soon()));
        while !directory.path().join("begun").exists() {
            std::thread::yield_now();
        }
        for _ in 0..5 {
            assert!(matches!(shell("setsid -f sleep 100", soon()), Ended::Exited { .. }));
        }
        std::fs::write(directory.path().join("go"), "").unwrap();
        let helped = Ended::Exited { status: 0, output: "helped\n".to_owned() };
        assert_eq!(slow.join().unwrap(), helped);
    });
}
