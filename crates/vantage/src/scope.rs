//! Which processes belong to the container, when `/proc` shows more than them.

use crate::vantage::Scope;
use crate::{Blind, Pid, Place, Vantage};
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};

/// The inode of the first pid namespace, fixed in the kernel
/// (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const HOST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// As deep as a container's own control groups are followed.
const MAX_DEPTH: usize = 8;

/// How membership is decided, found out once for each listing.
pub(crate) enum Membership {
    /// All that `/proc` shows.
    All,
    /// Those in this control group or beneath it.
    ControlGroup { controllers: String, path: String },
    /// Those in this pid namespace.
    PidNamespace(PathBuf),
    /// These, as the control group file system lists them.
    Listed(Vec<Pid>),
}

impl Membership {
    /// How membership is decided from this vantage.
    pub(crate) fn of(vantage: &Vantage) -> Result<Self, Blind> {
        let Scope::ControlGroupOf(pid) = &vantage.scope else { return Ok(Self::All) };
        let pid = *pid;
        if *vantage.place() == Place::Inside {
            if !vantage.shares_processes() {
                return Ok(Self::All);
            }
        } else if !vantage.is_fixture() && vantage.own_namespace_differs(pid) {
            // The usual container: the control group lists it soonest.
            if let Some(listed) = vantage.control_group_members(pid) {
                return Ok(Self::Listed(listed));
            }
            if let Some(namespace) = vantage.link(&format!("{pid}/ns/pid")) {
                return Ok(Self::PidNamespace(namespace));
            }
        }
        let Some((controllers, path)) = vantage.control_group(pid) else {
            return Err(Blind::new(format!("read /proc/{pid}/cgroup"), crate::Obstacle::Missing));
        };
        if path == "/" {
            return Ok(Self::All);
        }
        if *vantage.place() != Place::Inside
            && let Some(listed) = vantage.control_group_members(pid)
        {
            return Ok(Self::Listed(listed));
        }
        Ok(Self::ControlGroup { controllers, path })
    }

    /// The members, where they are known without asking each process.
    pub(crate) fn listed(&self) -> Option<&[Pid]> {
        match self {
            Self::Listed(pids) => Some(pids),
            _ => None,
        }
    }

    /// Whether a process of this `/proc` is a member.
    pub(crate) fn includes(&self, vantage: &Vantage, pid: Pid) -> bool {
        match self {
            Self::All | Self::Listed(_) => true,
            Self::PidNamespace(namespace) => {
                vantage.link(&format!("{pid}/ns/pid")).as_ref() == Some(namespace)
            }
            Self::ControlGroup { controllers, path } => vantage
                .control_groups(pid)
                .into_iter()
                .find(|(theirs, _)| theirs == controllers)
                .is_some_and(|(_, theirs)| is_beneath(&theirs, path)),
        }
    }
}

impl Vantage {
    /// This process's own id in the `/proc` that is read, if it is to be seen there.
    pub(crate) fn own_pid(&self) -> Option<Pid> {
        if self.is_fixture() {
            return None;
        }
        let own = rustix::fs::readlinkat(&self.proc, "self", Vec::new()).ok()?;
        own.to_str().ok()?.parse().ok().map(Pid::new)
    }

    pub(crate) fn is_fixture(&self) -> bool {
        matches!(self.place(), Place::Fixture(_))
    }

    /// Inside: whether `/proc` shows processes that are not this container's,
    /// as with the host's pid namespace or a pod's shared one.
    fn shares_processes(&self) -> bool {
        if self.link("self/ns/pid").as_deref() == Some(Path::new(HOST_PID_NAMESPACE)) {
            return true;
        }
        let (Some(own), Some((_, first))) = (
            self.own_pid().and_then(|pid| self.control_group(pid)),
            self.control_group(Pid::new(1)),
        ) else {
            return false;
        };
        let same = is_beneath(&own.1, &first)
            || is_beneath(&first, &own.1)
            // systemd as the container's first process keeps to a group of its own.
            || first.ends_with("/init.scope");
        first.starts_with("/..") || !same
    }

    fn own_namespace_differs(&self, pid: Pid) -> bool {
        let theirs = self.link(&format!("{pid}/ns/pid"));
        theirs.is_some() && theirs != self.link("self/ns/pid")
    }

    fn link(&self, path: &str) -> Option<PathBuf> {
        let target = rustix::fs::readlinkat(&self.proc, path, Vec::new()).ok()?;
        Some(PathBuf::from(target.to_str().ok()?))
    }

    /// The control groups of a process: controllers (empty for version 2) and path.
    fn control_groups(&self, pid: Pid) -> Vec<(String, String)> {
        let Ok(content) = self.read_proc(&format!("{pid}/cgroup"), 64 << 10) else {
            return Vec::new();
        };
        String::from_utf8_lossy(&content)
            .lines()
            .filter_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                Some((controllers.to_owned(), path.to_owned()))
            })
            .collect()
    }

    /// The control group that says most: on a host that mixes versions 1 and
    /// 2, engines use one of them and leave the other at `/`.
    fn control_group(&self, pid: Pid) -> Option<(String, String)> {
        let groups = self.control_groups(pid);
        let longest = groups.iter().map(|(_, path)| path.len()).max()?;
        groups.into_iter().find(|(_, path)| path.len() == longest)
    }

    /// The members of a process's control group, from the file system that
    /// lists them: a few reads, where asking every process of a host is thousands.
    fn control_group_members(&self, pid: Pid) -> Option<Vec<Pid>> {
        let (controllers, path) = self.control_group(pid)?;
        if path == "/" || path.contains("/..") {
            return None;
        }
        let mount = match controllers.strip_prefix("name=") {
            Some(name) => name,
            None => controllers.as_str(),
        };
        let mounts: &[&str] = if mount.is_empty() { &["", "unified"] } else { &[mount] };
        for mount in mounts {
            let directory =
                Path::new("/sys/fs/cgroup").join(mount).join(path.trim_start_matches('/'));
            let mut members = Vec::new();
            // A group that does not list the very process asked for is another's.
            if collect_members(&directory, 0, &mut members).is_ok() && members.contains(&pid) {
                return Some(members);
            }
        }
        None
    }
}

/// Adds the members of a control group and of those beneath it.
fn collect_members(
    directory: &Path,
    depth: usize,
    members: &mut Vec<Pid>,
) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let directory_fd = rustix::fs::open(directory, flags, Mode::empty())?;
    let file = rustix::fs::openat(
        &directory_fd,
        "cgroup.procs",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let content = crate::files::read_up_to(&file, 4096, 1 << 20)?;
    let text = String::from_utf8_lossy(&content);
    members.extend(text.lines().filter_map(|line| line.parse().ok()).map(Pid::new));
    if depth < MAX_DEPTH {
        for name in crate::files::directory_names(&directory_fd, 1000)? {
            // Files of the group have a dot in their names; groups rarely do, and
            // one that is none answers ENOTDIR.
            let _ = collect_members(&directory.join(name), depth + 1, members);
        }
    }
    Ok(())
}

/// Whether a control group is another one or beneath it.
fn is_beneath(path: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.trim_end_matches('/');
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_beneath;

    #[test]
    fn a_group_is_beneath_itself_and_its_ancestors_only() {
        assert!(is_beneath("/docker/ab", "/docker/ab"));
        assert!(is_beneath("/docker/ab/init", "/docker/ab"));
        assert!(is_beneath("/docker/ab", "/"));
        assert!(!is_beneath("/docker/abc", "/docker/ab"));
        assert!(!is_beneath("/docker", "/docker/ab"));
    }
}
