use super::*;
use proptest::prelude::*;

fn told(text: &str) -> Vec<String> {
    parse(text)
        .iter()
        .map(|vhost| format!("{}@{}", vhost.url().unwrap_or_else(|| "-".to_owned()), vhost.line))
        .collect()
}

#[test]
fn virtual_hosts_say_where_to_ask() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (
            // As puppet writes it for TripleO.
            "# ***\n<VirtualHost 172.17.0.10:8774>\n  ServerName ctl0.internalapi.localdomain\n\n  \
             ## Vhost docroot\n  DocumentRoot \"/var/www/cgi-bin/nova\"\n  <Directory \"/var/www\">\n    \
             Require all granted\n  </Directory>\n  SSLEngine on\n  \
             SSLCertificateFile \"/etc/pki/x.crt\"\n  \
             WSGIScriptAlias / \"/var/www/cgi-bin/nova/nova-api\"\n</VirtualHost>\n",
            &["https://ctl0.internalapi.localdomain:8774/@2"],
        ),
        (
            // As kolla writes it.
            "Listen 10.0.0.1:5000\nServerName ctl0\n<VirtualHost *:5000>\n  \
             WSGIScriptAlias /identity /x\n</VirtualHost>\n",
            &["http://ctl0:5000/identity/@3"],
        ),
        (
            "<VirtualHost 10.0.0.1:80 [fd00::1]:8080 _default_:443>\n</VirtualHost>",
            &["http://10.0.0.1:80/@1", "http://[fd00::1]:8080/@1", "http://localhost:443/@1"],
        ),
        ("Listen [::]:8041 https\n<VirtualHost *>\n</VirtualHost>", &["http://localhost:8041/@2"]),
        ("Listen 8041\n<VirtualHost a.b>\n</VirtualHost>", &["http://a.b:8041/@2"]),
        ("<VirtualHost *>\n</VirtualHost>", &["-@1"]),
        (
            "<virtualhost *:1>\nservername https://x.y:13000\nsslengine off\n</virtualhost>\n\
             <VirtualHost *:2>\nSSLEngine ON\nServerName [fd00::2]:3\n</VirtualHost>",
            &["http://x.y:1/@1", "https://[fd00::2]:2/@5"],
        ),
        (
            "<VirtualHost \\\n  *:80>\n  #ServerName x\n  ServerName \\\n    y\n</VirtualHost>",
            &["http://y:80/@1"],
        ),
        ("<VirtualHost *:80>\n  Include /etc/x\n", &[]),
        ("<VirtualHost>\n</VirtualHost>", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(told(text), *expected, "{text}");
    }
}

#[test]
fn a_certificate_is_its_virtual_hosts_or_everybodys() {
    let told = |text: &str| parse(text).into_iter().map(|v| v.certificate).collect::<Vec<_>>();
    let text = "SSLCertificateFile /all.crt\n<VirtualHost *:1>\nSSLEngine on\nSSLCertificateFile \"/own.crt\"\n\
        </VirtualHost>\n<VirtualHost *:2>\nSSLEngine on\n</VirtualHost>\n<VirtualHost *:3>\n</VirtualHost>";
    assert_eq!(told(text), [Some("/own.crt".into()), Some("/all.crt".into()), None]);

    let port = |text: &str| {
        let entries = entries(text);
        entries.iter().find(|one| one.key == "certificate-port").map(|one| one.value.clone())
    };
    assert_eq!(port(text).as_deref(), Some("1"));
    assert_eq!(port("<VirtualHost *:80>\n</VirtualHost>\n"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "(.|\n|<VirtualHost |</VirtualHost>\n|\\*:80>|Listen |ServerName |\"|\\\\\n|\\[|:){0,60}") {
        for vhost in parse(&text) {
            let _ = vhost.url();
        }
        let _ = entries(&text);
    }

    #[test]
    fn what_is_written_is_read_back(
        address in "[a-z]{1,9}|10\\.0\\.0\\.[1-9]|\\[fd00::[1-9]\\]",
        port in 1u16..,
        name in "[a-z]{1,9}(\\.[a-z]{1,5})?",
        path in "(/[a-z]{1,5}){0,2}",
        tls in any::<bool>(),
    ) {
        let engine = if tls { "on" } else { "off" };
        let text = format!(
            "<VirtualHost {address}:{port}>\nServerName \"{name}\"\nSSLEngine {engine}\nWSGIScriptAlias \"{path}/\" /x\n</VirtualHost>"
        );
        let [vhost] = parse(&text).try_into().unwrap();
        prop_assert_eq!(vhost.address.as_deref(), Some(address.trim_matches(['[', ']'])));
        prop_assert_eq!(vhost.port.unwrap().get(), port);
        prop_assert_eq!(vhost.server_name, Some(name));
        prop_assert_eq!(vhost.tls == Tls::On, tls);
        prop_assert_eq!(vhost.path, Some(format!("{path}/")));
    }
}
