use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// A host as recorded: name, port, user, password.
fn host_value(host: &Host) -> Value {
    serde_json::json!([
        host.name,
        host.port.map(Port::get),
        host.username,
        host.password.as_ref().map(Secret::expose)
    ])
}

fn query_value(url: &ServiceUrl) -> Value {
    let keys = url.query.iter().map(|(key, _)| key);
    keys.map(|key| (key.clone(), Value::from(url.query(key)))).collect()
}

#[test]
fn urls_are_read_as_the_libraries_read_them() {
    // Made by recorded/urls.py from oslo.messaging 18.3.1 and SQLAlchemy 2.1.9.
    let cases: Vec<Value> = serde_json::from_str(include_str!("recorded/urls.json")).unwrap();
    assert!(cases.len() > 500);
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["url"].as_str().unwrap();
        for (grammar, read) in
            [("transport", ServiceUrl::transport(text)), ("database", ServiceUrl::database(text))]
        {
            let expected = &case[grammar];
            let found = read.as_ref().ok().map(|url| {
                let hosts: Vec<Value> = url.hosts.iter().map(host_value).collect();
                let mut found = serde_json::json!({
                    "scheme": url.scheme, "hosts": hosts, "query": query_value(url)
                });
                if grammar == "transport" {
                    found["path"] = Value::from(url.path.clone());
                }
                found
            });
            if *expected != Value::from(found.clone()) {
                wrong.push(format!("{grammar} {text:?}\n  expected {expected}\n  found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn endpoints_are_what_the_service_connects_to() {
    for (url, expected) in [
        ("rabbit://u:p@h1:5671,u:p@h2/", "h1:5671 h2:5672"),
        ("rabbit://u:p@[fd00::1]/", "[fd00::1]:5672"),
        ("rabbit://", "localhost:5672"),
        ("rabbit://u:p@/", "localhost:5672"),
        ("kombu+memory:///", ""),
        ("fake://", ""),
        ("redis://:x@h?sentinel=m", "h:6379"),
        ("etcd3+http://h", "h:2379"),
        ("zookeeper://h1,h2:1/ns", "h1:2181 h2:1"),
        ("mysql+pymysql://u:p@h/db", "h:3306"),
        ("mysql+pymysql:///db", "localhost:3306"),
        ("mysql+pymysql://u:p@h/db?unix_socket=/run/m.sock", "/run/m.sock"),
        ("sqlite:////x.db", ""),
    ] {
        let read = if url.contains("mysql") { ServiceUrl::database } else { ServiceUrl::transport };
        let endpoints: Vec<String> =
            read(url).unwrap().endpoints().iter().map(Endpoint::to_string).collect();
        assert_eq!(endpoints.join(" "), expected, "{url}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "(rabbit://|mysql://)?(.|:|@|/|,|\\[|\\]|%|\\?){0,40}") {
        for url in [ServiceUrl::transport(&text), ServiceUrl::database(&text)].into_iter().flatten() {
            let _ = url.endpoints();
        }
    }

    #[test]
    fn what_was_encoded_comes_back_and_is_never_shown(
        users in prop::collection::vec((".{0,12}", "Zq.{0,12}qZ", "[a-z]{1,9}", 1u16..), 1..4),
        path in ".{0,12}",
    ) {
        let quote = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let hosts: Vec<String> = users
            .iter()
            .map(|(user, password, host, port)| format!("{}:{}@{host}:{port}", quote(user), quote(password)))
            .collect();
        let url = ServiceUrl::transport(&format!("rabbit://{}/{}", hosts.join(","), quote(&path))).unwrap();
        prop_assert_eq!(url.path.as_deref(), Some(path.as_str()));
        prop_assert_eq!(url.hosts.len(), users.len());
        for (host, (user, password, name, port)) in url.hosts.iter().zip(&users) {
            prop_assert_eq!(host.username.as_ref(), Some(user));
            prop_assert_eq!(host.password.as_ref().unwrap().expose(), password);
            prop_assert_eq!(&host.name, name);
            prop_assert_eq!(host.port.unwrap().get(), *port);
        }
        let shown = format!("{url:?}");
        let leaked = users.iter().any(|(_, password, _, _)| shown.contains(password));
        prop_assert!(!leaked);
    }
}
