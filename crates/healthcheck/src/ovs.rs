//! Where the daemons of Open vSwitch and OVN are spoken to: their sockets are
//! named after the daemon and its pid unless the command line says otherwise
//! (`ovs-appctl(8)`, `lib/unixctl.c`, `lib/dirs.c`).

use crate::kinds::Judgement;
use crate::peer::{Hosts, Peer, Replies, Spoken, Trouble};
use crate::program::Program;
use crate::settings::arguments::{option, options, program};
use crate::settings::url::Endpoint;
use crate::text::{either, shown};
use crate::verdict::Verdict;
use std::fmt;
use std::path::{Path, PathBuf};
use vantage::{Blind, Deadline, FileKind, Process, Vantage};

/// The folders that the packages keep pidfiles and sockets in.
const FOLDERS: [&str; 4] = ["/run/openvswitch", "/run/ovn", "/var/run/openvswitch", "/var/run/ovn"];

/// Where a daemon is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// The daemon does not run.
    NotRunning,
    /// At this socket.
    At(PathBuf),
    /// It was started without.
    Without,
    /// There is none where it was looked for.
    Nowhere {
        /// The places, the likeliest first.
        looked: Vec<PathBuf>,
        /// Whether the command line names the first.
        named: bool,
    },
}

/// A daemon, to be spoken to over one of its sockets.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// What it is called.
    pub(crate) name: String,
    socket: Socket,
    whereabouts: Whereabouts,
    peer: Option<Peer>,
}

impl Daemon {
    /// Finds a daemon's socket. `usual` are the places where there is one if
    /// its command line names none.
    pub(crate) fn plan(
        socket: Socket,
        program: &Program,
        usual: &[PathBuf],
        from: &Vantage,
    ) -> Result<Self, Blind> {
        let whereabouts = find(socket, program, usual, from)?;
        let name = match program.names() {
            [] => program.to_string(),
            names => either(names),
        };
        let peer = match &whereabouts {
            Whereabouts::At(path) => {
                let peer = Peer::own(Endpoint::Unix(path.clone()), name.clone());
                Some(peer.run_by(Some(program.clone())))
            }
            _ => None,
        };
        Ok(Self { name, socket, whereabouts, peer })
    }

    /// One that was found, for tests.
    #[cfg(test)]
    pub(crate) fn at(program: &str, path: &str) -> Self {
        let name = program.to_owned();
        let peer = Some(Peer::own(Endpoint::Unix(path.into()), name.clone()));
        let whereabouts = Whereabouts::At(path.into());
        Self { name, socket: Socket::Control, whereabouts, peer }
    }

    /// One that cannot be spoken to, for tests.
    #[cfg(test)]
    pub(crate) fn absent(program: &str, socket: Socket, whereabouts: Whereabouts) -> Self {
        Self { name: program.to_owned(), socket, whereabouts, peer: None }
    }

    /// Where it is spoken to, in words.
    pub(crate) fn shown(&self) -> String {
        match &self.whereabouts {
            Whereabouts::At(path) => shown(&path.display().to_string(), 100),
            _ => self.socket.to_string(),
        }
    }

    /// Speaks to it, where it has a socket.
    ///
    /// # Errors
    /// Blind where not even trying is possible.
    pub(crate) fn ask<T>(
        &self,
        from: &Vantage,
        by: Deadline,
        talk: impl FnMut(Spoken<'_>) -> Result<T, Trouble>,
    ) -> Result<Replies<T>, Blind> {
        match &self.peer {
            Some(peer) => peer.speak(Hosts::Each, from, by, talk),
            None => Ok(Replies(Vec::new())),
        }
    }

    /// The verdict: that of what it answers, or what it means that it could
    /// not be asked.
    pub(crate) fn judge<T>(
        &self,
        replies: &Replies<T>,
        judge: impl Fn(&str, &T) -> Judgement,
    ) -> Judgement {
        let (program, socket) = (&self.name, self.socket);
        match (&self.whereabouts, &self.peer) {
            (Whereabouts::At(_), Some(peer)) => replies.judge(peer, judge),
            (Whereabouts::NotRunning | Whereabouts::At(_), _) => {
                Verdict::own_fault(format!("{program} is not running")).into()
            }
            (Whereabouts::Without, _) => {
                Judgement::healthy(format!("{program} runs, and was started without {socket}"))
            }
            (Whereabouts::Nowhere { looked, named }, _) => {
                let first = looked.first().map(|path| shown(&path.display().to_string(), 100));
                match first {
                    // Nobody else can speak to it either.
                    Some(first) if *named && socket == Socket::Database => {
                        Verdict::own_fault(format!("{program} runs and {first} is gone")).into()
                    }
                    first => {
                        let looked = first.map_or_else(String::new, |first| {
                            format!(", looked for at {first} first")
                        });
                        let because = format!("{program} runs, {socket} cannot be found{looked}");
                        Verdict::degraded(because).into()
                    }
                }
            }
        }
    }
}

/// A kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    /// The control socket of any daemon.
    Control,
    /// The one that a database server serves its databases on.
    Database,
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "its control socket",
            Self::Database => "the socket of its databases",
        })
    }
}

/// Looks for a daemon's socket. `usual` are the places where there is one if
/// its command line names none.
///
/// # Errors
/// Blind where the container's processes cannot be listed.
fn find(
    socket: Socket,
    daemon: &Program,
    usual: &[PathBuf],
    from: &Vantage,
) -> Result<Whereabouts, Blind> {
    let found = daemon.find(from)?;
    // With `--monitor` there is a second process, which restarts the first and
    // has no socket.
    let works = |process: &&Process| {
        !process.arguments.first().is_some_and(|title| title.contains(": monitoring pid "))
    };
    let working: Vec<&Process> = found.into_iter().filter(works).collect();
    if working.is_empty() {
        return Ok(Whereabouts::NotRunning);
    }
    let mut looked = Vec::new();
    let mut named = false;
    for process in &working {
        let folders = folders(process, from);
        let candidates = match socket {
            Socket::Control => match option(&process.arguments, &["--unixctl"]) {
                Some("none") => return Ok(Whereabouts::Without),
                Some(path) => {
                    named = true;
                    beneath(&folders, path)
                }
                None => control_sockets(process, &folders, from),
            },
            Socket::Database => {
                let remotes = options(&process.arguments, &["--remote"]).into_iter();
                let paths = remotes.filter_map(|remote| remote.strip_prefix("punix:"));
                paths.inspect(|_| named = true).flat_map(|path| beneath(&folders, path)).collect()
            }
        };
        looked.extend(candidates);
    }
    looked.extend(usual.iter().cloned());
    let is_socket =
        |path: &&PathBuf| from.stat(path).is_ok_and(|stat| stat.kind == FileKind::Socket);
    if let Some(path) = looked.iter().find(is_socket) {
        return Ok(Whereabouts::At(path.clone()));
    }
    let ending = match socket {
        Socket::Control => ".ctl",
        Socket::Database => ".sock",
    };
    let held = working.iter().find_map(|process| held(process, ending, from));
    Ok(held.map_or(Whereabouts::Nowhere { looked, named }, Whereabouts::At))
}

/// A socket that a process holds, by the name it bound it to.
fn held(process: &Process, ending: &str, from: &Vantage) -> Option<PathBuf> {
    let inodes = from.socket_inodes(process.pid).ok()?;
    let listeners = from.unix_listeners().ok()?;
    listeners
        .into_iter()
        .filter(|listener| inodes.contains(&listener.inode))
        .map(|listener| listener.name)
        .find(|name| name.starts_with('/') && name.ends_with(ending))
        .map(PathBuf::from)
}

/// Where a daemon that was told nothing keeps its sockets.
fn folders(process: &Process, from: &Vantage) -> Vec<PathBuf> {
    // Of another user's process the environment stays unknown.
    let environment = from.environment(process.pid).unwrap_or_default();
    let named = ["OVN_RUNDIR=", "OVS_RUNDIR="].into_iter().flat_map(|name| {
        environment.iter().filter_map(move |variable| variable.strip_prefix(name))
    });
    let pidfile = option(&process.arguments, &["--pidfile"]).map(Path::new);
    let beside = pidfile.filter(|path| path.is_absolute()).and_then(Path::parent);
    let mut folders: Vec<PathBuf> = named.map(PathBuf::from).collect();
    folders.extend(beside.map(Path::to_owned));
    folders.extend(FOLDERS.map(PathBuf::from));
    folders
}

fn beneath(folders: &[PathBuf], path: &str) -> Vec<PathBuf> {
    match Path::new(path) {
        absolute if absolute.is_absolute() => vec![absolute.to_owned()],
        relative => folders.iter().map(|folder| folder.join(relative)).collect(),
    }
}

/// `NAME.PID.ctl`, with the pid as the daemon itself knows it, or as its
/// pidfile says.
fn control_sockets(process: &Process, folders: &[PathBuf], from: &Vantage) -> Vec<PathBuf> {
    let Some(name) = program(&process.arguments) else { return Vec::new() };
    let own = from.pid_in_its_namespace(process.pid);
    folders.iter().map(|folder| folder.join(format!("{name}.{own}.ctl"))).collect()
}
