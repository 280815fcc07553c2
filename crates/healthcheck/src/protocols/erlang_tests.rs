use super::{Call, Greeted, Ourselves, Returned, Term, Version, greet, names, terms};
use crate::peer::{Trouble, What};
use crate::protocols::scripted::Scripted;
use crate::settings::secret::Secret;
use proptest::prelude::{any, proptest};

const COOKIE: &str = "ABCDEFGHIJKLMNOPQRST";

/// What RabbitMQ 3.10.8 on Erlang/OTP 25 said.
const STATUS: &str = "0003736f6b";
const CHALLENGE: &str = "00214e0000000d07df7fbd3294184f6b0316b1000e7261626269744072616262697431";
/// The number in it.
const NUMBER: u32 = 0x3294_184f;
const TRUE: &str = "70836803610277005877176865616c7468636865636b2d31406c6f63616c686f73740000000100000000000000018368025a000177176865616c7468636865636b2d31406c6f63616c686f73740000000100000000770474727565";
const DISK_ALARM: &str = "70836803610277005877176865616c7468636865636b2d31406c6f63616c686f73740000000100000000000000018368025a000177176865616c7468636865636b2d31406c6f63616c686f737400000001000000026c0000000168026803770e7265736f757263655f6c696d697477046469736b770e72616262697440726162626974316a6a";
const UNKNOWN: &str = "70836803610277005877176865616c7468636865636b2d31406c6f63616c686f73740000000100000000000000018368025a000177176865616c7468636865636b2d31406c6f63616c686f7374000000010000000168027706626164727063680277044558495468027705756e6465666c000000016804770c7261626269745f6e6f646573770c6c6973745f6d656d626572736a6a6a";
/// That it still lives.
const TICK: &str = "";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn ourselves() -> Ourselves {
    Ourselves { name: "healthcheck-1@localhost".to_owned(), creation: 1 }
}

/// A node that knows the cookie and says this afterwards.
fn node(said: &[&str]) -> Scripted {
    node_asking(NUMBER, &[STATUS, CHALLENGE], said)
}

fn node_asking(number: u32, before: &[&str], after: &[&str]) -> Scripted {
    let ours = 1_u32.rotate_left(16) ^ number;
    let proof = md5::compute(format!("{COOKIE}{ours}")).0;
    let mut all: Vec<u8> = before.iter().flat_map(|hex| bytes(hex)).collect();
    all.extend([0, 17, b'a']);
    all.extend(proof);
    all.extend(after.iter().flat_map(|hex| packet(hex)));
    Scripted::new(all)
}

fn packet(hex: &str) -> Vec<u8> {
    let bytes = bytes(hex);
    [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat()
}

fn greeted(stream: impl std::io::Read + std::io::Write) -> Result<String, Trouble> {
    let cookie = Secret::new(COOKIE);
    Ok(match greet(stream, Version::Six, &ourselves(), Some(&cookie))? {
        Greeted::Connected(node) => format!("connected to {}", node.name()),
        Greeted::Alive { name, refused } => format!("{name} is there, refused {refused}"),
        Greeted::NameTaken => "name taken".to_owned(),
    })
}

fn calls() -> Vec<Call> {
    let call = |module, function| Call { module, function, arguments: vec![] };
    vec![
        call("rabbit", "is_running"),
        call("rabbit_nodes", "list_members"),
        call("rabbit_alarm", "get_alarms"),
    ]
}

fn called(said: &[&str]) -> Result<Vec<Returned>, Trouble> {
    let mut stream = node(said);
    match greet(&mut stream, Version::Six, &ourselves(), Some(&Secret::new(COOKIE)))? {
        Greeted::Connected(mut node) => node.call(&calls(), |_| false),
        _ => panic!("not connected"),
    }
}

#[test]
fn a_node_that_knows_the_cookie_is_ours_to_ask() {
    let mut stream = node(&[]);
    assert_eq!(greeted(&mut stream).unwrap(), "connected to rabbit@rabbit1");
    let heard = stream.heard().to_vec();
    assert_eq!(
        heard[..38],
        bytes("00264e0000000403074fbc000000010017")
            .iter()
            .copied()
            .chain(*b"healthcheck-1@localho")
            .collect::<Vec<_>>()
    );
    assert!(!heard.windows(COOKIE.len()).any(|part| part == COOKIE.as_bytes()));
    // Flags of an older one stand in half the place, its number elsewhere.
    let old = [STATUS, "0015", "6e0005df7fbd320000002a726162626974406f6e65"];
    assert_eq!(greeted(node_asking(42, &old, &[])).unwrap(), "connected to rabbit@one");
}

#[test]
fn that_a_node_is_there_takes_no_cookie() {
    let mut stream = node(&[]);
    let greeted = greet(&mut stream, Version::Six, &ourselves(), None).unwrap();
    assert!(matches!(greeted, Greeted::Alive { name, refused: false } if name == "rabbit@rabbit1"));
    assert_eq!(stream.heard()[..2], [0, 38]);
    assert_eq!(stream.heard().len(), 40);
}

#[test]
fn a_node_that_hears_a_wrong_cookie_hangs_up() {
    let stream = Scripted::new([bytes(STATUS), bytes(CHALLENGE)].concat());
    assert_eq!(greeted(stream).unwrap(), "rabbit@rabbit1 is there, refused true");
}

#[test]
fn what_else_may_be_said_in_a_greeting_is_told() {
    let cases: [(&str, &str); 8] = [
        ("", "closed the connection"),
        ("0003736f", "closed the connection"),
        ("00047361", "closed the connection"),
        ("000c736e6f745f616c6c6f776564", "lets no other node connect (net_kernel:allow)"),
        ("ffff", "answered with a message of 65535 bytes, expected at most 2048"),
        ("00024869", "expected a node's status, found \"Hi\""),
        ("0003736f6b00024e00", "expected a node's challenge, found \"N\\u{0}\""),
        // A name without a host.
        (
            "0003736f6b00164e0000000d07df7fbd3294184f6b0316b1000341414120",
            "expected a node's challenge",
        ),
    ];
    for (said, expected) in cases {
        let trouble = greeted(Scripted::new(bytes(said))).unwrap_err();
        assert!(trouble.words.starts_with(expected), "{said}: {}", trouble.words);
    }
    let http = Scripted::new(*b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(greeted(http).unwrap_err().what, What::Garbled);
    for taken in ["0004736e6f6b", "000673616c697665"] {
        assert_eq!(greeted(Scripted::new(bytes(taken))).unwrap(), "name taken");
    }
}

#[test]
fn calls_come_back_in_any_order() {
    let alarm = Term::Tuple(vec![
        Term::Tuple(vec![
            Term::atom("resource_limit"),
            Term::atom("disk"),
            Term::atom("rabbit@rabbit1"),
        ]),
        Term::List(vec![]),
    ]);
    assert_eq!(
        called(&[DISK_ALARM, TICK, UNKNOWN, TRUE]).unwrap(),
        [
            Returned::Value(Term::atom("true")),
            Returned::Unknown,
            Returned::Value(Term::List(vec![alarm]))
        ]
    );
}

#[test]
fn a_node_that_goes_or_floods_is_trouble() {
    let trouble = called(&[TRUE]).unwrap_err();
    assert_eq!(trouble.words, "closed the connection");
    let huge = &mut &[0xff; 4][..];
    assert_eq!(
        super::long_message(huge, 1 << 20).unwrap_err().to_string(),
        "answered with a message of 4294967295 bytes, expected at most 1048576"
    );
    let ticks = vec![TICK; 1001];
    assert_eq!(called(&ticks).unwrap_err().words, "answered with more than 1000 messages");
    // With a header, which we did not say we understand.
    assert_eq!(called(&["8344"]).unwrap_err().what, What::Garbled);
}

#[test]
fn a_term_is_read_as_it_was_written() {
    let pid = Term::Pid { node: "a@b".into(), id: 1, serial: 2, creation: 3 };
    let reference = Term::Reference { node: "a@b".into(), creation: 3, id: 7 };
    let bytes = Term::Bytes(b"x".to_vec());
    let all = Term::Tuple(vec![
        Term::List(vec![Term::Integer(-5), pid, reference, bytes]),
        Term::atom("true"),
        Term::List(vec![]),
    ]);
    let mut written = Vec::new();
    all.encode(&mut written);
    written.push(9);
    let mut rest = written.as_slice();
    assert_eq!(terms::decode(&mut rest).unwrap(), all);
    assert_eq!(rest, [9]);
}

#[test]
fn what_no_answer_is_made_of_is_stepped_over() {
    let cases = [
        // 1.5, a great integer, a map, a function, a port, a binary that ends within a byte.
        "463ff8000000000000",
        "6e020001ff",
        "74000000016101610268",
        "710000",
        "59770361406200000001000000026a",
        "4d0000000105ff",
    ];
    for hex in cases {
        let mut bytes = bytes(hex);
        bytes.insert(0, 131);
        let _ = terms::decode(&mut bytes.as_slice());
    }
    let mut float = &bytes("83463ff800000000000061")[..];
    assert_eq!(terms::decode(&mut float).unwrap(), Term::Other);
    assert_eq!(float, [0x61]);
    let mut map = &bytes("8374000000016101610261")[..];
    assert_eq!(terms::decode(&mut map).unwrap(), Term::Other);
    assert_eq!(map, [0x61]);
}

#[test]
fn terms_that_are_too_deep_or_too_many_are_none() {
    let deep = [vec![131], [104, 1].repeat(70), vec![106]].concat();
    assert!(terms::decode(&mut deep.as_slice()).is_err());
    // A list of four thousand million.
    assert!(terms::decode(&mut &bytes("836cffffffff6a")[..]).is_err());
    let mut wide = vec![131, 108];
    wide.extend(200_000_u32.to_be_bytes());
    wide.extend([106].repeat(200_001));
    assert!(terms::decode(&mut wide.as_slice()).is_err());
}

#[test]
fn the_port_mapper_names_nodes() {
    let said = b"\0\0\x11\x11name rabbit at port 25672\nname x at port 99999\nnonsense\n";
    let mut mapper = Scripted::new(said.to_vec());
    let found = names(&mut mapper).unwrap();
    assert_eq!(mapper.heard(), [0, 1, b'n']);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0.as_str(), found[0].1.get()), ("rabbit", 25672));
    assert_eq!(names(Scripted::new(*b"\0\0")).unwrap_err().what, What::Garbled);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(said in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = greeted(Scripted::new(said.clone()));
        let _ = names(Scripted::new(said.clone()));
        let mut term = said.clone();
        term.insert(0, 131);
        let _ = terms::decode(&mut term.as_slice());
        let hex: String = said.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = called(&[&hex]);
    }
}
