//! Verifies a server's certificate as far as that is wanted, and keeps it.

use super::{Certificate, Served, Trust};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};

/// The verifier of one handshake.
#[derive(Debug)]
pub(super) struct Recorder {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    /// Once it was served: the certificate, if it can be read.
    served: OnceLock<Option<Certificate>>,
}

impl Recorder {
    pub(super) fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Self {
        Self { trust: trust.clone(), provider: Arc::clone(provider), served: OnceLock::new() }
    }

    /// What was served, if anything was.
    pub(super) fn served(&self, verified: bool) -> Option<Served> {
        self.served.get().map(|&certificate| Served { verified, certificate })
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = *self.served.get_or_init(|| Certificate::from_der(end_entity));
        let Trust::These { roots, certificates, any_name } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        // A self-signed certificate that is trusted by itself; as an authority
        // it would not pass, and as OpenSSL makes them it claims to be one.
        if certificates.contains(end_entity) {
            let (begin, end) =
                certificate.map_or((None, None), |one| (one.not_before, one.not_after));
            if end.is_some_and(|end| super::unix_time(end) < now) {
                return Err(CertificateError::Expired.into());
            }
            if begin.is_some_and(|begin| super::unix_time(begin) > now) {
                return Err(CertificateError::NotValidYet.into());
            }
            if !any_name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let provider = Arc::clone(&self.provider);
        let verified = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name comes last, once all else is in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if *any_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.trust.verifies() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Whoever trusts anybody learns nothing from a proof that the key of an
        // unknown certificate is there, and old certificates (X.509 v1) would fail it.
        if !self.trust.verifies() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
