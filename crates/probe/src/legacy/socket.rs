//! `healthcheck_socket PROC PATH`: the process takes connections on a unix socket.

use super::{Call, HelperError, Meant};
use healthcheck::plan::Request;

const PATH: &str = r#"
service = "socket"

[settings]
socket = { word = "first" }

[[check]]
kind = "process"

[[check]]
kind = "socket"
path = "{socket}"
"#;

pub(super) fn read(call: &Call) -> Result<Meant, HelperError> {
    let path = call.word(1, "a unix socket's path, or @ and its abstract name")?;
    let (text, word) = match path.strip_prefix('@') {
        Some(name) => (PATH.replace("path =", "abstract ="), name),
        None => (PATH.to_owned(), path),
    };
    let definition = call.about_program(&text)?;
    let request = Request { word: Some(word.to_owned()), ..Request::default() };
    Ok(Call::meant(definition, request))
}
