//! Where a service is asked.

use crate::server::{self, answer, request, say};
use crate::{LONG, definition, line, look, verdict};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[test]
fn a_service_is_asked_on_the_address_it_listens_on() {
    let cases = [
        ("127.0.0.1:0", "127.0.0.1"),
        // An API on the one address that is its own.
        ("127.0.0.2:0", "127.0.0.2"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::1]:0", "[::1]"),
        ("[::]:0", "[::1]"),
    ];
    for (bound, expected) in cases {
        let server = server::on(bound, answer(OK));
        let port = server.port();
        let expected = format!("healthy: 200 OK to GET / on {expected}:{port}");
        assert_eq!(verdict(&format!("port = {port}"), LONG), expected, "{bound}");
        // A setting that means every address says nothing better.
        for host in ["", "0.0.0.0", "::", "*"] {
            let fields = format!("port = {port}\nhost = \"{host}\"");
            assert_eq!(verdict(&fields, LONG), expected, "{bound} {host:?}");
            let url = format!("url = \"http://{host}:{port}/\"");
            assert_eq!(verdict(&url, LONG), expected, "{bound} {url}");
        }
    }
}

#[test]
fn the_first_port_that_is_listened_on_is_asked() {
    let server = server::on("127.0.0.1:0", answer(OK));
    let port = server.port();
    let free = free_port();
    assert_eq!(
        verdict(&format!("port = [{free}, {port}]"), LONG),
        format!("healthy: 200 OK to GET / on 127.0.0.1:{port}")
    );
    assert_eq!(
        verdict(&format!("port = {free}"), LONG),
        format!("unhealthy (self): nothing listens on port {free}")
    );
    assert_eq!(
        verdict(&format!("port = {port}\nprocess = \"nova-api\""), LONG),
        format!(
            "unhealthy (self): nova-api is not running, so nothing of it listens on port {port}"
        )
    );
}

#[test]
fn ports_asked_for_replace_those_of_the_definition() {
    let server = server::on("127.0.0.1:0", answer(OK));
    let port = server.port();
    for fields in ["port = 1", "url = \"http://127.0.0.1:1/\""] {
        let definition = definition("", fields);
        let vantage = std::sync::Arc::new(vantage::Vantage::inside().unwrap());
        let ports = vec![vantage::Port::new(port).unwrap()];
        let request = healthcheck::plan::Request { ports, ..Default::default() };
        let plan = healthcheck::plan::Plan::new(&definition, &request, &vantage);
        let found = healthcheck::evaluate::evaluate(&plan, &vantage).remove(0);
        assert_eq!(line(&found), format!("healthy: 200 OK to GET / on 127.0.0.1:{port}"));
    }
}

#[test]
fn a_url_is_asked_where_it_leads() {
    let server = server::on("127.0.0.1:0", answer(OK));
    let port = server.port();
    let free = free_port();
    let cases = [
        (
            format!("url = \"http://localhost:{port}/a?b\""),
            format!("healthy: 200 OK to GET /a?… on 127.0.0.1:{port}"),
        ),
        (
            format!("url = \"127.0.0.1:{port}\""),
            format!("healthy: 200 OK to GET / on 127.0.0.1:{port}"),
        ),
        (
            format!("url = \"http://api.example:{port}/\"\nhost = \"127.0.0.1\""),
            format!("healthy: 200 OK to GET / on 127.0.0.1:{port}"),
        ),
        (
            format!("url = \"http://127.0.0.1:{free}/\""),
            format!("unhealthy (self): connection refused by 127.0.0.1:{free}"),
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(verdict(&fields, LONG), expected, "{fields}");
    }
    // An IPv6 address from a setting stands in no brackets.
    let server = server::on("[::1]:0", answer(OK));
    let port = server.port();
    let settings = "host = { default = \"::1\" }";
    let definition = definition(settings, &format!("url = \"http://{{host}}:{port}/\""));
    for found in look(&definition, LONG) {
        assert_eq!(line(&found), format!("healthy: 200 OK to GET / on [::1]:{port}"));
    }
}

#[test]
fn a_name_that_leads_nowhere_is_no_fault_of_the_service() {
    // A label longer than any name's (RFC 1035) is asked of nobody.
    let name = "x".repeat(64);
    let told = verdict(&format!("url = \"http://{name}:1/a?b\""), LONG);
    let expected = format!("unhealthy (environment): GET http://{name}:1/a?…: cannot resolve ");
    assert!(told.starts_with(&expected), "{told}");
    let told = verdict(&format!("port = 1\nhost = \"{name}\""), LONG);
    let expected = format!("unhealthy (environment): GET http://{name}:1/: cannot resolve ");
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
fn what_cannot_be_planned_says_why() {
    let cases = [
        ("path = \"/\"", "unknown: expected one of `url`, `port`, `vhost`, `uwsgi` and `unix`"),
        (
            "port = 1\nunix = \"/x\"",
            "unknown: expected one of `url`, `port`, `vhost`, `uwsgi` and `unix`",
        ),
        (
            "url = \"ftp://a\"",
            "unknown: api.toml: expected a URL that begins with http:// or https://",
        ),
        ("port = 1\nverify = \"ca\"", "unknown: verify: expected `ca` too, found nothing"),
        (
            "vhost = [\"/nowhere/a\", \"/nowhere/b\"]",
            "unknown: no virtual host at /nowhere/a or /nowhere/b",
        ),
        (
            "port = 1\npath = \"/a b\"",
            "unknown: path: expected a path without blanks and control characters",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(verdict(fields, LONG), expected, "{fields}");
    }
}

#[test]
fn a_unix_socket_is_asked_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nova-compute.sock");
    let shown = path.display();
    let fields = format!("unix = \"{shown}\"\npath = \"/health\"");
    assert_eq!(verdict(&fields, LONG), format!("unhealthy (self): no socket at {shown}"));
    server::on_unix(&path, |stream| {
        let request = request(stream);
        assert!(request.starts_with("GET /health HTTP/1.1\r\nhost: localhost\r\n"), "{request}");
        say(stream, OK.as_bytes());
    });
    assert_eq!(verdict(&fields, LONG), format!("healthy: 200 OK to GET /health on {shown}"));
    let stale = directory.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    assert_eq!(
        verdict(&format!("unix = \"{}\"", stale.display()), LONG),
        format!("unhealthy (self): connection refused by {}", stale.display())
    );
}

#[test]
fn a_virtual_host_says_where_and_by_what_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("10-keystone_wsgi.conf");
    let at = server::on("127.0.0.1:0", |stream| {
        let request = request(stream);
        let host = request.lines().nth(1).unwrap();
        say(stream, format!("HTTP/1.1 200 {host}\r\n\r\n").as_bytes());
    });
    let port = at.port();
    let vhost = format!(
        "<VirtualHost *:{port}>\n ServerName keystone.example\n WSGIScriptAlias /identity /bin/x\n</VirtualHost>\n"
    );
    std::fs::write(&path, vhost).unwrap();
    let fields = format!("vhost = [\"/nowhere\", \"{}\"]\npath = \"/healthcheck\"", path.display());
    assert_eq!(
        verdict(&fields, LONG),
        format!("healthy: 200 host: keystone.example:{port} to GET /identity/healthcheck on {at}")
    );
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
