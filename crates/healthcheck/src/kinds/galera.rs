//! The database itself answers, and stands well in its Galera cluster. Without
//! a cluster it is healthy, too; without credentials nobody asks it, because a
//! login that is refused is counted and logged by the server.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var, placeholders};
use crate::peer::{Hosts, Peer, Replies, Spoken, Trouble, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::http::Address;
use crate::protocols::mysql::{self, Cluster, Entered, State};
use crate::settings::Origin;
use crate::settings::secret::Secret;
use crate::settings::url::Endpoint;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vantage::{Blind, Deadline, Vantage};

/// The database itself answers, and stands well in its Galera cluster.
pub struct Galera {
    peer: Peer,
    /// Who logs in; nobody where only it being filled is to be told.
    user: Option<String>,
    password: Option<Secret>,
    filled_by: Option<Program>,
}

/// The fields of a `galera` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    unix: OneOrMany<Var<String>>,
    user: Var<String>,
    password: Option<Var<String>>,
    filled_by: Option<Program>,
}

/// What was seen of a database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// A program that fills it from another node, which runs.
    filled_by: Option<String>,
    /// What it answers.
    replies: Replies<Answer>,
}

/// What a database server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its make and version.
    server: String,
    /// Why it did not let us in.
    no_login: Option<String>,
    /// What it says of itself.
    #[serde(flatten)]
    state: State,
}

impl Kind for Galera {
    const NAME: &'static str = "galera";
    const ABOUT: &'static str =
        "the database itself lets us in and, where it is in a Galera cluster, stands well in it";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"galera\"
unix = [\"/run/mysqld/mysqld.sock\", \"/var/lib/mysql/mysql.sock\"]
user = \"clustercheck\"          # from [settings], mostly; without one nobody is asked
";
    const FIELDS: Fields = &[
        ("unix", "the server's unix socket; of several, the first that is there"),
        ("user", "who logs in, mostly from `[settings]`; where that names none, nobody does"),
        ("password", "the user's password; none where that is not found"),
        ("filled-by", "the programs that fill a node from another; while one runs it is degraded"),
    ];
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let none = |unplanned| match unplanned {
            Unplanned::Unfound(unfound) => Unplanned::Moot(format!("nobody can log in: {unfound}")),
            other => other,
        };
        let user = match scene.value(&written.user).map_err(none) {
            Ok(user) => Some(user),
            Err(Unplanned::Moot(because)) => {
                match running(written.filled_by.as_ref(), scene.vantage())? {
                    Some(_) => None,
                    None => return Err(Unplanned::Moot(because)),
                }
            }
            Err(other) => return Err(other),
        };
        let by_file = placeholders(written.user.text()).any(|(name, _)| {
            let origin = scene.setting(name).map(|user| user.origin);
            matches!(origin, Ok(Origin::File { .. }))
        });
        let password = match &written.password {
            None => None,
            Some(password) => match scene.secret(password) {
                Ok(password) => Some(password),
                // Some users need none over a unix socket. One that a file names has his
                // password there, whatever the environment could tell.
                Err(Unplanned::Unfound(unfound)) if !unfound.unreadable || by_file => None,
                Err(other) => return Err(none(other)),
            },
        };
        let mut sockets = Vec::new();
        for path in written.unix.as_slice() {
            match scene.value(path) {
                Ok(text) => sockets.push((PathBuf::from(text), scene.origins(path))),
                // The others are tried, then.
                Err(Unplanned::Unfound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let there = sockets.iter().find(|(path, _)| scene.vantage().stat(path).is_ok());
        let Some((path, origin)) = there.or(sockets.first()).cloned() else {
            return Err(Unplanned::Nothing("expected a path in `unix`".into()));
        };
        let peer = Peer::own(Endpoint::Unix(path), origin);
        Ok(Self { peer, user, password, filled_by: written.filled_by.clone() })
    }

    fn describe(&self) -> String {
        format!("that the database on {} lets us in and is in step with its cluster", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let filled_by = running(self.filled_by.as_ref(), from)?;
        let replies = match &self.user {
            None => Replies(Vec::new()),
            Some(user) => self
                .peer
                .speak(Hosts::UntilOneAnswers, from, by, |spoken| self.ask(user, spoken))?,
        };
        Ok(Seen { filled_by, replies })
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let judgement = seen.replies.judge(&self.peer, judge_one);
        match (&seen.filled_by, &judgement.verdict) {
            // It does not listen until it has all data, and must be left alone.
            (Some(program), Verdict::Unhealthy { .. } | Verdict::Unknown { .. }) => {
                Judgement::from(Verdict::degraded(format!(
                    "it is being filled from another node of its cluster: {program} runs"
                )))
            }
            _ => judgement,
        }
    }
}

/// A program, if it runs.
fn running(program: Option<&Program>, from: &Vantage) -> Result<Option<String>, Blind> {
    match program {
        Some(program) if !program.find(from)?.is_empty() => Ok(Some(program.to_string())),
        _ => Ok(None),
    }
}

impl Galera {
    fn ask(&self, user: &str, spoken: Spoken<'_>) -> Result<Answer, Trouble> {
        let private = matches!(spoken.address, Address::Unix(_));
        let greeted = mysql::greet(spoken.link, private)?;
        let server = greeted.server();
        let login =
            mysql::Login { user, password: self.password.as_ref().map_or("", Secret::expose) };
        let refused = |words| Answer {
            server: server.clone(),
            no_login: Some(words),
            state: State::default(),
        };
        match greeted.login(&login) {
            Ok(Entered::Unable { words, .. }) => Ok(refused(words)),
            Ok(Entered::In(mut session)) => {
                let state = session.state();
                session.quit();
                Ok(Answer { server, no_login: None, state: state? })
            }
            // It answers; that it does not know this user is not its fault.
            Err(Trouble { what: What::Denied, words }) => Ok(refused(words)),
            Err(trouble) => Err(trouble),
        }
    }
}

/// The part of its connections, in per cent, above which a server is soon full.
const NEARLY_FULL: u64 = 90;

fn judge_one(whom: &str, answer: &Answer) -> Judgement {
    let Answer { server, no_login, state } = answer;
    let server = shown(server, 40);
    if let Some(words) = no_login {
        let words = shown(words, 120);
        return Verdict::degraded(format!(
            "{server} answers on {whom} but does not let the check in, which so sees no more: it {words}"
        ))
        .into();
    }
    let full = match state {
        State { connections: Some(connections), limit: Some(limit), .. }
            if connections.saturating_mul(100) > limit.saturating_mul(NEARLY_FULL) =>
        {
            let words = format!("{connections} of {limit} connections are taken");
            Some(match connections >= limit {
                // A restart would only make all clients come back at once.
                true => Verdict::environment(format!("{words}: it takes no more clients")),
                false => Verdict::degraded(words),
            })
        }
        _ => None,
    };
    let (proof, verdict) = match &state.cluster {
        None => (format!("{server} lets us in; it is in no cluster"), None),
        Some(cluster) => {
            let Cluster { status, node, size, .. } = cluster;
            let size = size.map_or_else(String::new, |size| format!(" of {size}"));
            let proof = format!("{server} lets us in, {} in a cluster{size}", shown(node, 40));
            let told = format!("{}, {}", shown(status, 20), shown(node, 40));
            let shut = || {
                let because =
                    "it was set to be read only, and its cluster's clients write anywhere";
                (state.read_only == Some(true)).then(|| Verdict::degraded(because))
            };
            (proof, standing(cluster, &told).or_else(shut))
        }
    };
    let worst = [verdict, full].into_iter().flatten().max_by_key(Verdict::severity);
    Judgement::from(worst.unwrap_or(Verdict::Healthy)).proof(proof)
}

/// What is wrong with a node's standing in its cluster, if anything.
fn standing(cluster: &Cluster, told: &str) -> Option<Verdict> {
    let Cluster { ready, status, node, .. } = cluster;
    match (status.as_str(), node.as_str()) {
        ("Primary", "Synced") if *ready => None,
        // It waits for the others and comes back by itself: a restart would lose
        // what it knows of them.
        ("non-Primary" | "Non-primary", _) => Some(Verdict::environment(format!(
            "it has lost the majority of its cluster and takes no queries ({told})"
        ))),
        (_, node) if node.starts_with("Join") || node.starts_with("Donor") => {
            Some(Verdict::degraded(format!("it is not in step with its cluster ({told})")))
        }
        ("Primary", _) if *ready => {
            Some(Verdict::degraded(format!("it is not in step with its cluster ({told})")))
        }
        // It left the cluster, or never got in, and does not try again.
        _ => Some(Verdict::own_fault(format!(
            "it is not in its cluster and takes no queries ({told})"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, judge_one};
    use crate::protocols::mysql::{Cluster, State};

    fn told(status: &str, node: &str, ready: bool, connections: u64) -> (String, String) {
        let cluster = Cluster { ready, status: status.into(), node: node.into(), size: Some(3) };
        let state = State {
            read_only: Some(false),
            connections: Some(connections),
            limit: Some(100),
            cluster: Some(cluster),
        };
        let answer = Answer { server: "MariaDB 10.11.19".into(), no_login: None, state };
        let judgement = judge_one("/run/mysqld/mysqld.sock", &answer);
        let blame = judgement.verdict.blame().map_or("", |blame| blame.word());
        let word = format!("{} {blame}", judgement.verdict.word()).trim().to_owned();
        let because = judgement.verdict.because().map(str::to_owned);
        (word, because.or(judgement.proof).unwrap_or_default())
    }

    #[test]
    fn where_it_stands_in_its_cluster_decides() {
        let cases = [
            (
                ("Primary", "Synced", true, 1),
                "healthy",
                "MariaDB 10.11.19 lets us in, Synced in a cluster of 3",
            ),
            (
                ("Primary", "Donor/Desynced", true, 1),
                "degraded",
                "it is not in step with its cluster (Primary, Donor/Desynced)",
            ),
            (
                ("Primary", "Joining: receiving State Transfer", false, 1),
                "degraded",
                "it is not in step with its cluster (Primary, Joining: receiving State Transfer)",
            ),
            (
                ("Primary", "Joined", true, 1),
                "degraded",
                "it is not in step with its cluster (Primary, Joined)",
            ),
            (
                ("non-Primary", "Initialized", false, 1),
                "unhealthy environment",
                "it has lost the majority of its cluster and takes no queries (non-Primary, Initialized)",
            ),
            (
                ("Disconnected", "Inconsistent", false, 1),
                "unhealthy self",
                "it is not in its cluster and takes no queries (Disconnected, Inconsistent)",
            ),
            (
                ("Primary", "Synced", true, 90),
                "healthy",
                "MariaDB 10.11.19 lets us in, Synced in a cluster of 3",
            ),
            (("Primary", "Synced", true, 91), "degraded", "91 of 100 connections are taken"),
            (
                ("Primary", "Synced", true, 100),
                "unhealthy environment",
                "100 of 100 connections are taken: it takes no more clients",
            ),
        ];
        for ((status, node, ready, connections), word, because) in cases {
            let expected = (word.to_owned(), because.to_owned());
            assert_eq!(told(status, node, ready, connections), expected);
        }
    }

    #[test]
    fn to_be_read_only_is_news_in_a_cluster_and_elsewhere_a_replicas_business() {
        let state = State { read_only: Some(true), ..State::default() };
        let mut answer = Answer { server: "MariaDB".into(), no_login: None, state };
        assert_eq!(judge_one("x", &answer).verdict.word(), "healthy");
        let (status, node) = ("Primary".into(), "Synced".into());
        answer.state.cluster = Some(Cluster { ready: true, status, node, size: Some(3) });
        assert_eq!(judge_one("x", &answer).verdict.word(), "degraded");
    }

    #[test]
    fn without_a_cluster_it_is_healthy_and_who_is_not_let_in_says_so() {
        let mut answer =
            Answer { server: "MySQL 9".into(), no_login: None, state: State::default() };
        let judgement = judge_one("x", &answer);
        assert_eq!(judgement.proof.unwrap(), "MySQL 9 lets us in; it is in no cluster");
        answer.no_login = Some("says 1045 Access denied".into());
        let verdict = judge_one("x", &answer).verdict;
        assert_eq!(verdict.word(), "degraded");
        assert!(verdict.because().unwrap().ends_with("it says 1045 Access denied"), "{verdict:?}");
    }
}
