use super::target::{Speech, Target};
use super::{Answer, Database};
use crate::kinds::Kind;
use crate::peer::{Peer, Replies, Reply, Trouble};
use crate::protocols::mysql::{Cluster, State};
use crate::settings::url::Endpoint;
use crate::verdict::{Blame, Verdict};
use vantage::Port;

fn database() -> Database {
    let endpoint = Endpoint::Tcp { host: "db".into(), port: Port::new(3306).unwrap() };
    Database {
        target: Target {
            speech: Speech::MySql,
            peer: Peer::dependency(vec![endpoint], "[database] connection in x.conf:3"),
            user: "nova".into(),
            password: None,
            database: None,
            encryption: None,
        },
    }
}

fn judged(outcome: Result<State, Trouble>) -> (Verdict, Option<String>) {
    let outcome = outcome.map(|state| Answer {
        server: "MariaDB 10.11.19".into(),
        no_login: None,
        wants_tls: false,
        state,
    });
    let seen = Replies(vec![Reply::new("10.0.0.5:3306", outcome)]);
    let judgement = database().judge(&seen);
    (judgement.verdict, judgement.proof)
}

fn cluster(ready: bool, status: &str, node: &str) -> Option<Cluster> {
    Some(Cluster { ready, status: status.into(), node: node.into(), size: Some(3) })
}

#[test]
fn what_it_says_of_itself_decides() {
    let fine = || State {
        read_only: Some(false),
        connections: Some(90),
        limit: Some(100),
        cluster: cluster(true, "Primary", "Synced"),
    };
    let (verdict, proof) = judged(Ok(fine()));
    assert_eq!(verdict, Verdict::Healthy);
    assert_eq!(proof.unwrap(), "MariaDB 10.11.19 on 10.0.0.5:3306 lets us in");
    // One that says nothing of itself has let us in all the same.
    assert_eq!(judged(Ok(State::default())).0, Verdict::Healthy);
    let cases = [
        (
            State { read_only: Some(true), connections: Some(99), ..fine() },
            "unhealthy",
            "10.0.0.5:3306 is read-only, the service cannot write ([database] connection in x.conf:3)",
        ),
        (
            State { connections: Some(91), ..fine() },
            "degraded",
            "10.0.0.5:3306 is nearly full: 91 of 100 connections ([database] connection in x.conf:3)",
        ),
        (
            State { cluster: cluster(false, "non-Primary", "Initialized"), ..fine() },
            "unhealthy",
            "10.0.0.5:3306 is in no state to serve: its Galera cluster is non-Primary, it is \
             Initialized ([database] connection in x.conf:3)",
        ),
        (
            State { cluster: cluster(true, "Primary", "Donor/Desynced"), ..fine() },
            "degraded",
            "10.0.0.5:3306 serves, but is not in step with its Galera cluster: Donor/Desynced \
             ([database] connection in x.conf:3)",
        ),
    ];
    for (state, word, because) in cases {
        let (verdict, _) = judged(Ok(state));
        assert_eq!((verdict.word(), verdict.because()), (word, Some(because)));
        if word == "unhealthy" {
            assert_eq!(verdict.blame(), Some(Blame::Dependency));
        }
    }
}

#[test]
fn who_does_not_let_us_in_is_named_in_its_own_words() {
    let cases = [
        (Trouble::denied("says 1045 Access denied for user 'nova'"), Blame::Environment),
        (Trouble::failing("says 1040 Too many connections"), Blame::Dependency),
    ];
    for (trouble, blame) in cases {
        let because = format!("10.0.0.5:3306 {trouble} ([database] connection in x.conf:3)");
        let (verdict, _) = judged(Err(trouble));
        assert_eq!((verdict.blame(), verdict.because()), (Some(blame), Some(&*because)));
    }
}

#[test]
fn a_login_that_we_cannot_give_leaves_the_weaker_proof() {
    let outcome = Ok(Answer {
        server: "MariaDB 10.11.19".into(),
        no_login: Some("wants a login by client_ed25519".into()),
        wants_tls: false,
        state: State::default(),
    });
    let seen = Replies(vec![Reply::new("10.0.0.5:3306", outcome)]);
    let judgement = database().judge(&seen);
    assert_eq!(judgement.verdict, Verdict::Healthy);
    let proof = "MariaDB 10.11.19 answers on 10.0.0.5:3306; a login was not seen: \
                 it wants a login by client_ed25519";
    assert_eq!(judgement.proof.as_deref(), Some(proof));
}
