//! haproxy answers on its stats socket, and behind each of its services there is
//! a server that is up. It works as long as it answers: a service whose servers
//! are all down is news, and no reason to restart or leave out the balancer of
//! all the others; only where all of them are down is it of no use to anybody.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Hosts, Peer, Replies, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::haproxy::{self, Account, Down};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::Deserialize;
use vantage::{Blind, Deadline, Port, Vantage};

/// haproxy answers, and behind each of its services there is a server that is up.
pub struct Haproxy {
    peer: Peer,
}

/// The fields of a `haproxy` check.
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

/// Where its socket is if it is one of TCP and nothing says so.
const PORT: Port = Port::new(9999).expect("not 0");

/// Of a hundred connections, as many may be taken.
const NEARLY_ALL: u64 = 90;

impl Kind for Haproxy {
    const NAME: &'static str = "haproxy";
    const ABOUT: &'static str = "haproxy answers on its stats socket, behind each of its services there is a server that is up, and it has connections left";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"haproxy\"
unix = \"/var/lib/haproxy/stats\"   # of `stats socket`; level user will do
";
    const FIELDS: Fields = &[
        ("to", "addresses of those the service needs; each must answer"),
        ("port", "the port of a `stats socket` of TCP; of several, the first it listens on"),
        ("unix", "the path of its `stats socket`"),
        ("process", "whose the port must be; the definition's if not given"),
    ];
    type Written = Written;
    type Seen = Replies<Account>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let whom = peer::Written { to, port, unix, process };
        Ok(Self { peer: Peer::plan(&whom, PORT, scene)? })
    }

    fn describe(&self) -> String {
        format!("that haproxy has a server for each of its services, asked on {}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Account>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |spoken| haproxy::account(spoken.link))
    }

    fn judge(&self, replies: &Replies<Account>) -> Judgement {
        // A socket that was configured since it started will be there when it starts again.
        if let [reply] = replies.0.as_slice()
            && let Err(trouble) = &reply.outcome
            && trouble.what == What::NotListening
            && self.peer.origin().is_some()
        {
            let because = format!("{trouble}: how its servers are stays unknown");
            return Verdict::degraded(because).into();
        }
        replies.judge(&self.peer, judge_account)
    }
}

fn judge_account(_: &str, account: &Account) -> Judgement {
    let Account { version, connections, limit, services, servers, up, down, named } = account;
    let proof = format!(
        "haproxy {}: {services} services, {up} of {servers} servers up, {connections} connections",
        shown(version, 40)
    );
    let verdict = if *services > 0 && down == services {
        Verdict::dependency(format!(
            "no server is up behind any of its services: {}",
            names(named, *down)
        ))
    } else if *down > 0 {
        let names = names(named, *down);
        Verdict::degraded(format!(
            "no server is up behind {down} of its {services} services: {names}"
        ))
    } else if *limit > 0 && connections.saturating_mul(100) >= limit.saturating_mul(NEARLY_ALL) {
        Verdict::degraded(format!("{connections} of {limit} connections are taken"))
    } else {
        Verdict::Healthy
    };
    Judgement::from(verdict).proof(proof)
}

/// `keystone (L4CON), placement and 3 more`.
fn names(named: &[Down], all: usize) -> String {
    let names: Vec<_> = named
        .iter()
        .take(3)
        .map(|down| match down.check.as_str() {
            "" => shown(&down.name, 30),
            check => format!("{} ({})", shown(&down.name, 30), shown(check, 20)),
        })
        .collect();
    match all - names.len().min(all) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::Haproxy;
    use crate::kinds::{Judgement, Kind};
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::protocols::haproxy::{Account, Down};
    use crate::settings::url::Endpoint;

    fn judged(seen: Replies<Account>) -> Judgement {
        let socket = Endpoint::Unix("/run/haproxy.sock".into());
        Haproxy { peer: Peer::own(socket, "global.stats") }.judge(&seen)
    }

    fn answered(outcome: Result<Account, Trouble>) -> Replies<Account> {
        Replies(vec![Reply::new("/run/haproxy.sock", outcome)])
    }

    fn account(services: usize, down: &[&str], connections: u64) -> Account {
        let named = down
            .iter()
            .take(8)
            .map(|name| Down { name: (*name).to_owned(), check: "L4CON".to_owned() });
        Account {
            version: "2.6".to_owned(),
            connections,
            limit: 1000,
            services,
            servers: 3 * services,
            up: 3 * (services - down.len()),
            down: down.len(),
            named: named.collect(),
        }
    }

    #[test]
    fn a_balancer_is_judged_by_what_it_still_balances() {
        let ok = |services, down: &[&str], connections| {
            answered(Ok(account(services, down, connections)))
        };
        let trouble = |what, words: &str| answered(Err(Trouble::new(what, words)));
        let cases = [
            (ok(30, &[], 10), "healthy", ""),
            // Nothing to balance yet.
            (ok(0, &[], 10), "healthy", ""),
            (
                ok(30, &["nova"], 10),
                "degraded",
                "no server is up behind 1 of its 30 services: nova (L4CON)",
            ),
            (
                ok(30, &["a", "b", "c", "d", "e"], 10),
                "degraded",
                "no server is up behind 5 of its 30 services: a (L4CON), b (L4CON), c (L4CON) and 2 more",
            ),
            (
                ok(1, &["nova"], 10),
                "unhealthy dependency",
                "no server is up behind any of its services: nova (L4CON)",
            ),
            (ok(30, &[], 900), "degraded", "900 of 1000 connections are taken"),
            (
                trouble(What::NotListening, "no socket at /run/haproxy.sock"),
                "degraded",
                "no socket at /run/haproxy.sock: how its servers are stays unknown",
            ),
            (
                trouble(What::Silent, "accepts connections and answers nothing"),
                "unhealthy self",
                "/run/haproxy.sock accepts connections and answers nothing (global.stats)",
            ),
            (
                trouble(What::Denied, "Permission denied"),
                "unhealthy environment",
                "/run/haproxy.sock Permission denied (global.stats)",
            ),
        ];
        for (seen, expected, because) in cases {
            let verdict = judged(seen).verdict;
            let blame = verdict.blame().map_or_else(String::new, |blame| format!(" {blame}"));
            let found = format!("{}{blame}", verdict.word());
            assert_eq!(
                (found.as_str(), verdict.because().unwrap_or_default()),
                (expected, because)
            );
        }
    }
}
