//! The daemons around OpenStack's own, as they are and with real faults: load
//! balancer, name server, and those that are known by their greeting.

use anyhow::Result;
use container_tests::{Container, FROZEN, from_xtask};

fn servers() -> Result<Container> {
    Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_SERVERS")?, &[])
}

/// Two services, of which the second has nobody who serves it, and one who serves the first.
const HAPROXY: &str = "
global
    stats socket /run/haproxy.sock mode 600 level user
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    default-server inter 200ms fastinter 200ms downinter 200ms rise 1 fall 1
frontend served
    bind 127.0.0.1:8001
listen keystone
    bind 127.0.0.1:5000
    server one 127.0.0.1:8001 check
listen placement
    bind 127.0.0.1:8778
    server one 127.0.0.1:8002 check
";

#[test]
fn haproxy_and_who_is_behind_it() -> Result<()> {
    let container = servers()?;
    let start = |configuration: &str| {
        container.shell(&format!(
            "kill $(pidof haproxy) 2> /dev/null || true
             printf '%s' '{configuration}' > /etc/haproxy/haproxy.cfg
             haproxy -D -f /etc/haproxy/haproxy.cfg"
        ))
    };
    start(HAPROXY)?;
    let one = "no server is up behind 1 of its 2 services: placement (L4CON)";
    container.says("haproxy", &["degraded: haproxy: ", one])?;
    start(&HAPROXY.replace(":8002", ":8001"))?;
    let well = ["healthy: haproxy: ", "haproxy 2.6", "2 services, 2 of 2 servers up"];
    container.says("haproxy", &well)?;
    start(&HAPROXY.replace("one 127.0.0.1:8001", "one 127.0.0.1:8002"))?;
    let all = "no server is up behind any of its services: keystone (L4CON), placement (L4CON)";
    container.says("haproxy", &["unhealthy: haproxy: ", all, "(dependency)"])?;
    container.shell("kill -STOP $(pidof haproxy)")?;
    container.says("haproxy", &["unhealthy: haproxy: ", FROZEN, "(self)"])
}

/// Knows one zone, and for all other names asks who is not there.
const NAMED: &str = r#"
options {
    directory "/tmp";
    listen-on { 127.0.0.1; };
    listen-on-v6 { none; };
    forwarders { 127.0.0.2; };
    forward only;
    dnssec-validation no;
};
zone "known.test" { type primary; file "/etc/bind/db.empty"; };
"#;

#[test]
fn a_name_server_and_who_it_asks() -> Result<()> {
    let container = servers()?;
    container.shell(&format!(
        "printf '%s' '{NAMED}' > /etc/bind/named.conf; named -c /etc/bind/named.conf"
    ))?;
    let question = |name: &str| {
        format!(
            "service = \"names\"\nprocess = \"named\"\n[[check]]\nkind = \"dns\"\nport = 53\n\
             question = \"{name}\"\nexpect = \"NOERROR\"\n"
        )
    };
    let server = "designate-backend-bind9";
    let well = "127.0.0.1:53 answered NOERROR to version.bind TXT";
    container.says(server, &["healthy: designate-backend-bind9: ", well])?;
    let known = "127.0.0.1:53 answered NOERROR to known.test SOA";
    container.says_by(&question("known.test"), &["healthy: names: ", known])?;
    let lost = "127.0.0.1:53 answered SERVFAIL to other.test SOA by TCP";
    let lost = ["unhealthy: names: ", lost, "(dependency)"];
    container.says_by(&question("other.test"), &lost)?;
    container.shell("kill -STOP $(pidof named)")?;
    container.says(server, &["unhealthy: ", FROZEN, "(self)"])
}

/// A service of the catalogue, how its daemon is started, its name, what it says, and what is said
/// of it once it is frozen.
const GREETERS: [(&str, &str, &str, &str, &str); 3] = [
    (
        "nova-ssh",
        "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /run/host-key
         /usr/sbin/sshd -h /run/host-key -p 8022 -o ListenAddress=127.0.0.1",
        "sshd",
        "127.0.0.1:8022 says \"SSH-2.0-OpenSSH_9",
        // There is a daemon for each connection: which is the one, no process tells.
        "greeting: 127.0.0.1:8022 accepts connections and answers nothing",
    ),
    (
        "swift-rsync",
        "rsync --daemon --address=127.0.0.1 --config=/dev/null",
        "rsync",
        "127.0.0.1:873 says \"@RSYNCD: 3",
        FROZEN,
    ),
    (
        "collectd",
        "printf 'LoadPlugin load\\nLoadPlugin unixsock\\n<Plugin unixsock>\\n\
                 SocketFile \"/var/run/collectd-socket\"\\n</Plugin>\\n' > /etc/collectd.conf
         collectd -C /etc/collectd.conf",
        "collectd",
        "/var/run/collectd-socket says \"",
        FROZEN,
    ),
];

#[test]
fn daemons_that_greet() -> Result<()> {
    let container = servers()?;
    for (service, start, name, greeting, stopped) in GREETERS {
        container.shell(start)?;
        container.says(service, &[&format!("healthy: {service}: "), greeting])?;
        container.shell(&format!("kill -STOP $(pidof {name})"))?;
        container.says(service, &[&format!("unhealthy: {service}: "), stopped, "(self)"])?;
    }
    Ok(())
}
