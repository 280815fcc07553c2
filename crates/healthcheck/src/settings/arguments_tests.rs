use super::*;
use proptest::prelude::*;

fn line(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn a_program_is_known_by_its_command_line() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&[], None),
        (&[""], None),
        (&["/usr/sbin/rabbitmq-server"], Some("rabbitmq-server")),
        (&["/usr/bin/memcached", "-p", "11211"], Some("memcached")),
        (
            &["/usr/bin/python3.11", "-s", "/usr/bin/nova-conductor", "--config-file", "/a"],
            Some("nova-conductor"),
        ),
        (&["/usr/bin/python3", "/usr/bin/nova-conductor"], Some("nova-conductor")),
        (
            &["/var/lib/kolla/venv/bin/python3", "/var/lib/kolla/venv/bin/heat-engine"],
            Some("heat-engine"),
        ),
        (&["python3", "-Es", "-W", "ignore", "-Xdev", "/usr/bin/x-agent"], Some("x-agent")),
        (&["python3", "-m", "http.server"], Some("http.server")),
        (&["python3", "-sm", "gunicorn", "x:app"], Some("gunicorn")),
        (&["python3", "-mgunicorn"], Some("gunicorn")),
        (&["python3", "-c", "import nova-conductor"], Some("python3")),
        (&["python3"], Some("python3")),
        (&["python3", "-"], Some("python3")),
        (&["perl", "-w", "/usr/bin/swift-thing"], Some("swift-thing")),
        (&["perl", "-e", "exec nova-compute"], Some("perl")),
        (&["ruby", "/usr/bin/fluentd", "-c", "/etc/fluentd.conf"], Some("fluentd")),
        (&["bash", "/x/y.sh"], Some("y.sh")),
        (&["/bin/sh", "-e", "/x/y.sh"], Some("y.sh")),
        (&["bash", "-eu", "-o", "pipefail", "/x/y.sh"], Some("y.sh")),
        (&["bash", "-euo", "pipefail", "/x/y.sh"], Some("y.sh")),
        (&["bash", "--rcfile", "/a", "--", "/x/y.sh"], Some("y.sh")),
        (&["bash", "-c", "/usr/bin/nova-conductor"], Some("bash")),
        (&["-bash"], Some("bash")),
        (&["busybox", "sh", "-c", "nova-conductor"], Some("sh")),
        (&["busybox", "httpd"], Some("httpd")),
        (&["nova-conductor: worker 2"], Some("nova-conductor")),
        (
            &[
                "/usr/bin/python3 neutron-server: api worker (/usr/bin/neutron-server --config-file=/etc/n)",
            ],
            Some("neutron-server"),
        ),
        (
            &["/usr/bin/python3", "neutron-server: api worker (/usr/bin/neutron-server", "x)"],
            Some("neutron-server"),
        ),
        (
            &["neutron-server: rpc worker (/usr/bin/python3 /usr/bin/neutron-server)"],
            Some("neutron-server"),
        ),
        (
            &[
                "neutron-server: rpc worker (/usr/bin/python3 /usr/bin/neutron-rpc-server --config-file /etc/n)",
            ],
            Some("neutron-rpc-server"),
        ),
        // Cut, before it says what is run.
        (
            &["neutron-server: rpc worker (/usr/bin/python3 /usr/bin/neutron-rp"],
            Some("neutron-server"),
        ),
        (&["php-fpm: master process (/etc/php/8.4/fpm/php-fpm.conf)"], Some("php-fpm")),
        (
            &[
                "ceilometer-polling: master process [/usr/bin/ceilometer-polling --polling-namespaces central]",
            ],
            Some("ceilometer-polling"),
        ),
        (&["ceilometer-polling: AgentManager worker(0)"], Some("ceilometer-polling")),
        (&["/usr/bin/uwsgi", "--ini", "/etc/nova/nova-api-uwsgi.ini"], Some("uwsgi")),
        (&["(wsgi:keystone-pu", "-DFOREGROUND"], Some("wsgi:keystone-pu")),
        (&["(wsgi:keystone-pu -DFOREGROUND"], Some("wsgi:keystone-pu")),
        (&["(sd-pam)"], Some("sd-pam")),
        (&["nginx: worker process"], Some("nginx")),
        (&["postgres: 15/main: checkpointer "], Some("postgres")),
        (&["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"], Some("sshd")),
        (&["ovs-vswitchd: monitoring pid 7 (healthy)"], Some("ovs-vswitchd")),
        (&["dumb-init", "--single-child", "--", "nova-conductor"], Some("dumb-init")),
        (&["/"], None),
        (&["..."], Some("...")),
    ];
    for (words, expected) in cases {
        assert_eq!(program(&line(words)), *expected, "{words:?}");
    }
}

#[test]
fn a_shell_that_was_told_to_run_a_service_is_a_shell() {
    for words in [
        &["sh", "-c", "exec nova-conductor"][..],
        &["/bin/bash", "-xc", "nova-conductor"],
        &["-bash"],
        &["bash", "-s"],
        &["bash", "--login"],
        &["busybox", "ash", "-c", "x"],
        &["bash -c nova-conductor"],
    ] {
        assert!(is_shell(&line(words)), "{words:?}");
    }
    for words in
        [&["bash", "/x/nova-conductor"][..], &["nova-conductor"], &["python3", "/bin/x"], &[]]
    {
        assert!(!is_shell(&line(words)), "{words:?}");
    }
}

#[test]
fn names_may_be_cut_to_fifteen_bytes() {
    assert!(is_named("networking-ovn-metadata-agent", "networking-ovn-"));
    assert!(is_named("openstack-netwo", "openstack-network-exporter"));
    assert!(is_named("cron", "cron"));
    assert!(!is_named("cron", "crond"));
    assert!(!is_named("nova-compute", "nova-compute-fake"));
    assert!(!is_named("neutron-dhcp-ag", "neutron-dhcp-a"));
}

#[test]
fn an_option_is_found_however_it_is_written() {
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["memcached", "-p", "11211"], &["-p", "--port"], &["11211"]),
        (&["memcached", "-p11211"], &["-p", "--port"], &["11211"]),
        (&["memcached", "--port", "11211"], &["-p", "--port"], &["11211"]),
        (&["memcached", "--port=11211"], &["-p", "--port"], &["11211"]),
        (&["x", "-port=8080"], &["-port"], &["8080"]),
        (&["x", "--port="], &["--port"], &[""]),
        (&["x", "--ports=1"], &["--port"], &[]),
        (&["x", "--port"], &["--port"], &[]),
        (&["x", "--", "--port=1"], &["--port"], &[]),
        (&["x", "-l", "::1", "-l127.0.0.1"], &["-l"], &["::1", "127.0.0.1"]),
        (&["--port=1"], &["--port"], &[]),
        (
            &[
                "neutron-server: api worker (/usr/bin/python3 /usr/bin/neutron-server --config-file=/etc/n.conf --x 2)",
            ],
            &["--config-file", "--x"],
            &["/etc/n.conf", "2"],
        ),
        (
            &[
                "ceilometer-polling: master process [/usr/bin/ceilometer-polling --polling-namespaces central]",
            ],
            &["--polling-namespaces"],
            &["central"],
        ),
        // Cut by the kernel: its last word may be a part of a longer one.
        (
            &["neutron-server: api worker (/usr/bin/neutron-server --config-file /etc/neu"],
            &["--config-file"],
            &[],
        ),
    ];
    for (words, names, expected) in cases {
        assert_eq!(options(&line(words), names), *expected, "{words:?}");
        assert_eq!(option(&line(words), names), expected.last().copied(), "{words:?}");
    }
}

proptest! {
    #[test]
    fn any_command_line_is_survived(words in prop::collection::vec(".{0,20}|[-a-zA-Z:/ ()\\[\\]=]{0,30}|python3|bash|busybox|perl", 0..6)) {
        let name = program(&words);
        prop_assert!(name.is_none_or(|name| !name.is_empty() && !name.contains('/')));
        let _ = is_shell(&words);
        let _ = options(&words, &["-p", "--port", "-listen"]);
    }

    #[test]
    fn a_shell_with_a_command_is_never_the_service(
        shell in prop::sample::select(SHELLS.to_vec()),
        flags in "-[eux]{0,2}c",
        command in ".{0,40}nova-conductor.{0,40}",
    ) {
        let words = vec![format!("/bin/{shell}"), flags, command];
        prop_assert!(is_shell(&words));
        prop_assert_eq!(program(&words), Some(shell));
    }

    #[test]
    fn an_option_gives_its_value_back(value in "[^\0]{1,40}", before in prop::collection::vec("[a-z]{1,8}", 1..4)) {
        for written in [vec![format!("--port={value}")], vec!["--port".into(), value.clone()]] {
            let mut words = before.clone();
            words.extend(written);
            prop_assert_eq!(option(&words, &["--port"]), Some(value.as_str()));
        }
    }
}
