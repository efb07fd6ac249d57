//! A certificate and its key.

use super::trust::{Fingerprint, certificates};
use crate::Error;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// A party's certificate chain and private key.
pub struct Identity {
    cert: String,
    key: Zeroizing<String>,
}

impl Identity {
    /// A new ECDSA P-256 key and a self-signed certificate for these DNS names and IP addresses,
    /// to be pinned by the peer. It does not expire: a pin is withdrawn by removing it.
    ///
    /// *Errors.* [`Error::Config`] for a name that no certificate can hold.
    pub fn self_signed<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let generated = rcgen::generate_simple_self_signed(names.clone())
            .map_err(|e| Error::Config(format!("no certificate for {names:?}: {e}")))?;
        Ok(Identity {
            cert: generated.cert.pem(),
            key: Zeroizing::new(generated.signing_key.serialize_pem()),
        })
    }

    /// A certificate chain, the party's own certificate first, and its key, both PEM.
    ///
    /// *Errors.* [`Error::Config`] when either is not PEM of that kind.
    pub fn from_pem(cert: &str, key: &str) -> Result<Self, Error> {
        let identity = Identity { cert: cert.into(), key: Zeroizing::new(key.into()) };
        identity.chain()?;
        identity.private_key()?;
        Ok(identity)
    }

    /// Reads the PEM files of a certificate chain and its key.
    ///
    /// *Errors.* [`Error::Io`] naming the file; as [`Identity::from_pem`].
    pub fn read(cert: &Path, key: &Path) -> Result<Self, Error> {
        let text = |path: &Path| {
            fs::read_to_string(path)
                .map(Zeroizing::new)
                .map_err(|source| Error::Io { what: format!("reading {}", path.display()), source })
        };
        Self::from_pem(&text(cert)?, &text(key)?)
    }

    /// Writes the certificate and the key to new PEM files; the key is readable by this user alone.
    ///
    /// *Errors.* [`Error::Io`] naming the file; existing files are never overwritten.
    pub fn write(&self, cert: &Path, key: &Path) -> Result<(), Error> {
        let create = |path: &Path, mode: u32, text: &str| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
            #[cfg(not(unix))]
            let _ = mode;
            options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(
                |source| Error::Io { what: format!("creating {}", path.display()), source },
            )
        };
        create(key, 0o600, &self.key)?;
        create(cert, 0o644, &self.cert)
    }

    /// The certificate chain, PEM: what the peer may pin.
    pub fn certificate_pem(&self) -> &str {
        &self.cert
    }

    /// The private key, PEM.
    pub fn key_pem(&self) -> &Zeroizing<String> {
        &self.key
    }

    /// The fingerprint of the party's own certificate, which the peer may pin.
    pub fn fingerprint(&self) -> Result<Fingerprint, Error> {
        Ok(Fingerprint::of(&self.chain()?[0]))
    }

    /// Not empty.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        certificates(&self.cert)
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|e| Error::Config(format!("no private key in the key's PEM: {e}")))
    }
}
