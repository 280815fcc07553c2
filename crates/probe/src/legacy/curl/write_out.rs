//! `--write-out`: what became of a request, in the form that was asked for.

use healthcheck::report::Report;
use healthcheck::text::escape;
use serde_json::Value;

/// As much is written, in bytes.
const MOST: usize = 1000;

/// The format filled in. Variables that are not known are left out, as curl does.
pub(crate) fn write_out(format: &str, report: &Report) -> String {
    let seen = report.findings.iter().find_map(|finding| finding.seen.as_ref());
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        let mut after = special.chars();
        after.next();
        let next = after.next();
        rest = after.as_str();
        match (special.starts_with('%'), next) {
            (true, Some('{')) => {
                let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
                text.push_str(&escape(&value(name, seen)));
                rest = after;
            }
            (true, Some('%')) => text.push('%'),
            (false, Some('n')) => text.push('\n'),
            (false, Some('t')) => text.push('\t'),
            // A carriage return would hide the line.
            (false, Some('r')) => {}
            (percent, next) => {
                text.push(if percent { '%' } else { '\\' });
                text.extend(next);
            }
        }
    }
    text.push_str(rest);
    text.truncate(text.floor_char_boundary(MOST));
    text
}

fn value(name: &str, seen: Option<&Value>) -> String {
    let at = |pointer: &str| seen.and_then(|seen| seen.pointer(pointer));
    let address = at("/address").and_then(Value::as_str).and_then(|text| text.rsplit_once(':'));
    match name {
        "http_code" | "response_code" => {
            let status = at("/answer/status").and_then(Value::as_u64).unwrap_or(0);
            format!("{status:03}")
        }
        "remote_ip" => address.map_or("", |(ip, _)| ip).trim_matches(['[', ']']).to_owned(),
        "remote_port" => address.map_or("0", |(_, port)| port).to_owned(),
        "time_total" => {
            let elapsed = at("/elapsed_ms").and_then(Value::as_u64).unwrap_or(0);
            format!("{}.{:03}000", elapsed / 1000, elapsed % 1000)
        }
        "num_redirects" => at("/redirects").and_then(Value::as_u64).unwrap_or(0).to_string(),
        _ => String::new(),
    }
}
