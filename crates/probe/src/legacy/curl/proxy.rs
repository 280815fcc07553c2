//! A proxy is asked only where HEALTHCHECK_USE_PROXY says so: the service is
//! on the next address, and a proxy's answer would be about the proxy.

use crate::environment::USE_PROXY;

/// The proxy that the environment names for a URL, if it is to be used.
pub(super) fn of_environment(url: &str) -> Option<String> {
    if !USE_PROXY.is_on() {
        return None;
    }
    let variable = |names: &[&str]| {
        names.iter().find_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty())
    };
    let (scheme, after) = url.split_once("://")?;
    let authority = after.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    if let Some(list) = variable(&["no_proxy", "NO_PROXY"])
        && is_bypassed(&list, authority)
    {
        return None;
    }
    // The upper case HTTP_PROXY is a request's header to a CGI script.
    let proxy = match scheme {
        "https" => variable(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        _ => variable(&["http_proxy", "all_proxy", "ALL_PROXY"]),
    }?;
    Some(if proxy.contains("://") { proxy } else { format!("http://{proxy}") })
}

/// Whether a list of hosts and domains, divided by commas or blanks, has this
/// host (`host`, `host:port` or `[v6]:port`).
pub(super) fn is_bypassed(list: &str, authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.to_ascii_lowercase();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let domain = entry.trim_start_matches('.').to_ascii_lowercase();
        let beneath = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
        entry == "*" || host == domain.trim_matches(['[', ']']) || beneath
    })
}

#[cfg(test)]
mod tests {
    use super::is_bypassed;

    #[test]
    fn a_list_has_hosts_and_what_is_beneath_domains() {
        let list = "localhost, 10.0.0.1 .example.org,ctl.local,[fd00::1]";
        for host in [
            "localhost:80",
            "10.0.0.1",
            "a.example.org",
            "example.org",
            "x.ctl.local",
            "[fd00::1]:5000",
        ] {
            assert!(is_bypassed(list, host), "{host}");
        }
        for host in ["localhost.evil", "10.0.0.11", "badexample.org", "[fd00::2]:5000"] {
            assert!(!is_bypassed(list, host), "{host}");
        }
        assert!(is_bypassed("*", "anything"));
    }
}
