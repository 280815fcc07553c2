//! URLs as people write them.

use super::{Scheme, Url, UrlError};
use crate::protocols::http::Request;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

#[test]
fn a_url_is_taken_apart() {
    let cases = [
        ("http://10.0.0.1:9292/healthcheck", "http", "10.0.0.1", 9292, "/healthcheck"),
        ("https://api.example", "https", "api.example", 443, "/"),
        ("HTTPS://a:/", "https", "a", 443, "/"),
        // kolla's glance_tls_proxy: no scheme.
        ("10.0.0.1:9293/healthcheck", "http", "10.0.0.1", 9293, "/healthcheck"),
        ("localhost", "http", "localhost", 80, "/"),
        ("http://[fd00::1]:5000/v3?a=b#c", "http", "fd00::1", 5000, "/v3?a=b"),
        ("[::1]", "http", "::1", 80, "/"),
        ("http://a?x", "http", "a", 80, "/?x"),
        ("a/b?to=http://c", "http", "a", 80, "/b?to=http://c"),
        ("http://a/ü", "http", "a", 80, "/%C3%BC"),
        (" http://a/ \n", "http", "a", 80, "/"),
    ];
    for (text, scheme, host, port, target) in cases {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = (url.scheme.to_string(), url.host.as_str(), url.port.get(), url.target());
        assert_eq!(found, (scheme.into(), host, port, target), "{text}");
    }
}

#[test]
fn what_is_no_url_is_told() {
    let cases = [
        ("", UrlError::Host),
        ("http://", UrlError::Host),
        ("http:///path", UrlError::Host),
        ("ftp://a", UrlError::Scheme),
        ("unix:///run/x", UrlError::Scheme),
        ("http://a:0", UrlError::Port),
        ("http://a:65536", UrlError::Port),
        ("http://a:+80", UrlError::Port),
        ("http://fd00::1:80/", UrlError::Port),
        ("http://[::1", UrlError::Host),
        ("http://[a]", UrlError::Host),
        ("http://[::1]80", UrlError::Host),
        ("http://[fe80::1%\r\nx: y]/", UrlError::Host),
        ("http://[fe80::1%é]/", UrlError::Host),
        ("http://a b/", UrlError::Host),
        ("http://a\r\n/", UrlError::Host),
        ("http://a/b c", UrlError::Path),
        ("http://a/\r\nx: y", UrlError::Path),
    ];
    for (text, expected) in cases {
        assert_eq!(Url::parse(text).unwrap_err(), expected, "{text:?}");
    }
}

#[test]
fn a_user_and_a_query_are_kept_and_not_shown() {
    let url = Url::parse("http://ad%6Din:p%40ss@w:rd@a.example:81/x?token=abc").unwrap();
    let (name, password) = url.user.clone().unwrap();
    assert_eq!((name.as_str(), password.expose()), ("admin", "p@ss@w:rd"));
    assert_eq!(url.target(), "/x?token=abc");
    assert_eq!(url.shown_path(), "/x?…");
    assert_eq!(url.to_string(), "http://a.example:81/x?…");
    let all = format!("{url:?} {url}");
    assert!(!all.contains("w:rd") && !all.contains("abc"), "{all}");
}

#[test]
fn a_location_leads_where_a_browser_would_go() {
    let from = Url::parse("https://u:p@a.example:8443/v3/auth?x=y").unwrap();
    let cases = [
        ("/login", "https://a.example:8443/login"),
        ("login", "https://a.example:8443/v3/login"),
        ("?z", "https://a.example:8443/v3/auth?…"),
        ("", "https://a.example:8443/v3/auth?…"),
        ("//b/c", "https://b/c"),
        ("http://b:1/c", "http://b:1/c"),
        ("/to?url=http://b", "https://a.example:8443/to?…"),
    ];
    for (location, expected) in cases {
        assert_eq!(from.join(location).unwrap().to_string(), expected, "{location}");
    }
    assert_eq!(from.join("javascript:alert(1)").unwrap_err(), UrlError::Scheme);
    assert_eq!(from.join("gopher://b").unwrap_err(), UrlError::Scheme);
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_sent_and_says_no_secret(text in "(https?://)?[ -~]{0,40}", noise in any::<String>()) {
        for text in [text, noise] {
            let Ok(url) = Url::parse(&text) else { continue };
            prop_assert!(Request::get(url.target(), &url.authority()).is_ok());
            let again = Url::parse(&format!("{}://{}{}", url.scheme, url.authority(), url.target())).unwrap();
            prop_assert!(url.is_same_server(&again));
            prop_assert_eq!(url.target(), again.target());
            prop_assert!(!url.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn any_location_is_joined_or_refused(location in any::<String>()) {
        let from = Url::parse("http://a/b").unwrap();
        if let Ok(url) = from.join(&location) {
            prop_assert!(matches!(url.scheme, Scheme::Http | Scheme::Https));
            prop_assert!(Request::get(url.target(), &url.authority()).is_ok());
        }
    }
}

#[test]
fn a_password_in_a_path_is_hidden_before_it_is_cut() {
    for special in ["?", "#", "/", "@", ":", "%"] {
        let path = format!("/rabbit://nova:Xq7{special}Zw9@rabbit1/v?x");
        let new = Url::new(Scheme::Http, "a", vantage::Port::new(81).unwrap(), &path).unwrap();
        let parsed = Url::parse(&format!("http://a:81{path}")).unwrap();
        for url in [new, parsed] {
            for shown in [url.shown_path().to_owned(), url.to_string()] {
                assert!(!shown.contains("Xq7") && !shown.contains("Zw9"), "{shown}");
            }
        }
    }
}
