//! The places that a setting names, however it writes them: a URL with one host
//! or several, a list of `host:port`, the remotes of an OVSDB client.

use super::url::{Endpoint, ServiceUrl, UrlError};
use vantage::Port;

/// What a setting's text leads to. `usual` are the ports of an address that
/// names none.
///
/// # Errors
/// Where the text is none of these forms.
pub fn endpoints(text: &str, usual: &[Port]) -> Result<Vec<Endpoint>, UrlError> {
    let text = text.trim();
    if let Some((scheme, _)) = text.split_once("://") {
        let database = ["mysql", "mariadb", "postgres", "sqlite"];
        return if database.iter().any(|base| scheme.starts_with(base)) {
            ServiceUrl::database(text).map(|url| url.endpoints())
        } else {
            ServiceUrl::transport(text).map(|url| url.endpoints())
        };
    }
    let mut found = Vec::new();
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        if let Some(path) = part.strip_prefix("unix:") {
            found.push(Endpoint::Unix(path.into()));
            continue;
        }
        let address = ["tcp:", "ssl:", "inet:", "inet6:"]
            .iter()
            .find_map(|prefix| part.strip_prefix(prefix))
            .unwrap_or(part);
        let (host, port) = host_and_port(address)?;
        let ports = port.as_ref().map_or(usual, std::slice::from_ref);
        found.extend(ports.iter().map(|&port| Endpoint::Tcp { host: host.to_owned(), port }));
    }
    Ok(found)
}

/// `host:port`, `[v6]:port`, or a host alone.
fn host_and_port(address: &str) -> Result<(&str, Option<Port>), UrlError> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Brackets)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(parse_port(port)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlError::Brackets),
        };
    }
    match address.split_once(':') {
        // More colons than one, and no brackets: an IPv6 address alone.
        Some((_, rest)) if rest.contains(':') => Ok((address, None)),
        Some((host, port)) => Ok((host, Some(parse_port(port)?))),
        None => Ok((address, None)),
    }
}

fn parse_port(text: &str) -> Result<Port, UrlError> {
    text.parse().ok().and_then(Port::new).ok_or(UrlError::Port)
}

#[cfg(test)]
mod tests {
    use super::endpoints;
    use vantage::Port;

    #[test]
    fn every_form_of_address_is_understood() {
        let cases = [
            ("rabbit://u:p@r1:5673,u:p@[fd00::2]/", "r1:5673 [fd00::2]:5672"),
            ("mysql+pymysql://os:p@maria/nova", "maria:3306"),
            ("tcp:10.0.0.1:6642,ssl:[fd00::1]:6642", "10.0.0.1:6642 [fd00::1]:6642"),
            ("unix:/run/ovn/ovnsb_db.sock", "/run/ovn/ovnsb_db.sock"),
            ("10.0.0.1, cache2:11212", "10.0.0.1:11211 cache2:11212"),
            ("fd00::7", "[fd00::7]:11211"),
            ("", ""),
        ];
        let usual = [Port::new(11211).unwrap()];
        for (text, expected) in cases {
            let found: Vec<_> =
                endpoints(text, &usual).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        for wrong in ["host:port", "[fd00::1", "tcp:h:70000"] {
            assert!(endpoints(wrong, &usual).is_err(), "{wrong}");
        }
    }
}
