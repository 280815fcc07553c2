//! From a definition to a report: what makes a service healthy, looked at and
//! judged. The stages, in order, are the modules below.
//!
//! This crate touches neither files nor sockets nor clocks of its own: it looks
//! through a [`vantage::Vantage`].

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod definition; // what an author wrote, and its mistakes
pub mod catalog; // the definitions that come with us, and those of the image
pub mod program; // which processes are meant
pub mod settings; // what the service itself is configured to
pub mod protocols; // conversations, over any stream
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod link; // a connection, plain or within TLS
mod listeners; // where a service listens
mod peer; // whom a kind speaks to, and what it means where that fails
mod ovs; // where the daemons of Open vSwitch and OVN are spoken to
mod conditions; // what a JSON document must say
mod owner; // whose a socket is
pub mod plan; // definition and vantage → what will be looked at
pub mod kinds; // the ways of asking, and the one list of them
mod starved; // whether anybody got to run
pub mod evaluate; // plan → findings, all under one deadline
pub mod verdict; // what an answer says, and what it means for a role
pub mod maintenance; // when `ready` is no by intention
pub mod report; // findings, rendered
pub mod text; // what may be shown: escaped, cut, without secrets
