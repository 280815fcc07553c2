//! A service is known by what runs, and is not guessed.

use super::container;
use healthcheck::catalog::Catalog;

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
            &[
                &[
                    "/usr/bin/python3",
                    "/usr/bin/neutron-rpc-server",
                    "--config-file",
                    "/etc/n.conf",
                ],
                &[
                    "neutron-server: rpc worker (/usr/bin/python3 /usr/bin/neutron-rpc-server --config-file /etc/n.conf)",
                ],
                &[
                    "neutron-server: rpc reports worker (/usr/bin/python3 /usr/bin/neutron-rpc-server --config-file /etc/n.conf)",
                ],
            ],
            "neutron-rpc-server",
        ),
        (
            &[
                &["/usr/bin/python3", "/usr/bin/neutron-ovn-maintenance-worker"],
                &[
                    "neutron-server: maintenance worker (/usr/bin/python3 /usr/bin/neutron-ovn-maintenance-worker)",
                ],
            ],
            "neutron-ovn-maintenance-worker",
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
