//! Whose word is taken for a server, and who we are: from PEM.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use vantage::{FileError, Vantage};

/// Where distributions keep the authorities that the system trusts: CentOS,
/// Debian and its like, SUSE.
const SYSTEM: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// Whose word is taken for a server.
#[derive(Clone)]
pub enum Trust {
    /// Anybody's: the server may be whoever it says it is.
    Anybody,
    /// These authorities'; or the server's own certificate is among these.
    These {
        /// The authorities.
        roots: Arc<RootCertStore>,
        /// The same, as certificates.
        certificates: Arc<[CertificateDer<'static>]>,
        /// Whether it does not matter which name a server's certificate is for.
        any_name: bool,
    },
}

impl Trust {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// Where there is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PemError> {
        let certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Ok(Self::These {
            roots: Arc::new(roots),
            certificates: certificates.into(),
            any_name: false,
        })
    }

    /// The same, whatever name a server's certificate is for.
    #[must_use]
    pub fn of_any_name(self) -> Self {
        match self {
            Self::Anybody => Self::Anybody,
            Self::These { roots, certificates, .. } => {
                Self::These { roots, certificates, any_name: true }
            }
        }
    }

    /// Whether a server's certificate is verified at all.
    pub fn verifies(&self) -> bool {
        matches!(self, Self::These { .. })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => f.write_str("anybody"),
            Self::These { certificates, .. } => write!(f, "{} certificates", certificates.len()),
        }
    }
}

/// The authorities that the container's system trusts.
///
/// # Errors
/// Where there is no file of them, or one that cannot be read.
pub fn system_trust(from: &Vantage) -> Result<Trust, PemError> {
    for path in SYSTEM {
        match from.read(Path::new(path)) {
            Ok(pem) => return Trust::from_pem(&pem),
            Err(FileError::Missing(_)) => {}
            Err(error) => return Err(PemError::File(error.to_string())),
        }
    }
    Err(PemError::File(format!("no authorities at {}", SYSTEM.join(", "))))
}

/// A client's certificate and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM: the certificate (and those that lead to its authority), and the key.
    ///
    /// # Errors
    /// Where one of the two is not there, or cannot be read.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemError::Key)?;
        Ok(Self { chain, key })
    }

    pub(super) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a certificate and its key")
    }
}

/// Why there are no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is none.
    #[error("expected certificates in PEM, found none")]
    NoCertificate,
    /// One cannot be read.
    #[error("expected certificates in PEM: {0}")]
    Certificate(String),
    /// The key is not there, or cannot be read. It is never quoted.
    #[error("expected a private key in PEM")]
    Key,
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
}

/// The certificates of a PEM file, in their order.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(PemError::NoCertificate),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(PemError::Certificate(crate::text::shown(&error.to_string(), 80))),
    }
}
