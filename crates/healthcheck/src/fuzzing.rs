//! What is parsed here of bytes that others chose, for `fuzz/`.

mod peers;

use crate::conditions::JsonCondition;
use crate::definition::Definition;
use crate::program::Program;
use crate::protocols::http::{self, Limits, Request, Url};
use crate::protocols::scripted::Scripted;
use crate::protocols::tls::{self, Certificate, Identity, Trust};
use crate::settings::secret::redact;
use crate::settings::url::ServiceUrl;
use crate::settings::{arguments, endpoints, keyvalue, oslo, ovsdb};
use crate::{maintenance, text};
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use vantage::{Pid, Port, Process};

/// A target's name, and what feeds it.
pub type Target = (&'static str, fn(&[u8]));

/// Name and function of each; the function must survive any bytes.
pub const TARGETS: &[Target] = &[
    ("amqp", peers::amqp),
    ("amqp1", peers::amqp1),
    ("arguments", command_line),
    ("certificate", certificate),
    ("definition", |bytes| drop(Definition::parse(&lossy(bytes), "definition.toml"))),
    ("dns-server", peers::dns_server),
    ("erlang", crate::protocols::erlang::fuzzing::node),
    ("greeting", peers::greeting),
    ("haproxy", peers::haproxy),
    ("health", crate::kinds::http::fuzz_health),
    ("heartbeat", peers::heartbeat),
    ("http", http),
    ("http-url", http_url),
    ("json", JsonCondition::fuzz),
    ("jsonrpc", peers::jsonrpc),
    ("keyvalue", key_value),
    ("libvirt", peers::libvirt),
    ("maintenance", |bytes| maintenance::fuzz(&lossy(bytes))),
    ("memcached", peers::memcached),
    ("mysql", peers::mysql),
    ("oslo", |bytes| oslo::fuzz(&lossy(bytes))),
    ("ovsdb", peers::ovsdb),
    ("polling", |bytes| crate::kinds::heartbeat::fuzz(&lossy(bytes))),
    ("postgres", peers::postgres),
    ("redact", redacted),
    ("redis", peers::redis),
    ("text", shown),
    ("tls", encrypted),
    ("urls", urls),
    ("vty", peers::vty),
];

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `/proc/PID/cmdline`: words ended by NUL.
fn command_line(bytes: &[u8]) {
    let words: Vec<String> = lossy(bytes).split('\0').map(str::to_owned).collect();
    let program = arguments::program(&words);
    let _ = arguments::is_named(program.unwrap_or_default(), "nova-compute");
    let _ = arguments::is_shell(&words);
    let _ = arguments::options(&words, &["-p", "--port", "-l"]);
    let _ = arguments::command_words(&words);
    let process = Process { pid: Pid::new(1), arguments: words };
    let _ = Program::named(["nova-compute"]).matches(&process);
}

/// DER; then the same as PEM of authorities, and of a certificate with its key.
fn certificate(bytes: &[u8]) {
    let _ = Certificate::from_der(bytes);
    let _ = Certificate::from_pem(bytes);
    let _ = Trust::from_pem(bytes);
    let _ = Identity::from_pem(bytes, bytes);
}

/// All that a server says.
fn http(bytes: &[u8]) {
    let limits = Limits { head: 4 << 10, headers: 20, body: 8 << 10 };
    let Ok(request) = Request::get("/", "localhost") else { return };
    match http::exchange(Scripted::new(bytes), &request, limits) {
        Ok(response) => {
            assert!(response.body.len() <= limits.body && response.head.headers.len() <= 20);
            assert!(response.head.to_string().len() < 60);
        }
        // A message is short whatever came.
        Err(error) => assert!(error.to_string().len() < 400, "{error}"),
    }
}

/// A URL on the first line, and where a redirect leads.
fn http_url(bytes: &[u8]) {
    let text = lossy(bytes);
    let (url, location) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(url) = Url::parse(url) else { return };
    for url in [url.join(location).ok(), Some(url)].into_iter().flatten() {
        // They become part of a request's head.
        let plain = |byte: u8| byte.is_ascii_graphic();
        assert!(url.target().bytes().all(plain), "{:?}", url.target());
        assert!(url.authority().bytes().all(plain), "{:?}", url.authority());
        assert!(url.to_string().len() < 130);
    }
}

/// Format and option on the first line, `ini section key`, and a file.
fn key_value(bytes: &[u8]) {
    let text = lossy(bytes);
    let (first, file) = text.split_once('\n').unwrap_or(("ini  a", &text));
    let mut words = first.splitn(3, ' ');
    let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(
        words.next().unwrap_or_default(),
    );
    let Ok(format) = keyvalue::Format::deserialize(name) else { return };
    let (section, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let lines = file.split('\n').count();
    if let Some(entry) = keyvalue::parse(format, file).into_iter().next() {
        assert!((1..=lines).contains(&entry.line), "{entry:?} of {lines} lines");
        let _ = keyvalue::lookup(format, file, &entry.section, &entry.key);
    }
    let _ = keyvalue::lookup(format, file, section, key);
}

/// A URL's scheme, what its password holds besides a word, and what follows it.
fn redacted(bytes: &[u8]) {
    const WORD: &str = "Xq7secret2";
    let text = lossy(bytes);
    let mut parts = text.splitn(3, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, filling, rest) = (part(), part(), part());
    let scheme: String = scheme.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    // Whatever is lawful there as it is; the rest is to be encoded (RFC 3986).
    let lawful = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%:".contains(c);
    let filling: String = filling.chars().filter(|c| lawful(*c)).take(40).collect();
    if [&scheme, &filling, rest].iter().any(|part| part.contains(WORD)) {
        return;
    }
    let url = format!("s{scheme}://user:{filling}{WORD}{filling}@host:1/{rest}");
    for text in [url.clone(), format!("{rest} {url}"), format!("to = {url}\n{rest}")] {
        let shown = redact(&text);
        assert!(!shown.contains(WORD), "{text:?} is shown as {shown:?}");
        assert!(!text::shown(&shown, 60).contains(WORD));
    }
    let named = format!("{scheme}password={WORD}");
    assert!(!redact(&named).contains(WORD), "{named:?}");
    let _ = redact(&text);
}

/// A limit, and text from outside.
fn shown(bytes: &[u8]) {
    let (limit, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    let (limit, text) = (usize::from(*limit), lossy(bytes));
    let shown = text::shown(&text, limit);
    assert!(shown.len() <= limit.max("…".len()), "{} bytes of {limit}", shown.len());
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let _ = text::nearest(&text, ["nova-compute", "neutron-dhcp-agent"]);
}

/// A server's side of a handshake.
fn encrypted(bytes: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 31);
    let peer = tls::Peer { name: "localhost", trust: &Trust::Anybody, identity: None, now };
    if let Err(failed) = tls::connect(Scripted::new(bytes), peer) {
        assert!(failed.error.to_string().len() < 400, "{}", failed.error);
    }
}

/// A setting that is a URL, an address, or a list of them.
fn urls(bytes: &[u8]) {
    let text = lossy(bytes);
    for url in [ServiceUrl::transport(&text), ServiceUrl::database(&text)].into_iter().flatten() {
        let _ = (url.endpoints(), url.query("charset"), format!("{url:?}"));
    }
    let _ = ovsdb::remote(&text);
    let usual = Vec::from_iter(Port::new(11211));
    let _ = endpoints::endpoints(&text, usual.as_slice());
}
