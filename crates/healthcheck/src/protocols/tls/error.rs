//! What can be wrong with TLS, in words that follow the server's name. The
//! first bytes of the other side are kept: they tell what it speaks instead.

use crate::protocols::http::Trouble;
use crate::text::{either, shown};
use rustls::AlertDescription;
use rustls::pki_types::{ServerName, UnixTime};
use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The server's certificate is not to be trusted.
    #[error("its certificate {0}")]
    Certificate(CertificateError),
    /// The other side speaks plain HTTP.
    #[error("expected TLS, the server speaks plain HTTP")]
    PlainHttp,
    /// The other side speaks something else; what came first, safe to show.
    #[error("expected TLS, found \"{0}\"")]
    NotTls(String),
    /// The other side does not want us.
    #[error("refused the TLS handshake: {0}")]
    Alert(String),
    /// It wants to know who we are.
    #[error("wants a client certificate")]
    ClientCertificate,
    /// No version or cipher in common.
    #[error("speaks no TLS that is still safe: {0}")]
    Incompatible(String),
    /// The connection failed in between.
    #[error("did not complete the TLS handshake: {0}")]
    Broken(Trouble),
    /// Anything else, in words.
    #[error("TLS: {0}")]
    Other(String),
    /// The server's name is neither a name nor an address.
    #[error("expected a name or an address to verify, found \"{0}\"")]
    Name(String),
    /// We could not begin.
    #[error("cannot set TLS up: {0}")]
    Setup(String),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It has ended.
    #[error("has expired")]
    Expired {
        /// When, if that is known.
        since: Option<SystemTime>,
    },
    /// It has not begun.
    #[error("is not valid yet")]
    NotYetValid,
    /// It is somebody else's.
    #[error("is for {presented}, not for {expected}")]
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// Those it is for, safe to show.
        presented: String,
    },
    /// Nobody who is trusted has issued it.
    #[error("was issued by nobody who is trusted")]
    UnknownIssuer,
    /// Anything else, in words.
    #[error("is not accepted: {0}")]
    Other(String),
}

/// How much of the beginning is kept, in bytes.
const KEPT: usize = 64;

/// A stream whose first bytes are kept.
pub(super) struct Opening<S> {
    stream: S,
    first: Vec<u8>,
}

impl<S> Opening<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, first: Vec::new() }
    }

    pub(super) fn beneath(&self) -> &S {
        &self.stream
    }

    pub(super) fn beneath_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// An error of the TLS library's, in our words.
    pub(super) fn told(&self, error: &io::Error) -> TlsError {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let Some(error) = inner else {
            let kind: Trouble = io::Error::from(error.kind()).into();
            return TlsError::Broken(match kind {
                Trouble::Other(_) => Trouble::Other(shown(&error.to_string(), 120)),
                known => known,
            });
        };
        match error {
            rustls::Error::InvalidCertificate(error) => TlsError::Certificate(error.into()),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                TlsError::ClientCertificate
            }
            rustls::Error::AlertReceived(alert) => TlsError::Alert(words(&format!("{alert:?}"))),
            rustls::Error::PeerIncompatible(why) => {
                TlsError::Incompatible(words(&format!("{why:?}")))
            }
            // 20 to 23 are TLS's types of record.
            _ if self.first.first().is_some_and(|byte| !(20..=23).contains(byte)) => {
                self.something_else()
            }
            rustls::Error::PeerMisbehaved(how) => TlsError::Other(words(&format!("{how:?}"))),
            rustls::Error::InvalidMessage(how) => TlsError::Other(words(&format!("{how:?}"))),
            other => TlsError::Other(shown(&other.to_string(), 120)),
        }
    }

    fn something_else(&self) -> TlsError {
        if self.first.starts_with(b"HTTP/") {
            return TlsError::PlainHttp;
        }
        let text = String::from_utf8_lossy(&self.first);
        TlsError::NotTls(shown(text.lines().next().unwrap_or_default(), 60))
    }

    /// An error with the TLS library's words replaced by ours.
    pub(super) fn worded(&self, error: io::Error) -> io::Error {
        let ours = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        if ours { io::Error::other(self.told(&error)) } else { error }
    }
}

impl<S: Read> Read for Opening<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(into)?;
        let room = KEPT.saturating_sub(self.first.len()).min(length);
        self.first.extend_from_slice(into.get(..room).unwrap_or_default());
        Ok(length)
    }
}

impl<S: Write> Write for Opening<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl From<&rustls::CertificateError> for CertificateError {
    fn from(error: &rustls::CertificateError) -> Self {
        use rustls::CertificateError as Theirs;
        match error {
            Theirs::Expired => Self::Expired { since: None },
            Theirs::ExpiredContext { not_after, .. } => {
                Self::Expired { since: Some(system_time(*not_after)) }
            }
            Theirs::NotValidYet | Theirs::NotValidYetContext { .. } => Self::NotYetValid,
            Theirs::UnknownIssuer => Self::UnknownIssuer,
            Theirs::NotValidForNameContext { expected, presented } => {
                let expected = match expected {
                    ServerName::DnsName(name) => name.as_ref().to_owned(),
                    ServerName::IpAddress(ip) => std::net::IpAddr::from(*ip).to_string(),
                    _ => "this server".to_owned(),
                };
                Self::WrongName { expected: shown(&expected, 60), presented: names(presented) }
            }
            other => Self::Other(shown(&other.to_string(), 120)),
        }
    }
}

/// The names of a certificate as the library gives them: `DnsName("a")`,
/// `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let names: Vec<_> = presented
        .iter()
        .take(3)
        .map(|name| {
            let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
            shown(inner.unwrap_or(name).trim_matches('"'), 60)
        })
        .collect();
    if names.is_empty() { "no name at all".to_owned() } else { either(&names) }
}

fn system_time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// A name of the library's as words: `HandshakeFailure` is `handshake failure`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    shown(&words, 80)
}
