//! The predecessors' commands by their names, against real processes.

mod support;

use support::{Answer, Room};

/// A room in which the helpers are links, as kolla's images would have them.
fn room() -> Room {
    let room = Room::new().with_stand_in();
    for name in ["port", "listen", "socket", "filemod", "curl", "rabbitmq", "mariadb"] {
        room.link(&format!("/usr-local-bin/healthcheck_{name}"), "/openstack/healthcheck");
    }
    room.link("/usr-local-bin/healthcheck.sh", "/openstack/healthcheck");
    room
}

/// For ports of our own, and two ends of a connection.
const PORTS: &str = r#"
export PATH=/usr-local-bin:$PATH
port=$((20000 + RANDOM % 10000))
until start nova-broker listen "127.0.0.1:$port"; do port=$((port + 1)); done
broker=$started
"#;

fn ask(room: &Room, script: &str) -> Answer {
    room.bash(&format!("{PORTS}\n{script}"))
}

fn check(room: &Room, script: &str, status: i32, first: &str) {
    let answer = ask(room, script);
    assert_eq!(answer.status, Some(status), "{script}: {answer:?}");
    assert!(answer.first().contains(first), "{script}: {answer:?}");
}

#[test]
fn a_port_is_a_living_connection_at_either_end_and_no_prefix() {
    let room = room();
    let client = "start nova-conductor connect 127.0.0.1:$port";
    check(
        &room,
        &format!("{client}; healthcheck_port nova-conductor $port"),
        0,
        "healthy: nova-conductor: 2 checks",
    );
    check(
        &room,
        &format!("{client}; healthcheck_port nova-broker $port"),
        0,
        "healthy: nova-broker: 2 checks",
    );
    check(&room, &format!("{client}; healthcheck_port nova-conductor 1 $port"), 0, "healthy");
    check(
        &room,
        &format!("{client}; healthcheck_port nova-conductor ${{port%?}}"),
        1,
        "holds no connection to port",
    );
    check(&room, &format!("{client}; healthcheck_port nova-conductor 1$port; true"), 0, "");
    // Somebody else's connection is not the process's.
    check(
        &room,
        &format!("{client}; start nova-api --x y; healthcheck_port nova-api $port"),
        1,
        "holds no connection",
    );
    // Listening is not being connected.
    check(&room, "healthcheck_port nova-broker $port", 1, "holds no connection");
    check(
        &room,
        "start statsd udp 127.0.0.1:$port; healthcheck_port statsd $port",
        0,
        "healthy: statsd: 2 checks",
    );
}

#[test]
fn a_connection_that_the_other_side_closed_is_dead() {
    let room = room();
    let script = "start nova-conductor connect 127.0.0.1:$port; kill -9 $broker; wait $broker 2>/dev/null; \
                  healthcheck_port nova-conductor $port";
    check(&room, script, 1, "unhealthy: nova-conductor: port: ");
}

#[test]
fn a_stopped_process_is_not_healthy() {
    let room = room();
    let script = "start nova-conductor connect 127.0.0.1:$port; kill -STOP $started; \
                  until grep -q '^State:.T' /proc/$started/status; do :; done; healthcheck_port nova-conductor $port";
    check(&room, script, 1, "is stopped by a signal, or frozen (self)");
}

#[test]
fn what_only_names_the_process_is_not_the_process() {
    let room = room();
    let gone = "healthcheck_port nova-conductor $port";
    check(&room, gone, 1, "/nova-conductor/ is not running");
    check(&room, &format!("sh -c '{gone}; exit $?' nova-conductor"), 1, "");
    check(
        &room,
        "timeout 10 healthcheck_port nova-conductor $port",
        1,
        "/nova-conductor/ is not running",
    );
    check(
        &room,
        "mkfifo /tmp/never; bash -c 'read x < /tmp/never # nova-conductor' & healthcheck_port nova-conductor $port",
        1,
        "/nova-conductor/ is not running",
    );
}

#[test]
fn a_pattern_is_a_regular_expression_on_the_whole_command_line() {
    let room = room();
    let agent = "start neutron-l3-agent --config-file x connect 127.0.0.1:$port";
    check(
        &room,
        &format!("{agent}; healthcheck_port 'neutron-l3-agent ' $port"),
        0,
        "healthy: neutron-l3-agent: ",
    );
    check(&room, &format!("{agent}; healthcheck_port 'apache2|neutron-l3' $port"), 0, "healthy");
    check(&room, &format!("{agent}; healthcheck_port 'agent.*--config-file' $port"), 0, "healthy");
    check(&room, &format!("{agent}; healthcheck_port 'l3-agents ' $port"), 1, "is not running");
    check(
        &room,
        "healthcheck_port '(' 1",
        1,
        "error: healthcheck_port: expected a regular expression (",
    );
}

#[test]
fn listening_is_the_process_s_own() {
    let room = room();
    check(&room, "healthcheck_listen nova-broker $port", 0, "healthy: nova-broker: 2 checks");
    check(&room, "healthcheck_listen nova-broker ${port%?}", 1, "does not listen on port");
    check(
        &room,
        "start nova-api --x y; healthcheck_listen nova-api $port",
        1,
        "another process holds",
    );
    check(&room, "healthcheck_listen nova-broker", 1, "error: healthcheck_listen: expected a port");
}

#[test]
fn a_socket_is_taken_by_its_process() {
    let room = room();
    check(
        &room,
        "start virtlogd unix /tmp/s; healthcheck_socket virtlogd /tmp/s",
        0,
        "healthy: virtlogd: 2 checks",
    );
    check(
        &room,
        "start iscsid abstract name; healthcheck_socket iscsid @name",
        0,
        "healthy: iscsid: 2 checks",
    );
    check(
        &room,
        "start virtlogd --x y; healthcheck_socket virtlogd /tmp/none",
        1,
        "unhealthy: virtlogd: socket: ",
    );
}

#[test]
fn a_file_is_as_old_as_it_is() {
    let room = room();
    room.file("/tmp/f", "");
    check(&room, "healthcheck_filemod /tmp/f 60", 0, "healthy: healthcheck_filemod: 1 check");
    check(&room, "cd /tmp; healthcheck_filemod f 60", 0, "healthy");
    check(
        &room,
        "touch -d '2 minutes ago' /tmp/f; healthcheck_filemod /tmp/f 60",
        1,
        "was last changed 2m",
    );
    check(&room, "healthcheck_filemod /tmp/none 60", 1, "/tmp/none is not there (self)");
}

#[test]
fn names_of_services_are_helpers_too() {
    let room = room();
    check(&room, "healthcheck_rabbitmq", 1, ": rabbitmq: ");
    check(&room, "healthcheck_mariadb", 1, ": mariadb: ");
    check(
        &room,
        "healthcheck.sh --defaults-file /etc/healthcheck.cnf --connect --galera_online",
        1,
        ": mariadb: ",
    );
    check(
        &room,
        "/openstack/healthcheck healthcheck_port nova-broker $port",
        1,
        "holds no connection",
    );
    check(&room, "healthcheck_port --help", 0, "usage: healthcheck_port PROC PORT...");
}

#[test]
fn an_http_server_answers_by_curl_s_options() {
    let room = room();
    let server = |status: &str, ask: &str| {
        format!("until start api http 127.0.0.1:$((port += 1)) '{status}'; do :; done; {ask}")
    };
    let url = "http://127.0.0.1:$port/healthcheck";
    let answer = ask(&room, &server("200 OK", &format!("healthcheck_curl {url}")));
    assert_eq!(answer.status, Some(0), "{answer:?}");
    assert!(answer.first().starts_with("healthy: 127.0.0.1:"), "{answer:?}");
    let written = answer.out.lines().last().unwrap_or_default();
    assert!(written.starts_with("200 127.0.0.1:") && written.ends_with(" seconds"), "{answer:?}");

    let healthy =
        |arguments: &str| check(&room, &server("204 No Content", arguments), 0, "healthy: ");
    healthy("healthcheck_curl 127.0.0.1:$port");
    healthy(
        "healthcheck_curl -g -k -q -s -S --fail -o /dev/null --max-time 5 --user-agent x -w '' http://127.0.0.1:$port/",
    );
    healthy("healthcheck_curl -u user:hidden 127.0.0.1:$port/healthcheck");
    healthy("healthcheck_curl --resolve api.example:$port:127.0.0.1 http://api.example:$port/");
    healthy("healthcheck_curl -H 'X-Token: hidden' -Lm5 'http://127.0.0.1:'$port'/{a}'");
    healthy(
        "http-healthcheck.py --max-time 5 --write-out x http://127.0.0.1:$port/"
            .replace("http-healthcheck.py", "/openstack/healthcheck http-healthcheck.py")
            .as_str(),
    );

    // What http-healthcheck.py called healthy.
    let broken = "HEALTHCHECK_CURL_PY=1 healthcheck_curl http://127.0.0.1:$port/";
    check(&room, &server("500 Internal Server Error", broken), 1, "500 Internal Server Error");
    check(&room, &server("404 Not Found", &format!("healthcheck_curl {url}")), 1, "404 Not Found");
    check(&room, "healthcheck_curl http://127.0.0.1:1/", 1, "unhealthy: 127.0.0.1:1: http: ");
    let proxied = "http_proxy=http://127.0.0.1:1 healthcheck_curl http://127.0.0.1:$port/";
    check(&room, &server("200 OK", proxied), 0, "healthy: ");
    check(
        &room,
        &server("200 OK", &format!("HEALTHCHECK_USE_PROXY=1 {proxied}")),
        1,
        "unhealthy: ",
    );
    let bypass = "no_proxy=127.0.0.1 HEALTHCHECK_USE_PROXY=1";
    check(&room, &server("200 OK", &format!("{bypass} {proxied}")), 0, "healthy: ");

    for (arguments, first) in [
        ("", "error: healthcheck_curl: expected a URL, found nothing"),
        ("--data x http://a/", "expected options of curl that a check can have, found \"--data\""),
        ("-Z http://a/", "found \"-Z\""),
        ("http://a/ http://b/", "expected one URL"),
        ("-m soon http://a/", "expected seconds, found \"soon\""),
    ] {
        check(&room, &format!("healthcheck_curl {arguments}"), 1, first);
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    let room = room();
    // It accepts, and says nothing.
    let silent = "healthcheck_curl -m 2 http://127.0.0.1:$port/";
    check(&room, silent, 1, "unhealthy: 127.0.0.1:");
    let by_environment = "HEALTHCHECK_CURL_MAX_TIME=2 healthcheck_curl http://127.0.0.1:$port/";
    check(&room, by_environment, 1, "unhealthy: 127.0.0.1:");
}
