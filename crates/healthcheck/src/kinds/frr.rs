//! A daemon of FRRouting's answers, and its BGP sessions.

use super::{Fields, Judgement, Kind};
use crate::definition::{OneOrMany, Var};
use crate::peer::{Hosts, Peer, Replies, Side, Trouble};
use crate::plan::{Scene, Unplanned};
use crate::protocols::vty::{UNKNOWN_COMMAND, Vty};
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Read, Write};
use vantage::{Blind, Deadline, Vantage};

/// A daemon of FRRouting's answers.
pub struct Frr {
    peer: Peer,
    sessions: bool,
}

/// The fields of an `frr` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    unix: OneOrMany<Var<String>>,
    #[serde(default)]
    sessions: bool,
}

/// What a daemon said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    version: String,
    /// Of BGP, if that was asked and can be read.
    sessions: Option<Sessions>,
}

/// Sessions with neighbours that nobody has shut down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sessions {
    wanted: usize,
    established: usize,
}

impl Kind for Frr {
    const NAME: &'static str = "frr";
    const ABOUT: &'static str =
        "a daemon of FRRouting answers, and one of its BGP sessions at least is established";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"frr\"
unix = \"/run/frr/bgpd.vty\"
sessions = true
";
    const FIELDS: Fields = &[
        ("unix", "the daemon's unix socket; of several, the first there is"),
        (
            "sessions",
            "asks bgpd for its sessions, too; degraded where neighbours are set and none is reached",
        ),
    ];
    type Written = Written;
    type Seen = Replies<Said>;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let peer = Peer::at_one_of(written.unix.as_slice(), Side::Own, scene)?;
        Ok(Self { peer, sessions: written.sessions })
    }

    fn describe(&self) -> String {
        let sessions = if self.sessions { " and has BGP sessions" } else { "" };
        format!("that FRRouting answers on {}{sessions}", self.peer)
    }

    fn peer(&self) -> Option<&Peer> {
        Some(&self.peer)
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Replies<Said>, Blind> {
        self.peer.speak(Hosts::Each, from, by, |spoken| said(spoken.link, self.sessions))
    }

    fn judge(&self, met: &Replies<Said>) -> Judgement {
        met.judge(&self.peer, |whom, said| {
            let proof = format!("FRRouting {} answers on {whom}", shown(&said.version, 40));
            match (self.sessions, said.sessions) {
                (false, _) => Judgement::healthy(proof),
                (true, None) => Judgement::healthy(format!("{proof}, its sessions cannot be read")),
                (true, Some(Sessions { wanted: 0, .. })) => {
                    Judgement::healthy(format!("{proof}, no BGP neighbour is set"))
                }
                (true, Some(Sessions { wanted, established: 0 })) => {
                    Verdict::degraded(format!("none of {wanted} BGP sessions is established"))
                        .into()
                }
                (true, Some(Sessions { wanted, established })) => Judgement::healthy(format!(
                    "{proof}, {established} of {wanted} BGP sessions established"
                )),
            }
        })
    }
}

fn said(stream: impl Read + Write, sessions: bool) -> Result<Said, Trouble> {
    let mut vty = Vty::new(stream);
    let (text, status) = vty.run("show version")?;
    let version = text
        .split_once("FRRouting ")
        .and_then(|(_, rest)| rest.split_whitespace().next().map(str::to_owned));
    let version = match (version, status) {
        (Some(version), 0) => version,
        _ => {
            let text = shown(text.trim(), 80);
            return Err(Trouble::garbled(format!(
                "expected FRRouting's version, found \"{text}\""
            )));
        }
    };
    if !sessions {
        return Ok(Said { version, sessions: None });
    }
    let sessions = match vty.run("show bgp vrf all summary json")? {
        (text, 0) => serde_json::from_str::<Value>(&text).ok().map(|summary| count(&summary)),
        (_, UNKNOWN_COMMAND) => None,
        (text, status) => {
            let text = shown(text.trim(), 80);
            return Err(Trouble::failing(format!("refuses its sessions ({status}): {text}")));
        }
    };
    Ok(Said { version, sessions })
}

/// The sessions in `{ VRF: { FAMILY: { "peers": { NEIGHBOUR: { "state": … } } } } }`.
/// One that serves several families is counted once for each.
fn count(summary: &Value) -> Sessions {
    let mut sessions = Sessions::default();
    let values = |value: &Value| -> Vec<Value> {
        value.as_object().map_or(Vec::new(), |object| object.values().cloned().collect())
    };
    for family in values(summary).iter().flat_map(values) {
        for neighbour in family.get("peers").map(values).unwrap_or_default() {
            match neighbour.get("state").and_then(Value::as_str) {
                Some("Established") => {
                    sessions.wanted += 1;
                    sessions.established += 1;
                }
                // Shut down by somebody who meant it.
                Some(state) if state.contains("Admin") => {}
                _ => sessions.wanted += 1,
            }
        }
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::{Frr, Kind, Said, Sessions, said};
    use crate::peer::{Peer, Replies, Reply, Trouble, What};
    use crate::protocols::scripted::Scripted;
    use crate::settings::url::Endpoint;
    use crate::verdict::Verdict;
    use proptest::prelude::*;

    const PATH: &str = "/run/frr/bgpd.vty";

    #[test]
    fn what_it_says_is_understood() {
        let version = "FRRouting 8.4.4 (h) on Linux(6.1).\nCopyright\n\0\0\0\0";
        // As bgpd 8.4.4 says it, shortened.
        let summary = r#"{"default":{"ipv4Unicast":{"vrfName":"default","peers":{
            "10.0.0.1":{"remoteAs":65001,"state":"Established"},
            "10.0.0.2":{"remoteAs":65001,"state":"Active"},
            "10.0.0.3":{"remoteAs":65001,"state":"Idle (Admin)"}},"totalPeers":3}},"red":{}}"#;
        let sessions = |text: &str| said(Scripted::new(format!("{version}{text}")), true);
        let found = sessions(&format!("{summary}\0\0\0\0")).unwrap();
        assert_eq!(found.version, "8.4.4");
        assert_eq!(found.sessions, Some(Sessions { wanted: 2, established: 1 }));
        assert_eq!(sessions("{}\0\0\0\0").unwrap().sessions, Some(Sessions::default()));
        assert_eq!(sessions("% Unknown command\0\0\0\x02").unwrap().sessions, None);
        assert_eq!(sessions("no json\0\0\0\0").unwrap().sessions, None);
        assert_eq!(sessions("% no\0\0\0\x01").unwrap_err().words, "refuses its sessions (1): % no");
        assert_eq!(sessions("").unwrap_err().what, What::HungUp);
        assert_eq!(
            said(Scripted::new("% no\0\0\0\x02"), false).unwrap_err().words,
            "expected FRRouting's version, found \"% no\""
        );
    }

    #[test]
    fn each_answer_has_its_verdict() {
        let check = Frr { peer: Peer::own(Endpoint::Unix(PATH.into()), "x.toml"), sessions: true };
        let asked = |outcome| Replies(vec![Reply::new(PATH, outcome)]);
        let said = |wanted, established| {
            let sessions = Some(Sessions { wanted, established });
            asked(Ok(Said { version: "8.4.4".into(), sessions }))
        };
        let silent = Trouble::new(What::Silent, "accepts connections and answers nothing");
        for (met, expected) in [
            (said(2, 1), Verdict::Healthy),
            (said(0, 0), Verdict::Healthy),
            (said(2, 0), Verdict::degraded("none of 2 BGP sessions is established")),
            (asked(Ok(Said { version: "8".into(), sessions: None })), Verdict::Healthy),
            (
                asked(Err(silent)),
                Verdict::own_fault(format!(
                    "{PATH} accepts connections and answers nothing (x.toml)"
                )),
            ),
        ] {
            assert_eq!(check.judge(&met).verdict, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_summary_is_survived(text in "(\\{|\\}|\"peers\":|\"a\":|\"state\":\"b\"|,|1|null){0,20}") {
            let _ = said(Scripted::new(format!("FRRouting 8 \0\0\0\0{text}\0\0\0\0")), true);
        }
    }
}
