//! What scripts that source `common.sh` look up: an option of an INI file, the
//! URL of an Apache virtual host, the user of a process.

use super::{Call, HelperError, Meant};
use healthcheck::program::Program;
use healthcheck::settings::keyvalue::{Format, lookup};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vantage::{Uid, Vantage};

/// `get_config_val FILE SECTION OPTION [DEFAULT]`.
pub(super) fn config_value(call: &Call) -> Result<Meant, HelperError> {
    let file = PathBuf::from(call.word(0, "a file")?);
    let section = call.word(1, "a section")?.to_owned();
    let option = call.word(2, "an option")?.to_owned();
    let default = call.words.get(3).cloned().unwrap_or_default();
    Ok(print(move |from| {
        let text = from.read_text(&file).ok();
        let found = text.and_then(|text| lookup(Format::Ini, &text, &section, &option));
        Some(found.map_or(default, |entry| entry.value))
    }))
}

/// `get_url_from_vhost FILE`.
pub(super) fn vhost_url(call: &Call) -> Result<Meant, HelperError> {
    let file = PathBuf::from(call.word(0, "a file")?);
    Ok(print(move |from| {
        let text = from.read_text(&file).ok()?;
        Some(lookup(Format::Vhost, &text, "", "url")?.value)
    }))
}

/// `get_user_from_process PROC`.
pub(super) fn user(call: &Call) -> Result<Meant, HelperError> {
    let program = call.program()?;
    Ok(print(move |from| owner(&program, from)))
}

/// The name of the user whose process it is; the number where there is no name.
fn owner(program: &Program, from: &Vantage) -> Option<String> {
    let pid = program.find(from).ok()?.first()?.pid;
    let Uid(uid) = from.process_status(pid).ok()??.owner;
    let uid = uid.to_string();
    let users = from.read_text(Path::new("/etc/passwd")).unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    Some(named.unwrap_or(uid))
}

/// Prints what is found, or nothing and fails.
fn print(look: impl FnOnce(&Vantage) -> Option<String> + 'static) -> Meant {
    Meant::Print(Box::new(|from| match look(from) {
        Some(found) => (format!("{found}\n"), ExitCode::SUCCESS),
        None => (String::new(), ExitCode::FAILURE),
    }))
}
