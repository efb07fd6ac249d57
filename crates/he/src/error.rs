use thiserror::Error;

/// Why a lattice operation was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No parameter set of 128-bit security fits.
    #[error(
        "no encryption parameters for a {plain_bits}-bit ring, {weight_bits}-bit weights and {taps} taps per output: \
         {why}"
    )]
    Parameters {
        /// Bits of the ring of shares.
        plain_bits: u32,
        /// Bits of a weight.
        weight_bits: u32,
        /// Products summed into one output.
        taps: usize,
        /// What was exceeded, and what to reduce.
        why: String,
    },
    /// The layer cannot be laid out under these parameters.
    #[error("layer cannot be encrypted: {0}")]
    Layout(String),
    /// The caller passed something that does not belong to the layer, the keys or the parameters.
    #[error("misuse of the encrypted layer: {0}")]
    Misuse(String),
    /// The peer sent bytes that are not what the protocol says.
    #[error("the peer misbehaved: malformed {what}")]
    PeerMisbehaved {
        /// Which message, and which rule it breaks.
        what: &'static str,
    },
    /// The lane failed.
    #[error(transparent)]
    Wire(#[from] sordino_wire::Error),
}
