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
    pub exposed: Option<Exposure>,
    /// Layer by layer; there are no transfers.
    #[serde(flatten)]
    pub plan: Plan,
}

impl PopcornPlan {
    /// Of a wish for the backend, from what it sends and exposes.
    pub fn new(wish: &Wish, plan: Plan, exposed: Option<Exposure>) -> Self {
        let key_bits = match wish.linear {
            LinearChoice::Paillier(PaillierBits::N2048) => 2048,
            _ => 3072,
        };
        Self { key_bits, exposed, plan }
    }
}
