//! The only crate that touches the system. It looks, and never judges.
//!
//! A [`Vantage`] is a place to look from: inside the container, outside of it
//! on the host, or at a fixture tree. The places differ in data alone; every
//! capability has one implementation.

#![deny(clippy::disallowed_methods)]
#![cfg_attr(test, allow(missing_docs, reason = "tests are read, not rendered"))]

mod blind;
mod deadline;
mod dial;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod host_name;
mod lines;
mod netns;
mod open_files;
mod processes;
mod run;
mod scope;
mod sockets;
mod starvation;
mod types;
mod vantage;

pub use blind::{Blind, Obstacle};
pub use deadline::Deadline;
pub use dial::{DialError, DnsAnswer, DnsQuestion, Stream, UnixAddress};
pub use files::{FileError, FileKind, FileStat, FileSystem, MAX_FILE};
pub use open_files::OpenFiles;
pub use processes::{Process, ProcessState, ProcessStatus};
pub use run::{Ended, MAX_COMMAND_OUTPUT, kill_commands};
pub use sockets::{
    Movement, Protocol, Socket, SocketSource, SocketState, SocketTable, UnixListener, Wanted,
};
pub use starvation::{Scheduled, Starvation};
pub use types::{Inode, Pid, Port, Uid};
pub use vantage::{Place, Vantage};
