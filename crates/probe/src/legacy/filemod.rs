//! `healthcheck_filemod FILE SECONDS`: the file was changed no longer ago.

use super::{Call, HelperError, Meant};
use healthcheck::plan::Request;

const TEXT: &str = r#"
service = "file"

[settings]
file = { word = "first" }
limit = { default = LIMIT }

[[check]]
kind = "file"
path = "{file}"
max-age = "{limit}"
"#;

pub(super) fn read(call: &Call) -> Result<Meant, HelperError> {
    let file = call.word(0, "a file")?;
    // A definition's paths begin at the root, a caller's where it stands.
    let file = std::path::absolute(file).map_or(file.to_owned(), |path| path.display().to_string());
    let expected = "a number of seconds";
    let limit = call.word(1, expected)?;
    let seconds: u32 = limit.trim().parse().map_err(|_| call.expected(expected, Some(limit)))?;
    let definition = call.definition(&TEXT.replace("LIMIT", &seconds.to_string()))?;
    let request = Request { word: Some(file), ..Request::default() };
    Ok(Call::meant(definition, request))
}
