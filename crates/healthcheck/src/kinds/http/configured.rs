//! What the web server's own files say of where it is to be asked: Apache's
//! virtual hosts, uwsgi's options.

use crate::definition::Var;
use crate::plan::{Scene, Unplanned};
use crate::settings::keyvalue::{Format, lookup};
use crate::settings::vhost::{self, Tls, Vhost};
use std::path::{Path, PathBuf};
use vantage::{Blind, FileError, Obstacle, Port};

/// The first virtual host of the first of the files that says where; `None` where
/// none is there, or none of uwsgi's says it.
pub(super) fn configured(
    vhosts: &[Var<String>],
    uwsgi: &[Var<String>],
    scene: &Scene<'_>,
) -> Result<Option<(PathBuf, Vhost)>, Unplanned> {
    for (files, read) in [(vhosts, apache as Reader), (uwsgi, options as Reader)] {
        for file in files {
            let path = scene.value(file)?;
            let attempt = || format!("read {path}");
            let text = match scene.vantage().read_text(Path::new(&path)) {
                Ok(text) => text,
                Err(FileError::Missing(_)) => continue,
                Err(FileError::Forbidden(_)) => {
                    return Err(Blind::new(attempt(), Obstacle::Forbidden).into());
                }
                Err(other) => {
                    return Err(Blind::new(attempt(), Obstacle::Other(other.to_string())).into());
                }
            };
            return match read(&text) {
                Ok(Some(vhost)) => Ok(Some((path.into(), vhost))),
                Ok(None) => continue,
                Err(expected) => {
                    let error = format!("expected {expected}, found none");
                    Err(Unplanned::Malformed { origin: path, error })
                }
            };
        }
    }
    Ok(None)
}

/// Reads one file; `None` if it leaves where to something else, an error if it lacks what it must have.
type Reader = fn(&str) -> Result<Option<Vhost>, &'static str>;

fn apache(text: &str) -> Result<Option<Vhost>, &'static str> {
    vhost::parse(text).into_iter().next().map(Some).ok_or("a <VirtualHost>")
}

/// uwsgi's options for HTTP, those for TLS first. What follows the address, as
/// in `https = 10.0.0.1:8774,/etc/cert.pem,/etc/key.pem`, is not of use here.
/// Debian's packages ship files without any, and name the port on the command line.
fn options(text: &str) -> Result<Option<Vhost>, &'static str> {
    let keys = [
        ("https", Tls::On),
        ("https-socket", Tls::On),
        ("http", Tls::Off),
        ("http-socket", Tls::Off),
    ];
    let found =
        keys.iter().find_map(|&(key, tls)| Some((lookup(Format::Uwsgi, text, "uwsgi", key)?, tls)));
    let Some((entry, tls)) = found else { return Ok(None) };
    let place = entry.value.split(',').next().unwrap_or_default().trim();
    let (address, port) = place.rsplit_once(':').unwrap_or(("", place));
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = (!address.is_empty()).then(|| address.to_owned());
    let port = port.parse().ok().and_then(Port::new);
    Ok(Some(Vhost {
        address,
        port,
        tls,
        server_name: None,
        path: None,
        certificate: None,
        line: entry.line,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Tls, options};

    #[test]
    fn uwsgi_says_where_it_answers_and_whether_by_tls() {
        let cases = [
            ("http = 10.0.0.1:8774", Some((Some("10.0.0.1"), Some(8774), Tls::Off))),
            ("http-socket = :9292", Some((None, Some(9292), Tls::Off))),
            ("http-socket = [::]:9292", Some((Some("::"), Some(9292), Tls::Off))),
            (
                "https = 10.0.0.1:8774,/etc/c.pem,/etc/k.pem",
                Some((Some("10.0.0.1"), Some(8774), Tls::On)),
            ),
            ("http = x:1\nhttps-socket = x:2", Some((Some("x"), Some(2), Tls::On))),
            ("http = nowhere", Some((None, None, Tls::Off))),
            // The protocol of its own is not HTTP.
            ("socket = 10.0.0.1:8774", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = options(&format!("[uwsgi]\nmaster = true\n{text}\n")).unwrap();
            let found =
                found.as_ref().map(|v| (v.address.as_deref(), v.port.map(|p| p.get()), v.tls));
            assert_eq!(found, expected, "{text}");
        }
    }
}
