//! A server of AMQP 1.0 opens a connection: a router that is frozen still accepts
//! them. RabbitMQ, which speaks 0-9-1 with its services, is asked by `amqp`.

use super::{Fields, Judgement, Kind, amqp};
use crate::definition::{OneOrMany, Var};
use crate::peer::{self, Encryption, Hosts, Peer, Replies, What};
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::protocols::amqp1::{self, Answer, Login};
use crate::settings::secret::Secret;
use serde::Deserialize;
use vantage::{Blind, Deadline, Port, Vantage};

/// What is not the protocol may be it within TLS.
const ANOTHER: [What; 3] = [What::Garbled, What::HungUp, What::Silent];

/// A server of AMQP 1.0 opens a connection.
pub struct Amqp1 {
    peer: Peer,
    /// The same within TLS, where it is to be found out which it speaks.
    encrypted: Option<Peer>,
    login: Option<Login>,
    name: String,
}

/// The fields of an `amqp1` check.
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
    tls: Option<Var<bool>>,
}

/// Where it listens if nothing says so.
const PORT: Port = Port::new(5672).expect("not 0");

impl Kind for Amqp1 {
    const NAME: &'static str = "amqp1";
    const ABOUT: &'static str = "a server of AMQP 1.0 opens a connection and closes it again; of one that lets only those in whom it knows, that it says so";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"amqp1\"
port = 5666                    # the service's own; or to = \"router1:5666\"
";
    const FIELDS: Fields = &[
        ("to", "addresses of those the service needs, mostly from `[settings]`; each must answer"),
        ("port", "the service's own port; of several, the first it listens on"),
        ("unix", "the service's own unix socket"),
        ("process", "whose the port must be; the definition's if not given"),
        ("user", "a user's name, where the server knows it by SASL PLAIN; nobody's if not given"),
        ("password", "and the password, mostly from `[settings]`; never shown"),
        (
            "tls",
            "whether to speak TLS, with whoever answers; if not given, it is found out, plainly first",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Answer>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let Written { to, port, unix, process, .. } = written;
        let (unix, process) = (unix.as_ref(), process.as_ref());
        let plain = Peer::plan(&peer::Written { to, port, unix, process }, PORT, scene)?;
        let encrypted = plain.clone().encrypted(Encryption::default());
        let (peer, encrypted) =
            match written.tls.as_ref().map(|tls| scene.value(tls)).transpose()? {
                Some(true) => (encrypted, None),
                Some(false) => (plain, None),
                None => (plain, Some(encrypted)),
            };
        let password = written.password.as_ref().map(|var| scene.secret(var)).transpose()?;
        let user = written.user.as_ref().map(|var| scene.value(var)).transpose()?;
        let login = user.map(|user| {
            let password = password.unwrap_or_else(|| Secret::new(String::new()));
            Login { user, password }
        });
        Ok(Self { peer, encrypted, login, name: amqp::name(scene) })
    }

    fn describe(&self) -> String {
        format!("that AMQP 1.0 is spoken at {}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Answer>, Blind> {
        let visit = |peer: &Peer, by| {
            peer.speak(Hosts::Each, from, by, |spoken| {
                amqp1::visit(spoken.link, self.login.as_ref(), &self.name)
            })
        };
        let Some(encrypted) = &self.encrypted else { return visit(&self.peer, by) };
        let plain = visit(&self.peer, by.at_most(by.remaining() / 2))?;
        if !plain.troubled_by(&ANOTHER) {
            return Ok(plain);
        }
        let within = visit(encrypted, by)?;
        let is_it = within.answered().is_some() && !within.troubled_by(&ANOTHER);
        Ok(if is_it { within } else { plain })
    }

    fn judge(&self, seen: &Replies<Answer>) -> Judgement {
        seen.judge(&self.peer, |whom, answer| match answer {
            Answer::Open(who) => Judgement::healthy(format!("{who} opens a connection on {whom}")),
            Answer::WantsLogin(mechanisms) => Judgement::healthy(format!(
                "{whom} speaks AMQP 1.0, and lets in by {mechanisms} only"
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Amqp1, Kind};
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::protocols::amqp1::Answer;
    use crate::verdict::Verdict;

    fn judged(outcome: Result<Answer, Trouble>) -> (Verdict, String) {
        let kind = Amqp1 {
            peer: Peer::listening(vec![super::PORT], None),
            encrypted: None,
            login: None,
            name: "x".into(),
        };
        let judgement = kind.judge(&Replies(vec![Reply::new("127.0.0.1:5672", outcome)]));
        (judgement.verdict, judgement.proof.unwrap_or_default())
    }

    #[test]
    fn each_answer_has_its_verdict() {
        let open = judged(Ok(Answer::Open("qpid-dispatch-router 1.19.0".into())));
        let proof = "qpid-dispatch-router 1.19.0 opens a connection on 127.0.0.1:5672";
        assert_eq!(open, (Verdict::Healthy, proof.into()));
        let wants = judged(Ok(Answer::WantsLogin("EXTERNAL".into())));
        let proof = "127.0.0.1:5672 speaks AMQP 1.0, and lets in by EXTERNAL only";
        assert_eq!(wants, (Verdict::Healthy, proof.into()));
        let silent = Trouble::new(What::Silent, "accepts connections and answers nothing");
        let because = "127.0.0.1:5672 accepts connections and answers nothing";
        assert_eq!(judged(Err(silent)).0, Verdict::own_fault(because));
        let denied = Trouble::denied("does not let in nova: sasl-outcome auth");
        let because = "127.0.0.1:5672 does not let in nova: sasl-outcome auth";
        assert_eq!(judged(Err(denied)).0, Verdict::environment(because));
        // It is in no case mended by a restart.
        let withheld = Trouble::new(What::Withheld, "does not say");
        let because = "127.0.0.1:5672 does not say";
        assert_eq!(judged(Err(withheld)).0, Verdict::environment(because));
    }
}
