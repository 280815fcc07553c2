//! The remotes of OVSDB: `tcp:10.0.0.1:6642`, `ssl:[fd00::1]:6642`,
//! `unix:/run/x.sock`, and what a server listens on, `ptcp:6640:127.0.0.1`
//! (`man 7 ovsdb`, Connection Methods).

use super::url::{Endpoint, UrlError, host_and_port, parse_port};
use vantage::Port;

/// The port that IANA gave to OVSDB; OVN's databases are always named with theirs.
const OVSDB_PORT: u16 = 6640;

/// Where one remote leads to, or where a server's remote listens; `None` for
/// text that is no remote. A server that names no address listens on all, and
/// is asked on this host.
///
/// # Errors
/// Where it begins like a remote, and its address or port cannot be read.
pub fn remote(text: &str) -> Result<Option<Endpoint>, UrlError> {
    let Some((method, rest)) = text.split_once(':') else { return Ok(None) };
    let (host, port) = match method {
        "unix" | "punix" => return Ok(Some(Endpoint::Unix(rest.into()))),
        "tcp" | "ssl" => host_and_port(rest)?,
        "ptcp" | "pssl" => {
            let (port, host) = rest.split_once(':').unwrap_or((rest, "localhost"));
            let port = if port.is_empty() { None } else { Some(parse_port(port)?) };
            (host.trim_start_matches('[').trim_end_matches(']'), port)
        }
        _ => return Ok(None),
    };
    let port = port.or(Port::new(OVSDB_PORT)).ok_or(UrlError::Port)?;
    Ok(Some(Endpoint::Tcp { host: host.to_owned(), port }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn remotes_are_understood() {
        for (text, expected) in [
            ("tcp:10.0.0.1:6642", "10.0.0.1:6642"),
            ("ssl:[fd00::1]:6642", "[fd00::1]:6642"),
            ("ssl:fd00::1", "[fd00::1]:6640"),
            ("tcp:10.0.0.1", "10.0.0.1:6640"),
            ("unix:/run/x.sock", "/run/x.sock"),
            ("punix:/run/x.sock", "/run/x.sock"),
            ("ptcp:6641:10.0.0.1", "10.0.0.1:6641"),
            ("pssl:6642:[::]", "[::]:6642"),
            ("pssl:6642", "localhost:6642"),
            ("ptcp:", "localhost:6640"),
        ] {
            assert_eq!(remote(text).unwrap().unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "10.0.0.1", "db:Open_vSwitch,Open_vSwitch,manager_options", "inet:h:1"] {
            assert_eq!(remote(text), Ok(None), "{text}");
        }
        for text in ["tcp:h:0", "ssl:[::1:6642", "ptcp:x", "tcp:h:70000"] {
            assert!(remote(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(text in "(tcp:|pssl:|unix:)?(.|:|\\[|\\]){0,30}") {
            let _ = remote(&text);
        }
    }
}
