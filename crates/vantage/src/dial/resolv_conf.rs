//! `/etc/resolv.conf` (`man 5 resolv.conf`): whom to ask, for which names, how often.

use std::time::Duration;

/// As many servers as are asked (glibc's MAXNS).
const MAX_SERVERS: usize = 3;
/// As many domains as are searched. Later versions of glibc have no limit; we
/// have a deadline.
const MAX_SEARCH: usize = 16;
/// The caps of glibc (RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY).
const MAX_NDOTS: u32 = 15;
const MAX_TIMEOUT: u32 = 30;
const MAX_ATTEMPTS: u32 = 5;

/// What the file says, with the C library's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvConf {
    /// Addresses as written: an IPv6 address may have a zone.
    pub(super) servers: Vec<String>,
    search: Vec<String>,
    ndots: usize,
    /// How long one server is waited for.
    pub(super) timeout: Duration,
    /// How often all servers are asked.
    pub(super) attempts: u32,
    /// Ask by TCP only.
    pub(super) only_tcp: bool,
}

impl ResolvConf {
    /// Reads the file. What is not understood is passed over, as the C library does.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            only_tcp: false,
        };
        for line in text.lines() {
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < MAX_SERVERS => {
                    conf.servers.extend(words.next().map(str::to_owned));
                }
                // The last of these lines counts.
                Some("search") => {
                    conf.search = words.take(MAX_SEARCH).map(str::to_owned).collect();
                }
                Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
                Some("options") => words.for_each(|option| conf.set(option)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push("127.0.0.1".to_owned());
        }
        conf
    }

    fn set(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, value.parse::<u32>()) {
            ("ndots", Ok(ndots)) => self.ndots = ndots.min(MAX_NDOTS) as usize,
            ("timeout", Ok(seconds)) => {
                self.timeout = Duration::from_secs(seconds.clamp(1, MAX_TIMEOUT).into());
            }
            ("attempts", Ok(attempts)) => self.attempts = attempts.clamp(1, MAX_ATTEMPTS),
            ("use-vc", _) => self.only_tcp = true,
            _ => {}
        }
    }

    /// The full names to ask for, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(full) = name.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let mut candidates: Vec<String> = (self.search.iter())
            .map(|domain| domain.trim_matches('.'))
            .filter(|domain| !domain.is_empty())
            .map(|domain| format!("{name}.{domain}"))
            .collect();
        let dots = name.bytes().filter(|&byte| byte == b'.').count();
        let at = if dots >= self.ndots { 0 } else { candidates.len() };
        candidates.insert(at, name.to_owned());
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pods_file() {
        let conf = ResolvConf::parse(
            "search openstack.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1 attempts:9 use-vc edns0\n",
        );
        assert_eq!(conf.servers, ["10.96.0.10"]);
        assert_eq!((conf.timeout, conf.attempts, conf.only_tcp), (Duration::from_secs(1), 5, true));
        let candidates = conf.candidates("rabbitmq.openstack");
        let searched = [
            "rabbitmq.openstack.openstack.svc.cluster.local",
            "rabbitmq.openstack.svc.cluster.local",
            "rabbitmq.openstack",
        ];
        assert_eq!(candidates, searched);
        assert_eq!(conf.candidates("rabbitmq.openstack."), ["rabbitmq.openstack"]);
    }

    #[test]
    fn the_defaults_are_the_c_librarys() {
        let conf = ResolvConf::parse("# nothing\nnameserver\noptions ndots:x\n");
        assert_eq!(conf.servers, ["127.0.0.1"]);
        assert_eq!((conf.timeout, conf.attempts), (Duration::from_secs(5), 2));
        assert_eq!(conf.candidates("a.b"), ["a.b"]);
    }

    #[test]
    fn the_last_search_line_counts_and_the_fourth_server_does_not() {
        let text = "domain a\nsearch b c.\nnameserver 1\nnameserver 2\nnameserver 3\nnameserver 4";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["1", "2", "3"]);
        assert_eq!(conf.candidates("x"), ["x.b", "x.c", "x"]);
        assert_eq!(conf.candidates("x.y"), ["x.y", "x.y.b", "x.y.c"]);
    }

    proptest! {
        #[test]
        fn any_file_can_be_read(text in "\\PC*", name in "\\PC*") {
            let conf = ResolvConf::parse(&text);
            prop_assert!(!conf.servers.is_empty() && conf.servers.len() <= MAX_SERVERS);
            prop_assert!(conf.candidates(&name).len() <= MAX_SEARCH + 1);
        }
    }
}
