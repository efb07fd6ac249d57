//! TLS 1.3 on lanes. The provider of cryptography is chosen in one file, `provider.rs`.

mod config;
mod handshake;
mod identity;
mod provider;
mod stream;
mod trust;

pub(crate) use config::{ClientConfig, ServerConfig};
pub use identity::Identity;
pub use trust::{Fingerprint, Trust};
