use super::{Login, Pinged, Server, ping, visit};
use crate::peer::What;
use crate::protocols::scripted::Scripted;
use crate::settings::secret::Secret;
use proptest::prelude::*;

/// What RabbitMQ 3.10.8 said to this very visit.
const START: &[u8] = b"\x01\x00\x00\x00\x00\x01\xfa\x00\n\x00\n\x00\t\x00\x00\x01\xd5\x0ccapabilitiesF\x00\x00\x00\xc7\x12publisher_confirmst\x01\x1aexchange_exchange_bindingst\x01\nbasic.nackt\x01\x16consumer_cancel_notifyt\x01\x12connection.blockedt\x01\x13consumer_prioritiest\x01\x1cauthentication_failure_closet\x01\x10per_consumer_qost\x01\x0fdirect_reply_tot\x01\x0ccluster_nameS\x00\x00\x00\x13rabbit@f2ff9e3024e3\tcopyrightS\x00\x00\x007Copyright (c) 2007-2022 VMware, Inc. or its affiliates.\x0binformationS\x00\x00\x009Licensed under the MPL 2.0. Website: https://rabbitmq.com\x08platformS\x00\x00\x00\x11Erlang/OTP 25.2.3\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.8\x00\x00\x00\x0eAMQPLAIN PLAIN\x00\x00\x00\x05en_US\xce";
const TUNE: &[u8] =
    b"\x01\x00\x00\x00\x00\x00\x0c\x00\n\x00\x1e\x07\xff\x00\x02\x00\x00\x00\x3c\xce";
const OPEN_OK: &[u8] = b"\x01\x00\x00\x00\x00\x00\x05\x00\n\x00)\x00\xce";
const CHANNEL_OPEN_OK: &[u8] = b"\x01\x00\x01\x00\x00\x00\x08\x00\x14\x00\x0b\x00\x00\x00\x00\xce";
const CLOSE_OK: &[u8] = b"\x01\x00\x00\x00\x00\x00\x04\x00\n\x003\xce";
const HEARTBEAT: &[u8] = b"\x08\x00\x00\x00\x00\x00\x00\xce";
const BLOCKED: &[u8] = b"\x01\x00\x00\x00\x00\x00\x12\x00\n\x00<\x0dlow on memory\xce";

fn visited(said: &[u8]) -> (Result<String, (What, String)>, Vec<u8>) {
    let mut broker = Scripted::new(said);
    let password = Secret::new("s3cret");
    let login =
        Login { user: "nova", password: &password, vhost: "/", name: "a test", heartbeat: 8 };
    let visit = visit(&mut broker, &login);
    let told = visit.map(|broker| broker.to_string()).map_err(|told| (told.what, told.words));
    (told, broker.heard().to_vec())
}

/// How the broker ends a connection.
fn close(code: u16, text: &str) -> Vec<u8> {
    let mut payload = vec![0, 10, 0, 50];
    payload.extend(code.to_be_bytes());
    payload.push(text.len() as u8);
    payload.extend(text.as_bytes());
    payload.extend([0; 4]);
    let mut frame = vec![1, 0, 0];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(0xce);
    frame
}

#[test]
fn a_visit_ends_with_a_farewell_and_leaves_no_message() {
    let said = [START, TUNE, HEARTBEAT, OPEN_OK, CHANNEL_OPEN_OK, HEARTBEAT, CLOSE_OK].concat();
    let (told, heard) = visited(&said);
    assert_eq!(told.unwrap(), "RabbitMQ 3.10.8 (rabbit@f2ff9e3024e3)");
    assert!(heard.starts_with(b"AMQP\0\0\x09\x01\x01\0\0"));
    let contains = |wanted: &[u8]| heard.windows(wanted.len()).any(|part| part == wanted);
    assert!(contains(b"\x05PLAIN\0\0\0\x0c\0nova\0s3cret"));
    // The header of a message of one byte, and no body: instead, the farewell.
    assert!(contains(b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\x01\0\0\xce\x01\0\0"));
    assert!(heard.ends_with(b"\x0bseen enough\0\0\0\0\xce"));
}

#[test]
fn a_refusal_is_told_in_the_broker_s_words() {
    let refused = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.";
    let after = |parts: &[&[u8]], last: &[u8]| [&parts.concat(), last].concat();
    let cases = [
        (after(&[START], &close(403, refused)), What::Denied, format!("said {refused}")),
        (
            after(&[START, TUNE], &close(530, "NOT_ALLOWED - vhost nova not found")),
            What::Denied,
            "said NOT_ALLOWED - vhost nova not found".into(),
        ),
        (
            after(&[START, TUNE], &close(530, "NOT_ALLOWED - connection limit (1) is reached")),
            What::Failing,
            "said NOT_ALLOWED - connection limit (1) is reached".into(),
        ),
        (
            after(&[START, TUNE, OPEN_OK], &close(320, "CONNECTION_FORCED - shutdown")),
            What::Failing,
            "said CONNECTION_FORCED - shutdown".into(),
        ),
        (
            after(&[START, TUNE, OPEN_OK, CHANNEL_OPEN_OK], BLOCKED),
            What::Failing,
            "takes no messages: connection.blocked: low on memory".into(),
        ),
    ];
    for (said, what, words) in cases {
        let (told, _) = visited(&said);
        assert_eq!(told.unwrap_err(), (what, words));
    }
}

#[test]
fn what_is_no_such_broker_is_told_apart() {
    let cases: [(&[u8], What, &str); 9] = [
        (b"", What::HungUp, "closed the connection"),
        (&START[..100], What::HungUp, "closed the connection"),
        (b"AMQP\0\x01\0\0", What::Garbled, "speaks AMQP 1.0.0, expected 0.9.1"),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            What::Encryption,
            "speaks TLS, and the service's settings say that it is plain",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            What::Garbled,
            "expected AMQP's connection.start, found \"HTTP/1.\"",
        ),
        (
            b"\x01\0\0\xff\xff\xff\xff\0",
            What::Garbled,
            "announced a frame of 4294967295 bytes, expected 65536 at most",
        ),
        (b"\x01\0\0\0\0\0\x01xy", What::Garbled, "sent a frame without its end"),
        (b"\x01\0\0\0\0\0\x01x\xce", What::Garbled, "sent a method without its number"),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x0a\xce", What::Garbled, "said connection.start, cut short"),
    ];
    for (said, what, words) in cases {
        let (told, _) = visited(said);
        assert_eq!(told.unwrap_err(), (what, words.to_owned()), "{said:?}");
    }
}

#[test]
fn where_only_the_other_mechanism_is_offered_it_is_used() {
    let mut start = START.to_vec();
    let at = start.windows(14).position(|part| part == b"AMQPLAIN PLAIN").unwrap();
    start[at + 8..at + 14].copy_from_slice(b"      ");
    let (_, heard) = visited(&start);
    let response = b"\x08AMQPLAIN\0\0\0\x23\x05LOGINS\0\0\0\x04nova\x08PASSWORDS\0\0\0\x06s3cret";
    assert!(heard.windows(response.len()).any(|part| part == response), "{heard:?}");
}

/// A method's frame on our channel.
fn method(class: u16, number: u16, arguments: &[u8]) -> Vec<u8> {
    let payload = [&class.to_be_bytes()[..], &number.to_be_bytes(), arguments].concat();
    frame(1, &payload)
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, 1];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(0xce);
    frame
}

/// A queue, and how many wait there and how many take from it.
fn declared(name: &str, waiting: u8, consumers: u8) -> Vec<u8> {
    let counts = [0, 0, 0, waiting, 0, 0, 0, consumers];
    method(50, 11, &[&[name.len() as u8], name.as_bytes(), &counts].concat())
}

/// A message, in two parts.
fn message(body: &str) -> Vec<u8> {
    let header = [&[0, 60, 0, 0][..], &(body.len() as u64).to_be_bytes(), &[0, 0]].concat();
    let (first, second) = body.as_bytes().split_at(body.len() / 2);
    [frame(2, &header), frame(3, first), HEARTBEAT.to_vec(), frame(3, second)].concat()
}

fn pinged(after_channel: &[Vec<u8>]) -> (Result<Pinged, (What, String)>, Vec<u8>) {
    pinged_in(None, after_channel)
}

fn pinged_in(
    namespace: Option<&str>,
    after_channel: &[Vec<u8>],
) -> (Result<Pinged, (What, String)>, Vec<u8>) {
    let said = [START, TUNE, OPEN_OK, CHANNEL_OPEN_OK, &after_channel.concat()].concat();
    pinged_at(Scripted::new(said), namespace)
}

fn pinged_at(
    mut broker: Scripted,
    namespace: Option<&str>,
) -> (Result<Pinged, (What, String)>, Vec<u8>) {
    let password = Secret::new("s3cret");
    let login =
        Login { user: "nova", password: &password, vhost: "/", name: "a test", heartbeat: 8 };
    let server = Server { exchange: "nova", queue: "conductor.host1", namespace };
    let pinged = ping(&mut broker, &login, &server);
    let pinged = pinged.map_err(|trouble| (trouble.what, trouble.words));
    (pinged, broker.heard().to_vec())
}

/// How long it waited is the machine's.
fn without_time(pinged: Pinged) -> Pinged {
    match pinged {
        Pinged::Silent { waiting, consumers, .. } => {
            Pinged::Silent { waiting, consumers, waited_ms: 0 }
        }
        Pinged::Stranded { .. } => Pinged::Stranded { waited_ms: 0 },
        other => other,
    }
}

const PONG: &str = r#"{"oslo.version": "2.0", "oslo.message": "{\"result\": \"pong\", \"failure\": null, \"ending\": true, \"_msg_id\": \"amq.gen-1\", \"_unique_id\": \"f0\"}"}"#;

#[test]
fn a_server_that_answers_is_told_from_one_that_nobody_is() {
    let ours = declared("amq.gen-1", 0, 0);
    let consuming = method(60, 21, b"\x04amq1");
    let queue = declared("conductor.host1", 3, 1);
    let deliver = method(60, 60, b"\x04amq1\0\0\0\0\0\0\0\x01\0\0\0");
    let taken = method(60, 80, b"\0\0\0\0\0\0\0\x01\0");
    let unread = declared("conductor.host1", 0, 0);
    let deserted = [unread.clone(), ours.clone(), consuming.clone()].concat();
    let returned = method(60, 50, b"\x01\x38\x08NO_ROUTE\x04nova\x0fconductor.host1");
    let not_found = "NOT_FOUND - no queue 'conductor.host1' in vhost '/'";
    let mut refused = vec![1, 0x94, not_found.len() as u8];
    refused.extend(not_found.as_bytes());
    refused.extend([0; 4]);
    let refused = method(20, 40, &refused);
    let nobody = |why: &str| Pinged::Nobody(why.to_owned());
    let bye = CLOSE_OK.to_vec();
    let start = [queue.clone(), ours.clone(), consuming.clone()].concat();
    let cases = [
        (vec![start.clone(), deliver.clone(), message(PONG), bye.clone()], Pinged::Answered),
        (
            vec![start.clone(), taken.clone(), deliver.clone(), message(PONG), bye.clone()],
            Pinged::Answered,
        ),
        (vec![refused.clone(), bye.clone()], nobody(not_found)),
        (vec![queue.clone(), ours, refused, bye.clone()], nobody(not_found)),
        (
            vec![deserted.clone(), taken.clone(), unread.clone(), bye.clone()],
            nobody("nobody takes calls from the queue conductor.host1"),
        ),
        // It was another's word: a replica's that had no leader.
        (
            vec![
                deserted,
                taken.clone(),
                queue.clone(),
                deliver.clone(),
                message(PONG),
                bye.clone(),
            ],
            Pinged::Answered,
        ),
        (
            vec![start.clone(), returned, message("{}"), bye.clone()],
            nobody("the exchange nova does not lead to the queue conductor.host1"),
        ),
    ];
    for (said, expected) in cases {
        let (told, heard) = pinged(&said);
        assert_eq!(told.unwrap(), expected);
        assert!(heard.ends_with(b"\x0bseen enough\0\0\0\0\xce"), "{expected:?}");
    }
    for (confirmed, expected) in [
        (taken, Pinged::Silent { waiting: 3, consumers: 1, waited_ms: 0 }),
        (Vec::new(), Pinged::Stranded { waited_ms: 0 }),
    ] {
        let opening = [START, TUNE, OPEN_OK, CHANNEL_OPEN_OK].concat();
        let broker = Scripted::new([opening, start.clone(), confirmed].concat()).later(CLOSE_OK);
        let (told, _) = pinged_at(broker, None);
        assert_eq!(without_time(told.unwrap()), expected);
    }
    let (_, heard) = pinged(std::slice::from_ref(&start));
    let text = String::from_utf8_lossy(&heard);
    assert!(text.contains(r#"\"method\":\"oslo_rpc_server_ping\""#), "{text}");
    assert!(text.contains(r#"\"_reply_q\":\"amq.gen-1\""#), "{text}");
    assert!(text.contains(r#"\"_context_read_deleted\":\"no\""#), "{text}");
    let (_, heard) = pinged_in(Some("baseapi"), std::slice::from_ref(&start));
    let text = String::from_utf8_lossy(&heard);
    for wanted in [
        r#"\"method\":\"ping\""#,
        r#"\"namespace\":\"baseapi\""#,
        r#"\"args\":{\"arg\":\"healthcheck\"}"#,
        r#"\"_msg_id\":\"amq.gen-1\""#,
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }

    for (said, words) in [
        (message("{}"), "brought an answer that is not oslo.messaging's"),
        (
            message(&PONG.replace("gen-1", "gen-2")),
            "brought an answer that is not oslo.messaging's",
        ),
        (frame(3, b"x"), "expected a message, found a content body"),
        (
            frame(2, b"\0\x3c\0\0\xff\xff\xff\xff\0\0\0\0\0\0"),
            "announced a message of 18446744069414584320 bytes, expected 65536 at most",
        ),
        (BLOCKED.to_vec(), "takes no messages: connection.blocked: low on memory"),
    ] {
        let (told, _) = pinged(&[start.clone(), deliver.clone(), said]);
        let (_, told) = told.unwrap_err();
        assert_eq!(told, words);
    }
    let (told, _) = pinged(&[start, method(60, 120, b"\0\0\0\0\0\0\0\x01\0")]);
    let (_, told) = told.unwrap_err();
    assert_eq!(told, "does not take a message for the queue conductor.host1");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(
        parts in prop::collection::vec(prop::sample::select(vec![START, TUNE, OPEN_OK, BLOCKED, HEARTBEAT, CLOSE_OK]), 0..6),
        at in 0_usize..600,
        byte: u8,
        rest in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut said = parts.concat();
        if let Some(place) = said.get_mut(at) {
            *place = byte;
        }
        said.extend(rest);
        let (_, _) = pinged(&[said.clone()]);
        let (told, _) = visited(&said);
        if let Err((_, words)) = told {
            prop_assert!(!words.contains("s3cret"));
        }
    }
}
