use super::*;
use proptest::prelude::*;

#[test]
fn secrets_are_hidden_and_the_rest_is_kept() {
    for (text, expected) in [
        ("", ""),
        ("no answer from 10.0.0.1:5672", "no answer from 10.0.0.1:5672"),
        ("rabbit://guest:guest@rabbit1:5672/", "rabbit://guest:***@rabbit1:5672/"),
        (
            "rabbit://a:b@h1:5672,c:d@[fd00::1]:5672,e:f@h3//",
            "rabbit://a:***@h1:5672,c:***@[fd00::1]:5672,e:***@h3//",
        ),
        ("rabbit://a:p@ss@h1,c:d@h2/", "rabbit://a:***@***@h1,c:***@h2/"),
        ("mysql+pymysql://u:pa/ss@h/db", "mysql+pymysql://u:***@h/db"),
        ("connection = mysql://u:pa ss@h/db", "connection = mysql://u:***@h/db"),
        ("mysql://u:p://\tss@h/db", "mysql://u:***@h/db"),
        (
            "amqp://10.0.0.1:5672: alarm on rabbit@ctl1",
            "amqp://10.0.0.1:5672: alarm on rabbit@ctl1",
        ),
        ("redis://:hunter2@host:6379?db=1", "redis://:***@host:6379?db=1"),
        (
            "GET http://host:8774/ and http://[::1]:80/x",
            "GET http://host:8774/ and http://[::1]:80/x",
        ),
        ("http://host:8774 failed, tell root@host", "http://host:8774 failed, tell root@host"),
        ("amqp://user@host", "amqp://user@host"),
        ("x?password=abc&ssl=1", "x?password=***&ssl=1"),
        ("x?a=1&auth_token=abc#top", "x?a=1&auth_token=***#top"),
        ("admin_password = a&b c", "admin_password = *** c"),
        ("{\"token\": \"a b\", \"x\": 1}", "{\"token\": ***, \"x\": 1}"),
        ("auth_encryption_key = abc", "auth_encryption_key = ***"),
        ("ssl_key_file = /etc/x", "ssl_key_file = /etc/x"),
        ("Authorization: Bearer abc def", "Authorization: ***"),
        ("X-Auth-Token: abc", "X-Auth-Token: ***"),
        ("requirepass hunter2", "requirepass ***"),
        ("a\n  requirepass hunter2\nb", "a\n  requirepass ***\nb"),
        ("cli --password hunter2 --port 1", "cli --password *** --port 1"),
        ("curl -u user:pass http://h", "curl -u user:*** http://h"),
        ("curl -uuser:pass http://h", "curl -uuser:*** http://h"),
        ("curl --user=user:pass h", "curl --user=user:*** h"),
        ("curl --user  user:pass h", "curl --user  user:*** h"),
        ("a wrong password was given", "a wrong password was given"),
    ] {
        assert_eq!(redact(text), expected, "{text:?}");
    }
}

#[test]
fn long_texts_take_no_longer_than_they_are_long() {
    for piece in ["a://", "a:// ", "a://b:c ", "@://", "token ", "token=", "-u a:", "a://:,@ "] {
        for end in ["", "@", " @", "://u:hunter2@h", "…", "://u:hunter2…"] {
            let text = format!("{}{end}", piece.repeat(50_000 / piece.len()));
            assert!(!redact(&text).contains("hunter2"), "{piece} {end}");
        }
    }
}

#[test]
fn what_was_cut_before_its_at_has_no_password() {
    for (text, expected) in [
        ("to rabbit://nova:hunt… fails", "to rabbit://nova:***… fails"),
        ("/rabbit://nova:hunt?…", "/rabbit://nova:***…"),
        ("http://a:80/rabbit://nova:hunt…", "http://a:80/rabbit://nova:***…"),
        ("http://[::1]:80/pa… and http://a:80", "http://[::1]:80/pa… and http://a:80"),
    ] {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn a_secret_never_shows_itself() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    assert_eq!(secret.expose(), "hunter2");
}

/// A password that cannot occur in the rest of the text by chance.
fn password() -> impl Strategy<Value = String> {
    "Zq[!-~&&[^@\"',]]{0,20}qZ"
}

proptest! {
    #[test]
    fn the_password_of_a_url_never_appears(
        password in password(),
        scheme in "[a-z]{1,8}(\\+[a-z]{1,8})?",
        user in "[a-z]{0,8}",
        host in "[a-z]{1,8}(:[0-9]{1,5})?|\\[fd00::1\\]:5672",
        tail in "(/[a-z]{0,8})?(\\?x=1)?",
        around in "[ a-z]{0,20}",
        hosts in 1usize..4,
    ) {
        let authority = vec![format!("{user}:{password}@{host}"); hosts].join(",");
        let text = format!("{around}{scheme}://{authority}{tail} {around}");
        prop_assert!(!redact(&text).contains(&password), "{}", redact(&text));
    }

    #[test]
    fn a_password_with_any_letter_in_it_never_appears(password in "Zq[^\n\r]{0,20}qZ") {
        for text in [
            format!("mysql+pymysql://user:{password}@host/db"),
            format!("transport_url = rabbit://user:{password}@host:5672/"),
        ] {
            prop_assert!(!redact(&text).contains(&password), "{}", redact(&text));
        }
    }

    #[test]
    fn a_named_secret_never_appears(
        secret in "Zq[!-~&&[^\"'&#]]{0,20}qZ",
        name in prop::sample::select(vec!["password", "admin_password", "token", "PASSWORD", "client_secret"]),
        before in "[a-z?&]{0,5}",
    ) {
        for text in [
            format!("{before}{name}={secret}"),
            format!("{before} {name} = {secret}"),
            format!("{{\"{name}\": \"{secret}\"}}"),
            format!("cli --{name} {secret} x"),
            format!("cli -u user:{secret} x"),
        ] {
            prop_assert!(!redact(&text).contains(&secret), "{}", redact(&text));
        }
    }

    #[test]
    fn any_text_is_survived_and_does_not_grow_without_bound(text in "(.|://|@|:|password=|-u |\n){0,60}") {
        let shown = redact(&text);
        prop_assert!(shown.len() <= text.len() + 3 * text.len() + 3);
    }
}

#[test]
fn a_secret_is_hidden_in_the_parts_that_a_url_leaves_of_it() {
    let hidden = |text: &str| {
        let secrets = super::whole("Xq7first1/Zw9?abc");
        secrets.iter().fold(text.to_owned(), |text, secret| secret.hidden_from(&text))
    };
    assert_eq!(hidden("cannot resolve Xq7first1: no"), "cannot resolve ***: no");
    assert_eq!(hidden("said Xq7first1/Zw9?abc"), "said ***");
    // What is short may be a word of anybody's.
    assert_eq!(hidden("abc and Zw9"), "abc and Zw9");
}
