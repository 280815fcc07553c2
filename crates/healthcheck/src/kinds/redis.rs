//! redis, valkey or a sentinel of theirs answers, and says whether it can write,
//! follows its master, and still loads its data.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Encryption, Hosts, Peer, Replies, Side, Trouble, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::resp::{Resp, Said};
use crate::settings::secret::Secret;
use crate::settings::url::ServiceUrl;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::PathBuf;
use vantage::{Blind, Deadline, Port, Vantage};

/// redis answers.
pub struct Redis {
    peer: Peer,
    user: String,
    password: Option<Secret>,
    sentinel: bool,
    /// Why no certificate of ours can be shown, where one may be asked for.
    unshown: Option<String>,
}

/// The fields of a `redis` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    port: OneOrMany<Var<Port>>,
    unix: Option<Var<String>>,
    process: Option<Program>,
    user: Option<Var<String>>,
    password: Option<Var<String>>,
    #[serde(default)]
    sentinel: bool,
    #[serde(default)]
    tls: bool,
    certificate: Option<Var<String>>,
    key: Option<Var<String>>,
}

const PORT: Port = Port::new(6379).expect("not 0");
const SENTINEL_PORT: Port = Port::new(26379).expect("not 0");

/// As many masters as a sentinel is asked about.
const MASTERS: usize = 16;

/// What a server said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// What it said to PING.
    ping: String,
    /// Whether that is an error.
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Its master, and since how many seconds it has not heard it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<(String, String)>,
    /// How much of its data it has loaded, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<String>,
    /// What of its data it could not write to the disk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unwritten: Vec<String>,
    /// What a sentinel says of its masters that is not well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    masters: Vec<String>,
    /// Why it was asked nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    unasked: Option<String>,
}

impl Kind for Redis {
    const NAME: &'static str = "redis";
    const ABOUT: &'static str =
        "redis, valkey or a sentinel of theirs answers, can write, and hears its master";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"redis\"
port = 6379                    # the service's own; or to = \"{coordination}\", or unix
";
    const FIELDS: Fields = &[
        (
            "to",
            "the URL or the addresses of one the service needs, mostly from `[settings]`; any of them is to answer; `rediss:` and `ssl=true` are TLS",
        ),
        ("port", "the service's own port; of several, the first it listens on"),
        ("unix", "the service's own unix socket"),
        ("process", "whose the port must be; the definition's if not given"),
        ("user", "who logs in; the default user if not given or empty"),
        (
            "password",
            "its password; without one, or an empty one, that it asks for one is an answer",
        ),
        ("sentinel", "whether it is a sentinel: it is asked about its masters"),
        ("tls", "whether it speaks TLS; its certificate is not verified"),
        ("certificate", "the file of a certificate to show where it asks for one"),
        ("key", "the file of its key; where it cannot be read, that TLS is spoken is the proof"),
    ];
    type Written = Written;
    type Seen = Replies<Answer>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let whom = peer::Written { to, port, unix, process };
        let usual = if written.sentinel { SENTINEL_PORT } else { PORT };
        let mut peer = Peer::plan(&whom, usual, scene)?;
        let text = |var: &Option<Var<String>>| {
            var.as_ref().map_or(Ok(String::new()), |var| scene.value(var))
        };
        let mut user = text(&written.user)?;
        let mut password = match &written.password {
            Some(var) => Some(scene.secret(var)?).filter(|secret| !secret.expose().is_empty()),
            None => None,
        };
        for to in written.to.as_slice() {
            let text = scene.addresses(to)?;
            let Ok(url) = ServiceUrl::transport(text.expose()) else { continue };
            if is_encrypted(&url) {
                peer = peer.encrypted(Encryption::default());
            }
            if let (Some(host), None) = (url.hosts.first(), &password) {
                password.clone_from(&host.password);
                user = host.username.clone().unwrap_or_default();
            }
        }
        let mut unshown = None;
        if written.tls {
            let (certificate, key) = (text(&written.certificate)?, text(&written.key)?);
            let mut encryption = Encryption::default();
            if !key.is_empty() {
                let certificate =
                    PathBuf::from(if certificate.is_empty() { &key } else { &certificate });
                let key = PathBuf::from(key);
                match scene.vantage().read(&key) {
                    Ok(_) => encryption.identity = Some((certificate, key)),
                    Err(error) => unshown = Some(format!("cannot read {error}")),
                }
            }
            peer = peer.encrypted(encryption);
        }
        Ok(Self { peer, user, password, sentinel: written.sentinel, unshown })
    }

    fn describe(&self) -> String {
        let what = if self.sentinel { "a sentinel of redis's" } else { "redis" };
        format!("that {what} answers on {}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        let seen = self.ask_all(&self.peer, from, by)?;
        // Its title tells a port and not whether TLS is spoken on it; who speaks that hangs up.
        let may_be_encrypted = self.peer.side() == Side::Own && !self.peer.is_encrypted();
        if !may_be_encrypted || !seen.troubled_by(&[What::HungUp]) {
            return Ok(seen);
        }
        let within = self.peer.clone().encrypted(Encryption::default());
        match self.ask_all(&within, from, by) {
            Ok(answered) if answered.answered().is_some() => Ok(answered),
            _ => Ok(seen),
        }
    }

    fn judge(&self, seen: &Replies<Answer>) -> Judgement {
        seen.judge(&self.peer, |whom, answer| self.judge_one(whom, answer))
    }
}

impl Redis {
    fn ask_all(&self, peer: &Peer, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        peer.speak(Hosts::UntilOneAnswers, from, by, |spoken| {
            if let Some(why) = &self.unshown {
                return Ok(Answer { unasked: Some(why.clone()), ..Answer::default() });
            }
            match self.sentinel {
                true => self.ask_sentinel(spoken.link),
                false => self.ask(spoken.link),
            }
        })
    }

    fn ask(&self, stream: impl Read + Write) -> Result<Answer, Trouble> {
        let mut resp = Resp::new(stream);
        let questions: [&[&str]; 2] = [&["INFO", "replication"], &["INFO", "persistence"]];
        let said = resp.ask(&self.user, self.password.as_ref(), &questions)?;
        resp.leave();
        let mut answer = Answer::to_ping(said.first())?;
        if let Some(replication) = said.get(1) {
            answer.role = replication.info("role").map(str::to_owned);
            if replication.info("master_link_status") == Some("down") {
                let of = |key| replication.info(key).unwrap_or("?").to_owned();
                let master = format!("{}:{}", of("master_host"), of("master_port"));
                answer.lost = Some((master, of("master_link_down_since_seconds")));
            }
        }
        if let Some(persistence) = said.get(2) {
            if persistence.info("loading") == Some("1") {
                let percent = persistence.info("loading_loaded_perc").unwrap_or("?");
                answer.loaded = Some(percent.to_owned());
            }
            for (key, what) in [
                ("rdb_last_bgsave_status", "the last save failed"),
                ("aof_last_write_status", "the last write to the append-only file failed"),
            ] {
                if persistence.info(key) == Some("err") {
                    answer.unwritten.push(what.to_owned());
                }
            }
        }
        Ok(answer)
    }

    fn ask_sentinel(&self, stream: impl Read + Write) -> Result<Answer, Trouble> {
        let mut resp = Resp::new(stream);
        let questions: [&[&str]; 1] = [&["SENTINEL", "MASTERS"]];
        let said = resp.ask(&self.user, self.password.as_ref(), &questions)?;
        let mut answer = Answer::to_ping(said.first())?;
        if let Some(Said::List(masters)) = said.get(1) {
            answer.role = Some(format!("sentinel of {}", masters.len()));
            if masters.is_empty() {
                answer.masters.push("it watches no master".to_owned());
            }
            let masters: Vec<_> = masters.iter().take(MASTERS).collect();
            let names: Vec<&str> =
                masters.iter().map(|master| master.field("name").unwrap_or_default()).collect();
            let commands: Vec<[&str; 3]> =
                names.iter().map(|name| ["SENTINEL", "CKQUORUM", *name]).collect();
            resp.say(&commands.iter().map(|words| &words[..]).collect::<Vec<_>>())?;
            for (master, name) in masters.iter().zip(&names) {
                let flags = master.field("flags").unwrap_or_default();
                if flags.contains("_down") {
                    answer.masters.push(format!("master {name} is down ({flags})"));
                }
                if let Said::Error(words) = resp.answer()?
                    && !words.starts_with("ERR")
                {
                    answer.masters.push(format!("master {name}: {words}"));
                }
            }
        }
        // A sentinel knows no QUIT.
        Ok(answer)
    }

    fn judge_one(&self, whom: &str, answer: &Answer) -> Judgement {
        let what = if self.sentinel { "sentinel" } else { "redis" };
        if let Some(why) = &answer.unasked {
            let proof = format!("{what} speaks TLS on {whom}; not asked for more: {why}");
            return Judgement::healthy(proof);
        }
        let words = shown(&answer.ping, 100);
        let code = answer.ping.split(' ').next().unwrap_or_default();
        match (answer.error, code) {
            (true, "NOAUTH") if self.password.is_none() => {
                let proof = format!(
                    "{what} answers on {whom}; not asked for more: its password is not known"
                );
                return Judgement::healthy(proof);
            }
            // Someone who may connect, and not ask this.
            (true, "NOPERM") => {
                return Judgement::healthy(format!("{what} answers on {whom}: {words}"));
            }
            (true, "LOADING") => {}
            // Its disk refuses what it would write.
            (true, "MISCONF") if self.peer.side() == Side::Own => {
                return Verdict::environment(format!("{whom} said {words}")).into();
            }
            (true, "MASTERDOWN") => {
                return Verdict::dependency(format!("{whom} said {words}")).into();
            }
            (true, "NOAUTH" | "DENIED") => {
                return Verdict::environment(format!("{whom} said {words}")).into();
            }
            (true, _) => return Verdict::own_fault(format!("{whom} said {words}")).into(),
            (false, "PONG") => {}
            (false, _) => {
                return Verdict::own_fault(format!(
                    "{whom} said \"{words}\" to PING, expected PONG"
                ))
                .into();
            }
        }
        let mut lesser = Vec::new();
        if answer.error || answer.loaded.is_some() {
            let percent = shown(answer.loaded.as_deref().unwrap_or("?"), 10);
            lesser.push(format!("{whom} is loading its data, {percent} %"));
        }
        if let Some((master, seconds)) = &answer.lost {
            // Its clients can still read; sentinels or an operator choose another master.
            let (master, seconds) = (shown(master, 80), shown(seconds, 12));
            lesser.push(match seconds.starts_with('-') {
                // Since it was told of it.
                true => format!("{whom} has not heard its master {master} yet"),
                false => format!("{whom} has not heard its master {master} for {seconds} s"),
            });
        }
        for unwritten in &answer.unwritten {
            lesser.push(format!("{whom}: {unwritten}"));
        }
        lesser.extend(answer.masters.iter().take(3).map(|master| shown(master, 150)));
        let role = shown(answer.role.as_deref().unwrap_or("no role told"), 20);
        let proof = format!("{what} answers on {whom} ({role})");
        match lesser.is_empty() {
            true => Judgement::healthy(proof),
            false => Judgement::from(Verdict::degraded(lesser.join("; "))).proof(proof),
        }
    }
}

/// Whether a URL asks for TLS: by its scheme, or by tooz's option.
fn is_encrypted(url: &ServiceUrl) -> bool {
    let asked = url.query("ssl").is_some_and(|ssl| {
        ["true", "1", "yes", "on", "t", "y"].iter().any(|word| ssl.eq_ignore_ascii_case(word))
    });
    asked || matches!(url.scheme.as_str(), "rediss" | "valkeys")
}

impl Answer {
    fn to_ping(said: Option<&Said>) -> Result<Self, Trouble> {
        match said {
            Some(Said::Text(ping)) => Ok(Self { ping: ping.clone(), ..Self::default() }),
            // What closes the connection is all it says.
            Some(Said::Error(ping)) => {
                Ok(Self { ping: ping.clone(), error: true, ..Self::default() })
            }
            _ => Err(Trouble::garbled("expected an answer to PING, found another")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Port, Redis, Replies};
    use crate::peer::{Peer, Reply, Trouble};
    use crate::protocols::scripted::Scripted;
    use crate::settings::secret::Secret;
    use crate::settings::url::ServiceUrl;

    const MASTER: &str = "$13\r\nrole:master\r\n\r\n";
    const FINE: &str = "$38\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\n\r\n";

    fn said_of(said: &str, sentinel: bool, password: Option<&str>) -> String {
        let kind = Redis {
            peer: Peer::listening(vec![Port::new(6379).unwrap()], None),
            user: String::new(),
            password: password.map(Secret::new),
            sentinel,
            unshown: None,
        };
        let stream = Scripted::new(said.as_bytes());
        let outcome: Result<_, Trouble> =
            if sentinel { kind.ask_sentinel(stream) } else { kind.ask(stream) };
        let seen = Replies(vec![Reply::new("here", outcome)]);
        let judgement = kind.judge(&seen);
        let (verdict, proof) = (&judgement.verdict, judgement.proof.unwrap_or_default());
        match (verdict.because(), verdict.blame()) {
            (None, _) => format!("healthy: {proof}"),
            (Some(because), None) => format!("{}: {because}", verdict.word()),
            (Some(because), Some(blame)) => format!("{blame:?}: {because}"),
        }
    }

    fn bulk(text: &str) -> String {
        format!("${}\r\n{text}\r\n", text.len())
    }

    #[test]
    fn a_server_is_judged_by_what_it_says() {
        let replica = bulk(
            "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n\
             master_link_status:down\r\nmaster_link_down_since_seconds:12\r\n",
        );
        let loading = bulk("loading:1\r\nloading_loaded_perc:34.12\r\n");
        let failed = bulk("loading:0\r\nrdb_last_bgsave_status:err\r\n");
        let cases = [
            (format!("+PONG\r\n{MASTER}{FINE}"), "healthy: redis answers on here (master)"),
            (
                format!("+PONG\r\n{replica}{FINE}"),
                "degraded: here has not heard its master 10.0.0.1:6379 for 12 s",
            ),
            (
                format!("-LOADING Redis is loading the dataset in memory\r\n{MASTER}{loading}"),
                "degraded: here is loading its data, 34.12 %",
            ),
            (format!("+PONG\r\n{MASTER}{failed}"), "degraded: here: the last save failed"),
            (
                format!("-MISCONF Redis is configured to save RDB snapshots\r\n{MASTER}{failed}"),
                "Environment: here said MISCONF Redis is configured to save RDB snapshots",
            ),
            (
                format!("-MASTERDOWN Link with MASTER is down\r\n{replica}{FINE}"),
                "Dependency: here said MASTERDOWN Link with MASTER is down",
            ),
            (
                "-NOAUTH Authentication required.\r\n".repeat(3),
                "healthy: redis answers on here; not asked for more: its password is not known",
            ),
            (
                "-BUSY Redis is busy running a script.\r\n".repeat(3),
                "Itself: here said BUSY Redis is busy running a script.",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(said_of(&said, false, None), expected);
        }
        let said = format!("+OK\r\n+PONG\r\n{MASTER}{FINE}");
        assert_eq!(said_of(&said, false, Some("x")), "healthy: redis answers on here (master)");
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        let said = said_of(wrong, false, Some("x"));
        assert!(said.starts_with("Environment: here said WRONGPASS"), "{said}");
        let full = said_of("-ERR max number of clients reached\r\n", false, None);
        assert_eq!(full, "Itself: here said ERR max number of clients reached");
    }

    #[test]
    fn a_url_says_whether_it_means_tls() {
        for (url, expected) in [
            ("redis://:x@h:6379/", false),
            ("rediss://:x@h:6379/", true),
            ("redis://h:6379?ssl=True&db=1", true),
            ("redis://h:6379?ssl=false", false),
        ] {
            assert_eq!(
                super::is_encrypted(&ServiceUrl::transport(url).unwrap()),
                expected,
                "{url}"
            );
        }
    }

    #[test]
    fn a_sentinel_is_judged_by_its_masters() {
        let masters = |flags: &str| {
            let fields = [bulk("name"), bulk("kolla"), bulk("flags"), bulk(flags)].concat();
            format!("+PONG\r\n*1\r\n*4\r\n{fields}")
        };
        let cases = [
            (
                masters("master") + "+OK 3 usable Sentinels. Quorum can be reached\r\n",
                "healthy: sentinel answers on here (sentinel of 1)",
            ),
            (
                masters("s_down,o_down,master") + "+OK 3 usable Sentinels.\r\n",
                "degraded: master kolla is down (s_down,o_down,master)",
            ),
            (
                masters("master") + "-NOQUORUM 1 usable Sentinels.\r\n",
                "degraded: master kolla: NOQUORUM 1 usable Sentinels.",
            ),
            ("+PONG\r\n*0\r\n".to_owned(), "degraded: it watches no master"),
        ];
        for (said, expected) in cases {
            assert_eq!(said_of(&said, true, None), expected);
        }
    }
}
