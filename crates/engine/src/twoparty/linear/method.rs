use std::fmt;

/// How a linear layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// On lattice ciphertexts.
    Lattice,
    /// On Paillier's encryption.
    Paillier,
    /// On correlated transfers, weight by weight.
    Direct,
    /// On correlated transfers, by Winograd's transform with tiles of this side.
    Winograd(u32),
}

/// What is known of a linear layer before it runs, from public numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearPlan {
    /// How it is computed.
    pub method: Method,
    /// Products that take most of the computing: of ciphertexts by kernel polynomials, of ring
    /// elements by weights, or of ciphertexts by ciphertexts with no weight of zero.
    pub products: u64,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lattice => f.write_str("lattice"),
            Self::Paillier => f.write_str("paillier"),
            Self::Direct => f.write_str("ot direct"),
            Self::Winograd(tile) => write!(f, "ot winograd {tile}x{tile}"),
        }
    }
}
