//! The implementation of TLS's cryptography.

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls::crypto::aws_lc_rs as implementation;
#[cfg(not(feature = "tls"))]
use rustls::crypto::ring as implementation;

/// TLS 1.3 suites with 128 bits of security or more, the fastest first; the hybrid post-quantum key
/// exchange first where the implementation has it.
pub(super) fn provider() -> Arc<CryptoProvider> {
    use implementation::cipher_suite::*;
    use implementation::kx_group::*;
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            TLS13_AES_128_GCM_SHA256,
            TLS13_AES_256_GCM_SHA384,
            TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![
            #[cfg(feature = "tls")]
            X25519MLKEM768,
            X25519,
            SECP256R1,
        ],
        ..implementation::default_provider()
    })
}

/// SHA-256, from the same implementation.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let rustls::SupportedCipherSuite::Tls13(suite) =
        implementation::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let mut out = [0; 32];
    out.copy_from_slice(suite.common.hash_provider.hash(bytes).as_ref());
    out
}
