//! Unix sockets: one that may be at several paths, and one that is not for us
//! to connect to, which must be an alarm to nobody.

use super::{Peer, Side, Trouble, What};
use crate::definition::Var;
use crate::plan::{Scene, Unplanned};
use crate::settings::url::Endpoint;
use crate::text::shown;
use std::path::{Path, PathBuf};
use vantage::{Blind, FileKind, UnixAddress, Vantage};

impl Peer {
    /// At the first of these paths that there is something at, else at the first.
    /// What a service needs is looked for only where there is a folder for one of
    /// them: else it is reached in another way.
    ///
    /// # Errors
    /// Where none is given, or one cannot be filled in; Moot without a folder.
    pub(crate) fn at_one_of(
        paths: &[Var<String>],
        side: Side,
        scene: &Scene<'_>,
    ) -> Result<Self, Unplanned> {
        let mut places = Vec::new();
        for path in paths {
            places.push((PathBuf::from(scene.value(path)?), scene.origins(path)));
        }
        let is_there =
            |path: &Path| !scene.vantage().stat(path).is_err_and(|error| error.is_missing());
        let found = places.iter().find(|(path, _)| is_there(path)).or_else(|| places.first());
        let Some((path, origin)) = found else {
            return Err(Unplanned::Nothing("expected the path of a unix socket".into()));
        };
        let endpoint = Endpoint::Unix(path.clone());
        match side {
            Side::Own => Ok(Self::own(endpoint, origin).run_by(scene.program(None))),
            Side::Dependency
                if places.iter().filter_map(|(path, _)| path.parent()).any(is_there) =>
            {
                Ok(Self::dependency(vec![endpoint], origin))
            }
            Side::Dependency => {
                let path = shown(&path.display().to_string(), 100);
                Err(Unplanned::Moot(format!("there is no folder for {path}")))
            }
        }
    }

    /// What else there is to be said of a socket that is not for us: somebody
    /// listens on it, its program runs or does not; of what a service needs, that it
    /// is there.
    ///
    /// # Errors
    /// Blind where nothing is.
    pub(super) fn not_asked(
        &self,
        address: &UnixAddress,
        blind: &Blind,
        from: &Vantage,
    ) -> Result<Trouble, Blind> {
        let name = address.to_string();
        let listens = |listener: &vantage::UnixListener| of_run(&listener.name) == of_run(&name);
        let told = shown(&name, 100);
        if from.unix_listeners().is_ok_and(|listeners| listeners.iter().any(listens)) {
            return Ok(Trouble::not_asked(format!("there is a listener on {told}")));
        }
        if let Some(program) = &self.program {
            return Ok(match program.find(from)?.is_empty() {
                false => Trouble::not_asked(format!("{program} runs, {told} is its socket")),
                true => Trouble::new(What::NotRunning, format!("{program} is not running")),
            });
        }
        // Its listener may be of another network namespace, whose table is not ours to see.
        let there = |path: &Path| from.stat(path).is_ok_and(|stat| stat.kind == FileKind::Socket);
        match address {
            UnixAddress::Path(path) if self.side == Side::Dependency && there(path) => {
                Ok(Trouble::not_asked(format!("{told} is there")))
            }
            _ => Err(blind.clone()),
        }
    }
}

/// `/var/run` is `/run`, whichever of them a socket was bound by.
fn of_run(path: &str) -> &str {
    path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::of_run;
    use crate::peer::{Peer, Trouble, What};
    use crate::program::Program;
    use crate::settings::url::Endpoint;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use vantage::{Blind, Obstacle, UnixAddress, Vantage};

    fn known_of(peer: &Peer, path: &Path) -> Result<Trouble, Blind> {
        let blind = Blind::new("connect to it", Obstacle::Forbidden);
        peer.not_asked(&UnixAddress::Path(path.to_owned()), &blind, &Vantage::inside().unwrap())
    }

    #[test]
    fn what_is_not_for_us_is_judged_by_what_else_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let endpoint = Endpoint::Unix(path.clone());
        let own = Peer::own(endpoint.clone(), "a test");
        let needed = Peer::dependency(vec![endpoint], "a test");
        let listener = UnixListener::bind(&path).unwrap();
        for peer in [&own, &needed] {
            let trouble = known_of(peer, &path).unwrap();
            assert!(trouble.is_not_asked(), "{trouble}");
            assert_eq!(trouble.words, format!("there is a listener on {}", path.display()));
        }
        // The socket stays, and nobody listens.
        drop(listener);
        assert_eq!(known_of(&own, &path).unwrap_err().obstacle, Obstacle::Forbidden);
        assert!(known_of(&needed, &path).unwrap().is_not_asked());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(known_of(&needed, &path).unwrap_err().obstacle, Obstacle::Forbidden);
        let piped =
            |command: &mut Command| command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = piped(&mut Command::new("cat")).unwrap();
        // What it gives back tells that it runs: right after exec it has no arguments yet.
        child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let of = |name: &str| own.clone().run_by(Some(Program::named([name])));
        let trouble = known_of(&of("cat"), &path);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(trouble.as_ref().is_ok_and(Trouble::is_not_asked), "{trouble:?}");
        assert_eq!(known_of(&of("no-such-program"), &path).unwrap().what, What::NotRunning);
    }

    #[test]
    fn one_socket_may_have_two_names() {
        assert_eq!(of_run("/var/run/a.sock"), of_run("/run/a.sock"));
        assert_eq!(of_run("/var/lib/a.sock"), "/var/lib/a.sock");
        assert_eq!(of_run("@a"), "@a");
    }
}
