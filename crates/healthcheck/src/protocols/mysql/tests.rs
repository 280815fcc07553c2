use super::{Cluster, Entered, Login, Refusal, State, greet};
use crate::peer::{Trouble, What};
use crate::protocols::scripted::Scripted;
use proptest::prelude::*;

// Recorded from servers, each with the answers of its client.

const MARIADB: &[u8] = b"\
    d\x00\x00\x00\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\x002\x00\x00\x00\x5cZ2'kjP0\x00\xfe\
    \xff\x08\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00?.e5uqV<gq#V\x00mysq\
    l_native_password\x00\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\x01\x00\
    \x00\x00\x02\x00\x00\x00\x01\x00\x00\x01\x02^\x00\x00\x02\x03def\x12information_schema\
    \x0eSESSION_STATUS\x0eSESSION_STATUS\x0dVariable_name\x0dVARIABLE_NAME\x0c-\x00\x00\x01\
    \x00\x00\xfd\x01\x10\x00\x00\x00W\x00\x00\x03\x03def\x12information_schema\x0eSESSION_ST\
    ATUS\x0eSESSION_STATUS\x05Value\x0eVARIABLE_VALUE\x0c-\x00\x00@\x00\x00\xfd\x01\x10\x00\
    \x00\x00\x05\x00\x00\x04\xfe\x00\x00\x22\x00\x14\x00\x00\x05\x11Threads_connected\x011\
    \x15\x00\x00\x06\x12wsrep_cluster_size\x010\x22\x00\x00\x07\x14wsrep_cluster_status\x0cD\
    isconnected\x15\x00\x00\x08\x13wsrep_provider_name\x00\x10\x00\x00\x09\x0bwsrep_ready\
    \x03OFF\x05\x00\x00\x0a\xfe\x00\x00\x02\x00\x01\x00\x00\x01\x02(\x00\x00\x02\x03def\x00\
    \x00\x00\x12@@global.read_only\x00\x0c?\x00\x01\x00\x00\x00\x08\x80\x00\x00\x00\x002\x00\
    \x00\x03\x03def\x00\x00\x00\x1c@@global.max_connections for\x00\x0c?\x00\x15\x00\x00\x00\
    \x08\xa0\x00\x00\x00\x00\x05\x00\x00\x04\xfe\x00\x00\x02\x00\x06\x00\x00\x05\x010\x03151\
    \x05\x00\x00\x06\xfe\x00\x00\x02\x00";

const TO_MARIADB: &[u8] = b"\
    N\x00\x00\x01\x01\xa2\x08\x00\x00\x00\x01\x00-\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00os\x00\x14d\xf7\x08\x10\xc5\xfb\xf2C\
    0\xb0!]\xbd\xc3\xdb\x0b\xb1\xea?\x9fmysql_native_password\x00\x05\x00\x00\x00\x02nova\
    \xb1\x00\x00\x00\x03show global status where variable_name in ('Threads_connected', 'wsr\
    ep_provider_name', 'wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster_size', 'wsrep_l\
    ocal_state_comment')?\x00\x00\x00\x03select @@global.read_only, @@global.max_connections \
    for update\x01\x00\x00\x00\x01";

const MYSQL: &[u8] = b"\
    K\x00\x00\x00\x0a9.7.4-2\x00\x18\x00\x00\x00r\x01[Zn\x16f7\x00\xff\xff\xff\x02\x00\xff\
    \xdf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00Cj\x01Dzq_7D[\x17E\x00caching_sha2_passw\
    ord\x00\x02\x00\x00\x02\x01\x03\x07\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\
    \x01\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x01\x02\x5c\x00\x00\x02\x03def\x12performan\
    ce_schema\x0dglobal_status\x0dglobal_status\x0dVariable_name\x0dVariable_name\x0c-\x00\
    \x00\x01\x00\x00\xfd\x01\x10\x00\x00\x00L\x00\x00\x03\x03def\x12performance_schema\x0dgl\
    obal_status\x0dglobal_status\x05Value\x05Value\x0c-\x00\x00\x10\x00\x00\xfd\x00\x00\x00\
    \x00\x00\x05\x00\x00\x04\xfe\x00\x00\x22\x00\x14\x00\x00\x05\x11Threads_connected\x011\
    \x05\x00\x00\x06\xfe\x00\x00\x02\x00\x01\x00\x00\x01\x02(\x00\x00\x02\x03def\x00\x00\x00\
    \x12@@global.read_only\x00\x0c?\x00\x01\x00\x00\x00\x08\x80\x00\x00\x00\x00.\x00\x00\x03\
    \x03def\x00\x00\x00\x18@@global.max_connections\x00\x0c?\x00\x15\x00\x00\x00\x08\xa0\x00\
    \x00\x00\x00\x05\x00\x00\x04\xfe\x00\x00\x02\x00\x06\x00\x00\x05\x010\x03151\x05\x00\x00\
    \x06\xfe\x00\x00\x02\x00";

const TO_MYSQL: &[u8] = b"\
    Z\x00\x00\x01\x01\xa2\x08\x00\x00\x00\x01\x00-\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00s2\x00 x=\x01b\x22y\x03L\x96\xd7m\
    \xc0\x8f\xe3\x8e$\xcfm+\xa9:\x04lV]c\xf2\x194\xf6\x032caching_sha2_password\x00\x05\x00\
    \x00\x00\x02nova\xb1\x00\x00\x00\x03show global status where variable_name in ('Threads_\
    connected', 'wsrep_provider_name', 'wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster\
    _size', 'wsrep_local_state_comment')?\x00\x00\x00\x03select @@global.read_only, @@global\
    .max_connections for update\x01\x00\x00\x00\x01";

/// A whole conversation; `Err(Ok(words))` where a login cannot be given.
fn talk(
    server: &mut Scripted,
    login: Login<'_>,
) -> Result<(String, State), Result<String, Trouble>> {
    let greeted = greet(server, false).map_err(Err)?;
    let make = greeted.server();
    match greeted.login(&login).map_err(Err)? {
        Entered::Unable { words, .. } => Err(Ok(words)),
        Entered::In(mut session) => {
            session.using("nova").map_err(Err)?;
            let state = session.state().map_err(Err)?;
            session.quit();
            Ok((make, state))
        }
    }
}

const OS: Login<'static> = Login { user: "os", password: "os" };

/// A packet of this number.
fn packet(number: u8, said: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = (said.len() as u32).to_le_bytes();
    [&[a, b, c, number], said].concat()
}

/// MariaDB's greeting, and then this.
fn greeting_and(rest: &[Vec<u8>]) -> Scripted {
    let length = 4 + usize::from(MARIADB[0]);
    Scripted::new([&MARIADB[..length], &rest.concat()].concat())
}

#[test]
fn a_conversation_with_mariadb_is_held_as_recorded() {
    let mut server = Scripted::new(MARIADB);
    let (make, state) = talk(&mut server, OS).unwrap();
    assert_eq!(make, "MariaDB 10.11.19");
    let expected =
        State { read_only: Some(false), connections: Some(1), limit: Some(151), cluster: None };
    assert_eq!(state, expected);
    assert_eq!(server.heard().escape_ascii().to_string(), TO_MARIADB.escape_ascii().to_string());
}

#[test]
fn a_conversation_with_mysql_is_held_as_recorded() {
    let mut server = Scripted::new(MYSQL);
    let (make, state) = talk(&mut server, Login { user: "s2", password: "secret2" }).unwrap();
    assert_eq!((&*make, state.limit), ("MySQL 9.7.4-2", Some(151)));
    assert_eq!(server.heard().escape_ascii().to_string(), TO_MYSQL.escape_ascii().to_string());
}

#[test]
fn a_refusal_is_told_in_the_server_s_words() {
    let denied = b"\xff\x15\x04#28000Access denied for user 'os'@'h' (using password: YES)";
    let full = b"\xff\x10\x04Too many connections";
    let blocked = b"\xff\x69\x04Host '10.0.0.9' is blocked because of many connection errors";
    let no_database = b"\xff\x19\x04#42000Unknown database 'nova'";
    let no_cluster = b"\xff\x17\x04#08S01WSREP has not yet prepared node for application use";
    let ok = packet(2, b"\0\0\0\x02\0\0\0");
    let cases = [
        (
            greeting_and(&[packet(2, denied)]),
            What::Denied,
            "says 1045 Access denied for user 'os'@'h' (with a password)",
        ),
        (Scripted::new(packet(0, full)), What::Failing, "says 1040 Too many connections"),
        (
            Scripted::new(packet(0, blocked)),
            What::Failing,
            "says 1129 Host '10.0.0.9' is blocked because of many connection errors",
        ),
        (
            greeting_and(&[ok.clone(), packet(1, no_database)]),
            What::Denied,
            "says 1049 Unknown database 'nova'",
        ),
        (
            greeting_and(&[ok.clone(), packet(1, b"\0\0\0"), packet(1, no_cluster)]),
            What::Failing,
            "says 1047 WSREP has not yet prepared node for application use",
        ),
    ];
    for (mut server, what, words) in cases {
        let trouble = talk(&mut server, OS).unwrap_err().unwrap_err();
        assert_eq!((trouble.what, &*trouble.words), (what, words));
    }
}

/// The answer to a question of two columns.
fn table(rows: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let mut packets = vec![packet(1, &[2]), packet(2, b"def"), packet(3, b"def")];
    packets.push(packet(4, b"\xfe\0\0\x22\0"));
    for (number, (name, value)) in (5..).zip(rows) {
        let value = [&[value.len() as u8], value.as_bytes()].concat();
        packets.push(packet(number, &[&[name.len() as u8], name.as_bytes(), &value].concat()));
    }
    packets.push(packet(5 + rows.len() as u8, b"\xfe\0\0\x22\0"));
    packets
}

#[test]
fn a_node_that_has_lost_its_cluster_is_asked_no_more() {
    let lost = table(&[
        ("Threads_connected", "7"),
        ("wsrep_cluster_size", "1"),
        ("wsrep_cluster_status", "non-Primary"),
        ("wsrep_local_state_comment", "Initialized"),
        ("wsrep_provider_name", "Galera"),
        ("wsrep_ready", "OFF"),
    ]);
    let ok = [packet(2, b"\0\0\0\x02\0\0\0"), packet(1, b"\0\0\0\x02\0\0\0")];
    let (_, state) = talk(&mut greeting_and(&[&ok[..], &lost].concat()), OS).unwrap();
    let cluster = Cluster {
        ready: false,
        status: "non-Primary".into(),
        node: "Initialized".into(),
        size: Some(1),
    };
    assert_eq!(state, State { connections: Some(7), cluster: Some(cluster), ..State::default() });
}

#[test]
fn a_server_of_another_make_is_not_at_fault_for_what_it_does_not_know() {
    let unknown = b"\xff\xa9\x04#HY000Unknown system variable";
    let ok = [packet(2, b"\0\0\0\x02\0\0\0"), packet(1, b"\0\0\0\x02\0\0\0")];
    let refused = [packet(1, unknown), packet(1, unknown)];
    let (_, state) = talk(&mut greeting_and(&[&ok[..], &refused].concat()), OS).unwrap();
    assert_eq!(state, State::default());
}

#[test]
fn a_login_that_we_cannot_give_is_ended_and_said() {
    let switch = packet(2, b"\xfeclient_ed25519\0abcdefghijabcdefghijabcdefghijkl");
    let mut server = greeting_and(&[switch, packet(4, b"\xff\x15\x04no")]);
    assert_eq!(talk(&mut server, OS).unwrap_err().unwrap(), "wants a login by client_ed25519");
    // The last it hears is an empty proof, not the end of the connection.
    assert!(server.heard().ends_with(&[0, 0, 0, 3]), "{:?}", server.heard());
    // A password is said to nobody where others may hear it.
    for asked in [&b"\xfemysql_clear_password\0"[..], b"\xfesha256_password\0abc"] {
        let mut server = greeting_and(&[packet(2, asked), packet(4, b"\xff\x15\x04no")]);
        let login = Login { user: "u", password: "hunter2" };
        let words = talk(&mut server, login).unwrap_err().unwrap();
        assert!(words.starts_with("wants TLS or a public key for a login by"), "{words}");
        let heard = server.heard();
        assert!(!heard.windows(7).any(|heard| heard == b"hunter2"));
    }
}

#[test]
fn what_is_another_protocol_or_out_of_bounds_is_named() {
    let cases: [(&[u8], What, &str); 5] = [
        (b"", What::HungUp, "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n", What::Garbled, "answered with a packet of 5526600 bytes"),
        (b"\xff\xff\xff\0", What::Garbled, "answered with a packet of 16777215 bytes"),
        (b"\x03\0\0\0abc", What::Garbled, "expected a greeting of MySQL's protocol, found \"abc\""),
        (b"\x05\0\0\0abc", What::HungUp, "closed the connection"),
    ];
    for (said, what, words) in cases {
        let trouble = talk(&mut Scripted::new(said), OS).unwrap_err().unwrap_err();
        assert_eq!((trouble.what, &*trouble.words), (what, words));
    }
}

#[test]
fn a_server_that_says_more_than_a_greeting_before_tls_is_not_followed_into_it() {
    let greeted = greet(greeting_and(&[packet(2, b"\0")]), false).unwrap();
    let trouble = greeted.encrypted(Ok).map(|_| ()).unwrap_err();
    assert_eq!(trouble.words, "said something before TLS had begun");
}

#[test]
fn an_error_s_number_and_words_are_all_that_is_taken_of_it() {
    assert_eq!(Refusal::of(b"\0"), None);
    assert_eq!(Refusal::of(b"\xff\x15"), None);
    let refusal = Refusal::of(b"\xff\x15\x04#28").unwrap();
    assert_eq!(refusal, Refusal { code: 1045, words: "#28".into() });
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..800_usize) {
        let _ = talk(&mut Scripted::new(bytes.clone()), OS);
        // In the midst of a conversation, too.
        let mut said = MARIADB.to_vec();
        let at = at.min(said.len());
        said.splice(at..(at + bytes.len()).min(MARIADB.len()).max(at), bytes);
        let _ = talk(&mut Scripted::new(said), OS);
    }
}
