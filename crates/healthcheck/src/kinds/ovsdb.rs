//! A server of OVSDB has its databases and is in touch with its cluster.

use super::{Fields, Judgement, Kind, Level};
use crate::definition::{OneOrMany, Var};
use crate::ovs::{Daemon, Socket};
use crate::peer::{self, Encryption, Hosts, Peer, Replies, Spoken, Trouble, Verify};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::ovsdb::{self, Database};
use crate::text::{either, shown};
use crate::verdict::Verdict;
use serde::Deserialize;
use std::path::PathBuf;
use vantage::{Blind, Deadline, FileError, Port, Vantage};

/// A server of OVSDB has its databases.
pub struct Ovsdb {
    server: Server,
    databases: Vec<String>,
}

/// Which server.
enum Server {
    /// The service itself, where its own command line says.
    Own(Daemon),
    /// Wherever the definition says.
    At(Peer),
}

/// The fields of an `ovsdb` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    #[serde(default)]
    unix: OneOrMany<Var<String>>,
    process: Option<Program>,
    #[serde(default)]
    database: OneOrMany<Var<String>>,
    key: Option<Var<String>>,
    certificate: Option<Var<String>>,
    authority: Option<Var<String>>,
}

/// Where it listens if nothing says so: IANA's port for OVSDB.
const PORT: Port = Port::new(6640).expect("not 0");

impl Kind for Ovsdb {
    const NAME: &'static str = "ovsdb";
    const ABOUT: &'static str =
        "a server of OVSDB answers, has its databases and is in touch with its cluster";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"ovsdb\"
to = \"{ovsdb_connection}\"      # what the service needs; without it, the service itself
database = \"Open_vSwitch\"
";
    const FIELDS: Fields = &[
        ("to", "remotes of the servers that the service needs, such as `tcp:10.0.0.1:6641`"),
        ("port", "the service's own port, without TLS; of several, the first it listens on"),
        (
            "unix",
            "the service's own unix socket, if its command line names none; of several, the first there is",
        ),
        ("process", "which server it is, or whose the port must be; the definition's if not given"),
        ("database", "databases that must be there; any if not given"),
        ("key", "for `ssl:` remotes: the file of our private key"),
        ("certificate", "the file of our certificate"),
        ("authority", "the file of the authority that the server's certificate is verified by"),
    ];
    const PROVES: Level = Level::Works;
    type Written = Written;
    type Seen = Replies<Vec<Database>>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let databases = written.database.as_slice().iter().map(|name| scene.value(name));
        let databases = databases.collect::<Result<Vec<_>, _>>()?;
        let elsewhere = !written.to.as_slice().is_empty() || !written.port.as_slice().is_empty();
        let server = match elsewhere {
            true => Server::At(peer(written, scene)?),
            false => {
                let program = scene.required_program(written.process.as_ref())?;
                let unix = written.unix.as_slice().iter();
                let unix = unix.map(|path| scene.value(path).map(PathBuf::from));
                let unix = unix.collect::<Result<Vec<_>, _>>()?;
                Server::Own(Daemon::plan(Socket::Database, &program, &unix, scene.vantage())?)
            }
        };
        Ok(Self { server, databases })
    }

    fn describe(&self) -> String {
        let what = match self.databases.as_slice() {
            [] => "its databases".to_owned(),
            names => names.join(" and "),
        };
        match &self.server {
            Server::Own(daemon) => {
                format!("that {} serves {what} on {}", daemon.name, daemon.shown())
            }
            Server::At(peer) => format!("that {what} is served on {peer}"),
        }
    }

    fn peer(&self) -> Option<&Peer> {
        match &self.server {
            Server::At(peer) => Some(peer),
            Server::Own(_) => None,
        }
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Self::Seen, Blind> {
        match &self.server {
            Server::Own(daemon) => daemon.ask(from, by, |spoken| ovsdb::databases(spoken.link)),
            Server::At(peer) => {
                let talk = |spoken: Spoken<'_>| {
                    let found = ovsdb::databases(spoken.link)?;
                    // One that is no use is not the one that is needed.
                    match self.mistake(&found) {
                        Some(mistake) => Err(Trouble::failing(mistake.words)),
                        None => Ok(found),
                    }
                };
                peer.speak(Hosts::Each, from, by, talk)
            }
        }
    }

    fn judge(&self, seen: &Self::Seen) -> Judgement {
        let judge = |whom: &str, found: &Vec<Database>| match self.mistake(found) {
            None => Judgement::healthy(format!("{whom} serves {}", told(found))),
            Some(Mistake { words, cluster: true }) => {
                // It has all it can have: its cluster is what is missing.
                Verdict::dependency(format!("{whom} {words}")).into()
            }
            Some(Mistake { words, cluster: false }) => {
                Verdict::own_fault(format!("{whom} {words}")).into()
            }
        };
        match &self.server {
            Server::Own(daemon) => daemon.judge(seen, judge),
            Server::At(peer) => seen.judge(peer, judge),
        }
    }
}

/// What is wrong with a server's databases, in words that follow its name.
struct Mistake {
    words: String,
    /// Whether it is for the others of its cluster to mend.
    cluster: bool,
}

impl Ovsdb {
    fn mistake(&self, found: &[Database]) -> Option<Mistake> {
        let missing = self.databases.iter().find(|name| !found.iter().any(|db| db.name == **name));
        if let Some(missing) = missing {
            let found: Vec<_> = found.iter().map(|db| shown(&db.name, 40)).collect();
            let others = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            let words = format!("does not serve {missing}, only: {others}");
            return Some(Mistake { words, cluster: false });
        }
        let meant = found
            .iter()
            .filter(|db| self.databases.is_empty() || self.databases.contains(&db.name));
        for database in meant {
            let Some(state) = &database.state else { continue };
            let name = shown(&database.name, 40);
            let words = match state.model.as_str() {
                _ if !state.schema && !state.connected => {
                    format!("has not joined the cluster of {name} yet")
                }
                "relay" if !state.connected => {
                    format!("relays {name} and is not connected to its source")
                }
                _ if !state.connected => {
                    format!("is cut off from the cluster of {name}: no quorum, or no leader")
                }
                _ if !state.schema => format!("has no schema for {name}"),
                _ => continue,
            };
            let cluster = !state.connected || state.model == "clustered";
            return Some(Mistake { words, cluster });
        }
        None
    }
}

/// Databases in words: `OVN_Southbound (clustered, follower)`.
fn told(found: &[Database]) -> String {
    let databases: Vec<String> = found
        .iter()
        .map(|database| {
            let name = shown(&database.name, 40);
            match &database.state {
                Some(state) if state.model == "clustered" => {
                    let role = if state.leader { "leader" } else { "follower" };
                    format!("{name} (clustered, {role})")
                }
                Some(state) => format!("{name} ({})", shown(&state.model, 20)),
                None => name,
            }
        })
        .collect();
    if databases.is_empty() { "no database".to_owned() } else { databases.join(", ") }
}

/// Whom `to` or `port` mean, within TLS where a remote says `ssl:`.
fn peer(written: &Written, scene: &Scene<'_>) -> Result<Peer, Unplanned> {
    let Written { to, port, unix, process, .. } = written;
    let unix = unix.as_slice();
    if unix.len() > 1 {
        return Err(Unplanned::Nothing("expected one of `to`, `port` and `unix`".into()));
    }
    let whom = peer::Written { to, port, unix: unix.first(), process: process.as_ref() };
    let peer = Peer::plan(&whom, PORT, scene)?;
    let mut encrypted = false;
    for remote in written.to.as_slice() {
        let text = scene.text(remote)?;
        encrypted |= text.split([',', ' ']).any(|remote| remote.trim().starts_with("ssl:"));
    }
    if !encrypted {
        return Ok(peer);
    }
    let key = file(written.key.as_ref(), scene)?;
    let certificate = file(written.certificate.as_ref(), scene)?;
    let authority = file(written.authority.as_ref(), scene)?;
    Ok(peer.encrypted(Encryption {
        verify: authority.map_or(Verify::Nothing, Verify::AuthorityOfAnyName),
        identity: certificate.zip(key),
        server_name: None,
    }))
}

/// A file that TLS takes, if one is set. Where it is not for our eyes, there is
/// no handshake to be had: what else is known of the connection has to do.
fn file(var: Option<&Var<String>>, scene: &Scene<'_>) -> Result<Option<PathBuf>, Unplanned> {
    let Some(var) = var else { return Ok(None) };
    let path = match scene.value(var) {
        Ok(path) if path.is_empty() => return Ok(None),
        Ok(path) => PathBuf::from(path),
        Err(Unplanned::Unfound(unfound)) if !unfound.unreadable => return Ok(None),
        Err(error) => return Err(error),
    };
    match scene.vantage().read(&path) {
        Err(FileError::Forbidden(_)) => Err(Unplanned::Moot(format!(
            "{} is not ours to read ({}), and TLS takes it",
            path.display(),
            either(&[scene.origins(var)])
        ))),
        _ => Ok(Some(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Ovsdb, Server};
    use crate::ovs::{Daemon, Socket, Whereabouts};
    use crate::peer::{Peer, Replies, Reply};
    use crate::protocols::ovsdb::{Database, State};
    use crate::settings::url::Endpoint;
    use crate::verdict::Verdict;

    fn database(name: &str, model: &str, connected: bool, leader: bool, schema: bool) -> Database {
        let state = State { model: model.into(), connected, leader, schema };
        Database { name: name.into(), state: Some(state) }
    }

    fn seen(found: &[Database]) -> Replies<Vec<Database>> {
        Replies(vec![Reply::new("/run/db.sock", Ok(found.to_vec()))])
    }

    #[test]
    fn each_state_has_its_verdict() {
        let own = |database: &str| Ovsdb {
            server: Server::Own(Daemon::at("ovsdb-server", "/run/db.sock")),
            databases: vec![database.into()],
        };
        let cases = [
            (database("SB", "standalone", true, true, true), Ok("SB (standalone)")),
            (database("SB", "clustered", true, true, true), Ok("SB (clustered, leader)")),
            (database("SB", "clustered", true, false, true), Ok("SB (clustered, follower)")),
            (database("SB", "relay", true, false, true), Ok("SB (relay)")),
            (Database { name: "SB".into(), state: None }, Ok("SB")),
            (
                database("SB", "clustered", false, false, true),
                Err(Verdict::dependency(
                    "/run/db.sock is cut off from the cluster of SB: no quorum, or no leader",
                )),
            ),
            (
                database("SB", "clustered", false, false, false),
                Err(Verdict::dependency("/run/db.sock has not joined the cluster of SB yet")),
            ),
            (
                database("SB", "clustered", true, false, false),
                Err(Verdict::dependency("/run/db.sock has no schema for SB")),
            ),
            (
                database("SB", "relay", false, false, true),
                Err(Verdict::dependency(
                    "/run/db.sock relays SB and is not connected to its source",
                )),
            ),
            (
                database("NB", "standalone", true, true, true),
                Err(Verdict::own_fault("/run/db.sock does not serve SB, only: NB")),
            ),
        ];
        for (database, expected) in cases {
            let judgement = own("SB").judge(&seen(&[database]));
            match expected {
                Ok(told) => {
                    assert_eq!(judgement.verdict, Verdict::Healthy);
                    assert_eq!(judgement.proof.unwrap(), format!("/run/db.sock serves {told}"));
                }
                Err(verdict) => assert_eq!(judgement.verdict, verdict),
            }
        }
        let gone = Whereabouts::Nowhere { looked: vec!["/run/db.sock".into()], named: true };
        let server = Server::Own(Daemon::absent("ovsdb-server", Socket::Database, gone));
        assert_eq!(
            Ovsdb { server, databases: Vec::new() }.judge(&Replies(Vec::new())).verdict,
            Verdict::own_fault("ovsdb-server runs and /run/db.sock is gone")
        );
    }

    #[test]
    fn what_others_need_is_blamed_on_them() {
        let peer =
            Peer::dependency(vec![Endpoint::Unix("/run/db.sock".into())], "[ovs] connection");
        let check = Ovsdb { server: Server::At(peer), databases: Vec::new() };
        let cut_off = database("SB", "clustered", false, false, true);
        let mistake = check.mistake(&[cut_off]).unwrap();
        let outcome = Err(crate::peer::Trouble::failing(mistake.words));
        let replies = Replies(vec![Reply::new("10.0.0.1:6641", outcome)]);
        assert_eq!(
            check.judge(&replies).verdict,
            Verdict::dependency(
                "10.0.0.1:6641 is cut off from the cluster of SB: no quorum, or no leader ([ovs] connection)"
            )
        );
    }
}
