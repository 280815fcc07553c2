use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// A place to look from that holds these files.
fn fixture(files: &BTreeMap<String, Vec<u8>>) -> (TempDir, Vantage) {
    let directory = TempDir::new().unwrap();
    fs::create_dir_all(directory.path().join("proc")).unwrap();
    fs::create_dir_all(directory.path().join("root")).unwrap();
    for (path, content) in files {
        let path = directory.path().join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let vantage = Vantage::at(directory.path()).unwrap();
    (directory, vantage)
}

fn files(content: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    content.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// nova-conductor's options, with these files and arguments.
fn load(content: &[(&str, &str)], arguments: &[&str]) -> OsloConfig {
    let (_directory, vantage) = fixture(&files(content));
    load_from(&vantage, arguments, &[])
}

fn load_from(vantage: &Vantage, arguments: &[&str], environment: &[String]) -> OsloConfig {
    let words: Vec<String> =
        ["nova-conductor"].iter().chain(arguments).map(|&word| word.to_owned()).collect();
    let sources = OsloSources::of_process("nova", "nova-conductor", &words, environment, vantage);
    OsloConfig::load(&sources, vantage)
}

/// A configuration of one file, without a file system.
fn of_file(file: ParsedFile) -> OsloConfig {
    let files = vec![(PathBuf::from("/etc/nova/nova.conf"), file)];
    OsloConfig { files, problems: Vec::new(), absent: Vec::new(), variables: Vec::new() }
}

/// What we make of a recorded case; `None` where the service would not start.
fn read(case: &Value) -> Option<Vec<Value>> {
    let content = case["files"].as_object().unwrap().iter();
    let content =
        content.map(|(path, text)| (path.clone(), text.as_str().unwrap().as_bytes().to_vec()));
    let (_directory, vantage) = fixture(&content.collect());
    let arguments = case["arguments"].as_array().into_iter().flatten();
    let arguments: Vec<&str> = arguments.map(|argument| argument.as_str().unwrap()).collect();
    let variables = case["environment"].as_object().into_iter().flatten();
    let mut environment = vec!["HOME=/nonexistent".to_owned()];
    environment
        .splice(0..0, variables.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())));
    let config = load_from(&vantage, &arguments, &environment);
    if !config.problems().is_empty() {
        return None;
    }
    let failed = serde_json::json!({"error": true});
    let options = case["options"].as_array().unwrap().iter();
    let values = options.map(|option| {
        let names: Vec<(&str, &str)> = option["names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| (name[0].as_str().unwrap(), name[1].as_str().unwrap()))
            .collect();
        if option["multi"].as_bool().unwrap() {
            match config.get_all(names[0].0, names[0].1) {
                Ok(all) if all.is_empty() => Value::Null,
                Ok(all) => all.into_iter().map(|found| found.text).collect(),
                Err(_) => failed.clone(),
            }
        } else {
            match config.get_any(&names) {
                Ok(found) => Value::from(found.map(|found| found.text)),
                Err(_) => failed.clone(),
            }
        }
    });
    Some(values.collect())
}

#[test]
fn files_are_read_as_oslo_config_reads_them() {
    // Made by recorded/oslo.py from oslo.config 10.7.0.
    let cases: Vec<Value> = serde_json::from_str(include_str!("recorded/oslo.json")).unwrap();
    assert!(cases.len() > 500);
    let mut wrong = Vec::new();
    for case in &cases {
        let found = Value::from(read(case));
        if found != case["values"] {
            wrong.push(format!("{case}\n  found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_value_says_where_it_was_found() {
    let main = "# nova\n[DEFAULT]\na = 1\n  2\n[g]\nb = $a\n";
    let config = load(&[("/etc/nova/nova.conf", main)], &[]);
    let found = config.get("DEFAULT", "a").unwrap().unwrap();
    assert_eq!(found.origin.to_string(), "/etc/nova/nova.conf:3");
    let found = config.get("G", "b").unwrap().unwrap();
    assert_eq!(
        (found.text.as_str(), found.origin.to_string().as_str()),
        ("1\n2", "/etc/nova/nova.conf:6")
    );
    assert_eq!(format!("{found:?}"), "Found(3 bytes from /etc/nova/nova.conf:6)");
    assert_eq!(config.get("g", "c"), Ok(None));
    let (_directory, vantage) = fixture(&files(&[]));
    let config = load_from(&vantage, &[], &["OS_G__B=x".to_owned()]);
    let found = config.get("g", "b").unwrap().unwrap();
    assert_eq!(found.origin, Origin::Variable("OS_G__B".to_owned()));
}

#[test]
fn what_could_not_be_read_is_told_and_the_rest_counts() {
    let too_long = format!("[DEFAULT]\n{}", "a = 1\n".repeat(1 << 20));
    let too_many = format!("[DEFAULT]\n{}", "a = 1\n".repeat(20_001));
    let mut content = files(&[
        ("/good.conf", "[DEFAULT]\na = 1\n"),
        ("/d.conf/x", ""),
        ("/bad.conf", "[DEFAULT]\nadmin_password hunter2\n"),
        ("/long.conf", &too_long),
        ("/many.conf", &too_many),
    ]);
    content.insert("/latin.conf".to_owned(), b"[DEFAULT]\na = \xfc\n".to_vec());
    let (directory, vantage) = fixture(&content);
    let socket = directory.path().join("root/sock.conf");
    let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let names = ["good", "d", "sock", "bad", "latin", "long", "many", "gone"];
    let named: Vec<String> =
        names.iter().map(|name| format!("--config-file=/{name}.conf")).collect();
    let mut arguments: Vec<&str> = named.iter().map(String::as_str).collect();
    arguments.extend(["--config-file", "relative.conf", "--config-dir", "/no"]);
    let config = load_from(&vantage, &arguments, &[]);
    assert_eq!(config.get("DEFAULT", "a").unwrap().unwrap().text, "1");
    assert_eq!(
        config.looked_in(),
        [
            "/good.conf",
            "/d.conf: expected a file, found a directory",
            "/sock.conf: expected a file, found a socket",
            "/bad.conf:2: expected = or : after an option's name",
            "/latin.conf: expected UTF-8, found another byte at offset 14",
            "/long.conf: expected at most 4194304 bytes, found more",
            "/many.conf:20002: expected at most 20,000 options",
            "/gone.conf: no such file",
            "relative.conf: relative to the process's working directory, which is not known",
            "/no: no such file",
        ]
    );
    assert_eq!(config.problems().len(), 9);
}

#[test]
fn where_nothing_is_found_says_where_it_was_looked_for() {
    let (_directory, vantage) = fixture(&files(&[]));
    let environment = ["HOME=/var/lib/nova/".to_owned(), "OS_AUTH_URL=x".to_owned()];
    let config = load_from(&vantage, &[], &environment);
    let directories = "/var/lib/nova/.nova or /var/lib/nova or /etc/nova or /etc";
    assert_eq!(
        config.looked_in(),
        [
            format!("nova.conf (not in {directories})"),
            format!("nova-conductor.conf (not in {directories})")
        ]
    );
    assert!(config.problems().is_empty());
}

#[test]
fn a_wsgi_program_is_told_its_files_by_its_environment() {
    for (variables, arguments, expected) in [
        (&["OS_NOVA_CONFIG_DIR=/x"][..], &[][..], "/x/nova.conf"),
        (&["OS_NOVA_CONFIG_FILES=a.conf; /b.conf;"], &[], "/etc/nova/a.conf /b.conf"),
        (&["OS_NOVA_CONFIG_FILES=a.conf", "OS_NOVA_CONFIG_DIR=/x"], &[], "/x/a.conf"),
        (&["OS_NOVA_CONFIG_DIR=/x"], &["--config-file=/y.conf"], "/y.conf"),
    ] {
        let (_directory, vantage) = fixture(&files(&[]));
        let environment: Vec<String> = variables.iter().map(|&name| name.to_owned()).collect();
        let mut words = vec!["uwsgi".to_owned()];
        words.extend(arguments.iter().map(|&word: &&str| word.to_owned()));
        let sources = OsloSources::of_process("nova", "uwsgi", &words, &environment, &vantage);
        let paths: Vec<String> =
            sources.paths(SourceKind::File).map(|path| path.display().to_string()).collect();
        assert_eq!(paths.join(" "), expected);
    }
}

#[test]
fn a_title_that_quotes_the_command_line_leads_to_the_files() {
    let (_directory, vantage) = fixture(&files(&[("/etc/n.conf", "[DEFAULT]\na = 1\n")]));
    let title = "neutron-server: api worker (/usr/bin/python3 /usr/bin/neutron-server --config-file /etc/n.conf)";
    let sources = OsloSources::of("neutron", "neutron-server", &[title.to_owned()], &vantage);
    let config = OsloConfig::load(&sources, &vantage);
    assert_eq!(config.get("DEFAULT", "a").unwrap().unwrap().text, "1");
}

#[test]
fn a_reference_that_leads_nowhere_says_so_and_keeps_secrets() {
    let text = "[DEFAULT]\n\
        a = $gone\n\
        loop = $pool\n\
        pool = ${loop}\n\
        transport_url = rabbit://u:pa$hunter2@h/\n\
        admin_password = $hunter2\n";
    let config = load(&[("/etc/nova/nova.conf", text)], &[]);
    for (option, expected) in [
        ("a", "/etc/nova/nova.conf:2: refers to $gone, which is not set in any file that was read"),
        (
            "loop",
            "/etc/nova/nova.conf:4: refers to $loop, which leads back to it or to too many others",
        ),
        (
            "transport_url",
            "/etc/nova/nova.conf:5: refers to another option, which is not set in any file that was read",
        ),
        (
            "admin-password",
            "/etc/nova/nova.conf:6: refers to another option, which is not set in any file that was read",
        ),
    ] {
        assert_eq!(config.get("DEFAULT", option).unwrap_err().to_string(), expected);
    }
}

#[test]
fn references_that_multiply_end_soon() {
    // Each of forty options is the next one eight times over; the last is empty.
    let mut text = String::from("[DEFAULT]\n");
    for number in 0..40 {
        text.push_str(&format!("o{number} = {}\n", format!("${{o{}}}", number + 1).repeat(8)));
    }
    text.push_str("o40 =\nlong = x");
    text.push_str(&"y".repeat(70_000));
    text.push_str("\nwide = $o40$half$half$half\nhalf = ");
    text.push_str(&"z".repeat(30_000));
    let config = load(&[("/etc/nova/nova.conf", &text)], &[]);
    assert!(matches!(config.get("DEFAULT", "o0"), Err(OsloError::Recursion { .. })));
    assert!(matches!(config.get("DEFAULT", "long"), Err(OsloError::TooLong { .. })));
    assert!(matches!(config.get("DEFAULT", "wide"), Err(OsloError::TooLong { .. })));
    assert_eq!(config.get("DEFAULT", "o39").unwrap().unwrap().text, "");
}

#[test]
fn a_directory_of_too_many_files_is_left_at_some_point() {
    let mut content = BTreeMap::new();
    for number in 0..520 {
        content.insert(format!("/d/{number:03}.conf"), b"[DEFAULT]\na = 1\n".to_vec());
    }
    let (_directory, vantage) = fixture(&content);
    let config = load_from(&vantage, &["--config-dir", "/d"], &[]);
    assert_eq!(config.problems().len(), 1);
    assert_eq!(config.get_all("DEFAULT", "a").unwrap().len(), 512);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "(.|\\[g\\]\n|\\[DEFAULT\\]\n|\n|\r|a = |\\$a|\\$\\{a\\}|= | |'){0,60}") {
        if let Ok(file) = ParsedFile::parse(text) {
            let config = of_file(file);
            for (group, option) in [("DEFAULT", "a"), ("g", "a"), ("g", "b")] {
                let _ = config.get(group, option);
                let _ = config.get_all(group, option);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        options in prop::collection::btree_map(
            ("DEFAULT|[a-z]{1,8}", "[a-z][a-z0-9_]{0,8}"),
            prop::collection::vec("([!-~&&[^'\"$]]([ -~&&[^'\"$]]{0,10}[!-~&&[^'\"$]])?)", 1..4),
            1..8,
        ),
        separator in "[ \t]{0,2}[=:][ \t]{0,2}",
        ending in prop::sample::select(vec!["\n", "\r\n", "\r", " \n", "\n\n", "\n# x\n"]),
    ) {
        let mut text = String::new();
        for ((group, option), lines) in &options {
            text.push_str(&format!("[{group}]\n{option}{separator}{}{ending}", lines.join("\n    ")));
        }
        let config = of_file(ParsedFile::parse(text).unwrap());
        for ((group, option), lines) in &options {
            // Names differ in nothing but `-` and `_`, groups in nothing but case.
            let found = config.get(group, &option.replace('_', "-")).unwrap().unwrap();
            prop_assert_eq!(found.text, lines.join("\n"));
        }
    }
}
