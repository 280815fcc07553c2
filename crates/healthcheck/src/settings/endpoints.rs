//! The places that a setting names, however it writes them: a URL with one host
//! or several, a list of URLs, of `host:port` or of OVSDB's remotes.

use super::ovsdb;
use super::url::{Endpoint, ServiceUrl, UrlError, host_and_port};
use vantage::Port;

/// As many places as are taken from one setting.
const MAX_ENDPOINTS: usize = 256;

/// What a setting's text leads to. `usual` are the ports of an address that
/// names none.
///
/// # Errors
/// Where the text is none of these forms.
pub fn endpoints(text: &str, usual: &[Port]) -> Result<Vec<Endpoint>, UrlError> {
    let text = text.trim();
    let mut found = match text.split_once("://") {
        Some((scheme, _)) => of_urls(text, scheme)?,
        None => of_list(text, usual)?,
    };
    found.truncate(MAX_ENDPOINTS);
    Ok(found)
}

fn of_urls(text: &str, scheme: &str) -> Result<Vec<Endpoint>, UrlError> {
    let database = ["mysql", "mariadb", "postgres", "sqlite"];
    if database.iter().any(|base| scheme.starts_with(base)) {
        return Ok(ServiceUrl::database(text)?.endpoints());
    }
    // etcd writes a whole URL for each of its addresses.
    let urls: Vec<&str> = text.split(',').map(str::trim).collect();
    if !urls.iter().all(|url| url.starts_with("http://") || url.starts_with("https://")) {
        return Ok(ServiceUrl::transport(text)?.endpoints());
    }
    let urls = urls.into_iter().take(MAX_ENDPOINTS).map(ServiceUrl::transport);
    let urls = urls.collect::<Result<Vec<_>, _>>()?;
    Ok(urls.iter().flat_map(ServiceUrl::endpoints).collect())
}

fn of_list(text: &str, usual: &[Port]) -> Result<Vec<Endpoint>, UrlError> {
    let mut found = Vec::new();
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    for part in parts.filter(|part| !part.is_empty()).take(MAX_ENDPOINTS) {
        if let Some(endpoint) = ovsdb::remote(part)? {
            found.push(endpoint);
            continue;
        }
        // pymemcache's and memcached's marks; redis marks an address that may be missing.
        let address = ["inet:", "inet6:", "notls:", "-"]
            .iter()
            .find_map(|prefix| part.strip_prefix(prefix))
            .unwrap_or(part);
        let (host, port) = host_and_port(address)?;
        let ports = port.as_ref().map_or(usual, std::slice::from_ref);
        found.extend(ports.iter().map(|&port| Endpoint::Tcp { host: host.to_owned(), port }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::endpoints;
    use proptest::prelude::*;
    use vantage::Port;

    #[test]
    fn every_form_of_address_is_understood() {
        let cases = [
            ("rabbit://u:p@r1:5673,u:p@[fd00::2]/", "r1:5673 [fd00::2]:5672"),
            ("mysql+pymysql://os:p@maria/nova", "maria:3306"),
            ("tcp:10.0.0.1:6642,ssl:[fd00::1]:6642", "10.0.0.1:6642 [fd00::1]:6642"),
            ("unix:/run/ovn/ovnsb_db.sock", "/run/ovn/ovnsb_db.sock"),
            ("10.0.0.1, cache2:11212", "10.0.0.1:11211 cache2:11212"),
            ("inet6:[::1]:11212,inet:h:1", "[::1]:11212 h:1"),
            ("notls:10.0.0.1:11211,10.0.0.2", "10.0.0.1:11211 10.0.0.2:11211"),
            ("127.0.0.1 -::1", "127.0.0.1:11211 [::1]:11211"),
            ("h1:1\nh2:2", "h1:1 h2:2"),
            ("http://10.0.0.1:2379,https://[::1]:2380", "10.0.0.1:2379 [::1]:2380"),
            ("http://10.0.0.1", "10.0.0.1:80"),
            ("fd00::7", "[fd00::7]:11211"),
            ("", ""),
        ];
        let usual = [Port::new(11211).unwrap()];
        for (text, expected) in cases {
            let found: Vec<_> =
                endpoints(text, &usual).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        for wrong in ["host:port", "[fd00::1", "tcp:h:70000", "rabbit://h:x/"] {
            assert!(endpoints(wrong, &usual).is_err(), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(text in "(.|:|//|http://|,|\\[|\\]|@|ssl:){0,40}") {
            let _ = endpoints(&text, &[]);
        }
    }
}
