use crate::Plan;
use serde::Serialize;
use sordino_engine::session::{LinearChoice, PaillierBits, Wish};

/// What a popcorn session with one inference sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopcornPlan {
    /// Bits of the modulus of Paillier's encryption.
    pub key_bits: u32,
    /// Layer by layer; there are no transfers.
    #[serde(flatten)]
    pub plan: Plan,
}

impl PopcornPlan {
    /// Of a wish for the backend.
    pub fn new(wish: &Wish, plan: Plan) -> Self {
        let key_bits = match wish.linear {
            LinearChoice::Paillier(PaillierBits::N2048) => 2048,
            _ => 3072,
        };
        Self { key_bits, plan }
    }
}
