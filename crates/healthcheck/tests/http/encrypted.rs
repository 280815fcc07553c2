//! TLS, with certificates of all sorts.

use crate::server::{self, Server, request, say};
use crate::{LONG, verdict};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

/// An authority, and its certificate in a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    path: PathBuf,
}

impl Authority {
    fn new(directory: &Path, name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let path = directory.join(format!("{name}.pem"));
        std::fs::write(&path, issuer.pem()).unwrap();
        Self { issuer, path }
    }

    /// A certificate for a name, that ends in so many days (or has ended, days ago).
    fn issue(&self, name: &str, days: i64) -> Served {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters(name, days).signed_by(&key, &self.issuer).unwrap();
        Served::new(certificate.der().clone(), certificate.pem(), &key)
    }
}

fn parameters(name: &str, days: i64) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let now = SystemTime::now();
    let span = Duration::from_secs(days.unsigned_abs() * DAY);
    // A minute more, so that the days are whole while the test runs.
    let end = if days < 0 { now - span } else { now + span + Duration::from_secs(60) };
    parameters.not_before = (end - Duration::from_secs(3650 * DAY)).into();
    parameters.not_after = end.into();
    parameters
}

/// A certificate and its key.
struct Served {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pem: String,
    key_pem: String,
}

impl Served {
    fn new(certificate: CertificateDer<'static>, pem: String, key: &KeyPair) -> Self {
        Self {
            chain: vec![certificate],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            pem,
            key_pem: key.serialize_pem(),
        }
    }

    /// Serves it, and an answer, until the test ends; who asks must have a
    /// certificate of `clients`, if that is given.
    fn serve(self, clients: Option<&Authority>) -> Server {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let config = Arc::new(builder.with_single_cert(self.chain, self.key).unwrap());
        server::on("127.0.0.1:0", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            if request(&mut stream).is_empty() {
                return;
            }
            // A CONNECT or a TLS handshake is answered elsewhere.
            say(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nwithin TLS");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }
}

#[test]
fn a_certificate_is_judged_whether_it_is_verified_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Authority::new(directory.path(), "ours");
    let others = Authority::new(directory.path(), "others");
    let (ca, wrong) = (ours.path.display(), others.path.display());
    let ca_field = format!("ca = \"{ca}\"");
    let wrong_field = format!("ca = \"{wrong}\"");
    let none_field = format!("ca = \"{ca}\"\nverify = \"none\"");
    let name_field = format!("ca = \"{ca}\"\nserver-name = \"api.example\"");
    let soon_field = format!("ca = \"{ca}\"\ncertificate-days = 3");
    let ip = "127.0.0.1";
    let cases = [
        ("verified", ip, 90, ca_field.as_str(), "healthy: 200 OK to GET / on AT, TLS verified"),
        ("not verified", ip, 90, "", "healthy: 200 OK to GET / on AT, TLS not verified"),
        (
            "by its name",
            "api.example",
            90,
            &name_field,
            "healthy: 200 OK to GET / on AT, TLS verified",
        ),
        (
            "another authority",
            ip,
            90,
            &wrong_field,
            "unhealthy (environment): GET / on AT: its certificate was issued by nobody who is trusted",
        ),
        (
            "another authority that is not asked",
            ip,
            90,
            &none_field,
            "healthy: 200 OK to GET / on AT, TLS not verified",
        ),
        (
            "another name",
            "other.example",
            90,
            &ca_field,
            "unhealthy (environment): GET / on AT: its certificate is for other.example, not for 127.0.0.1",
        ),
        (
            "expired",
            ip,
            -3,
            &ca_field,
            "unhealthy (environment): GET / on AT: its certificate expired 3days ago",
        ),
        ("expired, not verified", ip, -3, "", "degraded: the certificate of AT expired 3days ago"),
        (
            "ends today, and that is no news",
            ip,
            0,
            "certificate-days = 0",
            "healthy: 200 OK to GET / on AT, TLS not verified",
        ),
        ("ends soon", ip, 5, &ca_field, "degraded: the certificate of AT ends in 5 days"),
        ("ends soon, not verified", ip, 5, "", "degraded: the certificate of AT ends in 5 days"),
        ("ends soon enough", ip, 5, &soon_field, "healthy: 200 OK to GET / on AT, TLS verified"),
        ("ends today", ip, 0, &ca_field, "degraded: the certificate of AT ends within a day"),
    ];
    for (case, name, days, fields, expected) in cases {
        let at = ours.issue(name, days).serve(None);
        let told = verdict(&format!("port = {}\ntls = true\n{fields}", at.port()), LONG);
        assert_eq!(told, expected.replace("AT", &at.to_string()), "{case}");
    }
}

#[test]
fn a_certificate_that_vouches_for_itself_is_trusted_when_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut parameters = parameters("127.0.0.1", 90);
    // As `openssl req -x509` makes them.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let path = directory.path().join("self.pem");
    std::fs::write(&path, certificate.pem()).unwrap();
    let at = Served::new(certificate.der().clone(), certificate.pem(), &key).serve(None);
    let fields = format!("port = {}\ntls = true", at.port());
    assert_eq!(
        verdict(&fields, LONG),
        format!("healthy: 200 OK to GET / on {at}, TLS not verified")
    );
    assert_eq!(
        verdict(&format!("{fields}\nca = \"{}\"", path.display()), LONG),
        format!("healthy: 200 OK to GET / on {at}, TLS verified")
    );
    assert_eq!(
        verdict(
            &format!("{fields}\nca = \"{}\"\nserver-name = \"api.example\"", path.display()),
            LONG
        ),
        format!(
            "unhealthy (environment): GET / on {at}: its certificate is for 127.0.0.1, not for api.example"
        )
    );
    std::fs::write(&path, "nothing").unwrap();
    assert_eq!(
        verdict(&format!("{fields}\nca = \"{}\"", path.display()), LONG),
        format!(
            "unknown: cannot read {}: expected certificates in PEM, found none",
            path.display()
        )
    );
}

#[test]
fn a_server_that_wants_to_know_who_asks_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Authority::new(directory.path(), "ours");
    let at = ours.issue("127.0.0.1", 90).serve(Some(&ours));
    let fields = format!("port = {}\ntls = true", at.port());
    assert_eq!(
        verdict(&fields, LONG),
        format!("unknown: GET / on {at}: the server wants a client certificate")
    );
    let client = ours.issue("healthcheck", 90);
    let path = directory.path().join("client.pem");
    std::fs::write(&path, format!("{}{}", client.pem, client.key_pem)).unwrap();
    assert_eq!(
        verdict(&format!("{fields}\nclient-certificate = \"{}\"", path.display()), LONG),
        format!("healthy: 200 OK to GET / on {at}, TLS not verified")
    );
}

/// What servers of TLS do with plain HTTP, before they speak TLS.
#[test]
fn whether_it_is_tls_is_found_out_where_nothing_says() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Authority::new(directory.path(), "ours");
    // rustls sends an alert.
    let alerts = ours.issue("127.0.0.1", 90).serve(None);
    let behind = alerts.at;
    // Apache says it in words, and OpenSSL in a Python program hangs up.
    let says = server::on("127.0.0.1:0", move |stream| {
        let words = "You're speaking plain HTTP to an SSL-enabled server port.";
        tls_or(stream, behind, &format!("HTTP/1.1 400 Bad Request\r\n\r\n{words}"));
    });
    let hangs_up = server::on("127.0.0.1:0", move |stream| tls_or(stream, behind, ""));
    for server in [&alerts, &says, &hangs_up] {
        let fields = format!("port = {}", server.port());
        assert_eq!(
            verdict(&fields, LONG),
            format!("healthy: 200 OK to GET / on {server}, TLS not verified")
        );
        for fields in [format!("{fields}\ntls = false"), format!("url = \"http://{server}/\"")] {
            assert_eq!(
                verdict(&fields, LONG),
                format!(
                    "unhealthy (environment): GET / on {server}: expected plain HTTP, the server speaks TLS"
                )
            );
        }
    }
}

/// Leads a TLS handshake to who speaks TLS, and says this to all else.
fn tls_or(stream: &mut TcpStream, behind: SocketAddr, plain: &str) {
    let mut first = [0];
    if stream.peek(&mut first).is_ok_and(|length| length == 1) && first == [0x16] {
        forward(stream, behind);
    } else {
        request(stream);
        say(stream, plain.as_bytes());
    }
}

#[test]
fn a_proxy_leads_to_a_server_within_tls() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Authority::new(directory.path(), "ours");
    let server = ours.issue("api.example", 90).serve(None);
    let at = server.at;
    let proxy = server::on("127.0.0.1:0", move |stream| {
        let asked = request(stream);
        assert!(asked.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"), "{asked}");
        say(stream, b"HTTP/1.1 200 Go\r\n\r\n");
        forward(stream, at);
    });
    let fields = format!(
        "url = \"https://api.example/\"\nproxy = \"http://{proxy}\"\nca = \"{}\"",
        ours.path.display()
    );
    assert_eq!(
        verdict(&fields, LONG),
        format!("healthy: 200 OK to GET / on {proxy}, TLS verified")
    );
}

fn forward(stream: &mut TcpStream, to: SocketAddr) {
    #[expect(clippy::disallowed_methods, reason = "this is a proxy and no check")]
    let mut server = TcpStream::connect(to).unwrap();
    let (mut from, mut into) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| copy(&mut from, &mut into));
        copy(&mut server, stream);
        let _ = server.shutdown(Shutdown::Both);
        let _ = stream.shutdown(Shutdown::Both);
    });
}

fn copy(from: &mut impl Read, to: &mut impl Write) {
    let _ = std::io::copy(from, to);
}
