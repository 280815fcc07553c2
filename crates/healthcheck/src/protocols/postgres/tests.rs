use super::{Entered, Login, Row, login, wants_tls};
use crate::peer::{Trouble, What};
use crate::protocols::scripted::Scripted;
use proptest::prelude::*;

fn message(kind: u8, said: &[u8]) -> Vec<u8> {
    [&[kind][..], &(said.len() as u32 + 4).to_be_bytes(), said].concat()
}

const NOVA: Login<'static> = Login { user: "nova", password: "os", database: Some("nova") };

fn talk(server: &mut Scripted) -> Result<(String, Vec<Row>), Result<String, Trouble>> {
    match login(server, &NOVA).map_err(Err)? {
        Entered::Unable(words) => Err(Ok(words)),
        Entered::In(mut session) => {
            let rows = session.ask("select 1").map_err(Err)?;
            let version = session.version().to_owned();
            session.quit();
            Ok((version, rows))
        }
    }
}

/// A login that nothing is asked for, up to its end.
fn let_in() -> Vec<u8> {
    let parts = [
        message(b'R', &[0, 0, 0, 0]),
        message(b'S', b"server_version\x0015.18\0"),
        message(b'K', &[0; 8]),
        message(b'Z', b"I"),
    ];
    parts.concat()
}

#[test]
fn a_question_is_answered_and_leave_is_taken() {
    let row = [&[0, 2, 0, 0, 0, 1][..], b"t", &[0xff; 4]].concat();
    let answer = [
        message(b'T', b"\0\0"),
        message(b'D', &row),
        message(b'C', b"SELECT 1\0"),
        message(b'Z', b"I"),
    ];
    let mut server = Scripted::new([let_in(), answer.concat()].concat());
    let (version, rows) = talk(&mut server).unwrap();
    assert_eq!((&*version, rows), ("15.18", vec![vec![Some("t".into()), None]]));
    assert!(server.heard().ends_with(b"Q\0\0\0\x0dselect 1\0X\0\0\0\x04"), "{:?}", server.heard());
}

#[test]
fn a_password_is_proven_by_md5_as_the_server_computes_it() {
    let asked = message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]);
    let refused = message(
        b'E',
        b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"nova\"\0\0",
    );
    let mut server = Scripted::new([asked, refused].concat());
    let trouble = talk(&mut server).unwrap_err().unwrap_err();
    let words = "says FATAL 28P01 password authentication failed for user \"nova\"";
    assert_eq!((trouble.what, &*trouble.words), (What::Denied, words));
    // By Python: "md5" + md5(md5("osnova").hexdigest() + salt).hexdigest().
    let heard = server.heard();
    let proof = b"md5afee0097f2b97ff834c1b2c1c0a34d45\0";
    assert!(heard.ends_with(proof), "{}", heard.escape_ascii());
}

#[test]
fn who_cannot_be_let_in_is_told_why() {
    let full = message(b'E', b"SFATAL\0C53300\0Msorry, too many clients already\0\0");
    let trouble = talk(&mut Scripted::new(full)).unwrap_err().unwrap_err();
    let words = "says FATAL 53300 sorry, too many clients already";
    assert_eq!((trouble.what, &*trouble.words), (What::Failing, words));
    let gss = message(b'R', &[0, 0, 0, 7]);
    let words = talk(&mut Scripted::new(gss)).unwrap_err().unwrap();
    assert_eq!(words, "wants a login by its method 7");
    let sasl = message(b'R', b"\0\0\0\x0aOAUTHBEARER\0\0");
    let words = talk(&mut Scripted::new(sasl)).unwrap_err().unwrap();
    assert_eq!(words, "wants a login by OAUTHBEARER");
}

#[test]
fn what_is_another_protocol_or_out_of_bounds_is_named() {
    let cases: [(&[u8], What, &str); 4] = [
        (b"", What::HungUp, "closed the connection"),
        (
            b"HTTP/1.1 400",
            What::Garbled,
            "expected a message of PostgreSQL's protocol, found \"HTTP/\"",
        ),
        (
            b"R\xff\xff\xff\xff",
            What::Garbled,
            "expected a message of PostgreSQL's protocol, found \"R\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"",
        ),
        (b"R\0\0\0\x09\0", What::HungUp, "closed the connection"),
    ];
    for (said, what, words) in cases {
        let trouble = talk(&mut Scripted::new(said)).unwrap_err().unwrap_err();
        assert_eq!((trouble.what, &*trouble.words), (what, words));
    }
}

#[test]
fn tls_is_asked_for_and_answered_by_a_byte() {
    assert!(wants_tls(&mut Scripted::new(b"S")).unwrap());
    assert!(!wants_tls(&mut Scripted::new(b"N")).unwrap());
    let full = message(b'E', b"SFATAL\0C53300\0Mfull\0\0");
    let trouble = wants_tls(&mut Scripted::new(full)).unwrap_err();
    assert_eq!(trouble.words, "says FATAL 53300 full");
    assert_eq!(wants_tls(&mut Scripted::new(b"x")).unwrap_err().what, What::Garbled);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = talk(&mut Scripted::new(bytes.clone()));
        let _ = talk(&mut Scripted::new([let_in(), bytes.clone()].concat()));
        let _ = talk(&mut Scripted::new(message(b'R', &bytes)));
        let _ = wants_tls(&mut Scripted::new(bytes));
    }
}
