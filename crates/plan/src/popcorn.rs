use crate::Plan;
use serde::Serialize;
use sordino_engine::popcorn::Exposure;
use sordino_engine::session::{LinearChoice, PaillierBits, Wish};

/// What a popcorn session with one inference sends, and what it tells the client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopcornPlan {
    /// Bits of the modulus of Paillier's encryption.
    pub key_bits: u32,
    /// What the client sees of intermediate values, where that is bounded.
    pub exposed: Option<Exposed>,
    /// Layer by layer; there are no transfers.
    #[serde(flatten)]
    pub plan: Plan,
}

/// What blinded values tell the client in one inference, at most; see [`Exposure`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exposed {
    /// Blinded values that it sees.
    pub values: u64,
    /// Statistical distance between blindings of any two values.
    pub distance: f64,
    /// Bits of information about all of them together.
    pub bits: f64,
}

impl PopcornPlan {
    /// Of a wish for the backend, from what it sends and exposes.
    pub fn new(wish: &Wish, plan: Plan, exposure: Option<Exposure>) -> Self {
        let key_bits = match wish.linear {
            LinearChoice::Paillier(PaillierBits::N2048) => 2048,
            _ => 3072,
        };
        let exposed =
            exposure.map(|Exposure { values, distance, bits }| Exposed { values, distance, bits });
        Self { key_bits, exposed, plan }
    }
}
