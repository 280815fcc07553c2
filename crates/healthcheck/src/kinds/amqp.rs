//! RabbitMQ lets the service in and takes its messages: its user, its virtual
//! host, and no alarm. The broker's own container has no user of its own to log
//! in with, so there it is found to be alive.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::link::Link;
use crate::peer::{self, Encryption, Hosts, Peer, Replies, Trouble, Verify};
use crate::plan::{Scene, Unplanned};
use crate::protocols::amqp::{self, Login};
use crate::settings::secret::Secret;
use crate::settings::url::ServiceUrl;
use crate::text::shown;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vantage::{Blind, Deadline, Port, Vantage};

/// RabbitMQ takes messages.
pub struct Amqp {
    peer: Peer,
    logins: Vec<Account>,
    name: String,
    hosts: Hosts,
}

/// Who logs in at a host.
pub(super) struct Account {
    host: String,
    user: String,
    password: Secret,
    vhost: String,
}

/// The fields of an `amqp` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    #[serde(default)]
    to: OneOrMany<Var<String>>,
    #[serde(default)]
    all: bool,
    tls: Option<Var<bool>>,
    ca: Option<Var<String>>,
    certificate: Option<Var<String>>,
    key: Option<Var<String>>,
    verify_name: Option<Var<bool>>,
}

/// What came of one host.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It let us in and takes messages.
    Open {
        /// What it says it is.
        broker: String,
        /// Where we were let in.
        vhost: String,
    },
}

/// Where it listens if nothing says so.
const PORT: Port = Port::new(5672).expect("not 0");

impl Kind for Amqp {
    const NAME: &'static str = "amqp";
    const ABOUT: &'static str = "RabbitMQ lets the service in with its own user and virtual host, and takes its messages; of the broker itself, that it is alive";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"amqp\"
to = \"rabbit://user:password@rabbit1:5672,user:password@rabbit2:5672/\"   # mostly \"{transport_url}\"
";
    const FIELDS: Fields = &[
        (
            "to",
            "the broker's URL, mostly `\"{transport_url}\"`: its hosts, each with its user, and the virtual host; what is not RabbitMQ's is not asked",
        ),
        ("all", "whether all hosts must answer; if not, one must"),
        ("tls", "whether to speak TLS; `false` if not given"),
        ("ca", "a PEM file of authorities in the container; without it nobody verifies the broker"),
        ("certificate", "a PEM file with our own certificate, for a broker that wants it"),
        ("key", "and its key, if that is another file"),
        (
            "verify-name",
            "whether the broker's certificate must name its host; `false` if not given",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Answer>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let files = [&written.ca, &written.certificate, &written.key];
        let verify_name = written.verify_name.as_ref();
        let tls = written.tls.as_ref();
        let hosts = if written.all { Hosts::Each } else { Hosts::UntilOneAnswers };
        Self::at(&written.to, tls, files, verify_name, hosts, scene)
    }

    fn describe(&self) -> String {
        format!("that RabbitMQ takes messages at {}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        self.peer.speak(self.hosts, from, by, |spoken| {
            let Some(account) = Account::at(&self.logins, spoken.host) else {
                return Err(Trouble::denied("is not told who asks"));
            };
            let heartbeat = heartbeat(&spoken.link);
            let broker = amqp::visit(spoken.link, &account.login(&self.name, heartbeat))?;
            Ok(Answer::Open { broker: broker.to_string(), vhost: account.vhost.clone() })
        })
    }

    fn judge(&self, seen: &Replies<Answer>) -> Judgement {
        seen.judge(&self.peer, |whom, answer| {
            let Answer::Open { broker, vhost } = answer;
            let vhost = shown(vhost, 40);
            Judgement::healthy(format!("{broker} takes messages for {vhost} at {whom}"))
        })
    }
}

impl Amqp {
    /// That the service is let in at its brokers, with its own user, speaking TLS as
    /// [`encryption`] has it.
    pub(super) fn at(
        to: &OneOrMany<Var<String>>,
        tls: Option<&Var<bool>>,
        files: [&Option<Var<String>>; 3],
        verify_name: Option<&Var<bool>>,
        hosts: Hosts,
        scene: &Scene<'_>,
    ) -> Result<Self, Unplanned> {
        let no_port = OneOrMany::default();
        let whom = peer::Written { to, port: &no_port, unix: None, process: None };
        let logins = accounts(to.as_slice(), scene)?;
        let mut peer = Peer::plan(&whom, PORT, scene)?;
        if let Some(encryption) = encryption(tls, files, verify_name, scene)? {
            peer = peer.encrypted(encryption);
        }
        Ok(Self { peer, logins, name: name(scene), hosts })
    }
}

impl Account {
    pub(super) fn at<'a>(accounts: &'a [Self], host: &str) -> Option<&'a Self> {
        accounts.iter().find(|account| account.host == host).or(accounts.first())
    }

    pub(super) fn login<'a>(&'a self, name: &'a str, heartbeat: u16) -> Login<'a> {
        Login { user: &self.user, password: &self.password, vhost: &self.vhost, name, heartbeat }
    }
}

/// What the broker's operator sees of us.
pub(super) fn name(scene: &Scene<'_>) -> String {
    format!("openstack-healthcheck of {}", shown(scene.service(), 100))
}

/// The seconds that are left, and one more.
pub(super) fn heartbeat(link: &Link) -> u16 {
    u16::try_from(link.deadline().remaining().as_secs()).unwrap_or(u16::MAX - 2) + 2
}

/// Who logs in where, as oslo.messaging has it: each host has its own user, all have one
/// virtual host, and what is not given is RabbitMQ's usual.
pub(super) fn accounts(urls: &[Var<String>], scene: &Scene<'_>) -> Result<Vec<Account>, Unplanned> {
    let mut accounts = Vec::new();
    for to in urls {
        let text = scene.addresses(to)?;
        let origin = scene.origins(to);
        let url = ServiceUrl::transport(text.expose().trim()).map_err(|error| {
            Unplanned::Malformed { origin: origin.clone(), error: error.to_string() }
        })?;
        let scheme = url.scheme.strip_prefix("kombu+").unwrap_or(&url.scheme);
        // To oslo.messaging, `amqp` is AMQP 1.0.
        if !matches!(scheme, "rabbit" | "kombu" | "pyamqp" | "librabbitmq") {
            let scheme = shown(&url.scheme, 40);
            return Err(Unplanned::Moot(format!("{origin} names {scheme}, which is no RabbitMQ")));
        }
        let vhost = url.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        let local = [crate::settings::url::Host::default()];
        let hosts = if url.hosts.is_empty() { &local } else { url.hosts.as_slice() };
        accounts.extend(hosts.iter().map(|host| Account {
            host: if host.name.is_empty() { "localhost".to_owned() } else { host.name.clone() },
            user: host.username.clone().unwrap_or_else(|| "guest".to_owned()),
            password: host.password.clone().unwrap_or_else(|| Secret::new("guest")),
            vhost: vhost.to_owned(),
        }));
    }
    Ok(accounts)
}

/// How TLS is spoken, where it is, as oslo.messaging has it: with authorities the broker is
/// verified, by its name only where `ssl_enforce_hostname_verification` is set; without, it may be
/// anybody.
pub(super) fn encryption(
    tls: Option<&Var<bool>>,
    [ca, certificate, key]: [&Option<Var<String>>; 3],
    verify_name: Option<&Var<bool>>,
    scene: &Scene<'_>,
) -> Result<Option<Encryption>, Unplanned> {
    let Some(true) = tls.map(|tls| scene.value(tls)).transpose()? else { return Ok(None) };
    let path = |file: &Option<Var<String>>| match file {
        Some(file) => match scene.value(file) {
            Ok(path) if path.is_empty() => Ok(None),
            Ok(path) => Ok(Some(PathBuf::from(path))),
            Err(Unplanned::Unfound(unfound)) if !unfound.unreadable => Ok(None),
            Err(other) => Err(other),
        },
        None => Ok(None),
    };
    let names = verify_name.map_or(Ok(false), |names| scene.value(names))?;
    let verify = match path(ca)? {
        None => Verify::Nothing,
        Some(ca) if names => Verify::Authority(ca),
        Some(ca) => Verify::AuthorityOfAnyName(ca),
    };
    let certificate = path(certificate)?;
    let key = path(key)?.or_else(|| certificate.clone());
    Ok(Some(Encryption { verify, identity: certificate.zip(key), server_name: None }))
}
