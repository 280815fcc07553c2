//! Someone accepts on a unix socket: by path or abstract name.

use super::{Fields, Judgement, Kind, Level};
use crate::definition::Var;
use crate::owner::Holders;
use crate::plan::{Scene, Unplanned};
use crate::program::Program;
use crate::text::shown;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vantage::{Blind, Deadline, DialError, Obstacle, UnixAddress, Vantage};

/// Someone accepts on a unix socket.
pub struct Socket {
    address: UnixAddress,
    program: Option<Program>,
}

/// The fields of a `socket` check.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Written {
    /// Its path.
    path: Option<Var<String>>,
    /// Its name in the abstract namespace.
    #[serde(rename = "abstract")]
    abstract_name: Option<Var<String>>,
    /// Whose it must be; the definition's program if not given.
    process: Option<Program>,
}

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    processes: Vec<u32>,
    /// Whether it is among the listening sockets, and whether the process holds it.
    listener: Option<Option<bool>>,
    /// Why its owner could not be seen.
    ownerless: Option<(String, Option<String>)>,
    /// Why we may not connect, and what can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    forbidden: Option<(String, Option<String>)>,
    /// Why connecting failed, if it did.
    refused: Option<String>,
    /// It is not even there.
    missing: bool,
}

impl Kind for Socket {
    const NAME: &'static str = "socket";
    const ABOUT: &'static str =
        "the right process listens on a unix socket and a connection to it is taken";
    const EXAMPLE: &'static str = "\
[[check]]
kind = \"socket\"
path = \"/run/libvirt/virtlogd-sock\"   # or: abstract = \"ISCSIADM_ABSTRACT_NAMESPACE\"
";
    const FIELDS: Fields = &[
        ("path", "the socket's path"),
        ("abstract", "its name in the abstract namespace"),
        ("process", "whose it must be; the definition's program if not given"),
    ];
    const PROVES: Level = Level::Holds;
    type Written = Written;
    type Seen = Seen;

    fn plan(written: &Written, scene: &Scene<'_>) -> Result<Self, Unplanned> {
        let address = match (&written.path, &written.abstract_name) {
            (Some(path), None) => UnixAddress::Path(PathBuf::from(scene.value(path)?)),
            (None, Some(name)) => UnixAddress::Abstract(scene.value(name)?),
            _ => return Err(Unplanned::Nothing("expected either `path` or `abstract`".into())),
        };
        Ok(Self { address, program: scene.program(written.process.as_ref()) })
    }

    fn describe(&self) -> String {
        format!("that {} takes connections", self.shown())
    }

    fn observe(&self, from: &Vantage, by: Deadline) -> Result<Seen, Blind> {
        let name = match &self.address {
            UnixAddress::Path(path) => path.display().to_string(),
            UnixAddress::Abstract(name) => format!("@{name}"),
        };
        // Without the table it can still be knocked at.
        let (mut listeners, untold) = match from.unix_listeners() {
            Ok(listeners) => (listeners, None),
            Err(blind) => (Vec::new(), Some(blind)),
        };
        listeners.retain(|listener| listener.name == name);
        let inodes = listeners.iter().map(|listener| listener.inode);
        let holders = Holders::find(inodes.clone(), self.program.as_ref(), from)?;
        let held: Vec<Option<bool>> = inodes.map(|inode| holders.hold_inode(inode)).collect();
        // Several sockets may bear one name: a path that was bound again, or
        // another container's. What the process holds decides.
        let listener =
            [Some(true), None, Some(false)].into_iter().find(|held_by| held.contains(held_by));
        let mut seen = Seen {
            processes: holders.pids.iter().map(|pid| pid.get()).collect(),
            listener,
            ownerless: untold
                .as_ref()
                .or(holders.weaker().filter(|_| listener == Some(None)))
                .map(|blind| (blind.to_string(), blind.hint.clone())),
            forbidden: None,
            refused: None,
            missing: false,
        };
        if let UnixAddress::Path(path) = &self.address
            && from.stat(path).is_err_and(|error| error.is_missing())
        {
            seen.missing = true;
            return Ok(seen);
        }
        match from.connect_unix(&self.address, by) {
            Ok(_) => {}
            Err(DialError::Blind(blind)) if blind.obstacle == Obstacle::Forbidden => {
                seen.forbidden = Some((blind.to_string(), blind.hint));
            }
            // A fixture cannot be dialled; the table of listeners has spoken.
            Err(DialError::Blind(blind)) if listener.is_none() => {
                return Err(untold.unwrap_or(blind));
            }
            Err(DialError::Blind(_)) => {}
            Err(error) => seen.refused = Some(error.to_string()),
        }
        Ok(seen)
    }

    fn judge(&self, seen: &Seen) -> Judgement {
        let name = self.shown();
        if seen.missing {
            return Verdict::own_fault(format!("{name} is not there")).into();
        }
        if let Some(refused) = &seen.refused {
            return Verdict::own_fault(format!("{name} does not accept: {refused}")).into();
        }
        match (seen.listener, &self.program) {
            (Some(Some(false)), Some(program)) => {
                let because = format!("{name} is held by another process than {program}");
                Verdict::own_fault(because).into()
            }
            _ if seen.forbidden.is_some() => self.judge_forbidden(seen),
            _ => match &seen.ownerless {
                Some((blind, hint)) => Judgement {
                    hint: hint.clone(),
                    ..Judgement::healthy(format!("{name} accepts, owner not seen ({blind})"))
                },
                None => Judgement::healthy(format!("{name} accepts")),
            },
        }
    }
}

impl Socket {
    /// A socket that is not for us: what else is known has to do.
    fn judge_forbidden(&self, seen: &Seen) -> Judgement {
        let name = self.shown();
        let Some((because, hint)) = &seen.forbidden else {
            return Verdict::unknown("nothing was seen").into();
        };
        let judgement = match (seen.listener, &self.program) {
            (Some(_), _) => {
                let proof = format!("there is a listener on {name}, not asked ({because})");
                Judgement::healthy(proof)
            }
            (None, Some(program)) if seen.processes.is_empty() => {
                Verdict::own_fault(format!("{program} is not running")).into()
            }
            (None, Some(program)) => {
                let proof = format!("{program} runs, {name} is its socket, not asked ({because})");
                Judgement::healthy(proof)
            }
            (None, None) => Verdict::unknown(because.clone()).into(),
        };
        Judgement { hint: hint.clone(), ..judgement }
    }

    fn shown(&self) -> String {
        match &self.address {
            UnixAddress::Path(path) => shown(&path.display().to_string(), 100),
            UnixAddress::Abstract(name) => format!("@{}", shown(name, 100)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Program, Seen, Socket};
    use std::path::PathBuf;
    use vantage::UnixAddress;

    #[test]
    fn a_socket_that_is_not_ours_is_judged_by_what_else_is_known() {
        let judged = |program: Option<&str>, listener, processes| {
            let address = UnixAddress::Path(PathBuf::from("/run/a"));
            let kind = Socket { address, program: program.map(|name| Program::named([name])) };
            let seen = Seen {
                processes,
                listener,
                ownerless: None,
                forbidden: Some(("no right".to_owned(), Some("be root".to_owned()))),
                refused: None,
                missing: false,
            };
            let judgement = kind.judge(&seen);
            let because = judgement.verdict.because().map(str::to_owned);
            (judgement.verdict.word(), because.or(judgement.proof).unwrap_or_default())
        };
        let listens = "there is a listener on /run/a, not asked (no right)".to_owned();
        assert_eq!(judged(None, Some(None), vec![]), ("healthy", listens));
        let runs = "a runs, /run/a is its socket, not asked (no right)".to_owned();
        assert_eq!(judged(Some("a"), None, vec![1]), ("healthy", runs));
        let runs_not = "a is not running".to_owned();
        assert_eq!(judged(Some("a"), None, vec![]), ("unhealthy", runs_not));
        assert_eq!(judged(None, None, vec![]), ("unknown", "no right".to_owned()));
        let other = "/run/a is held by another process than a".to_owned();
        assert_eq!(judged(Some("a"), Some(Some(false)), vec![1]), ("unhealthy", other));
    }
}
