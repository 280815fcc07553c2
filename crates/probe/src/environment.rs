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

/// All of them, by name.
pub const ALL: [&Variable; 4] = [&SCRIPTS_ALIAS, &DEBUG, &MAINTENANCE, &SCRIPTS];

impl Variable {
    /// Its value, if it is set to something.
    pub fn value(&self) -> Option<OsString> {
        std::env::var_os(self.name).filter(|value| !value.is_empty())
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
