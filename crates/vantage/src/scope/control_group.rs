//! Control groups: which one a process is in, and who else is (`man 7 cgroups`).

use crate::files::{Extent, read_up_to, subdirectory_names};
use crate::{Pid, Vantage};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// As deep as a container's own control groups are followed, and as many of
/// them: a container may make as many as it likes.
const MAX_DEPTH: usize = 8;
const MAX_GROUPS: usize = 2000;

/// As much of a list of members as is read, in bytes.
const MAX_MEMBERS: usize = 1 << 20;

/// A control group, as `/proc/PID/cgroup` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlGroup {
    /// Empty for version 2.
    controllers: String,
    /// From the root of our control group namespace; what is not beneath that
    /// begins with `/..`.
    pub(super) path: String,
}

impl ControlGroup {
    /// Whether both belong to one hierarchy.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.controllers == other.controllers
    }

    /// Whether it lies outside of our control group namespace.
    pub(super) fn is_elsewhere(&self) -> bool {
        goes_up(&self.path)
    }

    /// Where its hierarchy may be mounted.
    fn mounts(&self) -> Vec<&str> {
        match self.controllers.strip_prefix("name=") {
            Some(name) => vec![name],
            None if self.controllers.is_empty() => vec!["", "unified"],
            None => vec![&self.controllers],
        }
    }
}

impl Vantage {
    /// The control groups of a process, one for each hierarchy.
    pub(super) fn control_groups(&self, pid: Pid) -> Vec<ControlGroup> {
        let content = self.read_proc(&format!("{pid}/cgroup"), 64 << 10).unwrap_or_default();
        String::from_utf8_lossy(&content).lines().filter_map(parse).collect()
    }

    /// The control group that says most: on a host that mixes versions 1 and
    /// 2, engines use one of them and leave the other at `/`.
    pub(super) fn control_group(&self, pid: Pid) -> Option<ControlGroup> {
        let groups = self.control_groups(pid);
        let longest = groups.iter().map(|group| group.path.len()).max()?;
        let mut group = groups.into_iter().find(|group| group.path.len() == longest)?;
        // systemd as a container's first process moves itself to a group beside
        // those of its services.
        if let Some(container) = group.path.strip_suffix("/init.scope")
            && !container.is_empty()
        {
            group.path = container.to_owned();
        }
        Some(group)
    }

    /// The members of a process's control group, from the file system that
    /// lists them: a few reads, where asking every process of a host is thousands.
    pub(super) fn control_group_members(&self, pid: Pid) -> Option<Vec<Pid>> {
        if self.is_fixture() {
            return None;
        }
        let group = self.control_group(pid)?;
        if group.path == "/" || group.is_elsewhere() {
            return None;
        }
        for mount in group.mounts() {
            let directory =
                Path::new("/sys/fs/cgroup").join(mount).join(group.path.trim_start_matches('/'));
            let mut members = Vec::new();
            let found = open_directory(rustix::fs::CWD, &directory)
                .and_then(|directory| collect_members(&directory, 0, &mut 0, &mut members));
            // A group that does not list the very process asked for is another's.
            if found.is_ok() && members.contains(&pid) {
                return Some(members);
            }
        }
        None
    }
}

/// Adds the members of a control group and of those beneath it. One that is
/// too deep or one too many is an error: half a list is none.
fn collect_members(
    directory: &OwnedFd,
    depth: usize,
    groups: &mut usize,
    members: &mut Vec<Pid>,
) -> Result<(), Errno> {
    *groups += 1;
    if depth > MAX_DEPTH || *groups > MAX_GROUPS {
        return Err(Errno::TOOBIG);
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let list = rustix::fs::openat(directory, "cgroup.procs", flags, Mode::empty())?;
    let content = read_up_to(&list, 4096, MAX_MEMBERS, Extent::ToEnd)?;
    let text = String::from_utf8_lossy(&content);
    members.extend(text.lines().filter_map(|line| line.parse().ok()).map(Pid::new));
    for name in subdirectory_names(directory, MAX_GROUPS + 1)? {
        let beneath = match open_directory(directory, Path::new(&name)) {
            // It has been removed meanwhile, and so it has no members.
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        match collect_members(&beneath, depth + 1, groups, members) {
            // The group of single threads, whose processes are listed above it.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOENT | Errno::NODEV) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn open_directory(at: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// A line `NUMBER:CONTROLLERS:PATH`.
fn parse(line: &str) -> Option<ControlGroup> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    Some(ControlGroup { controllers: controllers.to_owned(), path: path.to_owned() })
}

/// A line of `/proc/PID/cgroup` on each line.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(text: &str) {
    for group in text.lines().filter_map(parse) {
        assert!(
            is_beneath(&group.path, "/") || !group.path.starts_with('/') || goes_up(&group.path)
        );
    }
}

fn goes_up(path: &str) -> bool {
    path == "/.." || path.starts_with("/../")
}

/// Whether a control group is another one or beneath it.
pub(super) fn is_beneath(path: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.trim_end_matches('/');
    path.strip_prefix(ancestor)
        .is_some_and(|rest| (rest.is_empty() || rest.starts_with('/')) && !goes_up(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_group_is_beneath_itself_and_its_ancestors_only() {
        assert!(is_beneath("/docker/ab", "/docker/ab"));
        assert!(is_beneath("/docker/ab/init", "/docker/ab"));
        assert!(is_beneath("/docker/ab", "/"));
        assert!(is_beneath("/", "/"));
        assert!(!is_beneath("/docker/abc", "/docker/ab"));
        assert!(!is_beneath("/docker", "/docker/ab"));
        // In a control group namespace of our own the others are upwards of us.
        assert!(!is_beneath("/../cd", "/"));
        assert!(!is_beneath("/..", "/"));
    }

    #[test]
    fn lines_of_both_versions() {
        let group = parse("0::/system.slice/docker-ab.scope").unwrap();
        assert_eq!(
            (group.path.as_str(), group.mounts()),
            ("/system.slice/docker-ab.scope", vec!["", "unified"])
        );
        let group = parse("4:cpu,cpuacct:/docker/a:b").unwrap();
        assert_eq!((group.path.as_str(), group.mounts()), ("/docker/a:b", vec!["cpu,cpuacct"]));
        assert_eq!(parse("1:name=systemd:/x").unwrap().mounts(), ["systemd"]);
        assert_eq!(parse("nonsense"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_passed_over(line in "\\PC*") {
            let _ = parse(&line).map(|group| (group.is_elsewhere(), group.mounts().len()));
        }
    }
}
