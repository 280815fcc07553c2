//! Whose a socket is: a process's descriptors joined with the socket table, or
//! the weaker proof where descriptors may not be seen.

use crate::program::Program;
use std::collections::HashSet;
use vantage::{Blind, Inode, Pid, Socket, Uid, Vantage};

/// What the processes of a program hold.
#[derive(Debug)]
pub(crate) struct Holders {
    /// Each process that was found.
    pub(crate) pids: Vec<Pid>,
    inodes: HashSet<Inode>,
    /// The users whose sockets are accepted where descriptors may not be seen,
    /// and why.
    weaker: Option<(HashSet<Uid>, Blind)>,
}

impl Holders {
    /// Which of these sockets a program's processes hold. With no program, any
    /// process of the container may hold them.
    pub(crate) fn find(
        sockets: impl IntoIterator<Item = Inode>,
        program: Option<&Program>,
        from: &Vantage,
    ) -> Result<Self, Blind> {
        let pids: Vec<Pid> = match program {
            Some(program) => program.find(from)?.iter().map(|process| process.pid).collect(),
            None => from.processes()?.iter().map(|process| process.pid).collect(),
        };
        let mut wanted: HashSet<Inode> = sockets.into_iter().collect();
        let mut holders = Self { pids, inodes: HashSet::new(), weaker: None };
        for pid in &holders.pids {
            match from.sockets_held_of(*pid, &wanted) {
                Ok(held) if held.is_empty() => {}
                Ok(_) if program.is_some_and(|program| !program.is_still(*pid, from)) => {}
                // That another holds it too, as workers do, tells nothing more.
                Ok(held) => {
                    wanted.retain(|inode| !held.contains(inode));
                    holders.inodes.extend(held);
                }
                Err(blind) => {
                    if let Some(status) = from.process_status(*pid)? {
                        let (users, _) =
                            holders.weaker.get_or_insert_with(|| (HashSet::new(), blind));
                        users.insert(status.owner);
                    }
                }
            }
        }
        Ok(holders)
    }

    /// Whether one of the processes holds this socket, as far as can be known.
    pub(crate) fn hold(&self, socket: &Socket) -> bool {
        socket.inode.is_owned()
            && (self.inodes.contains(&socket.inode)
                || self.weaker.as_ref().is_some_and(|(users, _)| users.contains(&socket.owner)))
    }

    /// Whether one of the processes may hold this socket all the same: descriptors
    /// may not be seen, and a service that changed its user keeps its sockets' owner.
    pub(crate) fn may_hold(&self, socket: &Socket) -> bool {
        socket.inode.is_owned() && self.weaker.is_some() && !self.hold(socket)
    }

    /// Whether one of the processes holds the socket with this inode. Without
    /// descriptors nothing is known of it.
    pub(crate) fn hold_inode(&self, inode: Inode) -> Option<bool> {
        match (self.inodes.contains(&inode), &self.weaker) {
            (true, _) => Some(true),
            (false, None) => Some(false),
            (false, Some(_)) => None,
        }
    }

    /// Why only the weaker proof could be had, if so.
    pub(crate) fn weaker(&self) -> Option<&Blind> {
        self.weaker.as_ref().map(|(_, blind)| blind)
    }
}
