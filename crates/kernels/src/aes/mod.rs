//! AES-128 as three batch operations: counter mode under one key, counter mode under many keys, and encryption of
//! given blocks under a public fixed key.

pub(crate) mod scalar;
