//! A question to a name server over a stream (RFC 1035, section 4.2.2): every
//! message has its length before it, in two bytes. The messages are the vantage's.

use crate::peer::Trouble;
use std::io::{Read, Write};
use vantage::{DnsAnswer, DnsQuestion};

/// Asks one question.
///
/// # Errors
/// Where what comes is no answer to it.
pub(crate) fn ask(
    mut stream: impl Read + Write,
    question: &DnsQuestion,
) -> Result<DnsAnswer, Trouble> {
    let message = question.message();
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    stream.write_all(&framed)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    question
        .answer(&message)
        .ok_or_else(|| Trouble::garbled("sent by TCP what is no answer to the question"))
}

/// A response code's name (RFC 1035, section 4.1.1; RFC 2136, section 2.2).
pub(crate) fn code_name(code: u16) -> String {
    const NAMES: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",
    ];
    match NAMES.get(usize::from(code)) {
        Some(name) => (*name).to_owned(),
        None => format!("response code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{ask, code_name};
    use crate::peer::What;
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::{any, prop, proptest};
    use vantage::{DnsAnswer, DnsQuestion};

    fn answer(question: &DnsQuestion, code: u8) -> Vec<u8> {
        let mut message = question.message();
        message[2] |= 0x80;
        message[3] = code;
        let mut framed = (message.len() as u16).to_be_bytes().to_vec();
        framed.extend(message);
        framed
    }

    #[test]
    fn an_answer_is_one_to_the_question() {
        let question = DnsQuestion::new("version.bind", 16, 3).unwrap();
        let mut server = Scripted::new(answer(&question, 5));
        let refused = DnsAnswer { code: 5, records: 0, truncated: false };
        assert_eq!(ask(&mut server, &question).unwrap(), refused);
        assert_eq!(server.heard()[..2], [0, 30]);
        let other = DnsQuestion::new("other.bind", 16, 3).unwrap();
        let no_answer = "sent by TCP what is no answer to the question";
        let cases = [
            (answer(&other, 0), What::Garbled, no_answer),
            (b"\0\x03abc".to_vec(), What::Garbled, no_answer),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), What::HungUp, "closed the connection"),
            (answer(&question, 0)[..20].to_vec(), What::HungUp, "closed the connection"),
            (Vec::new(), What::HungUp, "closed the connection"),
        ];
        for (said, what, words) in cases {
            let trouble = ask(Scripted::new(said), &question).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    #[test]
    fn codes_have_names() {
        assert_eq!([0, 2, 5, 10].map(code_name), ["NOERROR", "SERVFAIL", "REFUSED", "NOTZONE"]);
        assert_eq!(code_name(15), "response code 15");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let question = DnsQuestion::new("version.bind", 16, 3).unwrap();
            let _ = ask(Scripted::new(bytes), &question);
        }
    }
}
