//! Scripts that source `common.sh`, in bash and in dash.

mod support;

use support::{Answer, Room};

const COMMON: &str = include_str!("../../../compat/common.sh");

const FOLDER: &str = "/scripts/healthcheck";

fn room() -> Room {
    let room = Room::new().with_stand_in();
    room.file(&format!("{FOLDER}/common.sh"), COMMON);
    room.link(&format!("{FOLDER}/healthcheck"), "/openstack/healthcheck");
    room
}

/// Runs a script that sources `common.sh`, by each shell.
fn each_shell(room: &Room, before: &str, script: &str, look: impl Fn(&str, Answer)) {
    let sourced = format!(". ${{HEALTHCHECK_SCRIPTS}}/common.sh\n{script}\n");
    room.file("/tmp/script", &sourced);
    for shell in ["bash", "dash"] {
        let run = format!("{before}\nHEALTHCHECK_SCRIPTS={FOLDER} {shell} /tmp/script");
        look(shell, room.bash(&run));
    }
}

fn check(room: &Room, before: &str, script: &str, status: i32, out: &str) {
    each_shell(room, before, script, |shell, answer| {
        assert_eq!(answer.status, Some(status), "{shell}: {script}: {answer:?}");
        assert!(answer.out.contains(out), "{shell}: {script}: {answer:?}");
        assert_eq!(answer.err, "", "{shell}: {script}");
    });
}

/// A service that listens, one that is connected to it, and the port.
const SERVICES: &str = r#"
export port=$((20000 + RANDOM % 10000))
until start nova-broker listen "127.0.0.1:$port"; do port=$((port + 1)); done
start nova-conductor connect "127.0.0.1:$port"
"#;

#[test]
fn port_checks_say_why_and_reach_the_else() {
    let room = room();
    let script = |process: &str, ports: &str| {
        format!(
            "if healthcheck_port {process} {ports}; then exit 0; else echo no connection; exit 1; fi"
        )
    };
    check(&room, SERVICES, &script("nova-conductor", "1 $port"), 0, "healthy: nova-conductor");
    check(&room, SERVICES, &script("nova-broker", "$port"), 0, "healthy: nova-broker");
    check(&room, SERVICES, &script("nova-api", "$port"), 1, "unhealthy: nova-api: process: ");
    check(&room, SERVICES, &script("nova-api", "$port"), 1, "\nno connection\n");
    check(&room, SERVICES, "healthcheck_listen nova-broker $port", 0, "healthy: nova-broker");
    check(&room, SERVICES, "healthcheck_listen nova-conductor $port", 1, "does not listen");
    check(
        &room,
        "rm -f /tmp/s; start virtlogd unix /tmp/s",
        "healthcheck_socket virtlogd /tmp/s",
        0,
        "healthy: virtlogd",
    );
}

#[test]
fn look_ups_answer_as_the_predecessors_did() {
    let room = room();
    let ini =
        "[DEFAULT]\nbind_host = fd00::1\n#bind_port = 1\n[object-replicator]\ninterval = 60\n";
    let vhost = "Listen 5000\n<VirtualHost 10.0.0.1:5000>\n  ServerName keystone.example\n  SSLEngine on\n  WSGIScriptAlias / \"/var/www/main\"\n</VirtualHost>\n";
    room.file("/etc/x.conf", ini).file("/etc/vhost.conf", vhost);
    room.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nops:x:0:0::/:/bin/sh\n");
    let equals = |script: &str, status: i32, out: &str| {
        each_shell(&room, SERVICES, script, |shell, answer| {
            let found = (answer.status, answer.out.as_str(), answer.err.as_str());
            assert_eq!(found, (Some(status), out, ""), "{shell}: {script}");
        });
    };
    equals("get_config_val /etc/x.conf DEFAULT bind_host 127.0.0.1", 0, "fd00::1\n");
    equals("get_config_val /etc/x.conf DEFAULT bind_port 9292", 0, "9292\n");
    equals("get_config_val /etc/none DEFAULT bind_port 9292", 0, "9292\n");
    equals("wrap_ipv6 $(get_config_val /etc/x.conf DEFAULT bind_host x)", 0, "[fd00::1]\n");
    equals("wrap_ipv6 [::1]; wrap_ipv6 10.0.0.1", 0, "[::1]\n10.0.0.1\n");
    equals("get_url_from_vhost /etc/vhost.conf", 0, "https://keystone.example:5000/\n");
    equals("get_url_from_vhost /etc/none; echo not reached", 1, "");
    equals("get_user_from_process nova-broker", 0, "root\n");
    equals("get_user_from_process nova-api || echo none", 0, "none\n");
    equals(
        "healthcheck_curl || echo status $?",
        0,
        "healthcheck_curl: no parameter provided\nstatus 1\n",
    );
}

#[test]
fn a_replicator_has_been_through_within_its_interval() {
    let room = room();
    let script =
        "conf=/etc/x.conf cache=/tmp/recon; check_swift_interval object-replicator; echo went on";
    room.file("/etc/x.conf", "[object-replicator]\ninterval = 60\n");
    let late = "Last replication run did not finish within interval of 60 seconds.\n";
    let now = "echo \"{\\\"replication_last\\\": $(date +%s), \\\"x\\\": 1}\" > /tmp/recon";
    let old = "echo '{\"replication_last\": 1000}' > /tmp/recon";
    let runs = "start swift-object-replicator --x y";
    check(&room, &format!("{runs}; {now}"), script, 0, "went on\n");
    check(&room, &format!("{runs}; {old}"), script, 1, late);
    check(&room, old, script, 0, "went on\n");
}

#[test]
fn without_the_program_it_says_so() {
    let room = Room::new();
    room.file(&format!("{FOLDER}/common.sh"), COMMON);
    check(&room, "", "echo not reached", 1, "unknown: common.sh: no healthcheck program in ");
}
