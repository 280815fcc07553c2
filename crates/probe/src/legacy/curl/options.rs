//! curl's options, as far as they were seen in checks. One that would change
//! what is asked and is not known here is an error, never ignored.

use super::super::{Call, HelperError};
use super::proxy;

/// What a curl command line asks for.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) url: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) head: bool,
    pub(super) redirects: u32,
    /// Where to connect in place of the URL's host.
    pub(super) host: Option<String>,
    pub(super) unix: Option<String>,
    pub(super) ca: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) proxy: Option<String>,
    pub(super) max_time: Option<String>,
    pub(super) write_out: Option<String>,
    no_proxy: Option<String>,
    max_redirects: Option<u32>,
}

/// Short options and their long names.
const SHORT: [(char, &str); 27] = [
    ('#', "progress-bar"),
    ('0', "http1.0"),
    ('4', "ipv4"),
    ('6', "ipv6"),
    ('A', "user-agent"),
    ('E', "cert"),
    ('H', "header"),
    ('I', "head"),
    ('L', "location"),
    ('N', "no-buffer"),
    ('S', "show-error"),
    ('X', "request"),
    ('b', "cookie"),
    ('e', "referer"),
    ('f', "fail"),
    ('g', "globoff"),
    ('i', "include"),
    ('k', "insecure"),
    ('m', "max-time"),
    ('n', "netrc"),
    ('o', "output"),
    ('q', "disable"),
    ('s', "silent"),
    ('u', "user"),
    ('v', "verbose"),
    ('w', "write-out"),
    ('x', "proxy"),
];

/// Options that need nothing done: what they ask for is so anyway, or it
/// changes only what curl would have printed.
const NOTHING: [&str; 31] = [
    "basic",
    "compressed",
    "disable",
    "fail",
    "fail-with-body",
    "get",
    "globoff",
    "http0.9",
    "http1.0",
    "http1.1",
    "http2",
    "include",
    "insecure",
    "ipv4",
    "ipv6",
    "netrc-optional",
    "no-buffer",
    "no-keepalive",
    "no-progress-meter",
    "path-as-is",
    "progress-bar",
    "raw",
    "show-error",
    "silent",
    "ssl",
    "tcp-nodelay",
    "tlsv1",
    "tlsv1.2",
    "tlsv1.3",
    "tr-encoding",
    "verbose",
];

/// The same, with a value that is not needed: a deadline covers all, and the
/// body is not kept.
const NOTHING_WITH_VALUE: [&str; 9] = [
    "connect-timeout",
    "keepalive-time",
    "max-filesize",
    "output",
    "retry",
    "retry-delay",
    "retry-max-time",
    "speed-limit",
    "speed-time",
];

impl Options {
    pub(super) fn read(call: &Call) -> Result<Self, HelperError> {
        let mut options = Self::default();
        let mut words = call.words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
                options.long(long, &mut words, call)?;
            } else if let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                options.short(cluster, &mut words, call)?;
            } else {
                options.set_url(word, call)?;
            }
        }
        if options.url.is_empty() {
            return Err(call.expected("a URL", None));
        }
        if !options.url.contains("://") {
            options.url.insert_str(0, "http://");
        }
        if let Some(most) = options.max_redirects {
            options.redirects = options.redirects.min(most);
        }
        if options.proxy.is_none() {
            options.proxy = proxy::of_environment(&options.url);
        }
        let bypassed = options
            .no_proxy
            .as_deref()
            .is_some_and(|list| proxy::is_bypassed(list, options.host()));
        if bypassed || options.proxy.as_deref() == Some("") {
            options.proxy = None;
        }
        Ok(options)
    }

    /// The URL's host and port, without any user and password.
    pub(super) fn host(&self) -> &str {
        let after = self.url.split_once("://").map_or(self.url.as_str(), |(_, after)| after);
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }

    fn short<'a>(
        &mut self,
        cluster: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
        call: &Call,
    ) -> Result<(), HelperError> {
        for (at, letter) in cluster.char_indices() {
            let long = SHORT.iter().find(|(short, _)| *short == letter).map(|(_, long)| *long);
            let long = long.ok_or_else(|| unknown(&format!("-{letter}"), call))?;
            if !takes_value(long) {
                self.flag(long, call)?;
                continue;
            }
            // What is left of the word is the value.
            let rest = cluster.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
            let value = rest.or_else(|| words.next());
            return self.option(long, value, call);
        }
        Ok(())
    }

    fn long<'a>(
        &mut self,
        long: &'a str,
        words: &mut impl Iterator<Item = &'a str>,
        call: &Call,
    ) -> Result<(), HelperError> {
        if takes_value(long) {
            self.option(long, words.next(), call)
        } else {
            self.flag(long, call)
        }
    }

    fn flag(&mut self, long: &str, call: &Call) -> Result<(), HelperError> {
        match long {
            "head" => self.head = true,
            "location" => self.redirects = 10,
            nothing if NOTHING.contains(&nothing) => {}
            other => return Err(unknown(&format!("--{other}"), call)),
        }
        Ok(())
    }

    fn option(&mut self, long: &str, value: Option<&str>, call: &Call) -> Result<(), HelperError> {
        let expected = format!("a value of --{long}");
        let value = value.ok_or_else(|| call.expected(&expected, None))?.to_owned();
        match long {
            "url" => return self.set_url(&value, call),
            "user" => {
                let (user, password) = value.split_once(':').unwrap_or((&value, ""));
                self.user = Some(user.to_owned());
                self.password = Some(password.to_owned());
            }
            "header" => match value.split_once(':') {
                Some((name, value)) => self.header(name.trim(), value.trim()),
                // `Name;` is a header without a value.
                None if value.ends_with(';') => self.header(value.trim_end_matches(';'), ""),
                None => return Err(call.expected("a header such as \"name: value\"", None)),
            },
            "user-agent" => self.header("user-agent", &value),
            "referer" => self.header("referer", &value),
            "cookie" if value.contains('=') => self.header("cookie", &value),
            "oauth2-bearer" => self.header("authorization", &format!("Bearer {value}")),
            "request" if value == "GET" => {}
            "request" if value == "HEAD" => self.head = true,
            "max-time" => self.max_time = Some(value),
            "max-redirs" => self.max_redirects = value.parse().ok(),
            "write-out" => self.write_out = Some(value),
            "unix-socket" => self.unix = Some(value),
            "cacert" => self.ca = Some(value),
            // file[:password]
            "cert" => self.certificate = value.split(':').next().map(str::to_owned),
            "key" => self.key = Some(value),
            "proxy" => self.proxy = Some(value),
            "noproxy" => self.no_proxy = Some(value),
            // host:port:address[,address]
            "resolve" => {
                let address = value.splitn(3, ':').nth(2).and_then(|list| list.split(',').next());
                let address = address
                    .ok_or_else(|| call.expected("--resolve host:port:address", Some(&value)))?;
                self.host = Some(address.trim_matches(['[', ']']).to_owned());
            }
            nothing if NOTHING_WITH_VALUE.contains(&nothing) => {}
            // The value may be a secret; the option is not.
            other => return Err(unknown(&format!("--{other}"), call)),
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    fn set_url(&mut self, url: &str, call: &Call) -> Result<(), HelperError> {
        if !self.url.is_empty() {
            return Err(call.expected("one URL", Some(self.host())));
        }
        url.clone_into(&mut self.url);
        Ok(())
    }
}

/// Options with a value that are known, besides those that need nothing done.
const WITH_VALUE: [&str; 19] = [
    "cacert",
    "cert",
    "cookie",
    "header",
    "key",
    "max-redirs",
    "max-time",
    "noproxy",
    "oauth2-bearer",
    "proxy",
    "referer",
    "request",
    "resolve",
    "unix-socket",
    "url",
    "user",
    "user-agent",
    "write-out",
    "output",
];

fn takes_value(long: &str) -> bool {
    WITH_VALUE.contains(&long) || NOTHING_WITH_VALUE.contains(&long)
}

fn unknown(option: &str, call: &Call) -> HelperError {
    call.expected("options of curl that a check can have", Some(option))
}
