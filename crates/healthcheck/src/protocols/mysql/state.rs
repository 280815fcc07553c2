//! What a server says of itself: how full it is, whether it may be written to,
//! and where it stands in its cluster. It is asked in ways that cost it little
//! (a third of a millisecond), change nothing, need no right, and that every
//! MySQL since 5.6, every MariaDB and the proxies before them understand.

use super::Session;
use crate::peer::Trouble;
use serde::Serialize;
use std::io::{Read, Write};

/// What a server says of itself; `None` what it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    /// It takes no writes from users without special rights.
    pub(crate) read_only: Option<bool>,
    /// How many clients it has.
    pub(crate) connections: Option<u64>,
    /// How many it takes.
    pub(crate) limit: Option<u64>,
    /// Its place in a Galera cluster, where it is in one.
    pub(crate) cluster: Option<Cluster>,
}

/// A node's place in its Galera cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cluster {
    /// `wsrep_ready`: it takes queries.
    pub(crate) ready: bool,
    /// `wsrep_cluster_status`: `Primary` where its part is the one that decides.
    pub(crate) status: String,
    /// `wsrep_local_state_comment`: `Synced`.
    pub(crate) node: String,
    /// `wsrep_cluster_size`: how many nodes its part has.
    pub(crate) size: Option<u64>,
}

/// Allowed even on a node that has lost its cluster.
const STATUS: &str = "show global status where variable_name in ('Threads_connected', \
    'wsrep_provider_name', 'wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster_size', \
    'wsrep_local_state_comment')";

/// `for update`, so that a proxy asks the one it sends writes to; it locks nothing.
const VARIABLES: &str = "select @@global.read_only, @@global.max_connections for update";

/// What a server of another make says to these questions: unknown variable,
/// syntax, not supported, a right that is missing.
const NOT_UNDERSTOOD: [u16; 5] = [1193, 1064, 1235, 1227, 1142];

impl<S: Read + Write> Session<S> {
    /// Asks it for its state.
    ///
    /// # Errors
    /// Where it does not answer, or cannot serve.
    pub(crate) fn state(&mut self) -> Result<State, Trouble> {
        let status = self.understood(STATUS)?;
        let of = |name: &str| {
            status.iter().find_map(|row| match row.as_slice() {
                [Some(key), Some(value)] if key.eq_ignore_ascii_case(name) => Some(value.as_str()),
                _ => None,
            })
        };
        let number = |name: &str| of(name)?.parse().ok();
        let mut state = State { connections: number("Threads_connected"), ..State::default() };
        // Without a provider there is no cluster, whatever the others say.
        if of("wsrep_provider_name").is_some_and(|name| !name.is_empty()) {
            let text = |name: &str| of(name).unwrap_or_default().to_owned();
            let ready = of("wsrep_ready") == Some("ON");
            let (status, node) = (text("wsrep_cluster_status"), text("wsrep_local_state_comment"));
            let size = number("wsrep_cluster_size");
            state.cluster = Some(Cluster { ready, status, node, size });
            if !ready {
                // It would refuse the next question.
                return Ok(state);
            }
        }
        if let Some([read_only, limit]) = self.understood(VARIABLES)?.first().map(Vec::as_slice) {
            // MariaDB 12 has words for several ways of being read-only.
            state.read_only =
                read_only.as_deref().map(|value| !matches!(value, "0" | "OFF" | "off"));
            state.limit = limit.as_deref().and_then(|limit| limit.parse().ok());
        }
        Ok(state)
    }

    fn understood(&mut self, question: &str) -> Result<Vec<super::Row>, Trouble> {
        match self.ask(question)? {
            Ok(rows) => Ok(rows),
            Err(refusal) if NOT_UNDERSTOOD.contains(&refusal.code) => Ok(Vec::new()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
