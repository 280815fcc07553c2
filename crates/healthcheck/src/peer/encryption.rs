//! How TLS is spoken with a peer: whose word is taken for it, who we are, and
//! the files in the container that say so.

use super::Trouble;
use crate::link::Link;
use crate::protocols::tls::{self, Identity, PemError, Served, Trust, system_trust};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use vantage::{Blind, FileError, Obstacle, Vantage};

/// How TLS is spoken with a peer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encryption {
    /// Whose word is taken for it.
    pub(crate) verify: Verify,
    /// The files of our own certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// The name that is verified, if not the one that was connected to.
    pub(crate) server_name: Option<String>,
}

/// Whose word is taken for a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    /// The server may be whoever it says it is.
    #[default]
    Nothing,
    /// The authorities that the container's system trusts.
    System,
    /// Those of a PEM file in the container.
    Authority(PathBuf),
    /// The same, whatever name it is for: as Open vSwitch verifies.
    AuthorityOfAnyName(PathBuf),
}

impl Encryption {
    /// Shakes hands with `host` over a connection that is plain still. For
    /// protocols that begin TLS in the middle, too.
    ///
    /// # Errors
    /// Blind where our own files cannot be read.
    pub(crate) fn start(
        &self,
        link: Link,
        host: &str,
        from: &Vantage,
    ) -> Result<Result<(Link, Option<Served>), Trouble>, Blind> {
        Ok(self.ready(from)?.start(link, host))
    }

    /// All that it takes, read from the container's files.
    ///
    /// # Errors
    /// Blind where they cannot be read.
    pub(crate) fn ready(&self, from: &Vantage) -> Result<Ready, Blind> {
        Ok(Ready {
            trust: self.verify.trust(from)?,
            identity: self.identity(from)?,
            server_name: self.server_name.clone(),
            now: from.now(),
        })
    }

    /// Who we are, if the server is to know.
    ///
    /// # Errors
    /// Blind where a file cannot be read.
    pub(crate) fn identity(&self, from: &Vantage) -> Result<Option<Arc<Identity>>, Blind> {
        let Some((certificate, key)) = &self.identity else { return Ok(None) };
        let identity = Identity::from_pem(&read(certificate, from)?, &read(key, from)?);
        identity.map(|identity| Some(Arc::new(identity))).map_err(|error| {
            let what = format!("read {}", certificate.display());
            Blind::new(what, Obstacle::Other(error.to_string()))
        })
    }
}

/// All that it takes to speak TLS with a peer. For protocols that begin it in
/// the midst, and whose server is not to be bothered where it cannot be begun.
pub(crate) struct Ready {
    trust: Trust,
    identity: Option<Arc<Identity>>,
    server_name: Option<String>,
    now: SystemTime,
}

impl Ready {
    /// Shakes hands with `host` over a connection that is plain still.
    ///
    /// # Errors
    /// Where that does not come about.
    pub(crate) fn start(&self, link: Link, host: &str) -> Result<(Link, Option<Served>), Trouble> {
        let peer = tls::Peer {
            name: self.server_name.as_deref().unwrap_or(host),
            trust: &self.trust,
            identity: self.identity.as_deref(),
            now: self.now,
        };
        link.encrypt(peer).map_err(|failed| Trouble::from(failed.error))
    }
}

impl Verify {
    /// Whose word is taken, read from the container's files.
    ///
    /// # Errors
    /// Blind where they cannot be read.
    pub(crate) fn trust(&self, from: &Vantage) -> Result<Trust, Blind> {
        let blind =
            |error: PemError| Blind::new("verify the server", Obstacle::Other(error.to_string()));
        match self {
            Self::Nothing => Ok(Trust::Anybody),
            Self::System => system_trust(from).map_err(blind),
            Self::Authority(path) | Self::AuthorityOfAnyName(path) => {
                let trust = Trust::from_pem(&read(path, from)?).map_err(|error| {
                    let what = format!("read {}", path.display());
                    Blind::new(what, Obstacle::Other(error.to_string()))
                })?;
                Ok(match self {
                    Self::AuthorityOfAnyName(_) => trust.of_any_name(),
                    _ => trust,
                })
            }
        }
    }
}

fn read(path: &Path, from: &Vantage) -> Result<Vec<u8>, Blind> {
    from.read(path).map_err(|error| {
        let obstacle = match error {
            FileError::Missing(_) => Obstacle::Missing,
            FileError::Forbidden(_) => Obstacle::Forbidden,
            other => Obstacle::Other(other.to_string()),
        };
        Blind::new(format!("read {}", path.display()), obstacle)
    })
}
