//! The machine this runs on: who we are, which Debian it is, and the packages it has or can get.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::program::{Program, is_installed};
use crate::session::Session;

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

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

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The code name of this Debian, when that is what runs here.
pub(crate) fn debian_codename() -> Option<String> {
    codename(&fs::read_to_string("/etc/os-release").ok()?)
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

/// Installs those of `packages` that are not installed yet; why this cannot be done is said in full.
pub(crate) fn install(session: &Session, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> =
        packages.iter().copied().filter(|package| !has_package(session, package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = missing.join(" ");
    if !is_installed("apt-get") {
        bail!(
            "needed and not installed: {wanted} (Debian's names)\n  hint: install them with this system's package manager"
        );
    }
    if !is_root() {
        bail!(
            "needed and not installed: {wanted}\n  hint: run as root, or first: sudo apt-get install {wanted}"
        );
    }
    let step = session.progress.start(format!("install {wanted}"));
    let apt = || {
        // Stopped halfway, it would leave packages for a person to repair.
        let apt =
            Program::new("apt-get").uninterrupted().args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
        apt.limit(INSTALL_LIMIT).env("DEBIAN_FRONTEND", "noninteractive")
    };
    // Package lists may be absent or old: fetch them first, and let the installation judge.
    let refreshed =
        apt().args(["update"]).logged(&session.interrupt, &session.log("apt-get update"));
    session.interrupt.check()?;
    apt()
        .args(["-y", "--no-install-recommends", "install"])
        .args(&missing)
        .logged(&session.interrupt, &session.log("apt-get install"))
        .with_context(|| match &refreshed {
            Ok(()) => format!("cannot install {wanted}"),
            Err(error) => format!("cannot install {wanted} ({error:#})"),
        })?;
    step.done("");
    Ok(())
}

fn has_package(session: &Session, package: &str) -> bool {
    let asked = Program::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]);
    asked.output(&session.interrupt).is_ok_and(|status| status == b"installed")
}

/// The archives of Debian `codename` in this machine's own apt sources: the release itself, its
/// updates and its security fixes, and no third party's.
pub(crate) fn debian_archives(session: &Session, codename: &str) -> Result<Vec<Archive>> {
    let listed = Program::new("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"])
        .args(["Created-By: Packages"])
        .output(&session.interrupt)
        .context("cannot list the apt sources")?;
    let archives = archives_of(&String::from_utf8_lossy(&listed), codename);
    if !archives.iter().any(|archive| archive.suite == codename) {
        bail!(
            "the apt sources of this machine name no Debian archive for {codename}/main\n  \
             hint: add one to /etc/apt/sources.list and run: apt-get update"
        );
    }
    Ok(archives)
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
    use super::{archives_of, codename};

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
