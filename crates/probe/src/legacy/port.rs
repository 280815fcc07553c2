//! `healthcheck_port PROC PORT...`: the process has a living connection with
//! such a port at either end, or a UDP socket on it.

use super::{Call, HelperError, Meant};
use healthcheck::plan::Request;

const TEXT: &str = r#"
service = "port"

[[check]]
kind = "process"

[[check]]
name = "port"
kind = "connected"
either-end = true
port = []
"#;

pub(super) fn read(call: &Call) -> Result<Meant, HelperError> {
    let definition = call.about_program(TEXT)?;
    let request = Request { ports: call.ports()?, ..Request::default() };
    Ok(Call::meant(definition, request))
}
