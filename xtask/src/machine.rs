//! The machine this runs on: who we are, and the packages it has or can get.

pub(crate) mod debian;

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::program::{Program, is_installed};
use crate::session::Session;

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
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
