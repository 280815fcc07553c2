//! What is looked at of a service, by its settings and what runs.

use super::container;
use healthcheck::catalog::Catalog;
use healthcheck::plan::Plan;
use healthcheck::plan::Request;
use healthcheck::verdict::Role;

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

/// Of horizon's virtual hosts the first only sends callers to the second.
#[test]
fn a_certificate_is_looked_at_where_its_own_virtual_host_serves_it() {
    let plain = "<VirtualHost *:80>\n</VirtualHost>\n";
    let encrypted =
        "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile /etc/pki/h.crt\n</VirtualHost>\n";
    let files = [
        ("/etc/httpd/conf.d/10-horizon_vhost.conf", plain),
        ("/etc/httpd/conf.d/10-horizon_ssl_vhost.conf", encrypted),
        ("/etc/pki/h.crt", ""),
    ];
    let (checks, _) = planned("horizon", &[&["/usr/sbin/httpd", "-DFOREGROUND"]], &files);
    let told =
        "that the certificate of port 443 is the one in /etc/pki/h.crt and is valid for 14 days";
    assert!(checks.contains(told), "{checks}");
    let (checks, _) = planned("horizon", &[&["/usr/sbin/httpd", "-DFOREGROUND"]], &files[..1]);
    assert!(!checks.contains("certificate"), "{checks}");
}

#[test]
fn etcd_s_health_is_asked_for_with_its_own_certificate_only_where_one_is_wanted() {
    let cases: [(&[&str], &str); 4] = [
        (&[], "GET /health answers on port 2379 (http)"),
        (
            &["--listen-client-urls=https://0.0.0.0:2379", "--cert-file=/c.pem"],
            "GET /health answers on port 2379 (https)",
        ),
        (
            &["--client-cert-auth", "--cert-file=/c.pem", "--listen-client-urls=https://[::]:2379"],
            "GET /health answers on port 2379 (https)",
        ),
        (&["--client-cert-auth", "--listen-client-urls", "https://0.0.0.0:2379"], ""),
    ];
    for (options, expected) in cases {
        let line = [&["/usr/bin/etcd"], options].concat();
        let (checks, _) = planned("etcd", &[&line], &[("/c.pem", "")]);
        let asked = checks.matches("GET /health").count();
        assert_eq!(asked, usize::from(!expected.is_empty()), "{options:?}: {checks}");
        assert!(checks.contains(expected), "{options:?}: {checks}");
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
    let written = "([coordination] backend_url in /etc/aodh/aodh.conf:2)";
    let answers = "that redis answers on 10.0.0.1:6380";
    let cases = [
        (
            "redis://:x@10.0.0.1:6380/",
            format!("{runs}; {connected} 10.0.0.1:6380 {written}; {answers}"),
        ),
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
fn who_holds_locks_in_redis_asks_it() {
    let asks = "that redis answers on 10.0.0.1:6380";
    for (service, file, option) in [
        ("designate-central", "/etc/designate/designate.conf", "[coordination]\nbackend_url"),
        ("designate-producer", "/etc/designate/designate.conf", "[coordination]\nbackend_url"),
        ("mistral-engine", "/etc/mistral/mistral.conf", "[coordination]\nbackend_url"),
        ("cinder-volume", "/etc/cinder/cinder.conf", "[coordination]\nbackend_url"),
        ("cinder-api", "/etc/cinder/cinder.conf", "[coordination]\nbackend_url"),
        ("manila-share", "/etc/manila/manila.conf", "[coordination]\nbackend_url"),
        ("masakari-api", "/etc/masakari/masakari.conf", "[coordination]\nbackend_url"),
        ("gnocchi-api", "/etc/gnocchi/gnocchi.conf", "[DEFAULT]\ncoordination_url"),
        ("gnocchi-metricd", "/etc/gnocchi/gnocchi.conf", "[incoming]\nredis_url"),
        (
            "cloudkitty-processor",
            "/etc/cloudkitty/cloudkitty.conf",
            "[orchestrator]\ncoordination_url",
        ),
    ] {
        let planned = |url: &str| {
            let conf = format!("{option} = {url}\n");
            planned(service, &[&[service]], &[(file, &conf)]).0
        };
        assert!(planned("redis://:x@10.0.0.1:6380/").contains(asks), "{service}");
        for other in ["file:///var/lib/x", "redis://s:26379?sentinel=kolla", "etcd3://e"] {
            assert!(!planned(other).contains("that redis"), "{service}: {other}");
        }
    }
}

#[test]
fn neutron_s_api_asks_ovn_where_that_makes_its_networks() {
    let ovn = "[ovn]\novn_nb_connection = tcp:10.0.0.1:6641,tcp:10.0.0.2:6641\n";
    for (drivers, is_asked) in
        [("ovn", true), ("sriovnicswitch, ovn", true), ("openvswitch", false), ("", false)]
    {
        let conf = format!("{ovn}[ml2]\nmechanism_drivers = {drivers}\n");
        for file in ["/etc/neutron/neutron.conf", "/etc/neutron/plugins/ml2/ml2_conf.ini"] {
            let (checks, _) = planned("neutron-api", &[&["neutron-api"]], &[(file, &conf)]);
            assert_eq!(checks.contains("OVN_Northbound"), is_asked, "{drivers}: {checks}");
        }
    }
}

/// It reads the API's file and not that option.
#[test]
fn masakari_s_engine_needs_no_redis() {
    let conf = "[coordination]\nbackend_url = redis://:x@10.0.0.1:6380/\n";
    let files = [("/etc/masakari/masakari.conf", conf)];
    let (checks, _) = planned("masakari-engine", &[&["masakari-engine"]], &files);
    assert!(!checks.contains("redis"), "{checks}");
}

#[test]
fn an_api_is_also_asked_on_the_port_that_debian_gives_it() {
    for (service, ports) in [("blazar-api", [1234, 8004]), ("cyborg-api", [6666, 8889])] {
        let (checks, _) = planned(service, &[&["uwsgi_python3"]], &[]);
        for port in ports {
            assert!(checks.contains(&port.to_string()), "{service}: {checks}");
        }
    }
}

#[test]
fn cyborg_s_conductor_is_pinged_in_its_own_queue() {
    let conf =
        "[DEFAULT]\ntransport_url = rabbit://a:b@10.0.0.1/\nrpc_ping_enabled = true\nhost = h1\n";
    let (checks, _) =
        planned("cyborg-conductor", &[&["cyborg-conductor"]], &[("/etc/cyborg/cyborg.conf", conf)]);
    assert!(checks.contains("answers a ping in the queue cyborg-conductor.h1"), "{checks}");
}

#[test]
fn octavia_asks_the_redis_that_has_its_jobboard() {
    let cases = [
        ("jobboard_enabled = True", Some("127.0.0.1:6379")),
        (
            "jobboard_enabled = true\njobboard_backend_hosts = 10.0.0.1\njobboard_backend_port = 6380",
            Some("10.0.0.1:6380"),
        ),
        ("jobboard_enabled = true\njobboard_backend_hosts = fd00::7", Some("[fd00::7]:6379")),
        ("jobboard_enabled = true\njobboard_backend_hosts = 10.0.0.1,10.0.0.2", None),
        ("jobboard_enabled = true\njobboard_redis_sentinel = kolla", None),
        (
            "jobboard_enabled = true\njobboard_redis_backend_ssl_options = ssl_ca_certs:/ca,ssl:True",
            Some("127.0.0.1:6379"),
        ),
        ("jobboard_enabled = true\njobboard_backend_driver = zookeeper_taskflow_driver", None),
        ("jobboard_backend_hosts = 10.0.0.1\njobboard_redis_backend_ssl_options = ssl:True", None),
    ];
    for service in ["octavia-worker", "octavia-health-manager", "octavia-housekeeping"] {
        for (options, expected) in cases {
            let conf = format!("[task_flow]\n{options}\n");
            let files = [("/etc/octavia/octavia.conf", conf.as_str())];
            let (checks, _) = planned(service, &[&[service]], &files);
            let found = checks.split("that redis answers on ").nth(1);
            let found = found.map(|rest| rest.split([';', ' ']).next().unwrap());
            assert_eq!(found, expected, "{service}: {options}: {checks}");
        }
    }
}

#[test]
fn a_key_value_store_says_its_port_in_its_title() {
    for (service, title, port) in [
        ("redis", "redis-server *:6400", 6400),
        ("redis", "/usr/bin/redis-server [::1]:6400 [cluster]", 6400),
        ("redis", "redis-server 127.0.0.1:6400", 6400),
        ("redis", "redis-server unixsocket:/run/redis.sock", 6379),
        ("redis-sentinel", "redis-sentinel *:26400 [sentinel]", 26400),
        ("valkey", "valkey-server 0.0.0.0:6400", 6400),
    ] {
        let (checks, _) = planned(service, &[&[title]], &[]);
        assert!(checks.contains(&format!("answers on port {port}")), "{title}: {checks}");
    }
}

#[test]
fn who_cannot_be_pinged_and_is_one_of_few_logs_in_at_the_broker() {
    let conf = "[DEFAULT]\ntransport_url = rabbit://nobody:x@10.0.0.1:5672/\n";
    for (service, file) in [
        ("cinder-volume", "/etc/cinder/cinder.conf"),
        ("manila-share", "/etc/manila/manila.conf"),
        ("barbican-worker", "/etc/barbican/barbican.conf"),
        ("magnum-conductor", "/etc/magnum/magnum.conf"),
        ("blazar-manager", "/etc/blazar/blazar.conf"),
        ("trove-taskmanager", "/etc/trove/trove.conf"),
        ("trove-conductor", "/etc/trove/trove.conf"),
        ("cloudkitty-processor", "/etc/cloudkitty/cloudkitty.conf"),
    ] {
        let (checks, _) = planned(service, &[&[service]], &[(file, conf)]);
        assert!(
            checks.contains("that RabbitMQ takes messages at 10.0.0.1:5672"),
            "{service}: {checks}"
        );
        // Who may not read how has its connection for a proof.
        let (checks, _) = planned(service, &[&[service]], &[]);
        assert!(checks.contains("holds a living connection"), "{service}: {checks}");
        assert!(!checks.contains("RabbitMQ"), "{service}: {checks}");
    }
}

#[test]
fn designate_mdns_needs_the_database_that_it_reads_zones_from() {
    let conf = "[storage:sqlalchemy]\nconnection = mysql+pymysql://nobody:x@10.0.0.1/designate\n";
    let files = [("/etc/designate/designate.conf", conf)];
    let (checks, _) = planned("designate-mdns", &[&["designate-mdns"]], &files);
    assert!(checks.contains("10.0.0.1:3306"), "{checks}");
}

#[test]
fn where_tokens_are_kept_is_no_secret() {
    let conf = "[keystone_authtoken]\nmemcached_servers = memcached:11211\n";
    let (folder, vantage) = container(&[&["/usr/bin/python3", "/usr/bin/heat-api"]]);
    std::fs::create_dir_all(folder.path().join("root/etc/heat")).unwrap();
    std::fs::write(folder.path().join("root/etc/heat/heat.conf"), conf).unwrap();
    let definition = Catalog::embedded().definition("heat-api").unwrap();
    let plan = Plan::new(&definition, &Request::default(), &vantage);
    let check = plan.checks.iter().find(|check| check.name == "token-cache").unwrap();
    let shown: Vec<_> = check.used.iter().map(|used| used.shown.as_str()).collect();
    assert_eq!(shown, ["memcached:11211"]);
}

#[test]
fn rabbitmq_s_ports_are_found_in_either_of_its_configurations() {
    let beam: &[&str] = &["/usr/lib/erlang/beam.smp", "--", "-s", "rabbit", "boot"];
    let listens = |files: &[(&str, &str)]| {
        let (checks, _) = planned("rabbitmq", &[beam], files);
        checks.split("; ").find(|check| check.contains("account")).unwrap().to_owned()
    };
    let expected = |ports: &str| {
        format!("that RabbitMQ is well by its own account and listens on port {ports}")
    };
    let erlang = "[{rabbit, [{tcp_listeners, []}, {ssl_listeners, [{\"::1\", 5673}]},\n\
        {ssl_options, [{certfile, \"/tls/server.pem\"}]}]}].\n";
    let older = ("/etc/rabbitmq/rabbitmq.config", erlang);
    assert_eq!(listens(&[]), expected("5672 or 5671"));
    assert_eq!(listens(&[older]), expected("5673, 5671 or 5672"));
    let (checks, _) = planned("rabbitmq", &[beam], &[older]);
    assert!(checks.contains("/tls/server.pem"), "{checks}");
    let newer = ("/etc/rabbitmq/rabbitmq.conf", "listeners.tcp.1 = ::1:5674\n");
    assert_eq!(listens(&[older, newer]), expected("5674, 5671 or 5672"));
}
