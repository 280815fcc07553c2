//! Bad luck: nobody reads, somebody kills, nothing is there. Always an exit
//! status of 0 or 1, always a line that explains, never a panic.

mod support;

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use support::{Answer, Room, command};

/// Healthy at once.
const HEALTHY: &str = "service = \"x\"\n[[check]]\nkind = \"file\"\npath = \"/\"\n";

/// Takes until it is killed.
const ENDLESS: &str = "service = \"x\"\ndeadline = \"60s\"\n[[check]]\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"echo $$ > PIDFILE; sleep 60 & wait\"]\n";

fn room() -> Room {
    let room = Room::new();
    room.file("/openstack/healthcheck.toml", HEALTHY);
    room
}

#[test]
fn when_nobody_reads_the_status_is_still_right() {
    let room = room();
    for (redirect, status) in [
        (">&-", "0"),
        (">&- 2>&-", "0"),
        ("<&- >&- 2>&-", "0"),
        ("> /dev/full", "0"),
        ("nobody >&-", "1"),
        ("<&- >&- 2>&- nobody", "1"),
    ] {
        let answer = room.bash(&format!("/openstack/healthcheck {redirect}; echo $?"));
        assert_eq!(answer.out, format!("{status}\n"), "{redirect}: {}", answer.err);
        assert!(!answer.err.contains("panicked"), "{redirect}: {}", answer.err);
    }
    // The reader is gone before anything is written; and once it is full.
    let gone = "exec 3> >(exec true); wait $!; /openstack/healthcheck >&3; echo $?";
    assert_eq!(room.bash(gone).out, "0\n");
    let full = "mkfifo /tmp/full; exec 3<>/tmp/full; \
                (trap '' PIPE; timeout 1 cat /dev/zero >&3) 2>&-; \
                timeout 20 /openstack/healthcheck >&3; echo $?";
    assert_eq!(room.bash(full).out, "0\n");
}

#[test]
fn a_signal_ends_it_with_a_line_and_status_1_and_no_child_is_left() {
    for signal in ["TERM", "INT", "HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let (file, pids) = (folder.path().join("endless.toml"), folder.path().join("pids"));
        assert!(std::process::Command::new("mkfifo").arg(&pids).status().unwrap().success());
        let text = ENDLESS.replace("PIDFILE", pids.to_str().unwrap());
        std::fs::write(&file, text).unwrap();
        let mut command = command(&["--definition", file.to_str().unwrap()]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The command it runs says its process id when it has started.
        let grandchild = std::fs::read_to_string(&pids).unwrap().trim().to_owned();
        let kill = ["-s", signal, &child.id().to_string()];
        assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
        let answer: Answer = child.wait_with_output().unwrap().into();
        let expected = format!("unknown: x: interrupted: ended by SIG{signal}\n");
        assert_eq!((answer.status, answer.out), (Some(1), expected), "{}", answer.err);
        let left = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
        let state = left.rsplit(") ").next().unwrap_or_default();
        assert!(left.is_empty() || state.starts_with(['Z', 'X']), "SIG{signal}: {left}");
    }
}

#[test]
fn the_deadline_ends_what_is_stuck_and_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("endless.toml");
    std::fs::write(&file, ENDLESS.replace("PIDFILE", "/dev/null")).unwrap();
    let file = file.to_str().unwrap();
    let answer: Answer =
        command(&["--deadline", "2s", "--definition", file]).output().unwrap().into();
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert!(answer.first().starts_with("unhealthy: x: command: "), "{}", answer.out);
    assert!(answer.first().contains("did not end in time"), "{}", answer.out);
}

#[test]
fn a_file_system_that_never_answers_holds_up_neither_the_answer_nor_the_other_checks() {
    if !std::path::Path::new("/dev/fuse").exists() {
        eprintln!("skipped: there is no /dev/fuse");
        return;
    }
    let room = room();
    let stuck = "[[check]]\nkind = \"file\"\nname = \"stuck\"\npath = \"/tmp/stuck/file\"\n";
    let text = HEALTHY.replace("[[check]]", &format!("{stuck}[[check]]"));
    room.file("/openstack/healthcheck.toml", &text);
    // Whoever holds the device open would have to answer, and does not.
    let answer = room.bash(
        "exec 3<>/dev/fuse && mkdir /tmp/stuck \
         && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 fuse /tmp/stuck \
         && timeout --signal=KILL 20 /openstack/healthcheck --deadline 1s 3<&-",
    );
    assert_eq!(answer.status, Some(1), "{answer:?}");
    let waiting = "still waiting after 1s to see that /tmp/stuck/file is as it should be";
    assert_eq!(answer.first(), format!("unknown: x: stuck: {waiting}"), "{answer:?}");
    assert!(answer.out.contains("\nhealthy: x: file: "), "{answer:?}");
}

#[test]
fn any_first_word_and_any_argument_is_survived() {
    let run = |first: &str, arguments: &[OsString]| -> Answer {
        let mut command = command(arguments);
        command.arg0(first).output().unwrap().into()
    };
    let broken = OsString::from_vec(vec![0xff, 0xfe]);
    let many: Vec<OsString> = (0..20_000).map(|_| OsString::from("x".repeat(40))).collect();
    let long = OsString::from("x".repeat(100_000));
    for first in ["", "/", "healthcheck", "no/such/path", "..", "\u{202e}"] {
        assert_eq!(run(first, &["--version".into()]).status, Some(0), "{first}");
        let one = std::slice::from_ref;
        for arguments in [one(&broken), one(&long), &many[..]] {
            let answer = run(first, arguments);
            assert_eq!(answer.status, Some(1), "{answer:?}");
            assert!(answer.first().starts_with("error: ") && answer.out.len() < 500, "{answer:?}");
        }
    }
}

#[test]
fn with_no_processes_to_see_nothing_is_known() {
    let room = room();
    let hidden = "mount -t tmpfs none /proc && exec /openstack/healthcheck nova-conductor";
    let answer = room.bash(hidden);
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert!(answer.first().starts_with("unknown: "), "{answer:?}");
    // What is not known must not restart anything.
    let live = room.bash(&format!("{hidden} --role live"));
    assert_eq!(live.status, Some(0), "{live:?}");
}

#[test]
fn as_nobody_on_a_read_only_root_it_answers() {
    let room = room();
    let answer = room.bash(
        "mount --bind / /mnt 2>/dev/null; mount -o remount,ro,bind / 2>/dev/null; \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups /openstack/healthcheck",
    );
    assert_eq!((answer.status, answer.first()), (Some(0), "healthy: x: 1 check"), "{answer:?}");
}

#[test]
fn maintenance_keeps_it_out_of_service_until_it_ends() {
    let room = room();
    let cases = [
        // What the file says, then what `ready` and no role answer, and what is said.
        ("", 1, 0, "degraded: x: maintenance: in maintenance, without an end"),
        (
            "until = 2999-01-01T00:00:00Z\nreason = \"new disks\"\nby = \"ops\"",
            1,
            0,
            "degraded: x: maintenance: in maintenance by ops: new disks, until 2999-01-01T00:00:00Z",
        ),
        ("until = 1999-01-01T00:00:00Z", 0, 0, "degraded: x: maintenance: maintenance ended "),
        ("until: tomorrow", 1, 0, "degraded: x: maintenance: in maintenance, and "),
    ];
    for (text, ready, health, first) in cases {
        room.file("/tmp/maintenance", text);
        let ask = |arguments: &str| {
            let set = "HEALTHCHECK_MAINTENANCE=/tmp/maintenance";
            room.bash(&format!("{set} /openstack/healthcheck {arguments}"))
        };
        for (arguments, status) in [("--role ready", ready), ("", health), ("--role live", 0)] {
            let answer = ask(arguments);
            assert_eq!(answer.status, Some(status), "{text:?} {arguments}: {answer:?}");
            assert!(answer.first().starts_with(first), "{text:?} {arguments}: {answer:?}");
        }
    }
    let mut unread = String::new();
    std::fs::File::open(room.path("/tmp/maintenance"))
        .unwrap()
        .read_to_string(&mut unread)
        .unwrap();
    assert_eq!(unread, "until: tomorrow", "the command writes nothing");
}
