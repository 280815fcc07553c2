//! Which processes belong to the container, when `/proc` shows more than them.

mod control_group;

use crate::vantage::Scope;
use crate::{Blind, Obstacle, Pid, Place, Vantage};
use control_group::{ControlGroup, is_beneath};
use std::path::{Path, PathBuf};

/// The inode of the first pid namespace, fixed in the kernel
/// (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const HOST_PID_NAMESPACE: &str = "pid:[4026531836]";

#[cfg(feature = "fuzzing")]
pub(crate) use control_group::fuzz;

/// How membership is decided, found out once for each listing.
pub(crate) enum Membership {
    /// All that `/proc` shows.
    All,
    /// Those in this control group or beneath it.
    ControlGroup(ControlGroup),
    /// Those in this pid namespace.
    PidNamespace(PathBuf),
    /// These, as the control group file system lists them.
    Listed(Vec<Pid>),
}

impl Membership {
    /// How membership is decided from this vantage.
    pub(crate) fn of(vantage: &Vantage) -> Result<Self, Blind> {
        let Scope::ControlGroupOf(pid) = vantage.scope else { return Ok(Self::All) };
        if *vantage.place() == Place::Inside {
            if !vantage.shares_processes() {
                return Ok(Self::All);
            }
        } else if vantage.own_namespace_differs(pid) {
            // The usual container: the control group lists it soonest.
            if let Some(namespace) = vantage.pid_namespace(pid) {
                let Some(mut listed) = vantage.control_group_members(pid) else {
                    return Ok(Self::PidNamespace(namespace));
                };
                // The group may be shared with processes of the host, where the
                // engine makes none; deeper namespaces are the container's own.
                let depth = vantage.namespace_depth(pid);
                listed.retain(|&member| {
                    vantage.pid_namespace(member).as_ref() == Some(&namespace)
                        || vantage.namespace_depth(member) > depth
                });
                return Ok(Self::Listed(listed));
            }
        }
        let Some(group) = vantage.control_group(pid) else {
            return Err(Blind::new(format!("read /proc/{pid}/cgroup"), Obstacle::Missing));
        };
        if *vantage.place() != Place::Inside
            && let Some(listed) = vantage.control_group_members(pid)
        {
            return Ok(Self::Listed(listed));
        }
        Ok(Self::ControlGroup(group))
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
            Self::PidNamespace(namespace) => vantage.pid_namespace(pid).as_ref() == Some(namespace),
            Self::ControlGroup(group) => vantage
                .control_groups(pid)
                .iter()
                .any(|theirs| theirs.is_of(group) && is_beneath(&theirs.path, &group.path)),
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
        let hosts = self.link("self/ns/pid").as_deref() == Some(Path::new(HOST_PID_NAMESPACE));
        if hosts {
            let mounts = self.link("self/ns/mnt");
            if mounts.is_some() && mounts == self.link("1/ns/mnt") {
                // No container at all: a service on the host itself.
                return false;
            }
        }
        let (Some(own), Some(first)) = (
            self.own_pid().and_then(|pid| self.control_group(pid)),
            self.control_group(Pid::new(1)),
        ) else {
            return hosts;
        };
        let related = is_beneath(&own.path, &first.path)
            || is_beneath(&first.path, &own.path)
            // systemd as the container's first process keeps to a group of its own.
            || (first.path.ends_with("/init.scope") && !first.is_elsewhere());
        hosts || first.is_elsewhere() || !related
    }

    fn own_namespace_differs(&self, pid: Pid) -> bool {
        if self.is_fixture() {
            return false;
        }
        let theirs = self.pid_namespace(pid);
        theirs.is_some() && theirs != self.link("self/ns/pid")
    }

    fn pid_namespace(&self, pid: Pid) -> Option<PathBuf> {
        self.link(&format!("{pid}/ns/pid"))
    }

    /// In how many pid namespaces a process has a number; 0 where it is not said.
    fn namespace_depth(&self, pid: Pid) -> usize {
        self.namespace_pids(pid).len()
    }

    /// A process's numbers, from this `/proc`'s pid namespace to its own; none
    /// where it is not said (`man 5 proc`, NSpid in status).
    pub(crate) fn namespace_pids(&self, pid: Pid) -> Vec<u32> {
        let status = self.read_proc(&format!("{pid}/status"), 16 << 10).unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let numbers = numbers.unwrap_or_default().split_whitespace();
        numbers.map_while(|number| number.parse().ok()).collect()
    }

    fn link(&self, path: &str) -> Option<PathBuf> {
        let target = rustix::fs::readlinkat(&self.proc, path, Vec::new()).ok()?;
        Some(PathBuf::from(target.to_str().ok()?))
    }
}
