//! JSON-RPC 1.0 as Open vSwitch speaks it (RFC 7047, section 4; `lib/jsonrpc.c`,
//! `lib/unixctl.c` of Open vSwitch): values one after the other, nothing between
//! them. Either side may ask; what a server asks meanwhile is `echo`.

use crate::peer::Trouble;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::rc::Rc;

/// As much of all that a server says as is read, in bytes. What is asked for
/// is answered with a few hundred.
const MOST: usize = 256 << 10;

/// As many messages as may come before an answer.
const MOST_BETWEEN: usize = 32;

/// The longest `echo` that is answered, in bytes.
const LONGEST_ECHO: usize = 4096;

/// A conversation.
pub(crate) struct Caller<S: Read + Write> {
    stream: Shared<S>,
    said: Said<S>,
    asked: u64,
}

/// What is said to us, value by value.
type Said<S> =
    serde_json::StreamDeserializer<'static, serde_json::de::IoRead<BufReader<Shared<S>>>, Value>;

/// What a server answers to a call: a result, or its own words for why not.
pub(crate) type Answer = Result<Value, String>;

impl<S: Read + Write> Caller<S> {
    /// Over a stream.
    pub(crate) fn new(stream: S) -> Self {
        let stream = Shared { stream: Rc::new(RefCell::new(stream)), left: MOST };
        let read = Shared { stream: Rc::clone(&stream.stream), left: MOST };
        let read = BufReader::with_capacity(4096, read);
        let said = serde_json::Deserializer::from_reader(read).into_iter();
        Self { stream, said, asked: 0 }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// Where there is no answer, or what comes is none.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Answer, Trouble> {
        let id = self.asked;
        self.asked += 1;
        self.say(&json!({ "id": id, "method": method, "params": params }))?;
        for _ in 0..MOST_BETWEEN {
            let message = self.hear()?;
            let Value::Object(mut message) = message else {
                return Err(garbled("an object", &message));
            };
            match message.get("method").and_then(Value::as_str) {
                Some("echo") => self.echo(&mut message)?,
                // News of something: nobody asked for any, and nobody waits for a word.
                Some(_) => {}
                None if message.get("id").and_then(Value::as_u64) != Some(id) => {
                    // An error without an id is about what we said.
                    if message.get("error").is_some_and(|error| !error.is_null()) {
                        return Ok(Err(worded(message.get("error"))));
                    }
                }
                None => {
                    // Servers of Open vSwitch leave the one out that is null.
                    let result = message.remove("result");
                    return match (message.get("error"), result) {
                        (None | Some(Value::Null), Some(result)) => Ok(Ok(result)),
                        (None, None) => {
                            Err(garbled("`result` or `error`", &Value::Object(message)))
                        }
                        (error, _) => Ok(Err(worded(error))),
                    };
                }
            }
        }
        Err(Trouble::garbled(format!("said {MOST_BETWEEN} things and no answer among them")))
    }

    /// Answers as every end of a connection has to.
    fn echo(&mut self, message: &mut serde_json::Map<String, Value>) -> Result<(), Trouble> {
        let id = message.remove("id").unwrap_or_default();
        if id.is_null() {
            return Ok(());
        }
        let params = message.remove("params").unwrap_or_else(|| json!([]));
        let reply = json!({ "id": id, "result": params, "error": null });
        match reply.to_string() {
            long if long.len() > LONGEST_ECHO => {
                Err(Trouble::garbled(format!("wants an echo of {} bytes", long.len())))
            }
            _ => self.say(&reply),
        }
    }

    fn say(&mut self, message: &Value) -> Result<(), Trouble> {
        self.stream.write_all(message.to_string().as_bytes())?;
        Ok(self.stream.flush()?)
    }

    fn hear(&mut self) -> Result<Value, Trouble> {
        match self.said.next() {
            Some(Ok(message)) => Ok(message),
            None => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Some(Err(error)) if error.is_io() => Err(io::Error::from(error).into()),
            Some(Err(error)) if error.is_eof() => {
                Err(io::Error::from(ErrorKind::UnexpectedEof).into())
            }
            // Its words quote nothing of what was said.
            Some(Err(error)) => Err(Trouble::garbled(format!("expected JSON, found {error}"))),
        }
    }
}

/// An error as a server words it: text, or OVSDB's `{"error": …, "details": …}`.
pub(crate) fn worded(error: Option<&Value>) -> String {
    let text = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str);
    match (error, text("error"), text("details")) {
        (Some(Value::String(words)), ..) => words.trim_end().to_owned(),
        (_, Some(error), Some(details)) => format!("{error}: {details}"),
        (_, Some(error), None) => error.to_owned(),
        (Some(error), ..) => error.to_string(),
        (None, ..) => "no error".to_owned(),
    }
}

/// What came is not what was expected.
pub(crate) fn garbled(expected: &str, found: &Value) -> Trouble {
    Trouble::garbled(format!("expected {expected}, found {found}"))
}

/// A stream that is read and written by turns.
struct Shared<S> {
    stream: Rc<RefCell<S>>,
    /// As many bytes as may still be read.
    left: usize,
}

impl<S: Read> Read for Shared<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let words = format!("answered with more than {MOST} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, words));
        }
        let room = into.len().min(self.left);
        let read = self.stream.borrow_mut().read(into.get_mut(..room).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

impl<S: Write> Write for Shared<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.borrow_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use crate::peer::{Trouble, What};
    use crate::protocols::scripted::Scripted;
    use proptest::prelude::*;
    use serde_json::json;

    fn call(said: impl Into<Vec<u8>>) -> Result<super::Answer, Trouble> {
        Caller::new(Scripted::new(said)).call("list_dbs", &json!([]))
    }

    #[test]
    fn an_answer_is_found_whatever_comes_before_it() {
        let answer = json!(["Open_vSwitch", "_Server"]);
        // As ovsdb-server 3.1 says it, and with what it may say before.
        let plain = r#"{"id":0,"result":["Open_vSwitch","_Server"],"error":null}"#;
        let news = r#"{"id":null,"method":"update","params":[]} "#;
        let late = r#"{"id":77,"result":[],"error":null}"#;
        for said in [plain.to_owned(), format!("{news}\n{late}{plain}{news}")] {
            assert_eq!(call(said.as_str()).unwrap(), Ok(answer.clone()), "{said}");
        }
    }

    #[test]
    fn a_server_that_asks_meanwhile_is_answered() {
        let said = r#"{"id":"echo","method":"echo","params":[1]}{"id":0,"result":[]}"#;
        let mut server = Scripted::new(said);
        Caller::new(&mut server).call("list_dbs", &json!([])).unwrap().unwrap();
        let heard = String::from_utf8_lossy(server.heard()).into_owned();
        assert_eq!(
            heard,
            concat!(
                r#"{"id":0,"method":"list_dbs","params":[]}"#,
                r#"{"error":null,"id":"echo","result":[1]}"#
            )
        );
    }

    #[test]
    fn an_error_is_told_in_the_server_s_words() {
        for (said, words) in [
            (r#"{"id":0,"error":"unknown method"}"#, "unknown method"),
            (
                r#"{"id":0,"result":null,"error":"\"version\" command takes at most 0 arguments\n"}"#,
                "\"version\" command takes at most 0 arguments",
            ),
            (
                r#"{"id":0,"error":{"details":"transact request specifies unknown database Nope","error":"unknown database"}}"#,
                "unknown database: transact request specifies unknown database Nope",
            ),
            (r#"{"id":null,"error":"syntax error"}"#, "syntax error"),
            (r#"{"id":0,"result":[],"error":7}"#, "7"),
        ] {
            assert_eq!(call(said).unwrap().unwrap_err(), words);
        }
    }

    #[test]
    fn what_is_no_answer_is_a_trouble() {
        let flood = format!(r#"{{"id":0,"result":"{}"#, "x".repeat(300 << 10));
        let echo = format!(r#"{{"id":1,"method":"echo","params":["{}"]}}"#, "x".repeat(5000));
        let deep = "[".repeat(100_000);
        let news = r#"{"id":null,"method":"update"}"#.repeat(100);
        for (said, what, words) in [
            ("", What::HungUp, "closed the connection"),
            (r#"{"id":0,"#, What::HungUp, "closed the connection"),
            (
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                What::Garbled,
                "expected JSON, found expected value at line 1 column 1",
            ),
            (r#"[1]"#, What::Garbled, "expected an object, found [1]"),
            (r#"{"id":0}"#, What::Garbled, r#"expected `result` or `error`, found {"id":0}"#),
            (flood.as_str(), What::Garbled, "answered with more than 262144 bytes"),
            (echo.as_str(), What::Garbled, "wants an echo of 5035 bytes"),
            (
                deep.as_str(),
                What::Garbled,
                "expected JSON, found recursion limit exceeded at line 1 column 128",
            ),
            (news.as_str(), What::Garbled, "said 32 things and no answer among them"),
        ] {
            let trouble = call(said).unwrap_err();
            assert_eq!((trouble.what, trouble.words.as_str()), (what, words));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(said in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = call(said);
        }

        #[test]
        fn any_json_is_survived(said in "(\\{|\\}|\"id\":0|\"result\":|\"error\":|\"method\":\"echo\"|,|\\[|\\]|null|1){0,20}") {
            let _ = call(said);
        }
    }
}
