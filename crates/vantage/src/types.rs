//! Numbers that must not be mistaken for each other.

use std::fmt;
use std::num::NonZeroU16;

/// A process id, as seen in the `/proc` this vantage reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(u32);

impl Pid {
    /// A process id from its number.
    pub const fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A TCP or UDP port; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(NonZeroU16);

impl Port {
    /// A port from its number; `None` for 0, which no service listens on.
    pub const fn new(port: u16) -> Option<Self> {
        match NonZeroU16::new(port) {
            Some(port) => Some(Self(port)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

/// A socket's inode number, which joins socket tables with descriptors. 0 is
/// a socket nobody owns any more (TIME_WAIT, a connection not yet accepted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode(pub u64);

impl Inode {
    /// Whether some process can hold this socket at all.
    pub const fn is_owned(self) -> bool {
        self.0 != 0
    }
}

/// A numeric user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub u32);

macro_rules! display_as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_as_number!(Pid, Port, Inode, Uid);
