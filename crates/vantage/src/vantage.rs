//! Where we stand: the three constructors, and nothing that differs elsewhere.

use crate::processes::Listing;
use crate::{Blind, Obstacle, Pid};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// A place to look from. One is made for each evaluation: what was seen of the
/// processes is remembered, so that all checks judge the same moment.
#[derive(Debug)]
pub struct Vantage {
    place: Place,
    /// The `/proc` that is read.
    pub(crate) proc: OwnedFd,
    /// The container's root directory; every file is looked up beneath it.
    pub(crate) root: OwnedFd,
    /// Which processes belong to the container.
    pub(crate) scope: Scope,
    /// The container's network namespace, where it is not our own.
    pub(crate) netns: Option<OwnedFd>,
    /// The process in `proc` whose `net` directory is the container's.
    pub(crate) net_of: NetOf,
    pub(crate) processes: OnceLock<Result<Listing, Blind>>,
    now: Option<SystemTime>,
    /// Whether sock_diag may be asked.
    netlink: bool,
    /// A netlink socket in the container's network namespace that nobody uses
    /// now: from outside, making one takes a thread.
    spare_netlink: Mutex<Option<OwnedFd>>,
}

/// The three places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the container, as the command that the runtime started there.
    Inside,
    /// On the host, looking at the container that this process is in.
    Outside(Pid),
    /// At a directory that holds `proc/` and `root/`.
    Fixture(PathBuf),
}

/// Which processes belong to the container.
#[derive(Debug)]
pub(crate) enum Scope {
    /// All that this `/proc` shows.
    All,
    /// Those in the same control group as this process, or beneath it.
    ControlGroupOf(Pid),
}

/// Whose `net` directory in `/proc` to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NetOf {
    /// `/proc/net` itself (`self/net`).
    Own,
    /// `/proc/PID/net`.
    Process(Pid),
}

impl Vantage {
    /// Inside the container this process runs in.
    ///
    /// # Errors
    /// Blind where `/proc` is not mounted or the root cannot be opened.
    pub fn inside() -> Result<Self, Blind> {
        let proc = open_directory(Path::new("/proc"))?;
        let root = open_directory(Path::new("/"))?;
        let own = Pid::new(std::process::id());
        Ok(Self::new(Place::Inside, proc, root, Scope::ControlGroupOf(own), None, NetOf::Own))
    }

    /// Outside, at the container that process `pid` of this host is in.
    ///
    /// # Errors
    /// Blind where there is no such process, or its root or network namespace
    /// is not ours to see (it takes root, or CAP_SYS_PTRACE).
    pub fn outside(pid: Pid) -> Result<Self, Blind> {
        let proc = open_directory(Path::new("/proc"))?;
        // Held while the others are opened: all are this very process's, even
        // if it ends meanwhile and another gets its number.
        let process = open_directory_at(&proc, Path::new(&pid.to_string()))
            .map_err(|errno| Blind::errno(format!("open /proc/{pid}"), errno))?;
        let root = open_directory_at(&process, Path::new("root"))
            .map_err(|errno| needs_root(format!("open /proc/{pid}/root"), errno))?;
        let netns = foreign_netns(&process)
            .map_err(|errno| needs_root(format!("open /proc/{pid}/ns/net"), errno))?;
        let scope = Scope::ControlGroupOf(pid);
        Ok(Self::new(Place::Outside(pid), proc, root, scope, netns, NetOf::Process(pid)))
    }

    /// At a fixture: a directory that holds `proc/`, `root/` and, if the time
    /// matters, `now` (seconds since 1970). Its processes are all in scope.
    ///
    /// # Errors
    /// Blind where one of the two directories is missing.
    pub fn at(fixture: &Path) -> Result<Self, Blind> {
        Self::at_fixture(fixture, Scope::All, NetOf::Own)
    }

    /// At a fixture whose `proc/` is a host's: the container is the one that
    /// process `pid` is in, and its root is `proc/PID/root`.
    ///
    /// # Errors
    /// As for [`Vantage::at`].
    pub fn at_host_fixture(fixture: &Path, pid: Pid) -> Result<Self, Blind> {
        let mut vantage =
            Self::at_fixture(fixture, Scope::ControlGroupOf(pid), NetOf::Process(pid))?;
        vantage.root = open_directory(&fixture.join(format!("proc/{pid}/root")))?;
        Ok(vantage)
    }

    fn at_fixture(fixture: &Path, scope: Scope, net_of: NetOf) -> Result<Self, Blind> {
        let proc = open_directory(&fixture.join("proc"))?;
        let root = open_directory(&fixture.join("root"))?;
        let place = Place::Fixture(fixture.to_owned());
        let mut vantage = Self::new(place, proc, root, scope, None, net_of);
        vantage.now = read_now(&fixture.join("now"));
        Ok(vantage)
    }

    fn new(
        place: Place,
        proc: OwnedFd,
        root: OwnedFd,
        scope: Scope,
        netns: Option<OwnedFd>,
        net_of: NetOf,
    ) -> Self {
        let processes = OnceLock::new();
        Self {
            place,
            proc,
            root,
            scope,
            netns,
            net_of,
            processes,
            now: None,
            netlink: true,
            spare_netlink: Mutex::new(None),
        }
    }

    /// The same where netlink is refused, as SELinux and seccomp do: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn without_netlink(mut self) -> Self {
        self.netlink = false;
        self
    }

    pub(crate) fn uses_netlink(&self) -> bool {
        self.netlink
    }

    pub(crate) fn spare_netlink(&self) -> Option<OwnedFd> {
        self.spare_netlink.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn spare(&self, netlink: Option<OwnedFd>) {
        *self.spare_netlink.lock().unwrap_or_else(PoisonError::into_inner) = netlink;
    }

    /// Where we stand.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The wall clock, or the fixture's moment.
    pub fn now(&self) -> SystemTime {
        self.now.unwrap_or_else(SystemTime::now)
    }
}

/// A directory as a descriptor to look beneath.
fn open_directory(path: &Path) -> Result<OwnedFd, Blind> {
    open_directory_at(rustix::fs::CWD, path)
        .map_err(|errno| Blind::errno(format!("open {}", path.display()), errno))
}

fn open_directory_at(at: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn needs_root(attempt: String, errno: Errno) -> Blind {
    Blind::errno(attempt, errno).hint("run as root, or grant CAP_SYS_PTRACE")
}

/// The network namespace of a process, or `None` where we are in it already.
fn foreign_netns(process: &OwnedFd) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let theirs = rustix::fs::openat(process, "ns/net", flags, Mode::empty())?;
    let (theirs_is, ours_is) =
        (rustix::fs::fstat(&theirs)?, rustix::fs::stat("/proc/self/ns/net")?);
    let same = (theirs_is.st_dev, theirs_is.st_ino) == (ours_is.st_dev, ours_is.st_ino);
    Ok(if same { None } else { Some(theirs) })
}

/// The fixture's moment, if it names one.
fn read_now(path: &Path) -> Option<SystemTime> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    let seconds = text.trim().parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

impl Obstacle {
    /// What a fixture answers to whatever needs a living system.
    pub(crate) const FIXTURE: Self = Self::NotFromHere("a fixture has no network and runs nothing");
}
