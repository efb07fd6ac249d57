//! Two-party inference: the client holds the input, the server the weights.
//!
//! Values are additively shared over Z_2^l, with `l` as small as each edge's range allows.
//! Linear layers run on lattice ciphertexts (client encrypts its share, server multiplies) or, as
//! the client wishes, all or the cheaper ones on correlated oblivious transfers like other layers.
//!
//! # Security
//!
//! Semi-honest, either party, static; 128-bit computational and 40-bit statistical. Assumptions:
//! ring learning with errors at the parameters of `sordino_he` (for layers on ciphertexts), and
//! those of `sordino_ot`. The
//! server learns nothing about the input; the client learns the public graph and the disclosed
//! output, and nothing else about the weights. A client that deviates can learn weights; a server
//! that deviates can learn inputs. Timing depends on the public graph only.
//!
//! # Source
//!
//! CrypTFlow2 (CCS 2020) for comparison, multiplexer and tournament; Cheetah (USENIX Security
//! 2022) for the linear layers; ours: one comparison tree for exact truncation and sign, rings
//! trimmed per edge with extension after the activation; tables on shares by garbled circuits.

mod batch;
mod carry;
mod client;
mod cost;
mod cots;
mod evaluator;
mod label;
mod linear;
mod needs;
mod nonlinear;
mod outline;
mod prepared;
mod server;
mod stock;
mod support;
mod tiles;
mod transfer;
mod wide;
mod work;

pub use batch::MAX_BATCH;
pub use client::{ClientSession, prepared_for};
pub use cost::CostModel;
pub use label::with_label;
pub use linear::{LinearPlan, Method};
pub use needs::Needs;
pub use server::{Observer, Offer, ServerModel, Unobserved, serve};
pub use support::TwoPartyBackend;
pub use wide::in_wide_rings;

pub(crate) use cots::{CotPool, Cots};
pub(crate) use tiles::Tiles;

use crate::session::{LinearChoice, Reveal, SupplyChoice, Truncation, Wish};
use sordino_secret::Disclosure;

/// What a session's cost depends on besides the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Source of correlated transfers.
    pub supply: SupplyChoice,
    /// How activations drop fraction bits.
    pub truncation: Truncation,
    /// What linear layers run on.
    pub linear: LinearChoice,
    /// Whether those on transfers may use Winograd's transforms.
    pub winograd: bool,
}

impl From<Wish> for Settings {
    fn from(wish: Wish) -> Self {
        let Wish { supply, truncation, linear, winograd, .. } = wish;
        Self { supply, truncation, linear, winograd }
    }
}

impl Reveal {
    /// The one disclosure of a session with this choice.
    pub fn disclosure(self) -> Disclosure {
        match self {
            Self::Logits => Disclosure::Logits,
            Self::Label => Disclosure::Label,
        }
    }
}
