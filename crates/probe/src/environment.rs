//! Every variable of the environment that is read, with what it does: the one
//! list that the code asks and the reference page is made from.

use std::ffi::OsString;
use std::path::PathBuf;

/// A variable of the environment.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it holds if it is not set.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// Prints what is looked at, and what is seen, to standard error.
pub const DEBUG: Variable = Variable {
    name: "HEALTHCHECK_DEBUG",
    default: "0",
    about: "1 prints to standard error what is looked at and what was seen, without secrets",
};

/// The folder of scripts.
pub const SCRIPTS: Variable = Variable {
    name: "HEALTHCHECK_SCRIPTS",
    default: "/usr/share/openstack-tripleo-common/healthcheck",
    about: "the folder whose files' names stand for services, wherever a path is given in place of a name",
};

/// Another name of it.
pub const SCRIPTS_ALIAS: Variable = Variable {
    name: "HEALTHCHECKS_DIR",
    default: "",
    about: "the same as HEALTHCHECK_SCRIPTS, under the name the predecessors' README gave it",
};

/// The file that says that the service is in maintenance.
pub const MAINTENANCE: Variable = Variable {
    name: "HEALTHCHECK_MAINTENANCE",
    default: healthcheck::maintenance::FILE,
    about: "the file that puts the service in maintenance while it is there",
};

/// How long a request may take.
pub const CURL_MAX_TIME: Variable = Variable {
    name: "HEALTHCHECK_CURL_MAX_TIME",
    default: "10",
    about: "how long healthcheck_curl may take, in seconds; where it is set, any check without --role and --deadline too",
};

/// What a body would have been written to.
pub const CURL_OUTPUT: Variable = Variable {
    name: "HEALTHCHECK_CURL_OUTPUT",
    default: "/dev/null",
    about: "accepted; nothing is written but the answer",
};

/// Which client the predecessors would have used.
pub const CURL_PY: Variable = Variable {
    name: "HEALTHCHECK_CURL_PY",
    default: "",
    about: "where it is set, HEALTHCHECK_CURL_PY_USER_AGENT is who healthcheck_curl says it is; the client is the same",
};

/// Who asks, as the predecessors' Python client.
pub const CURL_PY_USER_AGENT: Variable = Variable {
    name: "HEALTHCHECK_CURL_PY_USER_AGENT",
    default: "pyrequests-healthcheck",
    about: "see HEALTHCHECK_CURL_PY",
};

/// Who asks.
pub const CURL_USER_AGENT: Variable = Variable {
    name: "HEALTHCHECK_CURL_USER_AGENT",
    default: "curl-healthcheck",
    about: "who healthcheck_curl says it is",
};

/// What is written about a request.
pub const CURL_WRITE_OUT: Variable = Variable {
    name: "HEALTHCHECK_CURL_WRITE_OUT",
    default: r"\n%{http_code} %{remote_ip}:%{remote_port} %{time_total} seconds\n",
    about: "what healthcheck_curl writes beneath its answer",
};

/// Whether proxies are asked.
pub const USE_PROXY: Variable = Variable {
    name: "HEALTHCHECK_USE_PROXY",
    default: "0",
    about: "1 lets healthcheck_curl heed http_proxy, https_proxy and no_proxy",
};

/// A switch of a library that is not used.
pub const NSS_CACHE: Variable = Variable {
    name: "NSS_SDB_USE_CACHE",
    default: "no",
    about: "accepted; the library it is for is not used",
};

/// All of them, by name.
pub const ALL: [&Variable; 12] = [
    &SCRIPTS_ALIAS,
    &CURL_MAX_TIME,
    &CURL_OUTPUT,
    &CURL_PY,
    &CURL_PY_USER_AGENT,
    &CURL_USER_AGENT,
    &CURL_WRITE_OUT,
    &DEBUG,
    &MAINTENANCE,
    &SCRIPTS,
    &USE_PROXY,
    &NSS_CACHE,
];

impl Variable {
    /// Its value, if it is set to something.
    pub fn value(&self) -> Option<OsString> {
        std::env::var_os(self.name).filter(|value| !value.is_empty())
    }

    /// Its value, or its default, as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        self.value()
            .map_or_else(|| self.default.to_owned(), |value| value.to_string_lossy().into_owned())
    }

    /// Whether it is switched on: set to anything but a no.
    pub fn is_on(&self) -> bool {
        let off = ["0", "false", "no", "off"];
        self.value().is_some_and(|value| !off.iter().any(|no| value.eq_ignore_ascii_case(no)))
    }

    /// Its value, or its default, as a path.
    pub fn path(&self) -> PathBuf {
        self.value().map_or_else(|| PathBuf::from(self.default), PathBuf::from)
    }
}

/// The folder whose files' names stand for services.
pub fn scripts() -> PathBuf {
    SCRIPTS.value().or_else(|| SCRIPTS_ALIAS.value()).map_or_else(|| SCRIPTS.path(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn names_are_unique_and_in_order() {
        let names: Vec<_> = ALL.iter().map(|variable| variable.name).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
}
