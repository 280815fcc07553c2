//! TLS over any stream, as a client. What the server served is told whether it
//! was verified or not: a certificate that ends soon is news either way.
//! Nothing is set up before the first handshake.

mod certificate;
mod error;
mod trust;
mod verifier;

pub use certificate::Certificate;
pub use error::{CertificateError, TlsError};
pub use trust::{Identity, PemError, Trust, system_trust};

use error::Opening;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;
use verifier::Recorder;

/// Whom a handshake is with.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Its name or address: sent as SNI if it is a name, and verified.
    pub name: &'a str,
    /// Whose word is taken for it.
    pub trust: &'a Trust,
    /// Who we are, if the server wants to know.
    pub identity: Option<&'a Identity>,
    /// The moment that certificates are judged at.
    pub now: SystemTime,
}

/// What a server served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Whether its certificate was verified; it was not where nobody is trusted.
    pub verified: bool,
    /// Its certificate, if that can be read.
    pub certificate: Option<Certificate>,
}

/// Why there is no TLS, and what the server served before it came to that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// Why.
    pub error: TlsError,
    /// What was served, if it came to that.
    pub served: Option<Box<Served>>,
}

/// A stream within TLS.
pub struct TlsStream<S: Read + Write> {
    inner: StreamOwned<ClientConnection, Opening<S>>,
    served: Served,
}

/// Shakes hands over a stream, under the stream's own deadline.
///
/// # Errors
/// Where the other side speaks no TLS, none that we speak, serves a certificate
/// that is not trusted, or does not answer.
pub fn connect<S: Read + Write>(stream: S, peer: Peer<'_>) -> Result<TlsStream<S>, Failed> {
    let failed = |error| Failed { error, served: None };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let recorder = Arc::new(Recorder::new(peer.trust, &provider));
    let name = ServerName::try_from(peer.name.to_owned())
        .map_err(|_| failed(TlsError::Name(crate::text::shown(peer.name, 60))))?;
    let time = Arc::new(Moment(unix_time(peer.now)));
    let setup = |error: rustls::Error| failed(TlsError::Setup(error.to_string()));
    let config = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Recorder>::clone(&recorder));
    let mut config = match peer.identity {
        Some(identity) => {
            let (chain, key) = identity.parts();
            config.with_client_auth_cert(chain, key).map_err(setup)?
        }
        None => config.with_no_client_auth(),
    };
    // One connection, once: nothing to resume.
    config.resumption = Resumption::disabled();
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(setup)?;
    let mut opening = Opening::new(stream);
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut opening) {
            let error = opening.told(&error);
            return Err(Failed { error, served: recorder.served(false).map(Box::new) });
        }
    }
    let served = recorder.served(peer.trust.verifies());
    let served = served.unwrap_or(Served { verified: false, certificate: None });
    Ok(TlsStream { inner: StreamOwned::new(connection, opening), served })
}

impl<S: Read + Write> TlsStream<S> {
    /// What the server served.
    pub fn served(&self) -> Served {
        self.served
    }

    /// The stream beneath.
    pub fn beneath(&self) -> &S {
        self.inner.sock.beneath()
    }

    /// The same, to change its deadline.
    pub(crate) fn beneath_mut(&mut self) -> &mut S {
        self.inner.sock.beneath_mut()
    }

    /// Says that it is over, and gives back the stream beneath.
    pub fn close(self) -> S {
        let (mut connection, mut opening) = self.inner.into_parts();
        connection.send_close_notify();
        // Whether it is heard changes nothing.
        let _ = connection.write_tls(&mut opening);
        opening.into_stream()
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into).map_err(|error| self.inner.sock.worded(error))
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes).map_err(|error| self.inner.sock.worded(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().map_err(|error| self.inner.sock.worded(error))
    }
}

/// The moment of an evaluation: the same for all of it, a fixture's too.
#[derive(Debug)]
struct Moment(UnixTime);

impl TimeProvider for Moment {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn unix_time(time: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
