//! The catalogue itself: every entry reads, every name leads to one service,
//! every name the predecessors had is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use healthcheck::catalog::{Catalog, CatalogError, EMBEDDED, Embedded};
use healthcheck::definition::{CHECK_KEYS, Definition, KEYS};
use healthcheck::plan::{Plan, Request};
use healthcheck::settings::SOURCES;
use healthcheck::verdict::Role;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::path::Path;
use vantage::Vantage;

fn services() -> impl Iterator<Item = &'static Embedded> {
    EMBEDDED.iter().filter(|entry| !entry.shared)
}

#[test]
fn every_entry_reads_and_is_put_together() {
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    for entry in services() {
        match catalog.definition(entry.service) {
            Ok(definition) => {
                assert!(!definition.checks.is_empty(), "{}: no check", entry.file);
                assert_eq!(definition.service, entry.service, "{}", entry.file);
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_entry_is_in_the_file_of_its_name_and_says_what_it_is_about() {
    for entry in EMBEDDED {
        let stem = Path::new(entry.file).file_stem().unwrap();
        assert_eq!(stem, entry.service, "{}", entry.file);
        let shared = entry.file.starts_with("catalog/shared/");
        assert_eq!(shared, entry.shared, "{}: shared files have their folder", entry.file);
        let definition = Definition::parse(entry.text, entry.file).unwrap();
        let about = definition.about.unwrap_or_default();
        assert!(about.len() > 10 && !about.ends_with('.'), "{}: about: {about:?}", entry.file);
    }
}

/// What these kinds see is that something is there, not that it works.
#[test]
fn an_entry_that_proves_little_says_what_it_lacks() {
    let weak = ["file", "listening", "process", "socket"];
    for entry in services() {
        let definition = Catalog::embedded().definition(entry.service).unwrap();
        let proves_little = definition.checks.iter().all(|check| weak.contains(&check.kind));
        assert!(!proves_little || !definition.lacks.is_empty(), "{}", entry.file);
        for lack in &definition.lacks {
            assert!(!lack.ends_with('.') && lack.len() < 160, "{}: {lack}", entry.file);
        }
    }
}

#[test]
fn names_are_kebab_case() {
    let kebab = Regex::new("^[a-z][a-z0-9]*(-[a-z0-9]+)*$").unwrap();
    for entry in EMBEDDED {
        for name in std::iter::once(&entry.service).chain(entry.aliases) {
            assert!(kebab.is_match(name), "{name}, in {}", entry.file);
        }
    }
}

#[test]
fn no_name_means_two_services() {
    let mut meanings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in EMBEDDED {
        for name in std::iter::once(&entry.service).chain(entry.aliases) {
            meanings.entry(name).or_default().push(entry.service);
        }
    }
    meanings.retain(|_, services| services.len() > 1);
    assert!(meanings.is_empty(), "{meanings:?}");
}

#[test]
fn every_pattern_is_a_regular_expression() {
    for entry in EMBEDDED {
        for pattern in entry.arguments.iter().chain(&entry.known_by) {
            Regex::new(pattern).unwrap_or_else(|error| panic!("{}: {error}", entry.file));
        }
    }
}

#[test]
fn names_may_have_underscores_and_may_be_cut() {
    let cases = [
        ("nova-conductor", Some("nova-conductor")),
        ("nova_conductor", Some("nova-conductor")),
        ("nova_super_conductor", Some("nova-conductor")),
        ("barbican-keystone-listener", Some("barbican-keystone-listener")),
        ("barbican-keysto", Some("barbican-keystone-listener")),
        ("barbican_keysto", Some("barbican-keystone-listener")),
        // Cut names have 15 characters, neither more nor less.
        ("barbican-keyst", None),
        ("barbican-keyston", None),
        // Cut, these are the beginning of several.
        ("trove-taskmanag", Some("trove-taskmanager")),
        ("nova_conductor ", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(Catalog::embedded().service(name), expected, "{name:?}");
    }
}

/// The names in a list, with the word that may follow each.
fn listed(text: &'static str) -> Vec<(&'static str, Option<&'static str>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| match line.split_once(": ") {
            Some((name, word)) => (name, Some(word)),
            None => (line, None),
        })
        .collect()
}

#[test]
fn every_name_the_predecessors_had_leads_to_a_service() {
    let lists = [
        ("tripleo-common", include_str!("data/tripleo-scripts.txt"), 71),
        ("kolla-ansible", include_str!("data/kolla-checked.txt"), 111),
        ("kolla-ansible, unchecked", include_str!("data/kolla-unchecked.txt"), 43),
        ("edpm-ansible", include_str!("data/edpm.txt"), 8),
        ("others", include_str!("data/others.txt"), 30),
    ];
    let catalog = Catalog::embedded();
    let mut missing = Vec::new();
    for (whose, text, count) in lists {
        let names = listed(text);
        assert_eq!(names.len(), count, "{whose}");
        missing.extend(names.into_iter().filter(|(name, _)| catalog.service(name).is_none()));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// `healthcheck compute`: the word is known to the service that runs, or is a
/// name of it, which may be cut.
#[test]
fn every_word_leads_to_the_service_it_stands_beside() {
    let catalog = Catalog::embedded();
    for (name, word) in listed(include_str!("data/edpm.txt")) {
        let service = catalog.service(name).unwrap();
        let definition = catalog.definition(service).unwrap();
        if let Some(word) = word {
            let meant = definition.words.get(word).map(String::as_str);
            assert_eq!(meant.or_else(|| catalog.service(word)), Some(service), "{name} {word}");
        }
    }
    for entry in services() {
        for (word, service) in catalog.definition(entry.service).unwrap().words {
            assert_eq!(
                catalog.service(&service),
                Some(service.as_str()),
                "{word} in {}",
                entry.file
            );
        }
    }
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_known() {
    let error = Catalog::embedded().definition("nova-conducter").unwrap_err();
    let expected = "unknown service \"nova-conducter\", did you mean \"nova-conductor\"?";
    assert_eq!(error.to_string(), expected);
    // What is shared is no service.
    assert!(matches!(Catalog::embedded().definition("bus"), Err(CatalogError::Unknown { .. })));
}

/// A container of these processes: command lines, in the order of their ids.
fn container(lines: &[&[&str]]) -> (tempfile::TempDir, Vantage) {
    let folder = tempfile::tempdir().unwrap();
    for place in ["root", "proc"] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
    }
    for (index, words) in lines.iter().enumerate() {
        let process = folder.path().join(format!("proc/{}", index + 1));
        std::fs::create_dir_all(&process).unwrap();
        let line: String = words.iter().map(|word| format!("{word}\0")).collect();
        std::fs::write(process.join("cmdline"), line).unwrap();
    }
    let vantage = Vantage::at(folder.path()).unwrap();
    (folder, vantage)
}

fn running(lines: &[&[&str]]) -> String {
    let (_folder, vantage) = container(lines);
    match Catalog::embedded().running(&vantage) {
        Ok(service) => service.to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_service_is_known_by_what_runs() {
    let cases: &[(&[&[&str]], &str)] = &[
        (
            &[
                &["dumb-init", "--single-child", "--", "kolla_start"],
                &["/usr/bin/python3", "/usr/bin/nova-conductor", "--config-file", "/etc/nova.conf"],
            ],
            "nova-conductor",
        ),
        (&[&["/usr/bin/python3", "-s", "/usr/bin/nova-compute"]], "nova-compute"),
        (
            &[&["/usr/bin/mistral-server", "--config-file=/etc/m.conf", "--server=engine"]],
            "mistral-engine",
        ),
        (&[&["/usr/bin/mistral-server", "--server", "event-engine"]], "mistral-event-engine"),
        (
            &[&[
                "ceilometer-polling: master process [/usr/bin/ceilometer-polling --polling-namespaces ipmi]",
            ]],
            "ceilometer-agent-ipmi",
        ),
        (
            &[&["/usr/bin/ceilometer-polling", "--polling-namespaces", "compute"]],
            "ceilometer-agent-compute",
        ),
        (
            &[&["/usr/lib64/erlang/erts-13/bin/beam.smp", "-W", "w", "--", "-s", "rabbit", "boot"]],
            "rabbitmq",
        ),
        (&[&["redis-server *:6379"]], "redis"),
        (&[&["/usr/bin/redis-sentinel *:26379 [sentinel]"]], "redis-sentinel"),
        (&[&["/usr/sbin/mysqld", "--wsrep-on=ON"]], "mariadb"),
        (&[&["/usr/sbin/crond", "-s", "-n"]], "cron"),
        (
            &[&[
                "ovsdb-server",
                "--remote=punix:/var/run/ovn/ovnnb_db.sock",
                "/var/lib/openvswitch/ovn-nb/ovnnb.db",
            ]],
            "ovn-nb-db",
        ),
        (
            &[&[
                "ovsdb-server",
                "--remote=db:OVN_Southbound,SB_Global,connections",
                "--unixctl=/var/run/ovn/ovnsb_db.ctl",
                "/var/lib/openvswitch/ovn-sb/ovnsb.db",
            ]],
            "ovn-sb-db",
        ),
        (
            &[&[
                "ovsdb-server",
                "--remote=db:OVN_Southbound,SB_Global,connections",
                "--unixctl=/var/run/ovn/ovnsb_relay_db.ctl",
                "relay:OVN_Southbound:tcp:10.0.0.1:6642",
            ]],
            "ovn-sb-db-relay",
        ),
        (
            &[&["ovsdb-server", "/etc/openvswitch/conf.db", "--remote=punix:/run/ovs/db.sock"]],
            "openvswitch-db",
        ),
        (
            &[&["ovn-controller: monitoring pid 8 (healthy)"], &["ovn-controller", "--detach"]],
            "ovn-controller",
        ),
        (&[&["/usr/sbin/httpd", "-DFOREGROUND"], &["(wsgi:keystone-", "-DFOREGROUND"]], "-"),
        (
            &[&["/usr/sbin/httpd", "-DFOREGROUND"], &["(wsgi:keystone-pu", "-DFOREGROUND"]],
            "keystone",
        ),
        (&[&["/usr/sbin/httpd", "-DFOREGROUND"], &["keystone_wsgi", "-DFOREGROUND"]], "keystone"),
        (
            &[&["/usr/sbin/apache2", "-DFOREGROUND"], &["keystone-public", "-DFOREGROUND"]],
            "keystone",
        ),
        (&[&["/usr/sbin/httpd", "-DFOREGROUND"], &["nova_api_wsgi", "-DFOREGROUND"]], "nova-api"),
        (
            &[&["/usr/sbin/httpd", "-DFOREGROUND"], &["nova_metadata_w", "-DFOREGROUND"]],
            "nova-metadata",
        ),
        (&[&["/usr/sbin/httpd", "-DFOREGROUND"], &["heat_api_wsgi", "-DFOREGROUND"]], "heat-api"),
        (
            &[&["/usr/sbin/httpd", "-DFOREGROUND"], &["heat_api_cfn_ws", "-DFOREGROUND"]],
            "heat-api-cfn",
        ),
        (&[&["/usr/sbin/httpd", "-DFOREGROUND"], &["cinder_wsgi", "-DFOREGROUND"]], "cinder-api"),
        (
            &[&["/usr/sbin/httpd", "-DFOREGROUND"], &["barbican_wsgi_ma", "-DFOREGROUND"]],
            "barbican-api",
        ),
        (
            &[&["/usr/sbin/httpd", "-DFOREGROUND"], &["placement_wsgi", "-DFOREGROUND"]],
            "placement-api",
        ),
        (
            &[
                &["uwsgi", "/etc/nova/nova-api-uwsgi.ini"],
                &["uwsgi", "/etc/nova/nova-api-uwsgi.ini"],
            ],
            "nova-api",
        ),
        (&[&["/usr/bin/uwsgi_python3", "--ini", "/etc/glance/glance-api-uwsgi.ini"]], "glance-api"),
        (
            &[&[
                "/usr/bin/python3",
                "/usr/bin/glance-api",
                "--config-file",
                "/etc/glance/glance-api.conf",
            ]],
            "glance-api",
        ),
        (
            &[&["/usr/bin/python3", "/usr/bin/nova-api", "--config-file", "/etc/nova/nova.conf"]],
            "nova-api",
        ),
        (&[&["/usr/bin/python3", "/usr/bin/nova-api-metadata"]], "nova-metadata"),
        (
            &[&["/usr/bin/python3", "/usr/bin/nova-novncproxy", "--web", "/usr/share/novnc/"]],
            "nova-vnc-proxy",
        ),
        (
            &[
                &[
                    "neutron-server: master process (/usr/bin/python3 /usr/bin/neutron-server --config-file /etc/n.conf)",
                ],
                &[
                    "neutron-server: api worker (/usr/bin/python3 /usr/bin/neutron-server --config-file /etc/n.conf)",
                ],
                &[
                    "neutron-server: rpc worker (/usr/bin/python3 /usr/bin/neutron-server --config-file /etc/n.conf)",
                ],
            ],
            "neutron-api",
        ),
        (
            &[&[
                "neutron-rpc-server: master process (/usr/bin/python3 /usr/bin/neutron-rpc-server)",
            ]],
            "neutron-rpc-server",
        ),
        (
            &[&["neutron-periodic-workers (/usr/bin/python3 /usr/bin/neutron-periodic-workers)"]],
            "neutron-periodic-worker",
        ),
        (
            &[&[
                "neutron-ovn-metadata-agent (/usr/bin/python3 /usr/bin/neutron-ovn-metadata-agent)",
            ]],
            "ovn-metadata",
        ),
        (
            &[&[
                "/usr/bin/python3",
                "/usr/bin/cinder-volume",
                "--config-file",
                "/etc/cinder/cinder.conf",
            ]],
            "cinder-volume",
        ),
        (
            &[&["/var/lib/kolla/venv/bin/python3", "/var/lib/kolla/venv/bin/heat-engine"]],
            "heat-engine",
        ),
        (
            &[
                &["octavia-worker: master process [/usr/bin/octavia-worker]"],
                &["octavia-worker: ConsumerService worker(0)"],
            ],
            "octavia-worker",
        ),
        (
            &[
                &["/usr/bin/python3", "/usr/bin/octavia-driver-agent"],
                &["octavia-driver-agent - status_listener"],
            ],
            "octavia-driver-agent",
        ),
        (
            &[
                &["gnocchi-metricd: master process [/usr/bin/gnocchi-metricd]"],
                &["gnocchi-metricd: processing worker(0)"],
            ],
            "gnocchi-metricd",
        ),
        (
            &[&["/usr/bin/swift-object-server", "/etc/swift/object-server.conf"]],
            "swift-object-server",
        ),
        (
            &[&["/usr/bin/python3", "/usr/bin/swift-proxy-server", "/etc/swift/proxy-server.conf"]],
            "swift-proxy",
        ),
        (
            &[&["/usr/bin/rsync", "--daemon", "--no-detach", "--config=/etc/rsyncd.conf"]],
            "swift-rsync",
        ),
        (&[&["/usr/bin/memcached", "-p", "11211", "-u", "memcached"]], "memcached"),
        (&[&["/usr/bin/valkey-server *:6379"]], "valkey"),
        (&[&["mariadbd", "--wsrep_start_position=0:1"]], "mariadb"),
        (&[&["/usr/bin/etcd"]], "etcd"),
        (&[&["/usr/sbin/haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]], "haproxy"),
        (&[&["/usr/sbin/libvirtd", "--listen"]], "nova-libvirt"),
        (&[&["/usr/sbin/virtqemud", "--config", "/etc/libvirt/virtqemud.conf"]], "nova-virtqemud"),
        (&[&["/usr/sbin/ovs-vswitchd", "unix:/run/openvswitch/db.sock"]], "openvswitch-vswitchd"),
        (
            &[&["/opt/node_exporter/node_exporter", "--web.listen-address", "10.0.0.1:9100"]],
            "prometheus-node-exporter",
        ),
        (
            &[&["/opt/prometheus/prometheus", "--config.file", "/etc/prometheus/prometheus.yml"]],
            "prometheus-server",
        ),
        (
            &[&["/opt/openstack-network-exporter/dataplane-node-exporter"]],
            "prometheus-openstack-network-exporter",
        ),
        (
            &[&["/usr/share/grafana/bin/grafana", "server", "--homepath=/usr/share/grafana"]],
            "grafana",
        ),
        (
            &[&["/usr/bin/ruby", "/usr/sbin/fluentd", "-o", "/var/log/kolla/fluentd/fluentd.log"]],
            "fluentd",
        ),
        (&[&["/usr/sbin/iscsid", "-f"]], "iscsid"),
        (&[&["/usr/sbin/keepalived", "-nld", "-p", "/run/keepalived.pid"]], "keepalived"),
        (&[&["/usr/lib/frr/watchfrr", "zebra", "bgpd"], &["/usr/lib/frr/bgpd"]], "frr"),
        (&[&["/usr/bin/python3", "/usr/bin/ironic-conductor"]], "ironic-conductor"),
        (&[&["/usr/sbin/dnsmasq", "--conf-dir=/etc/ironic-inspector/dnsmasq.d"]], "ironic-dnsmasq"),
        (&[&["/usr/sbin/pacemaker_remoted"]], "hacluster-pacemaker-remote"),
        // A bundle of Pacemaker's.
        (
            &[
                &["dumb-init", "--", "/usr/sbin/pacemaker_remoted"],
                &["/usr/sbin/pacemaker_remoted"],
                &["/usr/libexec/mysqld"],
            ],
            "mariadb",
        ),
        (
            &[
                &[
                    "ceilometer-polling: master process [/usr/bin/ceilometer-polling --polling-namespaces compute]",
                ],
                &["ceilometer-polling: AgentManager worker(0)"],
            ],
            "ceilometer-agent-compute",
        ),
        (
            &[&["/usr/bin/ironic-pxe-filter", "--config-file", "/etc/ironic/ironic.conf"]],
            "ironic-pxe-filter",
        ),
        // What an agent starts is not what the container is for.
        (
            &[
                &["dumb-init", "--", "kolla_start"],
                &["neutron-dhcp-agent (/usr/bin/python3 /usr/bin/neutron-dhcp-agent)"],
                &["dnsmasq", "--no-hosts", "--conf-file=/etc/ironic"],
                &["haproxy", "-f", "/var/lib/neutron/x.conf"],
            ],
            "neutron-dhcp",
        ),
        (&[&["/usr/sbin/sshd", "-D", "-p", "2022", "-h", "/etc/ssh/k"]], "nova-migration-target"),
        (&[&["/usr/sbin/virtlogd", "--config", "/etc/libvirt/virtlogd.conf"]], "nova-virtlogd"),
    ];
    for (lines, expected) in cases {
        let found = running(lines);
        let found = if *expected == "-" && found.starts_with("cannot tell") { "-" } else { &found };
        assert_eq!(found, *expected, "{lines:?}");
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let nothing = "cannot tell which service this is: no other process runs here";
    let cases: &[(&[&[&str]], &str)] = &[
        (&[], nothing),
        // A shell that was told to start a service is not the service.
        (&[&["bash", "-c", "exec nova-conductor"]], nothing),
        (
            &[&["/usr/bin/unheard-of", "--fast"]],
            "cannot tell which service this is: no service is known by the processes here (unheard-of)",
        ),
        (
            &[&["/lib/systemd/systemd"], &["/usr/bin/nova-compute"], &["/usr/bin/nova-conductor"]],
            "cannot tell which service this is: it could be nova-compute or nova-conductor",
        ),
        // Two services in one web server.
        (
            &[
                &["/usr/sbin/httpd", "-DFOREGROUND"],
                &["nova_api_wsgi", "-DFOREGROUND"],
                &["placement_wsgi", "-DFOREGROUND"],
            ],
            "cannot tell which service this is: it could be nova-api or placement-api",
        ),
        // An sshd may be there for anything.
        (
            &[&["/usr/sbin/sshd", "-D"]],
            "cannot tell which service this is: no service is known by the processes here (sshd)",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(running(lines), *expected, "{lines:?}");
    }
}

/// What would be looked at in a container: the names of the checks, and of
/// those that do not apply the reason.
fn planned(service: &str, lines: &[&[&str]], files: &[(&str, &str)]) -> (String, Vec<String>) {
    planned_for(&Request::default(), service, lines, files)
}

fn planned_for(
    request: &Request,
    service: &str,
    lines: &[&[&str]],
    files: &[(&str, &str)],
) -> (String, Vec<String>) {
    let (folder, vantage) = container(lines);
    for (path, content) in files {
        let path = folder.path().join("root").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let definition = Catalog::embedded().definition(service).unwrap();
    let plan = Plan::new(&definition, request, &vantage);
    let checks: Vec<_> = plan
        .checks
        .iter()
        .map(|check| match &check.look {
            Ok(look) => look.describe(),
            Err(error) => error.to_string(),
        })
        .collect();
    let skipped = plan.skipped.iter().map(|check| check.because.clone()).collect();
    (checks.join("; "), skipped)
}

#[test]
fn nova_compute_also_checks_the_container_instances_are_migrated_through() {
    let compute: &[&str] = &["/usr/bin/python3", "/usr/bin/nova-compute"];
    let sshd: &[&str] = &["/usr/sbin/sshd", "-D", "-p", "2022"];
    let bus =
        "that nova-compute runs; that nova-compute holds a living connection to port 5671 or 5672";
    let no_nova = "sshd runs here and no nova-compute runs here";
    // Neither runs: then it is nova-compute that is missed.
    for lines in [&[compute][..], &[compute, sshd], &[]] {
        let (checks, skipped) = planned("nova-compute", lines, &[]);
        assert!(checks.starts_with(bus), "{checks}");
        assert!(!skipped.iter().any(|because| because == no_nova), "{lines:?}: {skipped:?}");
    }
    let (checks, skipped) = planned("nova-compute", &[sshd], &[]);
    assert_eq!(checks, "that port 2022 answers with a line like /^SSH-2\\.0-/");
    let no_driver = "cannot find the setting \"compute_driver\"";
    let known = |because: &String| because == no_nova || because.starts_with(no_driver);
    assert!(skipped.iter().all(known), "{skipped:?}");
}

#[test]
fn nova_compute_is_asked_for_its_libvirt_where_that_is_on_this_host() {
    let lines: &[&[&str]] = &[&["/usr/bin/python3", "/usr/bin/nova-compute"]];
    let folder = ("/run/libvirt/x", "");
    let asks = "that libvirt opens qemu:///system on /run/libvirt/virtqemud-sock-ro";
    for (conf, there, expected) in [
        ("compute_driver = libvirt.LibvirtDriver", true, true),
        (
            "compute_driver = libvirt.LibvirtDriver\n[libvirt]\nconnection_uri = qemu:///system",
            true,
            true,
        ),
        // Not mounted here.
        ("compute_driver = libvirt.LibvirtDriver", false, false),
        (
            "compute_driver = libvirt.LibvirtDriver\n[libvirt]\nconnection_uri = qemu+tls://h/system",
            true,
            false,
        ),
        ("compute_driver = libvirt.LibvirtDriver\n[libvirt]\nvirt_type = lxc", true, false),
        ("compute_driver = fake.FakeDriver", true, false),
        ("compute_driver = ironic.IronicDriver", true, false),
        ("", true, false),
    ] {
        let conf = format!("[DEFAULT]\n{conf}\n");
        let mut files = vec![("/etc/nova/nova.conf", conf.as_str())];
        files.extend(there.then_some(folder));
        let (checks, skipped) = planned("nova-compute", lines, &files);
        assert_eq!(checks.contains(asks), expected, "{conf}: {checks} {skipped:?}");
    }
}

#[test]
fn ironic_conductor_needs_no_bus_where_calls_come_by_http() {
    let conductor: &[&str] = &["/usr/bin/ironic-conductor"];
    let conf = "[DEFAULT]\nrpc_transport = json-rpc\n[json_rpc]\nport = 8090\n\
        [database]\nconnection = mysql+pymysql://i:i@db/ironic\n";
    let files = [("/etc/ironic/ironic.conf", conf)];
    let (checks, skipped) = planned("ironic-conductor", &[conductor], &files);
    let runs = "that ironic-conductor or ironic runs";
    let lets_in = "that the database on db:3306 ([database] connection in \
        /etc/ironic/ironic.conf:6) lets the service in";
    assert_eq!(checks, format!("{runs}; that ironic-conductor listens on port 8090; {lets_in}"));
    let because = "the setting \"rpc_transport\" is like /^(json-rpc|none)$/";
    assert!(skipped.iter().all(|reason| reason == because), "{skipped:?}");
    let (checks, skipped) = planned("ironic-conductor", &[conductor], &[]);
    assert!(checks.contains("holds a living connection to port 5671 or 5672"), "{checks}");
    assert!(!skipped.iter().any(|reason| reason == because), "{skipped:?}");
}

#[test]
fn cron_looks_at_the_table_of_the_user_that_is_named() {
    let crond: &[&[&str]] = &[&["/usr/sbin/crond", "-s", "-n"]];
    let of_nova = Request { word: Some("nova".to_owned()), ..Request::default() };
    let (checks, _) = planned_for(&of_nova, "cron", crond, &[]);
    let runs = "that crond or cron runs";
    assert_eq!(checks, format!("{runs}; that /var/spool/cron/nova is as it should be"));
    // Without a word root's table counts, if there is one.
    let roots = [("/var/spool/cron/root", "PATH=/bin\n0 1 * * * true\n")];
    let (checks, _) = planned("cron", crond, &roots);
    assert_eq!(checks, format!("{runs}; that /var/spool/cron/root is as it should be"));
    let (checks, _) = planned("cron", crond, &[]);
    assert_eq!(checks, runs);
}

#[test]
fn a_database_says_its_port_in_any_file_that_its_own_includes() {
    let mariadbd: &[&[&str]] = &[&["/usr/sbin/mariadbd"]];
    let own = ("/etc/mysql/my.cnf", "[client]\nport = 1\n!includedir /etc/mysql/conf.d/\n");
    let port = |files: &[(&str, &str)]| planned("mariadb", mariadbd, files).0;
    let included = ("/etc/mysql/conf.d/90-it.cnf", "[mariadb-10.11]\nport = 3307\n");
    assert!(port(&[own, included]).ends_with("port 3307"));
    // The last one counts, and what is no configuration is left out.
    let earlier = ("/etc/mysql/conf.d/50-it.cnf", "[mysqld]\nport = 3308\n");
    let old = ("/etc/mysql/conf.d/99-it.cnf.rpmsave", "[mysqld]\nport = 3309\n");
    assert!(port(&[own, included, earlier, old]).ends_with("port 3307"));
    let circle = ("/etc/mysql/conf.d/99-it.cnf", "!include /etc/mysql/my.cnf\n");
    assert!(port(&[own, included, circle]).ends_with("port 3307"));
    assert!(port(&[own]).ends_with("port 3306"));
}

#[test]
fn a_database_node_that_is_being_filled_is_not_restarted() {
    let filled: &[&[&str]] = &[
        &["/usr/sbin/mariadbd", "--port=3307"],
        &["/bin/bash", "-ue", "/usr/bin/wsrep_sst_mariabackup", "--role", "joiner"],
    ];
    let live = Request { role: Role::Live, ..Request::default() };
    let (checks, _) = planned_for(&live, "mariadb", filled, &[]);
    let runs = "that mariadbd or mysqld runs";
    let stands = "that the database on /run/mysqld/mysqld.sock (catalog/mariadb.toml) lets us in \
        and is in step with its cluster";
    assert_eq!(checks, format!("{runs}; {stands}"));
    let (checks, _) = planned("mariadb", filled, &[]);
    assert_eq!(checks, format!("{runs}; {stands}"));
    // It is not ready, and that is said to who asks for it.
    let ready = Request { role: Role::Ready, ..Request::default() };
    let (checks, _) = planned_for(&ready, "mariadb", filled, &[]);
    let listens = "that mariadbd or mysqld listens on port 3307";
    assert_eq!(checks, format!("{runs}; {listens}; {stands}"));
    let (checks, _) = planned_for(&live, "mariadb", &filled[..1], &[]);
    assert!(checks.ends_with("port 3307"), "{checks}");
}

#[test]
fn an_api_is_asked_where_its_own_files_say() {
    let vhost = "Listen 10.0.0.1:8774\n<VirtualHost 10.0.0.1:8774>\n  ServerName api.internal\n  \
        SSLEngine on\n  WSGIScriptAlias / /var/www/nova-api\n</VirtualHost>\n";
    let uwsgi = "[uwsgi]\nhttps = 10.0.0.1:8874,/etc/nova/c.pem,/etc/nova/k.pem\n";
    let silent = "[uwsgi]\nmaster = true\n#http-socket = :8774\n";
    let conf = "[DEFAULT]\nosapi_compute_listen_port = 18774\n";
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[
                ("/etc/httpd/conf.d/10-nova_api_wsgi.conf", vhost),
                ("/etc/nova/nova-api-uwsgi.ini", uwsgi),
                ("/etc/nova/nova.conf", conf),
            ],
            "port 8774 (https)",
        ),
        (&[("/etc/apache2/conf-enabled/nova-api-wsgi.conf", vhost)], "port 8774 (https)"),
        (
            &[("/etc/nova/nova-api-uwsgi.ini", uwsgi), ("/etc/nova/nova.conf", conf)],
            "port 8874 (https)",
        ),
        // Debian ships this file in every image, whatever serves the API there.
        (
            &[("/etc/nova/nova-api-uwsgi.ini", silent), ("/etc/nova/nova.conf", conf)],
            "port 18774 (http)",
        ),
        (&[("/etc/nova/nova.conf", conf)], "port 18774 (http)"),
        (&[], "port 8774 (http)"),
    ];
    for (files, expected) in cases {
        let (checks, _) = planned("nova-api", &[&["/usr/sbin/httpd", "-DFOREGROUND"]], files);
        assert_eq!(checks, format!("that GET / answers on {expected}"));
    }
}

#[test]
fn a_dead_service_of_swift_is_missed() {
    // The predecessors found nothing to ask, and so nothing wrong.
    for service in ["swift-proxy", "swift-account-server", "swift-container-server", "ironic-pxe"] {
        let (checks, _) = planned(service, &[&["sleep", "infinity"]], &[]);
        assert!(checks.contains(" runs"), "{service}: {checks}");
    }
}

const FOLDER: &str = "/openstack/healthcheck.d";

/// The catalogue with these files in the image's folder.
fn added(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
    let (folder, vantage) = container(&[]);
    let place = folder.path().join("root").join(FOLDER.trim_start_matches('/'));
    std::fs::create_dir_all(&place).unwrap();
    for (name, text) in files {
        std::fs::write(place.join(name), text).unwrap();
    }
    Catalog::with_folders([FOLDER], &vantage)
}

#[test]
fn an_added_definition_replaces_the_catalogues() {
    let own = "service = \"nova-conductor\"\naliases = [\"chief\"]\nlike = \"nova-conductor\"\n\n\
        [[check]]\nkind = \"listening\"\nport = 9999\n";
    let catalog = added(&[("nova.toml", own), ("README", "not a definition")]).unwrap();
    let definition = catalog.definition("nova_conductor").unwrap();
    assert_eq!(definition.file, "/openstack/healthcheck.d/nova.toml");
    // It builds on the one that it replaces.
    let kinds: Vec<_> = definition.checks.iter().map(|check| check.kind).collect();
    assert!(kinds.starts_with(&["process", "connected"]), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"listening"));
    assert_eq!(catalog.service("chief"), Some("nova-conductor"));
    // Its program is the catalogue's, so what runs is still known.
    let (_folder, vantage) = container(&[&["/usr/bin/nova-conductor"]]);
    assert_eq!(catalog.running(&vantage).unwrap(), "nova-conductor");
}

#[test]
fn a_new_service_is_known_by_its_name_and_its_process() {
    let new =
        "service = \"zun-compute\"\nlike = \"bus\"\nproject = \"zun\"\nprocess = \"zun-compute\"\n";
    let catalog = added(&[("zun.toml", new)]).unwrap();
    assert!(catalog.services().contains(&"zun-compute"));
    let (_folder, vantage) = container(&[&["/usr/bin/python3", "/usr/bin/zun-compute"]]);
    assert_eq!(catalog.running(&vantage).unwrap(), "zun-compute");
}

#[test]
fn every_mistake_in_an_added_file_is_told_at_once() {
    let wrong = "service = \"zun-compute\"\nabuot = \"Containers\"\n\n[[check]]\nkind = \"proces\"\n\n\
        [[check]]\nkind = \"listening\"\nport = 70000\n\n[[check]]\nkind = \"process\"\nat-leest = 2\n";
    let CatalogError::Mistaken(mistakes) = added(&[("zun.toml", wrong)]).unwrap_err() else {
        unreachable!("the file has mistakes")
    };
    let found: Vec<_> =
        mistakes.0.iter().map(|mistake| (mistake.line, mistake.hint.as_deref())).collect();
    let expected = [(2, Some("about")), (5, Some("process")), (9, None), (13, Some("at-least"))];
    assert_eq!(found, expected, "{mistakes}");
}

#[test]
fn a_definition_that_builds_on_itself_is_told() {
    let one = "service = \"one\"\nlike = \"two\"\n";
    let two = "service = \"two\"\nlike = \"one\"\n";
    let error = added(&[("1.toml", one), ("2.toml", two)]).unwrap().definition("one").unwrap_err();
    assert!(matches!(error, CatalogError::Circular { .. }), "{error}");
}

#[test]
fn a_setting_that_shared_checks_ask_for_must_be_given() {
    let own = "service = \"my-exporter\"\nlike = \"exporter\"\nprocess = \"my-exporter\"\n";
    let catalog = added(&[("mine.toml", own)]).unwrap();
    let error = catalog.definition("my-exporter").unwrap_err().to_string();
    let expected =
        "settings: expected \"port\", which the check \"http\" of `like` refers to, found nothing";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn clustercheck_answers_for_a_node_from_a_container_of_its_own() {
    let bind = "TRIPLEO_SOCAT_BIND='tcp4-listen:\"9300\",bind=\"172.17.0.5\",reuseaddr,fork'\n";
    let files = [("/etc/sysconfig/clustercheck", bind)];
    let socat: &[&[&str]] =
        &[&["/usr/bin/socat", "tcp4-listen:9300", "EXEC:/usr/bin/clustercheck"]];
    for service in ["mariadb", "clustercheck"] {
        let (checks, _) = planned(service, socat, &files);
        assert_eq!(checks, "that GET / answers on port 9300 (http)", "{service}");
    }
}

#[test]
fn coordination_is_looked_at_where_its_url_leads() {
    let process: &[&[&str]] = &[&["/usr/bin/aodh-evaluator"]];
    let runs = "that aodh-evaluator runs";
    let connected = "that aodh-evaluator holds a living connection to";
    let cases = [
        ("redis://:x@10.0.0.1:6380/", format!("{runs}; {connected} 10.0.0.1:6380")),
        ("redis://:x@10.0.0.1:26379?sentinel=kolla&db=0", format!("{runs}; {connected} port 6379")),
        ("etcd3+http://10.0.0.1:2379", runs.to_owned()),
        ("", runs.to_owned()),
    ];
    for (url, expected) in cases {
        let conf = format!("[coordination]\nbackend_url = {url}\n");
        let (checks, _) = planned("aodh-evaluator", process, &[("/etc/aodh/aodh.conf", &conf)]);
        assert!(checks.starts_with(&expected), "{url}: {checks}");
        assert!(!checks.contains(":x@"), "{checks}");
    }
}

#[test]
fn the_reference_names_keys_and_sources_that_are_read() {
    for (key, _) in KEYS {
        let text = format!("{key} = 1\n");
        let mistakes = Definition::parse(&text, "x.toml").unwrap_err().to_string();
        assert!(!mistakes.contains("unknown key"), "{mistakes}");
    }
    for (key, _) in CHECK_KEYS {
        let text = format!("service = \"x\"\n[[check]]\n{key} = 1\n");
        let mistakes = Definition::parse(&text, "x.toml").unwrap_err().to_string();
        assert!(!mistakes.contains("unknown key"), "{mistakes}");
    }
    let text = "service = \"x\"\nlike = \"bus\"\n[settings]\nx = { nothing = 1 }\n";
    let mistakes = Definition::parse(text, "x.toml").unwrap_err().to_string();
    for (source, _) in SOURCES {
        assert!(mistakes.contains(&format!("`{source}`")), "{source}: {mistakes}");
    }
}
