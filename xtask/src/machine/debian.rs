//! The releases of Debian: which one runs here, and where the packages of any of them are.

use std::fmt;
use std::fs;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::program::Program;
use crate::session::Session;

/// The release that the images were written for.
const WRITTEN_FOR: &str = "bookworm";

/// A release of Debian by its code name: `bookworm`, `trixie` …
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Release(String);

/// A package archive that apt knows, as a line of a sources.list spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Where it is, as in this machine's own apt sources.
    pub(crate) uri: String,
    /// `bookworm`, `bookworm-updates` …
    pub(crate) suite: String,
    /// `main` …
    pub(crate) component: String,
}

impl Release {
    /// The one that runs here; none where that is no Debian.
    pub(crate) fn of_this_machine() -> Option<Self> {
        codename(&fs::read_to_string("/etc/os-release").ok()?).map(Self)
    }

    /// The code name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether the images were written for it.
    pub(crate) fn is_written_for(&self) -> bool {
        self.0 == WRITTEN_FOR
    }

    /// Its archives, by this machine's own apt sources: the release itself, its updates and its
    /// security fixes, and no third party's. All releases are on the same servers.
    pub(crate) fn archives(&self, session: &Session) -> Result<Vec<Archive>> {
        let listed = Program::new("apt-get")
            .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"])
            .args(["Created-By: Packages"])
            .output(&session.interrupt)
            .context("cannot list the apt sources")?;
        let listed = String::from_utf8_lossy(&listed);
        let own = Self::of_this_machine().unwrap_or_default();
        // What this machine names itself goes before what follows from what it names.
        let mut archives = archives_of(&listed, self.name());
        if archives.is_empty() {
            archives = archives_of(&listed, own.name());
            for archive in &mut archives {
                archive.suite = archive.suite.replacen(own.name(), self.name(), 1);
            }
        }
        if !archives.iter().any(|archive| archive.suite == self.name()) {
            bail!(
                "the apt sources of this machine name no Debian archive for {self}/main\n  \
                 hint: add one to /etc/apt/sources.list and run: apt-get update"
            );
        }
        Ok(archives)
    }
}

impl Default for Release {
    fn default() -> Self {
        Self::of_this_machine().unwrap_or_else(|| Self(WRITTEN_FOR.to_owned()))
    }
}

impl FromStr for Release {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        ensure!(is_name, "expected the code name of a Debian release, such as {WRITTEN_FOR}");
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for Release {
    type Error = anyhow::Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

fn codename(os_release: &str) -> Option<String> {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']))
    };
    if value("ID") != Some("debian") {
        return None;
    }
    value("VERSION_CODENAME").filter(|name| !name.is_empty()).map(str::to_owned)
}

fn archives_of(listed: &str, codename: &str) -> Vec<Archive> {
    let suites = ["", "-updates", "-security"].map(|suffix| format!("{codename}{suffix}"));
    let mut archives: Vec<Archive> = Vec::new();
    for line in listed.lines() {
        let mut words = line.split(' ');
        let (Some(uri), Some(suite), Some(component)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        // The origin is known once package lists were fetched; before that it is empty.
        let foreign = words.next().is_some_and(|origin| !origin.is_empty() && origin != "Debian");
        if foreign || component != "main" || !suites.iter().any(|known| known == suite) {
            continue;
        }
        let (uri, suite, component) = (uri.to_owned(), suite.to_owned(), component.to_owned());
        let archive = Archive { uri, suite, component };
        if !archives.contains(&archive) {
            archives.push(archive);
        }
    }
    archives
}

#[cfg(test)]
mod tests {
    use super::{Release, archives_of, codename};

    #[test]
    fn the_codename_is_read_from_debian_alone() {
        let debian =
            "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(debian).as_deref(), Some("bookworm"));
        assert_eq!(codename("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"), None);
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=\n"), None);
        assert_eq!(codename(""), None);
    }

    #[test]
    fn a_release_is_a_code_name() {
        assert_eq!("trixie".parse::<Release>().unwrap().name(), "trixie");
        for wrong in ["", "13", "Trixie", "trixie main", "../trixie"] {
            assert!(wrong.parse::<Release>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn third_parties_and_other_suites_are_left_out() {
        let listed = "http://mirror/debian/ bookworm main Debian
http://mirror/debian/ bookworm main Debian
http://mirror/debian/ bookworm contrib Debian
http://mirror/debian/ bookworm-updates main 
http://mirror/debian/ bookworm-backports main Debian
http://mirror/debian-security/ bookworm-security main Debian
http://vendor/repo/ bookworm main Vendor
http://vendor/apt/ sdk-bookworm main 
";
        let kept: Vec<String> = archives_of(listed, "bookworm")
            .into_iter()
            .map(|archive| format!("{} {}", archive.uri, archive.suite))
            .collect();
        assert_eq!(
            kept,
            [
                "http://mirror/debian/ bookworm",
                "http://mirror/debian/ bookworm-updates",
                "http://mirror/debian-security/ bookworm-security"
            ]
        );
    }
}
