//! `healthcheck_listen PROC PORT...`: the process listens on such a port.

use super::{Call, HelperError, Meant};
use healthcheck::plan::Request;

const TEXT: &str = r#"
service = "listen"

[[check]]
kind = "process"

[[check]]
kind = "listening"
port = []
"#;

pub(super) fn read(call: &Call) -> Result<Meant, HelperError> {
    let definition = call.about_program(TEXT)?;
    let request = Request { ports: call.ports()?, ..Request::default() };
    Ok(Call::meant(definition, request))
}
