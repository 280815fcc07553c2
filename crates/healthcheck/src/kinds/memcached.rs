//! memcached answers: a frozen one still accepts connections, so it is asked
//! for its version.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Hosts, Peer, Replies};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::memcached;
use crate::text::shown;
use serde::Deserialize;
use vantage::{Blind, Deadline, Port, Vantage};

/// memcached answers.
pub struct Memcached {
    peer: Peer,
}

/// The fields of a `memcached` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    unix: Option<Var<String>>,
    process: Option<Program>,
}

/// Where it listens if nothing says so.
const PORT: Port = Port::new(11211).expect("not 0");

impl Kind for Memcached {
    const NAME: &'static str = "memcached";
    const ABOUT: &'static str = "memcached answers with its version";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"memcached\"
port = 11211                   # the service's own; or to = \"{memcache_servers}\", or unix
";
    const FIELDS: Fields = &[
        ("to", "addresses of those the service needs, mostly from `[settings]`; each must answer"),
        ("port", "the service's own port; of several, the first it listens on"),
        ("unix", "the service's own unix socket"),
        ("process", "whose the port must be; the definition's if not given"),
    ];
    type Written = Written;
    type Seen = Replies<String>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let whom = peer::Written { to, port, unix, process };
        Ok(Self { peer: Peer::plan(&whom, PORT, scene)? })
    }

    fn describe(&self) -> String {
        format!("that memcached answers on {}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<String>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |spoken| memcached::version(spoken.link))
    }

    fn judge(&self, seen: &Replies<String>) -> Judgement {
        seen.judge(&self.peer, |whom, version| {
            Judgement::healthy(format!("memcached {} answers on {whom}", shown(version, 40)))
        })
    }
}
