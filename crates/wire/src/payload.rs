//! What may be sent: the sealed trait [`Wire`] and its four wrappers.
//!
//! A share, a key, a seed or a plaintext activation cannot be handed to a lane. Wrapping bytes in
//! one of the four types is the statement, made where the value is built and readable in review,
//! of why the peer may see them.

use bytemuck::NoUninit;

mod sealed {
    pub trait Sealed {}
}

/// Bytes that the peer may see. Sealed: implemented by [`Public`], [`Masked`], [`Cipher`] and
/// [`Garbled`] only.
pub trait Wire: sealed::Sealed {
    /// The bytes as they travel.
    fn bytes(&self) -> &[u8];
}

macro_rules! payload {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<'a>(&'a [u8]);

        impl<'a> $name<'a> {
            /// Wraps bytes; the caller asserts what the type's description says.
            pub fn new(bytes: &'a [u8]) -> Self {
                $name(bytes)
            }

            /// Wraps a slice of plain values, which travel little-endian; the caller asserts what
            /// the type's description says.
            pub fn pod<T: NoUninit>(values: &'a [T]) -> Self {
                $name(bytemuck::cast_slice(values))
            }
        }

        impl sealed::Sealed for $name<'_> {}

        impl Wire for $name<'_> {
            fn bytes(&self) -> &[u8] {
                self.0
            }
        }
    };
}

payload! {
    /// Data that both parties and anyone watching may know: versions, shapes, parameters, public
    /// keys, random coins that a protocol publishes.
    ///
    /// The caller asserts that the bytes are independent of every secret of this party.
    Public
}

payload! {
    /// A value hidden by a one-time mask.
    ///
    /// The caller asserts that the bytes are a secret plus (or xor) a pad that is uniform over the
    /// same domain, unknown to the peer, and used for nothing else.
    Masked
}

payload! {
    /// Ciphertexts.
    ///
    /// The caller asserts that the bytes are encryptions under a key whose secret half the peer
    /// lacks, or, towards the key's owner, that the plaintexts are masked and the noise is flooded.
    Cipher
}

payload! {
    /// Garbled tables, labels of the sender's own inputs, and decoding tables.
    ///
    /// The caller asserts that at most one label per wire of this circuit ever reaches the peer.
    Garbled
}
