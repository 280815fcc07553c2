//! `/etc/hosts` (`man 5 hosts`), and the names that need no file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address written as one: bracketed or not, a zone cut off, an IPv4
/// address that was mapped into IPv6 unmapped.
pub(super) fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let address = match bare.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => IpAddr::V6(address.parse().ok()?),
        Some(_) => return None,
        None => bare.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// The addresses that the lines of a hosts file give a name, in their order.
pub(super) fn addresses(hosts: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut addresses = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(literal) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// The loopback addresses, for `localhost` and what is beneath it. They are
/// its only addresses whatever a file or server says (RFC 6761 section 6.3).
pub(super) fn localhost(hosts: &str, name: &str) -> Option<Vec<IpAddr>> {
    let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if bare != "localhost" && !bare.ends_with(".localhost") {
        return None;
    }
    let mut listed = addresses(hosts, &bare);
    listed.retain(IpAddr::is_loopback);
    if listed.is_empty() {
        listed = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOSTS: &str = "\
# comment
127.0.0.1\tlocalhost localhost.localdomain
::1 localhost ip6-localhost # and more
203.0.113.9 localhost
172.17.1.20 Controller-0.internalapi controller-0
fe80::1%eth0 router
nonsense controller-0
172.17.1.20 controller-0
fd00::20 controller-0
";

    fn parsed(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn all_lines_of_a_name_count_in_their_order() {
        assert_eq!(addresses(HOSTS, "CONTROLLER-0"), parsed(&["172.17.1.20", "fd00::20"]));
        assert_eq!(addresses(HOSTS, "controller-0.internalapi."), parsed(&["172.17.1.20"]));
        assert_eq!(addresses(HOSTS, "router"), parsed(&["fe80::1"]));
        for other in ["and", "controller", "172.17.1.20", "comment"] {
            assert!(addresses(HOSTS, other).is_empty(), "{other}");
        }
    }

    #[test]
    fn localhost_is_always_loopback() {
        let both = parsed(&["127.0.0.1", "::1"]);
        assert_eq!(localhost(HOSTS, "LocalHost"), Some(both.clone()));
        assert_eq!(localhost("", "localhost."), Some(both.clone()));
        assert_eq!(localhost("127.0.0.1 localhost", "localhost"), Some(parsed(&["127.0.0.1"])));
        assert_eq!(localhost(HOSTS, "api.localhost"), Some(both));
        assert_eq!(localhost(HOSTS, "localhost.localdomain"), None);
    }

    #[test]
    fn addresses_are_literal_in_every_spelling() {
        for (spelt, address) in [
            ("172.17.1.20", "172.17.1.20"),
            ("fd00::20", "fd00::20"),
            ("[fd00::20]", "fd00::20"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%2]", "fe80::1"),
            ("::ffff:172.17.1.20", "172.17.1.20"),
        ] {
            assert_eq!(literal(spelt), Some(address.parse().unwrap()), "{spelt}");
        }
        for other in ["", "[]", "[fd00::20", "fe80::1%", "172.17.1", "172.17.1.20%eth0", "host"] {
            assert_eq!(literal(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_file_can_be_read(hosts in "\\PC*", name in "\\PC*") {
            let _ = (addresses(&hosts, &name), localhost(&hosts, &name), literal(&name));
        }
    }
}
