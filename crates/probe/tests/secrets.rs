//! No secret, whatever it looks like and wherever a service keeps it, is ever
//! in anything that is said: every format, `explain`, and debugging.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what cannot be set up has failed")]

mod support;

use healthcheck::definition::Definition;
use healthcheck::evaluate::evaluate;
use healthcheck::kinds;
use healthcheck::maintenance::Maintenance;
use healthcheck::plan::{Plan, Request};
use healthcheck::report::Report;
use healthcheck::verdict::Role;
use proptest::prelude::{ProptestConfig, Strategy, prop, proptest};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::Room;
use vantage::Vantage;

/// A service that quotes its settings wherever it can.
const DEFINITION: &str = r#"
service = "example"
project = "example"
process = "example"
deadline = "2s"

[settings]
transport_url = { oslo = "DEFAULT.transport_url" }
connection = { oslo = "database.connection" }
memcached = { oslo = "cache.memcache_password" }
query = { oslo = "DEFAULT.query" }
requirepass = { file = { path = "/etc/redis.conf", format = "redis", option = "requirepass" } }
argument = { argument = "--admin-password" }
environment = { environment = "OS_PASSWORD" }
token = { file = { path = "/etc/app.ini", format = "ini", option = "app.admin_token" } }
"#;

/// Every setting in every field that takes text or a number; one that is a
/// secret as a whole not where its parts would be hosts and paths.
fn definition() -> Definition {
    let urls = ["transport_url", "connection", "query"];
    let secrets = ["memcached", "requirepass", "argument", "environment", "token"];
    let url_fields = [
        "kind = \"connected\"\nto = \"{NAME}\"",
        "kind = \"connected\"\nto = \"{NAME}\"\nport = 5672",
        "kind = \"http\"\nurl = \"{NAME}\"",
        "kind = \"http\"\nurl = \"http://127.0.0.1:1/\"\nproxy = \"{NAME}\"",
    ];
    let fields = [
        "kind = \"connected\"\nport = 1\nheartbeat = \"{NAME}\"",
        "kind = \"listening\"\nport = \"{NAME}\"",
        "kind = \"file\"\npath = \"/{NAME}\"",
        "kind = \"file\"\npath = \"/etc/app.ini\"\nmax-age = \"{NAME}\"",
        "kind = \"socket\"\npath = \"{NAME}\"",
        "kind = \"socket\"\nabstract = \"{NAME}\"",
        "kind = \"command\"\nrun = [\"{NAME}\", \"--password\", \"{NAME}\"]",
        "kind = \"http\"\nurl = \"http://127.0.0.1:1/\"\nuser = \"u\"\npassword = \"{NAME}\"",
        "kind = \"http\"\nport = 1\npath = \"/?token={NAME}\"\nheaders = { x-auth-token = \"{NAME}\" }",
        "kind = \"process\"\nwhen = { setting = \"NAME\" }",
    ];
    let mut text = DEFINITION.to_owned();
    let of_urls = urls.iter().flat_map(|name| url_fields.iter().map(move |field| (name, field)));
    let all = urls.iter().chain(&secrets);
    let of_all = all.flat_map(|name| fields.iter().map(move |field| (name, field)));
    for (name, field) in of_urls.chain(of_all) {
        text.push_str(&format!("\n[[check]]\n{}\n", field.replace("NAME", name)));
    }
    Definition::parse(&text, "example.toml").unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// What each of some characters may mean in a URL.
const SPECIAL: [&str; 7] = ["?", "#", "/", "@", ":", "%", "&"];

/// The example of every kind with `value` in one of its fields, for each field;
/// a definition with every one that may stand there, and what is said of the others.
fn in_every_field(value: &str) -> (Definition, String) {
    let mut text = DEFINITION.to_owned();
    let mut said = String::new();
    let mut fields = 0;
    for kind in kinds::ALL {
        for (field, _) in kind.fields {
            // Whom it speaks to is said in one of these ways.
            let whom = ["to", "port", "unix"];
            let stays = |line: &&str| {
                let key = line.split('=').next().unwrap_or_default().trim();
                key != *field && !(whom.contains(field) && whom.contains(&key))
            };
            let lines: Vec<_> = kind.example.lines().filter(stays).collect();
            let lines = lines.join("\n").replace(['{', '}'], "");
            for value in [format!("\"{value}\""), format!("[\"{value}\"]")] {
                let check = format!("\n{lines}\n{field} = {value}\n");
                match Definition::parse(&format!("{DEFINITION}{check}"), "example.toml") {
                    Ok(_) => {
                        text.push_str(&check);
                        fields += 1;
                    }
                    // A number, a choice.
                    Err(mistakes) => said.push_str(&mistakes.to_string()),
                }
            }
        }
    }
    assert!(fields > 2 * kinds::ALL.len(), "{fields}: {said}");
    let definition = Definition::parse(&text, "example.toml");
    (definition.unwrap_or_else(|mistakes| panic!("{mistakes}")), said)
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Where the service keeps the secret, as people write it.
fn fixture(folder: &Path, secret: &str, encoded: &str) {
    write(
        folder,
        "root/etc/example/example.conf",
        &format!(
            "[DEFAULT]\ntransport_url = rabbit://nova:{encoded}@rabbit1:5672,nova:{encoded}@rabbit2:5672/v\n\
             query = https://api:8774/v2?token={encoded}&password={encoded}\n\
             [database]\nconnection = mysql+pymysql://nova:{secret}@db/nova?charset=utf8\n\
             [cache]\nmemcache_password = {secret}\n"
        ),
    );
    write(folder, "root/etc/redis.conf", &format!("requirepass {secret}\n"));
    write(folder, "root/etc/app.ini", &format!("[app]\nadmin_token = {secret}\n"));
    write(folder, "proc/uptime", "100000.00 1.00\n");
    write(
        folder,
        "proc/7/cmdline",
        &format!(
            "example\0--admin-password\0{secret}\0-u\0nova:{secret}\0amqp://nova:{encoded}@h/\0"
        ),
    );
    write(folder, "proc/7/environ", &format!("OS_PASSWORD={secret}\0"));
    write(
        folder,
        "proc/7/stat",
        "7 (example) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 42 1 1\n",
    );
}

/// All that can be said about the service.
fn said(folder: &Path, definition: &Definition) -> String {
    let from = Arc::new(Vantage::at(folder).unwrap());
    let plan = Plan::new(definition, &Request::default(), &from);
    let mut said = plan.explain(definition, "a test");
    let findings = evaluate(&plan, &from);
    assert_eq!(findings.len(), plan.checks.len());
    // One by one, so that nothing is left out for want of room.
    for findings in findings.chunks(1) {
        let report = Report {
            service: plan.service.clone(),
            role: Role::Health,
            findings: findings.to_vec(),
            maintenance: Maintenance::None,
        };
        said.push_str(&report.to_text());
        said.push_str(&report.to_json(SystemTime::UNIX_EPOCH));
        said.push_str(&report.to_nagios(Duration::ZERO));
        said.push_str(&report.evidence());
    }
    said
}

/// Three words that no message holds, and what may stand between them.
fn secrets() -> impl Strategy<Value = (Vec<String>, String)> {
    let word = "[A-Z][a-z0-9]{7}[0-9]";
    let between = "[-_.!~+]{1,2}";
    (prop::collection::vec(word, 3), prop::collection::vec(between, 2)).prop_map(
        |(words, between)| {
            let secret =
                format!("{}{}{}{}{}", words[0], between[0], words[1], between[1], words[2]);
            (words, secret)
        },
    )
}

fn check(said: &str, words: &[String]) {
    for word in words {
        let at = said.find(word.as_str());
        let around = at.map(|at| {
            let start = said.floor_char_boundary(at.saturating_sub(200));
            &said[start..said.ceil_char_boundary(at + 60)]
        });
        assert_eq!(around, None, "{word} was said");
    }
}

#[test]
fn no_secret_is_said_whichever_field_of_whichever_kind_it_is_in() {
    let words = ["Xq7first1", "Zw9second2"].map(str::to_owned);
    for special in SPECIAL {
        let folder = tempfile::tempdir().unwrap();
        let secret = words.join(special);
        fixture(folder.path(), &secret.replace('#', "x"), &secret);
        for value in [
            "{transport_url}".to_owned(),
            "{connection}".to_owned(),
            // One that is a secret as a whole, where a password belongs, and where none does.
            "rabbit://nova:{requirepass}@rabbit1:5672/v".to_owned(),
            "redis://:{memcached}@127.0.0.1:1/0?db={token}".to_owned(),
            "{requirepass}".to_owned(),
            "{token}@127.0.0.1:1".to_owned(),
            format!("rabbit://nova:{secret}@rabbit1:5672/v"),
            format!("http://nova:{secret}@127.0.0.1:1/x"),
            format!("/rabbit://nova:{secret}@rabbit1/v"),
        ] {
            let (definition, mistakes) = in_every_field(&value);
            check(&mistakes, &words);
            check(&said(folder.path(), &definition), &words);
        }
    }
}

#[test]
fn addresses_are_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fixture(folder.path(), "Xq7first1", "Xq7first1");
    write(folder.path(), "root/etc/app.ini", "[app]\nservers = 10.0.0.1:11211\n");
    let check = "[[check]]\nkind = \"memcached\"\nto = \"{servers}\"\n";
    let servers = "servers = { file = { path = \"/etc/app.ini\", format = \"ini\", option = \"app.servers\" } }\n";
    let definition = Definition::parse(&format!("{DEFINITION}{servers}{check}"), "example.toml");
    let said = said(folder.path(), &definition.unwrap_or_else(|mistakes| panic!("{mistakes}")));
    assert!(said.contains("that memcached answers on 10.0.0.1:11211"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_of_a_service_s_settings_is_ever_said((words, secret) in secrets()) {
        let folder = tempfile::tempdir().unwrap();
        fixture(folder.path(), &secret, &secret);
        let said = said(folder.path(), &definition());
        assert!(said.contains("rabbit1:5672"), "what is no secret is said: {said}");
        check(&said, &words);
    }

    #[test]
    fn nor_is_one_that_had_to_be_encoded((words, secret) in secrets(), special in "[@:/?#\\[\\] %&]") {
        let folder = tempfile::tempdir().unwrap();
        let secret = secret.replacen(['-', '_', '.', '!', '~', '+'], &special, 1);
        let hexadecimal = format!("%{:02X}", special.as_bytes()[0]);
        fixture(folder.path(), &secret.replace('#', "x"), &secret.replace(&special, &hexadecimal));
        check(&said(folder.path(), &definition()), &words);
    }
}

#[test]
fn no_secret_of_a_command_line_is_ever_said() {
    let room = Room::new();
    let words = ["Xq7first1", "Xq7second2"].map(str::to_owned);
    let secret = words.join("-");
    for arguments in [
        format!("-u user:{secret} http://127.0.0.1:1/"),
        format!("-uuser:{secret} http://127.0.0.1:1/"),
        format!("--user user:{secret} --data x http://127.0.0.1:1/"),
        format!("http://user:{secret}@127.0.0.1:1/?token={secret}"),
        format!("user:{secret}@127.0.0.1:1/ http://b/"),
        format!("-H 'X-Auth-Token: {secret}' http://127.0.0.1:1/"),
        format!("-H {secret} http://127.0.0.1:1/"),
        format!("-b session={secret} http://127.0.0.1:1/"),
        format!("--oauth2-bearer {secret} http://127.0.0.1:1/"),
        format!("--cert /etc/c.pem:{secret} http://127.0.0.1:1/"),
        format!("-x http://user:{secret}@127.0.0.1:1/ http://127.0.0.1:1/"),
        format!("--pass {secret} http://127.0.0.1:1/"),
    ] {
        let call =
            format!("HEALTHCHECK_DEBUG=1 /openstack/healthcheck healthcheck_curl {arguments}");
        let answer = room.bash(&call);
        assert_eq!(answer.status, Some(1), "{arguments}: {answer:?}");
        check(&answer.out, &words);
        check(&answer.err, &words);
    }
}
