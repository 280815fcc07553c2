//! The database that a service needs lets it in, and may be written to.

mod target;

use super::{Fields, Judgement, Kind};
use crate::definition::Var;
use crate::peer::{Encryption, Hosts, Peer, Ready, Replies, Spoken, Trouble, What};
use crate::plan::{Scene, Unplanned};
use crate::protocols::http::Address;
use crate::protocols::mysql::{self, Entered, State};
use crate::protocols::postgres;
use crate::settings::secret::Secret;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use target::{Speech, Target};
use vantage::{Blind, Deadline, Vantage};

/// The database that a service needs answers.
pub struct Database {
    target: Target,
}

/// The fields of a `database` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    to: Var<String>,
}

/// What a database server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its make and version.
    server: String,
    /// Why it did not let us in, where that says nothing about the service.
    no_login: Option<String>,
    /// It would, within its TLS.
    #[serde(skip)]
    wants_tls: bool,
    /// What it says of itself.
    #[serde(flatten)]
    state: State,
}

impl Kind for Database {
    const NAME: &'static str = "database";
    const ABOUT: &'static str =
        "the database that the service needs lets it in, has room, and takes writes";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"database\"
to = \"{connection}\"            # as SQLAlchemy reads it: mysql+pymysql://…, postgresql://…
";
    const FIELDS: Fields =
        &[("to", "a URL as SQLAlchemy reads it, mostly from `[settings]`; nothing for sqlite")];
    type Written = Written;
    type Seen = Replies<Answer>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        Ok(Self { target: Target::plan(&written.to, scene)? })
    }

    fn describe(&self) -> String {
        format!("that the database on {} lets the service in", self.target.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.target.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        let target = &self.target;
        // Files that cannot be read are found before a server is bothered.
        let encryption =
            target.encryption.as_ref().map(|encryption| encryption.ready(from)).transpose()?;
        let replies =
            target.peer.speak(Hosts::UntilOneAnswers, from, by, |spoken| match target.speech {
                Speech::MySql => ask_mysql(target, encryption.as_ref(), spoken),
                Speech::Postgres => ask_postgres(target, encryption.as_ref(), spoken),
            })?;
        // MySQL 8 wants to hear the password itself when it has forgotten it. The
        // service tells it by a public key of the server's; we by its TLS, which
        // nobody vouches for either. Once one of us has, it remembers.
        let forgotten = |answer: &Answer| answer.wants_tls;
        let asked = replies.0.iter().filter_map(|reply| reply.outcome.as_ref().ok());
        if target.encryption.is_some() || !asked.clone().any(forgotten) {
            return Ok(replies);
        }
        let encryption = Encryption::default().ready(from)?;
        target.peer.speak(Hosts::UntilOneAnswers, from, by, |spoken| {
            ask_mysql(target, Some(&encryption), spoken)
        })
    }

    fn judge(&self, seen: &Replies<Answer>) -> Judgement {
        seen.judge(&self.target.peer, |whom, answer| self.judge_one(whom, answer))
    }
}

fn ask_mysql(
    target: &Target,
    encryption: Option<&Ready>,
    spoken: Spoken<'_>,
) -> Result<Answer, Trouble> {
    let private = matches!(spoken.address, Address::Unix(_));
    let mut greeted = mysql::greet(spoken.link, private)?;
    // As PyMySQL: where the server speaks none, it goes on without.
    if let Some(encryption) = encryption
        && greeted.offers_tls()
    {
        greeted = greeted.encrypted(|link| Ok(encryption.start(link, spoken.host)?.0))?;
    }
    let server = greeted.server();
    let offers_tls = greeted.offers_tls();
    let login = mysql::Login {
        user: &target.user,
        password: target.password.as_ref().map_or("", Secret::expose),
    };
    match greeted.login(&login)? {
        Entered::Unable { words, wants_tls } => Ok(Answer {
            server,
            no_login: Some(words),
            wants_tls: wants_tls && offers_tls,
            state: State::default(),
        }),
        Entered::In(mut session) => {
            let used = target.database.as_deref().map_or(Ok(()), |name| session.using(name));
            let state = used.and_then(|()| session.state());
            session.quit();
            Ok(Answer { server, no_login: None, wants_tls: false, state: state? })
        }
    }
}

/// One question for all: whether it is a replica or set to read only, how many
/// clients it has, and how many it takes.
const POSTGRES_STATE: &str = "select pg_is_in_recovery() or \
    current_setting('default_transaction_read_only')::bool, \
    (select sum(numbackends) from pg_stat_database), current_setting('max_connections')";

fn ask_postgres(
    target: &Target,
    encryption: Option<&Ready>,
    spoken: Spoken<'_>,
) -> Result<Answer, Trouble> {
    let mut link = spoken.link;
    if let Some(encryption) = encryption
        && !matches!(spoken.address, Address::Unix(_))
    {
        if !postgres::wants_tls(&mut link)? {
            let words = "speaks no TLS, which the service needs";
            return Err(Trouble::new(What::Encryption, words));
        }
        link = encryption.start(link, spoken.host)?.0;
    }
    let login = postgres::Login {
        user: &target.user,
        password: target.password.as_ref().map_or("", Secret::expose),
        database: target.database.as_deref(),
    };
    match postgres::login(link, &login)? {
        postgres::Entered::Unable(words) => {
            let server = "PostgreSQL".to_owned();
            Ok(Answer { server, no_login: Some(words), wants_tls: false, state: State::default() })
        }
        postgres::Entered::In(mut session) => {
            let rows = session.ask(POSTGRES_STATE);
            let server =
                format!("PostgreSQL {}", session.version().split(' ').next().unwrap_or(""));
            session.quit();
            let rows = rows?;
            let value = |at: usize| rows.first()?.get(at)?.as_deref();
            let state = State {
                read_only: value(0).map(|value| value == "t"),
                connections: value(1).and_then(|count| count.parse().ok()),
                limit: value(2).and_then(|limit| limit.parse().ok()),
                cluster: None,
            };
            Ok(Answer { server, no_login: None, wants_tls: false, state })
        }
    }
}

/// The part of its connections, in per cent, above which a server is soon full.
const NEARLY_FULL: u64 = 90;

impl Database {
    fn judge_one(&self, whom: &str, answer: &Answer) -> Judgement {
        let Answer { server, no_login, state, .. } = answer;
        let server = shown(server, 40);
        let origin = self.target.peer.origin().map_or_else(String::new, |o| format!(" ({o})"));
        if let Some(words) = no_login {
            let words = shown(words, 80);
            return Judgement::healthy(format!(
                "{server} answers on {whom}; a login was not seen: it {words}"
            ));
        }
        let proof = format!("{server} on {whom} lets us in");
        let verdict = match state {
            State { cluster: Some(cluster), .. } if !cluster.ready => Verdict::dependency(format!(
                "{whom} is in no state to serve: its Galera cluster is {}, it is {}{origin}",
                shown(&cluster.status, 20),
                shown(&cluster.node, 40),
            )),
            State { read_only: Some(true), .. } => Verdict::dependency(format!(
                "{whom} is read-only, the service cannot write{origin}"
            )),
            State { connections: Some(connections), limit: Some(limit), .. }
                if connections.saturating_mul(100) > limit.saturating_mul(NEARLY_FULL) =>
            {
                Verdict::degraded(format!(
                    "{whom} is nearly full: {connections} of {limit} connections{origin}"
                ))
            }
            State { cluster: Some(cluster), .. } if cluster.node != "Synced" => {
                Verdict::degraded(format!(
                    "{whom} serves, but is not in step with its Galera cluster: {}{origin}",
                    shown(&cluster.node, 40)
                ))
            }
            _ => Verdict::Healthy,
        };
        Judgement::from(verdict).proof(proof)
    }
}

#[cfg(test)]
mod tests;
