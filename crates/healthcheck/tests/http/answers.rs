//! What is made of answers.

use crate::server::{self, answer, request, say};
use crate::{LONG, definition, look, verdict};

fn told(text: &str, fields: &str) -> String {
    let at = server::on("127.0.0.1:0", answer(text));
    verdict(&format!("port = {}\n{fields}", at.port()), LONG).replace(&at.to_string(), "AT")
}

#[test]
fn a_status_means_what_curl_and_the_author_say() {
    let cases = [
        ("200 OK", "", "healthy: 200 OK to GET / on AT"),
        ("204 No Content", "", "healthy: 204 No Content to GET / on AT"),
        ("300 Multiple Choices", "", "healthy: 300 Multiple Choices to GET / on AT"),
        ("302 Found", "", "healthy: 302 Found to GET / on AT"),
        (
            "404 Not Found",
            "",
            "unhealthy (environment): answered 404 Not Found to GET / on AT, expected 200-399: words",
        ),
        ("401 Unauthorized", "status = [200, 401]", "healthy: 401 Unauthorized to GET / on AT"),
        (
            "302 Found",
            "status = 200",
            "unhealthy (environment): answered 302 Found to GET / on AT, expected 200: words",
        ),
        (
            "503 Service Unavailable",
            "",
            "unhealthy (self): answered 503 Service Unavailable to GET / on AT: words",
        ),
        ("503 Odd", "status = [\"5xx\", 200]", "healthy: 503 Odd to GET / on AT"),
        (
            "500",
            "path = \"/healthcheck?token=hunter2\"",
            "unhealthy (self): answered 500 to GET /healthcheck?… on AT: words",
        ),
    ];
    for (status, fields, expected) in cases {
        let text = format!("HTTP/1.1 {status}\r\n\r\n<html><title>words</title>");
        // 204 has no body.
        assert_eq!(told(&text, fields), expected, "{status} {fields}");
    }
}

#[test]
fn an_operator_who_disabled_it_is_named() {
    let text = "HTTP/1.1 503 Service Unavailable\r\n\r\nDISABLED BY FILE";
    assert_eq!(
        told(text, "path = \"/healthcheck\""),
        "unhealthy (environment): an operator has disabled it: answered 503 Service Unavailable to GET /healthcheck on AT: DISABLED BY FILE"
    );
}

#[test]
fn the_reason_of_a_backend_is_told_in_whatever_form_it_comes() {
    let detailed = "{\"detailed\": true, \"gc\": {\"counts\": [279, 3, 7]}, \"greenthreads\": [], \"reasons\": [{\"class\": \"HealthcheckResult\", \"details\": \"Path '/var/dis' was found\", \"reason\": \"DISABLED BY FILE\"}, {\"class\": \"HealthcheckResult\", \"details\": \"\", \"reason\": \"OK\"}]}";
    let html = "<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n<H1>Server status</H1>\n<H2>Result of 1 checks:</H2>\n<TABLE>\n<TR>\n<TH>Reason</TH>\n</TR>\n<TR>\n    <TD>FILE PATH MISSING</TD>\n</TR>\n</TABLE>";
    let other = "{\"detailed\": false, \"reasons\": [\"OK\", \"no database\"]}";
    let cases = [
        (
            detailed,
            "environment): an operator has disabled it: answered",
            ": DISABLED BY FILE (Path '/var/dis' was found)",
        ),
        (html, "environment): an operator has disabled it: answered", ": FILE PATH MISSING"),
        (other, "self): answered", ": no database"),
    ];
    for (body, begin, end) in cases {
        let text = format!("HTTP/1.1 503 Service Unavailable\r\n\r\n{body}");
        assert_eq!(
            told(&text, "path = \"/healthcheck\""),
            format!("unhealthy ({begin} 503 Service Unavailable to GET /healthcheck on AT{end}")
        );
    }
}

#[test]
fn a_health_document_is_judged_by_what_it_says() {
    let typed = "Content-Type: application/health+json\r\n";
    let warn = "{\"status\": \"warn\", \"checks\": {\"message_bus\": {\"status\": \"warn\", \"output\": \"reconnecting\"}}}";
    let fail = "{\"status\": \"fail\", \"checks\": {\"hypervisor\": [{\"status\": \"fail\", \"output\": \"Libvirt Error\"}]}}";
    let whole = "{\"status\": \"fail\"}";
    let unavailable = "503 Service Unavailable";
    let health = "health = true\npath = \"/health\"";
    let cases = [
        (
            "200 OK",
            typed,
            warn,
            "",
            "degraded: answered warn to GET / on AT: message_bus: reconnecting",
        ),
        (
            "200 OK",
            "",
            warn,
            health,
            "degraded: answered warn to GET /health on AT: message_bus: reconnecting",
        ),
        // Of what says nothing of being one, only where it is to be one.
        ("200 OK", "", warn, "", "healthy: 200 OK to GET / on AT"),
        ("200 OK", typed, "{\"status\": \"pass\"}", health, "healthy: 200 OK to GET /health on AT"),
        (
            "200 OK",
            typed,
            fail,
            "",
            "unhealthy (dependency): answered fail to GET / on AT: hypervisor: Libvirt Error",
        ),
        ("200 OK", typed, whole, "", "unhealthy (self): answered fail to GET / on AT"),
        (
            unavailable,
            typed,
            fail,
            health,
            "unhealthy (dependency): answered 503 Service Unavailable to GET /health on AT: hypervisor: Libvirt Error",
        ),
        (
            unavailable,
            typed,
            whole,
            health,
            "unhealthy (self): answered 503 Service Unavailable to GET /health on AT: {\"status\": \"fail\"}",
        ),
        (
            "200 OK",
            "",
            "OK",
            health,
            "unhealthy (self): expected a health document to GET /health on AT, found \"OK\"",
        ),
    ];
    for (status, header, body, fields, expected) in cases {
        let text = format!("HTTP/1.1 {status}\r\n{header}\r\n{body}");
        assert_eq!(told(&text, fields), expected, "{status} {header}{body} {fields}");
    }
}

#[test]
fn an_endpoint_is_asked_where_a_service_sets_it() {
    let text = "HTTP/1.1 200 OK\r\n\r\n{\"status\": \"pass\"}";
    let at = server::on("127.0.0.1:0", answer(text));
    let uri = format!("url = \"tcp://{}\"\nhealth = true\npath = \"/health\"", at.at);
    let told = verdict(&uri, LONG).replace(&at.to_string(), "AT");
    assert_eq!(told, "healthy: 200 OK to GET /health on AT");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nova-compute.sock");
    server::on_unix(&socket, answer(text));
    let uri = format!("unix://{},tcp://127.0.0.1:1", socket.display());
    let told = verdict(&format!("url = \"{uri}\"\nhealth = true\npath = \"/health\""), LONG);
    let socket = socket.display();
    assert_eq!(told, format!("healthy: 200 OK to GET /health on {socket}"));
}

#[test]
fn a_body_must_be_as_it_is_written() {
    let text = "HTTP/1.1 200 OK\r\n\r\n{\"status\": \"pass\", \"age\": 3}";
    let cases = [
        ("body = '\"pass\"'", "healthy: 200 OK to GET / on AT"),
        (
            "body = \"^ok\"",
            "unhealthy (self): expected an answer like /^ok/ to GET / on AT, found \"{\"status\": \"pass\", \"age\": 3}\"",
        ),
        ("json = [{ at = \"/status\", is = \"pass\" }]", "healthy: 200 OK to GET / on AT"),
        (
            "json = [{ at = \"/age\", at-most = 2 }]",
            "unhealthy (self): GET / on AT: expected at most 2 at /age, found 3",
        ),
        (
            "max-body = 5\njson = [{ at = \"/age\" }]",
            "unhealthy (self): GET / on AT: expected JSON of at most 5 bytes",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(told(text, fields), expected, "{fields}");
    }
    let told = told("HTTP/1.1 200 OK\r\n\r\n<html>", "json = [{ at = \"/a\" }]");
    assert_eq!(
        told,
        "unhealthy (self): GET / on AT: expected JSON: expected value at line 1 column 1"
    );
}

#[test]
fn what_is_asked_is_what_was_written() {
    let at = server::on("127.0.0.1:0", |stream| {
        let request = request(stream);
        let body = request.lines().collect::<Vec<_>>().join("|");
        say(stream, format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes());
    });
    let asked = |fields: &str| {
        let fields = format!("port = {}\n{fields}", at.port());
        let [inside, _] = look(&definition("", &fields), LONG);
        let seen = inside.seen.unwrap();
        seen["answer"]["body"].as_str().unwrap().replace(&at.to_string(), "AT")
    };
    let agent = concat!("openstack-healthcheck/", env!("CARGO_PKG_VERSION"));
    let usual =
        format!("GET / HTTP/1.1|host: AT|user-agent: {agent}|accept: */*|connection: close|");
    assert_eq!(asked(""), usual);
    assert_eq!(
        asked(
            "path = \"v3?a=b\"\nhost-header = \"keystone.example\"\nheaders = { User-Agent = \"me\", x-y = \"z\" }"
        ),
        "GET /v3?a=b HTTP/1.1|host: keystone.example|accept: */*|connection: close|User-Agent: me|x-y: z|"
    );
}

#[test]
fn a_head_has_no_body_to_wait_for() {
    let at = server::on("127.0.0.1:0", |stream| {
        let request = request(stream);
        assert!(request.starts_with("HEAD / "), "{request}");
        say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
    });
    let told = verdict(&format!("port = {}\nmethod = \"HEAD\"", at.port()), LONG);
    assert_eq!(told, format!("healthy: 200 OK to HEAD / on {at}"));
}

#[test]
fn secrets_reach_the_service_and_nobody_else() {
    // What it is told, it repeats, and sends us on with it.
    let other = server::on("127.0.0.1:0", |stream| {
        let request = request(stream).to_ascii_lowercase();
        let leaked = ["authorization", "x-auth-token", "hunter2"];
        let status = if leaked.iter().any(|word| request.contains(word)) { 500 } else { 200 };
        say(stream, format!("HTTP/1.1 {status} Elsewhere\r\n\r\n").as_bytes());
    });
    let elsewhere = other.at;
    let at = server::on("127.0.0.1:0", move |stream| {
        let request = request(stream);
        // "admin:hunter2"
        let known = request.contains("Basic YWRtaW46aHVudGVyMg==")
            && request.contains("x-auth-token: hunter2")
            && request.contains("?key=hunter2");
        let answer = if known {
            format!("HTTP/1.1 307 Go\r\nlocation: http://{elsewhere}/\r\n\r\n")
        } else {
            "HTTP/1.1 401 Who\r\n\r\n".to_owned()
        };
        say(stream, answer.as_bytes());
    });
    let settings = "password = { default = \"hunter2\" }\nname = { default = \"admin\" }";
    let fields = format!(
        "url = \"http://{at}/?key={{password}}\"\nuser = \"{{name}}\"\npassword = \"{{password}}\"\nredirects = 1\nheaders = {{ x-auth-token = \"{{password}}\" }}"
    );
    let definition = definition(settings, &fields);
    let [inside, outside] = look(&definition, LONG);
    let proof = inside.proof.clone().unwrap_or_default();
    assert!(proof.starts_with(&format!("200 Elsewhere to GET /?… on {other}")), "{inside:?}");
    let vantage = vantage::Vantage::inside().unwrap();
    let plan = healthcheck::plan::Plan::new(&definition, &Default::default(), &vantage);
    let planned = &plan.checks[0];
    let described = planned.look.as_ref().map(|look| look.describe()).unwrap();
    let all = format!("{inside:?} {outside:?} {described} {:?}", planned.used);
    assert!(!all.contains("hunter2") && !all.contains("YWRtaW4"), "{all}");
}

#[test]
fn of_a_url_its_secrets_alone_are_hidden() {
    let settings = "host = { default = \"10.0.0.1\" }\nadmin_token = { default = \"hunter2\" }";
    let fields = "url = \"http://{host}/?key={admin_token}\"";
    let vantage = vantage::Vantage::inside().unwrap();
    let definition = definition(settings, fields);
    let plan = healthcheck::plan::Plan::new(&definition, &Default::default(), &vantage);
    let used = plan.checks[0].used.iter().map(|used| (used.name.as_str(), used.shown.as_str()));
    assert_eq!(used.collect::<Vec<_>>(), [("host", "10.0.0.1"), ("admin_token", "***")]);
    let described = plan.checks[0].look.as_ref().map(|look| look.describe()).unwrap();
    assert_eq!(described, "that http://10.0.0.1/?… answers");
}

#[test]
fn nobody_is_asked_for_us_unless_it_is_written() {
    let proxy = server::on("127.0.0.1:0", |stream| {
        let request = request(stream);
        let (first, _) = request.split_once("\r\n").unwrap();
        say(stream, format!("HTTP/1.1 200 {first}\r\n\r\n").as_bytes());
    });
    let at = server::on("127.0.0.1:0", answer("HTTP/1.1 200 Direct\r\n\r\n"));
    let direct = verdict(&format!("url = \"http://{at}/x\""), LONG);
    assert_eq!(direct, format!("healthy: 200 Direct to GET /x on {at}"));
    let through =
        verdict(&format!("url = \"http://api.invalid:1/x\"\nproxy = \"http://{proxy}\""), LONG);
    assert_eq!(
        through,
        format!("healthy: 200 GET http://api.invalid:1/x HTTP/1.1 to GET /x on {proxy}")
    );
}
