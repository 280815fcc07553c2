//! `healthcheck_curl [CURL OPTION]... URL`: an HTTP server answers, as
//! `curl --fail --insecure` would have it.

mod options;
mod proxy;
mod write_out;

pub(crate) use write_out::write_out;

use super::{Call, HelperError, Meant};
use crate::environment::{
    CURL_MAX_TIME, CURL_PY, CURL_PY_USER_AGENT, CURL_USER_AGENT, CURL_WRITE_OUT, Variable,
};
use healthcheck::plan::Request;
use options::Options;
use std::time::Duration;

pub(super) fn read(call: &Call) -> Result<Meant, HelperError> {
    let options = Options::read(call)?;
    let deadline = match &options.max_time {
        Some(limit) => seconds(limit).ok_or_else(|| call.expected("seconds", Some(limit)))?,
        None => default_limit()
            .ok_or_else(|| call.expected(&format!("seconds in {}", CURL_MAX_TIME.name), None))?,
    };
    let mut definition = call.definition(&text(&options))?;
    definition.service = options.host().to_owned();
    let request = Request { deadline: Some(deadline), ..Request::default() };
    let write_out = options.write_out.unwrap_or_else(|| CURL_WRITE_OUT.text());
    Ok(Meant::Definition { definition: Box::new(definition), request, write_out: Some(write_out) })
}

/// How long a request may take by the environment.
pub(crate) fn default_limit() -> Option<Duration> {
    seconds(&CURL_MAX_TIME.text())
}

/// curl takes parts of a second.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero())
}

/// The definition. Whatever was typed is a setting's value: braces in it are
/// nothing special.
fn text(options: &Options) -> String {
    let mut settings = String::new();
    let mut check = String::from("kind = \"http\"\n");
    let mut field = |name: &str, value: &str| {
        let setting = name.replace('-', "_");
        settings.push_str(&format!("{setting} = {{ default = {} }}\n", quoted(value)));
        check.push_str(&format!("{name} = \"{{{setting}}}\"\n"));
    };
    field("url", &options.url);
    let values = [
        ("host", &options.host),
        ("unix", &options.unix),
        ("user", &options.user),
        ("password", &options.password),
        ("ca", &options.ca),
        ("client-certificate", &options.certificate),
        ("client-key", &options.key),
        ("proxy", &options.proxy),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            field(name, value);
        }
    }
    if options.head {
        check.push_str("method = \"HEAD\"\n");
    }
    check.push_str(&format!("redirects = {}\n", options.redirects));
    let mut headers = options.headers.clone();
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        headers.push(("user-agent".to_owned(), user_agent().text()));
    }
    check.push_str("[check.headers]\n");
    for (index, (name, value)) in headers.iter().enumerate() {
        settings.push_str(&format!("header_{index} = {{ default = {} }}\n", quoted(value)));
        check.push_str(&format!("{} = \"{{header_{index}}}\"\n", quoted(name)));
    }
    format!("service = \"http\"\n[settings]\n{settings}\n[[check]]\n{check}")
}

fn user_agent() -> &'static Variable {
    if CURL_PY.value().is_some() { &CURL_PY_USER_AGENT } else { &CURL_USER_AGENT }
}

/// Text as a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
