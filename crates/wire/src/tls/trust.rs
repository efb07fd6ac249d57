//! Whom a party accepts as its peer.

use super::provider::sha256;
use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible,
    SignatureScheme,
};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Fingerprint(sha256(certificate))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads 64 hexadecimal digits, with or without `sha256:` before and colons between them.
    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = text.trim();
        let hex = hex.strip_prefix("sha256:").unwrap_or(hex).replace(':', "");
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        let bytes: Option<Vec<u8>> = digits
            .map(|d| d.chunks(2).map(|d| d.iter().fold(0, |byte, d| byte << 4 | d)).collect());
        match bytes.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) if hex.len() == 64 => Ok(Fingerprint(bytes)),
            _ => Err(Error::Config(format!(
                "`{text}` is no fingerprint: that is sha256: and 64 hexadecimal digits"
            ))),
        }
    }
}

/// Whom a party accepts as its peer.
#[derive(Clone, Debug)]
pub struct Trust(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Pinned(Vec<Fingerprint>),
    Authority(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Whoever proves to own one of the certificates with these fingerprints. Names, dates and
    /// issuers do not matter.
    ///
    /// *Errors.* [`Error::Config`] when there is none.
    pub fn pinned(fingerprints: impl IntoIterator<Item = Fingerprint>) -> Result<Self, Error> {
        let pins: Vec<_> = fingerprints.into_iter().collect();
        if pins.is_empty() {
            return Err(Error::Config("nobody is trusted: pin at least one certificate".into()));
        }
        Ok(Trust(Kind::Pinned(pins)))
    }

    /// Whoever proves to own one of the certificates in this PEM text.
    ///
    /// *Errors.* [`Error::Config`] when it holds none.
    pub fn certificates(pem: &str) -> Result<Self, Error> {
        Self::pinned(certificates(pem)?.iter().map(Fingerprint::of))
    }

    /// Whoever shows a valid certificate that one of the authorities in this PEM text issued; as a
    /// server, for the host name that the client connects to.
    ///
    /// *Errors.* [`Error::Config`] when it holds none.
    pub fn authority(pem: &str) -> Result<Self, Error> {
        Ok(Trust(Kind::Authority(certificates(pem)?)))
    }
}

/// The certificates in a PEM text, at least one.
pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::Config("the PEM text holds no certificate".into())),
        Err(e) => Err(Error::Config(format!("the certificate's PEM is broken: {e}"))),
    }
}

/// Accepts the pinned certificates and nothing else.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pins: Vec<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinVerifier {
    pub(super) fn new(pins: &[Fingerprint], provider: &CryptoProvider) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        PinVerifier { pins: pins.to_vec(), algorithms }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let shown = Fingerprint::of(certificate);
        if self.pins.contains(&shown) {
            return Ok(());
        }
        let wrong = OtherError(std::sync::Arc::new(WrongPin(shown)));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(wrong)))
    }

    /// The handshake's signature proves that the peer owns the certificate's key.
    fn owned(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("its certificate is {0}, which is not pinned (another machine, or a renewed certificate?)")]
struct WrongPin(Fingerprint);

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.owned(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PinVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.owned(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
