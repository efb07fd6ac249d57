//! What CrypTFlow2 would send for a network: the literature's baseline, as a pure cost model. Nothing here
//! talks; [`CryptFlow2::price`] reads shapes and adds up published formulas.
//!
//! The model is of "SCI-OT" of Rathee, Rathee, Kumar, Chandran, Gupta, Rastogi and Sharma, *CrypTFlow2: Practical
//! 2-Party Secure Inference* (CCS 2020, eprint 2020/1002): one ring of `l` bits for everything, IKNP and KKOT
//! extension with 128 bits a transfer, linear layers by correlated transfers ([`product`]), ReLU, truncation,
//! max-pooling, division and argmax on radix-16 comparisons ([`compare`]). Two semi-honest parties.
//!
//! # Where a formula is from
//!
//! Formulas of comparison, DReLU, ReLU and truncation are those of the paper; tests hold the bits that it gives for
//! its examples (2930 and 3844 bits for 32-bit millionaires, 3298 for ReLU, 4310 for truncation by 12). Who
//! receives in the transfers of linear layers, the digits of 4 bits, division by a public number, sequential
//! max-pooling, both cross terms when weights are shared, and the order of operations below follow the authors'
//! published code (mpc-msri/EzPC, `SCI/`).
//!
//! # What a network is taken to be
//!
//! A product doubles the fraction bits, and somebody has to drop them:
//!
//! * a ReLU on a product drops them with the sign known, which saves the comparison of the truncation;
//! * a sum scales the other operand up instead, for nothing; pools and movement leave fraction bits alone;
//! * whatever else reads a product reads it truncated, once ("faithful" truncation);
//! * the last layer's result is revealed as it is.
//!
//! A batch normalisation after a linear layer is folded into it unless [`BatchNorms::Apart`]; any other is a product of
//! every element with a weight. Biases, sums and movement are free. `min` and `max` with a constant are a ReLU each;
//! hard sigmoids are two. A final softmax, sigmoid or tanh is the client's. Operators without a published protocol of this
//! system are refused. Messages of set-up (base transfers, below a megabyte) and the last reveal are left out.
//!
//! # Winograd
//!
//! Not part of the published system. With [`CryptFlow2::winograd`] a 3x3 convolution of stride 1 is `(m+2)^2` smaller
//! matrix products per `m x m` outputs, `m` = 2 or 4, where that sends less. That the ring has room for the factor 4 or 576
//! of exact integer transforms is assumed, as the literature does (CoPriv), to the baseline's favour.
//!
//! # Rounds
//!
//! Messages that wait for one another: 2 for a transfer, 1 for a level of ANDs, layers one after the other. Derived
//! from the protocols; the implementation sends more for being batched.

pub mod compare;
mod network;
mod price;
pub mod product;

#[cfg(test)]
mod tests;

pub use price::Price;
pub use product::{Held, Receiver};

use serde::Serialize;
use sordino_graph::Error;
use sordino_graph::ir::Graph;

/// Computational security: bits of an extended transfer.
pub const LAMBDA: u128 = 128;

/// What becomes of batch normalisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNorms {
    /// Folded into the linear layer before them, where there is one that nothing else reads.
    Folded,
    /// Products of their own, as in the networks published with the system.
    Apart,
}

/// A deployment of CrypTFlow2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CryptFlow2 {
    /// Bits of the ring, 8 to 64.
    ring_bits: u32,
    /// Fraction bits of weights and activations.
    scale: u32,
    /// Who holds the weights.
    pub weights: Held,
    /// Whose bits choose in the transfers of linear layers.
    pub receiver: Receiver,
    /// What becomes of batch normalisations.
    pub batch_norms: BatchNorms,
    /// Whether 3x3 convolutions of stride 1 use Winograd's transform where that sends less.
    pub winograd: bool,
}

impl CryptFlow2 {
    /// The protocols at their best: the server knows the weights, batch normalisations are folded, transfers go the
    /// cheaper way round; no Winograd.
    ///
    /// # Errors
    /// [`Error::Config`] for a ring outside 8 to 64 bits, or one without room for the product of two numbers of `scale`
    /// fraction bits.
    pub fn new(ring_bits: u32, scale: u32) -> Result<Self, Error> {
        if !(8..=64).contains(&ring_bits) {
            return Err(Error::Config(format!("a ring of {ring_bits} bits: 8 to 64 are possible")));
        }
        if scale == 0 || scale > (ring_bits - 1) / 2 {
            let text = format!(
                "{scale} fraction bits in a ring of {ring_bits}: 1 to {} are possible",
                (ring_bits - 1) / 2
            );
            return Err(Error::Config(text));
        }
        Ok(Self {
            ring_bits,
            scale,
            weights: Held::ByServer,
            receiver: Receiver::Cheaper,
            batch_norms: BatchNorms::Folded,
            winograd: false,
        })
    }

    /// As the networks published with the system run: batch normalisations apart, and threads that take
    /// turns in receiving.
    ///
    /// # Errors
    /// As [`CryptFlow2::new`].
    pub fn as_published(ring_bits: u32, scale: u32) -> Result<Self, Error> {
        let best = Self::new(ring_bits, scale)?;
        Ok(Self { receiver: Receiver::Alternating, batch_norms: BatchNorms::Apart, ..best })
    }

    /// Bits of the ring.
    pub fn ring_bits(&self) -> u32 {
        self.ring_bits
    }

    /// Fraction bits of weights and activations.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// What one inference sends, layer by layer.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an operator that the system has no protocol for.
    pub fn price(&self, graph: &Graph) -> Result<Baseline, Error> {
        network::price(self, graph)
    }
}

/// One layer. Bytes are of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LayerPrice {
    /// Name of the node.
    pub name: String,
    /// What it does.
    pub kind: &'static str,
    /// Winograd's tile, where it is used.
    pub tile: Option<u32>,
    /// Multiply-accumulates of the layer as it stands in the file.
    pub macs: u64,
    /// ReLUs: those of activations, not the comparisons of pools.
    pub rectifiers: u64,
    /// Bytes of products.
    pub linear: u64,
    /// Bytes of activations.
    pub activation: u64,
    /// Bytes of pools and argmax.
    pub pool: u64,
    /// Bytes of truncations of the layer's result.
    pub truncation: u64,
    /// Messages that wait for one another.
    pub rounds: u64,
}

impl LayerPrice {
    /// Bytes of everything.
    pub fn bytes(&self) -> u64 {
        [self.linear, self.activation, self.pool, self.truncation]
            .iter()
            .fold(0, |sum, &bytes| sum.saturating_add(bytes))
    }
}

/// What one inference sends under CrypTFlow2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Baseline {
    /// How it is deployed.
    pub deployment: CryptFlow2,
    /// Layers that cost something, in the file's order.
    pub layers: Vec<LayerPrice>,
}

impl Baseline {
    /// The sum of all layers, under the name `inference`.
    pub fn total(&self) -> LayerPrice {
        let mut sum =
            LayerPrice { name: "inference".into(), kind: "total", ..LayerPrice::default() };
        for l in &self.layers {
            for (all, one) in [
                (&mut sum.macs, l.macs),
                (&mut sum.rectifiers, l.rectifiers),
                (&mut sum.linear, l.linear),
                (&mut sum.activation, l.activation),
                (&mut sum.pool, l.pool),
                (&mut sum.truncation, l.truncation),
                (&mut sum.rounds, l.rounds),
            ] {
                *all = all.saturating_add(one);
            }
        }
        sum
    }
}
