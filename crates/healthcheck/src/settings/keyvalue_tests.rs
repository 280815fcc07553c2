use super::*;
use proptest::prelude::*;

const ALL: [Format; 11] = [
    Format::Ini,
    Format::Uwsgi,
    Format::MyCnf,
    Format::Sysconfig,
    Format::Redis,
    Format::Flags,
    Format::Rabbitmq,
    Format::Erlang,
    Format::Haproxy,
    Format::Qdrouterd,
    Format::Vhost,
];

/// Every look-up names its format, text, option and what is found: value and line.
fn check(format: Format, text: &str, cases: &[(&str, &str)]) {
    for (option, expected) in cases {
        let (section, key) = match option.rsplit_once('|') {
            Some(split) => split,
            None => ("", *option),
        };
        let found = lookup(format, text, section, key);
        let found = found.map_or("-".to_owned(), |entry| format!("{}@{}", entry.value, entry.line));
        assert_eq!(found, *expected, "{format:?} {option}");
    }
}

#[test]
fn ini_files_are_read_as_python_reads_them() {
    let text = "[DEFAULT]\nbind_ip = 10.0.0.1\nBind_Port : 8080\nbind_port = 8081\n\n\
        [pipeline:main]\npipeline = catch_errors healthcheck\n    proxy-logging\n\n  proxy-server\n\
        [app:proxy-server]\nuse = egg:swift#proxy\nset log_name = x ; kept\n# bind_port = 1\n;x = 2\n=\nnothing\n";
    check(
        Format::Ini,
        text,
        &[
            ("DEFAULT|bind_ip", "10.0.0.1@2"),
            ("DEFAULT|bind_port", "8081@4"),
            ("app:proxy-server|bind_port", "8081@4"),
            ("app:proxy-server|use", "egg:swift#proxy@12"),
            ("app:proxy-server|log_name", "x ; kept@13"),
            ("pipeline:main|pipeline", "catch_errors healthcheck\nproxy-logging\nproxy-server@7"),
            ("DEFAULT|x", "-"),
            ("none|x", "-"),
        ],
    );
}

#[test]
fn files_are_read_as_configparser_and_bash_read_them() {
    // Made by recorded/files.py from Python 3.11 and bash 5.2.
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("recorded/files.json")).unwrap();
    assert!(cases.len() >= 400);
    let mut wrong = Vec::new();
    for case in &cases {
        let format = Format::deserialize(&case["format"]).unwrap();
        let text = case["text"].as_str().unwrap();
        for (section, values) in case["values"].as_object().unwrap() {
            for (key, expected) in values.as_object().unwrap() {
                let found = lookup(format, text, section, key).map(|entry| entry.value);
                let mut found = found.unwrap_or_default();
                if format == Format::Ini {
                    // Where a long value is broken into lines does not matter to its readers.
                    found = found.split_whitespace().collect::<Vec<_>>().join(" ");
                }
                if found != *expected {
                    wrong.push(format!(
                        "{text:?} [{section}] {key}\n  expected {expected}\n  found {found:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn uwsgi_files_have_no_continuation_lines() {
    let text = "[uwsgi]\nhttp-socket = [::]:9696\n  socket = /run/x.sock\nhttps-socket=:5000,a.crt,a.key\n";
    check(
        Format::Uwsgi,
        text,
        &[
            ("uwsgi|http-socket", "[::]:9696@2"),
            ("uwsgi|socket", "/run/x.sock@3"),
            ("uwsgi|https-socket", ":5000,a.crt,a.key@4"),
        ],
    );
}

#[test]
fn mysql_option_files_know_flags_quotes_and_comments() {
    let text = "[client]\nport=1\n[mysqld]\nbind_address = 10.0.0.1 # here\nport = '3307'\nskip-networking\n\
        socket=\"/run/my#sqld.sock\"\n !includedir /etc/my.cnf.d\nport=3308\n";
    check(
        Format::MyCnf,
        text,
        &[
            ("mysqld|bind-address", "10.0.0.1@4"),
            ("mysqld|bind_address", "10.0.0.1@4"),
            ("mysqld|port", "3308@9"),
            ("mysqld|skip-networking", "@6"),
            ("mysqld|socket", "/run/my#sqld.sock@7"),
            ("mysqld|!includedir", "/etc/my.cnf.d@8"),
            ("client|port", "1@2"),
        ],
    );
}

#[test]
fn shell_assignments_are_read_as_shell_and_systemd_read_them() {
    let text = "PORT=\"11211\"\nOPTIONS='-l 127.0.0.1 -U 0'\n# PORT=1\n  export A=b\\ c  # d\nUNQUOTED=-l ::1 -U 0  \n\
        ETCD_LISTEN_CLIENT_URLS=http://10.0.0.1:2379#x\nTWO=\"a\nb\"\nTHREE=a\\\nb\n\
        TRIPLEO_SOCAT_BIND='tcp4-listen:9200,bind=\"10.0.0.1\",reuseaddr'\nEMPTY=\nOPEN=\"x\n1X=2\nif [ a = b ]; then\nQ=\"\\$x\\\"\"\n";
    check(
        Format::Sysconfig,
        text,
        &[
            ("PORT", "11211@1"),
            ("OPTIONS", "-l 127.0.0.1 -U 0@2"),
            ("OPTIONS -l", "127.0.0.1@2"),
            ("OPTIONS -U", "0@2"),
            ("OPTIONS -p", "-"),
            ("A", "b c@4"),
            ("UNQUOTED", "-l ::1 -U 0@5"),
            ("ETCD_LISTEN_CLIENT_URLS", "http://10.0.0.1:2379#x@6"),
            ("TWO", "a\nb@7"),
            ("THREE", "ab@9"),
            ("TRIPLEO_SOCAT_BIND", "tcp4-listen:9200,bind=\"10.0.0.1\",reuseaddr@11"),
            ("TRIPLEO_SOCAT_BIND listen:", "9200@11"),
            ("TRIPLEO_SOCAT_BIND bind=", "10.0.0.1@11"),
            ("TRIPLEO_SOCAT_BIND cert=", "-"),
            ("EMPTY", "@12"),
            ("1X", "-"),
        ],
    );
    // A quote that nothing closes spoils its own line and no other.
    check(Format::Sysconfig, "A='x\nB=1\n", &[("A", "'x@1"), ("B", "1@2")]);
}

#[test]
fn redis_directives_are_words() {
    let text = "# bind 1.1.1.1\nbind 127.0.0.1 -::1\nPort 6379\nrequirepass \"a b\\\"c\"\nport 6380\n\
        sentinel monitor mymaster 10.0.0.1 6379 2\nunixsocket '/run/redis.sock'\nbroken \"x\nsave \"\"\n";
    check(
        Format::Redis,
        text,
        &[
            ("bind", "127.0.0.1 -::1@2"),
            ("port", "6380@5"),
            ("requirepass", "a b\"c@4"),
            ("sentinel", "monitor mymaster 10.0.0.1 6379 2@6"),
            ("unixsocket", "/run/redis.sock@7"),
            ("broken", "-"),
            ("save", "@9"),
        ],
    );
}

#[test]
fn memcached_options_stand_one_on_a_line() {
    let text = "# memcached\n-d\nlogfile /var/log/x\n-m 64\n-p 11211\n-l 127.0.0.1\n-l::1\n-c1024 # many\n--port=11212\n";
    check(
        Format::Flags,
        text,
        &[
            ("-p", "11211@5"),
            ("-l", "::1@7"),
            ("-c", "1024@8"),
            ("-d", "@2"),
            ("--port", "11212@9"),
            ("logfile", "-"),
        ],
    );
}

#[test]
fn rabbitmq_listeners_can_be_asked_for_together() {
    let text = "# listeners.tcp.default = 1\nlisteners.tcp.1 = 10.0.0.1:5672\nlisteners.tcp.2 = '::1:5672' # both\n\
        listeners.ssl.default = 5671\nloopback_users = none\n[x]\n";
    check(
        Format::Rabbitmq,
        text,
        &[
            ("listeners.tcp.default", "-"),
            ("listeners.tcp.1", "10.0.0.1:5672@2"),
            ("listeners.tcp.2", "[::1]:5672@3"),
            ("listeners.tcp.*", "10.0.0.1:5672,[::1]:5672@2"),
            ("listeners.ssl.*", "5671@4"),
            ("loopback_users", "none@5"),
            ("listeners.amqp.*", "-"),
        ],
    );
}

/// As puppet-rabbitmq writes it, and what else Erlang allows.
const RABBITMQ_CONFIG: &str = r#"% {tcp_listeners, [1]}
[
  {ssl, [{versions, ['tlsv1.2', 'tlsv1.3']}]},
  {rabbit, [
    {tcp_listen_options, [binary, {backlog, 128}, {keepalive, true}]},
    {loopback_users, []},
    {tcp_listeners, [{"172.16.0.1", 5672},
                     {"::1", 5673}, 5674, {"host", 5675, inet}]},
    {ssl_listeners, [5671]},
    {ssl_options, [
      {cacertfile,"/etc/ca.crt"},
      {certfile, "/etc/pki/tls/certs/" % two strings
                 "rabbitmq.crt"},
      {password, <<"a \"quoted\" word"/utf8>>},
      {'verify', verify_none},
      {depth, 1}]},
    {vm_memory_high_watermark, 0.4},
    {big, 16#FF}, {pairs, [{a, 1, 2}, {1, 2}]}, {map, #{a => [1], <<"b">> => 2}},
    {default_pass, "x]}."}, {tail, [1|more]}
  ]},
  {kernel, [{inet_dist_listen_max, 25672}, {inet_dist_listen_min, 25672}]}
].
"#;

#[test]
fn rabbitmq_may_be_configured_in_erlang() {
    let cases = [
        ("rabbit.tcp_listeners.1", "172.16.0.1:5672@7"),
        ("rabbit.tcp_listeners.2", "[::1]:5673@8"),
        ("rabbit.tcp_listeners.3", "5674@8"),
        ("rabbit.tcp_listeners.4", "host:5675@8"),
        ("rabbit.tcp_listeners.5", "-"),
        ("rabbit.ssl_listeners.1", "5671@9"),
        ("rabbit.loopback_users.1", "-"),
        ("rabbit.tcp_listen_options.backlog", "128@5"),
        ("rabbit.tcp_listen_options.1", "binary@5"),
        ("rabbit.ssl_options.certfile", "/etc/pki/tls/certs/rabbitmq.crt@12"),
        ("rabbit.ssl_options.password", "a \"quoted\" word@14"),
        ("rabbit.ssl_options.verify", "verify_none@15"),
        ("rabbit.vm_memory_high_watermark", "0.4@17"),
        ("rabbit.big", "16#FF@18"),
        ("rabbit.pairs.1", "-"),
        ("rabbit.map", "-"),
        ("rabbit.default_pass", "x]}.@19"),
        ("rabbit.tail.2", "more@19"),
        ("kernel.inet_dist_listen_min", "25672@21"),
        ("ssl.versions.2", "tlsv1.3@3"),
    ];
    check(Format::Erlang, RABBITMQ_CONFIG, &cases);
    check(
        Format::Erlang,
        "[{rabbit,[{tcp_listeners,[5673]}]}].",
        &[("rabbit.tcp_listeners.1", "5673@1")],
    );
}

#[test]
fn erlang_that_is_none_has_no_entries() {
    let deep = format!("[{{a, {}1{}}}].", "[".repeat(70), "]".repeat(70));
    let many = format!("[{{a, [{}1]}}].", "1,".repeat(100_000));
    for text in
        ["", "[", "{a", "[{a, 1}", "[{a, 1} {b, 2}].", "[{a, \"x}].", "<<1", "#{a}", &deep, &many]
    {
        assert_eq!(parse(Format::Erlang, text).len(), 0, "{text:.40}");
    }
    // A long file that is well-formed is cut.
    let long = format!("[{{a, [{}1]}}].", "1,".repeat(50_000));
    assert_eq!(parse(Format::Erlang, &long).len(), MAX_ENTRIES);
    // Twenty thousand long names would be another's memory spent.
    let named = format!("[{{{}, [1,2]}}, {{b, 1}}].", "a".repeat(10_000));
    assert_eq!(parse(Format::Erlang, &named).len(), 1);
}

#[test]
fn haproxy_binds_stand_in_sections() {
    let text = "global\n  maxconn 1\ndefaults\n  mode http\nfrontend horizon # x\n  bind :::80\n  bind 10.0.0.1:443 transparent ssl crt /x crt /y\n\
        listen stats\n    bind *:1984\n  stats auth \"a b\":c\\ d\n";
    check(
        Format::Haproxy,
        text,
        &[
            ("frontend horizon|bind", ":::80@6"),
            ("frontend horizon|crt", "/x@7"),
            ("*|crt", "/x@7"),
            ("*|crt port", "443@7"),
            ("listen stats|bind", "*:1984@9"),
            ("listen stats|stats", "auth a b:c d@10"),
            ("global|maxconn", "1@2"),
            ("backend x|bind", "-"),
            ("global|stats socket", "-"),
        ],
    );
    check(
        Format::Haproxy,
        "global\n  stats timeout 2m\n  stats socket unix@/run/h.sock mode 600 level user\n",
        &[("global|stats socket", "/run/h.sock@3"), ("*|crt", "-")],
    );
}

#[test]
fn qdrouterd_listeners_are_blocks() {
    let text = "router {\n  mode: standalone\n}\n# listener {\nlistener {\n    host: 0.0.0.0\n    port: amqp # x\n}\n\
        listener { port: 5666 }\nport: 1\n";
    check(
        Format::Qdrouterd,
        text,
        &[
            ("listener|host", "0.0.0.0@6"),
            ("listener|port", "amqp@7"),
            ("router|mode", "standalone@2"),
            ("router|port", "-"),
        ],
    );
}

#[test]
fn a_virtual_host_has_options_too() {
    let text = "\n<VirtualHost 10.0.0.1:5000>\nServerName x\nSSLEngine on\nWSGIScriptAlias /v3 /y\n</VirtualHost>\n";
    check(
        Format::Vhost,
        text,
        &[
            ("url", "https://x:5000/v3/@2"),
            ("port", "5000@2"),
            ("address", "10.0.0.1@2"),
            ("server-name", "x@2"),
            ("tls", "true@2"),
            ("path", "/v3@2"),
        ],
    );
}

#[test]
fn what_is_too_much_is_left_out() {
    let text = format!("a=1\nb={}\n{}", "x".repeat(70_000), "c=1\n".repeat(30_000));
    for format in ALL {
        assert!(parse(format, &text).len() <= MAX_ENTRIES + 1);
    }
    check(Format::Sysconfig, &text, &[("a", "1@1"), ("b", "-")]);
}

#[test]
fn an_entry_does_not_show_its_value() {
    let entry = lookup(Format::Redis, "requirepass hunter2", "", "requirepass").unwrap();
    assert_eq!(format!("{entry:?}"), "Entry([] requirepass: 7 bytes from line 1)");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "(.|\n|=|:| |\"|'|\\\\|#|\\[|\\]|\\{|\\}|-p|export A|listener|frontend x|<<|>>|,|a){0,60}") {
        let lines = text.lines().count();
        for format in ALL {
            for entry in parse(format, &text) {
                prop_assert!(!entry.key.is_empty());
                prop_assert!((1..=lines).contains(&entry.line), "{:?}", entry);
            }
            let _ = lookup(format, &text, "x", "a *");
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        key in "[a-z][a-z0-9]{0,8}",
        value in "[!-~&&[^\"'#\\\\${};,]]{1,20}",
        section in "[a-z]{1,8}",
        before in "(# x\n){0,3}",
    ) {
        let line = before.lines().count();
        for (format, section, text) in [
            (Format::Ini, section.clone(), format!("[{section}]\n{key} = {value}\n")),
            (Format::Uwsgi, section.clone(), format!("[{section}]\r\n{key}={value}\r\n")),
            (Format::MyCnf, section.clone(), format!("[{section}]\n{key} = \"{value}\"\n")),
            (Format::Sysconfig, String::new(), format!("\nexport {key}='{value}'\n")),
            (Format::Sysconfig, String::new(), format!("\n{key}={value}\n")),
            (Format::Redis, String::new(), format!("\n{key} {value}\n")),
            (Format::Flags, String::new(), format!("\n--{key}={value}\n")),
            (Format::Rabbitmq, String::new(), format!("\n{key} = {value}\n")),
            (Format::Erlang, String::new(), format!("[ % [\n{{{key}, \"{value}\"}}].")),
            (Format::Haproxy, "frontend x".to_owned(), format!("frontend x\n  {key} {value}\n")),
            (Format::Qdrouterd, section.clone(), format!("{section} {{\n  {key}: {value}\n}}\n")),
        ] {
            let key = if format == Format::Flags { format!("--{key}") } else { key.clone() };
            let mark = if format == Format::Erlang { "%" } else { "#" };
            let text = before.replace('#', mark) + &text;
            let found = lookup(format, &text, &section, &key);
            prop_assert!(found.is_some(), "{:?} {}", format, text);
            let found = found.unwrap();
            prop_assert_eq!(&found.value, &value, "{:?}", format);
            prop_assert_eq!(found.line, line + 2, "{:?}", format);
        }
    }
}
