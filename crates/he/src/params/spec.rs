//! What parameters must have room for, and what they weigh.

use super::{Budget, MAX_TAPS};
use crate::{Error, Params, codec};

/// The arguments of [`Params::with_room`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    pub(crate) plain_bits: u32,
    pub(crate) weight_bits: u32,
    pub(crate) taps: usize,
    weights: usize,
}

/// Sizes of messages.
#[derive(Clone, Copy)]
pub(crate) struct Footprint {
    /// Bytes of an input ciphertext, and of a public key.
    pub(crate) input_len: usize,
    /// Bytes of a result apart from its outputs.
    pub(crate) result_len: usize,
    /// Bits of an output.
    pub(crate) output_bits: u32,
}

impl Spec {
    /// Room for sums of so many products and for so many weights in an output's noise.
    pub(crate) fn new(plain_bits: u32, weight_bits: u32, taps: usize, weights: usize) -> Self {
        Self { plain_bits, weight_bits, taps, weights }
    }

    /// Rounded up, so that similar layers have equal needs: bits to multiples of `step`, numbers to powers of `2^step`.
    pub(crate) fn rounded(&self, step: u32) -> Self {
        let up = |bits: u32| bits.next_multiple_of(step);
        let power = |n: usize| {
            let log = n.max(1).checked_next_power_of_two().map_or(usize::BITS - 1, usize::ilog2);
            1usize.checked_shl(up(log)).unwrap_or(usize::MAX)
        };
        Self {
            plain_bits: up(self.plain_bits).min(64),
            weight_bits: up(self.weight_bits).min(31),
            taps: power(self.taps).min(MAX_TAPS),
            weights: power(self.weights),
        }
    }

    /// Room for both. Narrow weights count as fewer wide ones of the same norm.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let weight_bits = self.weight_bits.max(other.weight_bits);
        let weights = |spec: &Self| {
            spec.weights.checked_shr(2 * (weight_bits - spec.weight_bits)).unwrap_or(0)
        };
        Self {
            plain_bits: self.plain_bits.max(other.plain_bits),
            weight_bits,
            taps: self.taps.max(other.taps),
            weights: weights(self).max(weights(other)).max(1),
        }
    }

    pub(crate) fn params(&self) -> Result<Params, Error> {
        Params::with_room(self.plain_bits, self.weight_bits, self.taps, self.weights)
    }

    /// None when there are no such parameters.
    pub(crate) fn footprint(&self) -> Option<Footprint> {
        let valid = (2..=64).contains(&self.plain_bits) && (1..=31).contains(&self.weight_bits);
        let Self { plain_bits, weight_bits, taps, weights } = *self;
        let budget = valid.then(|| Budget::choose(plain_bits, weight_bits, taps, weights))??;
        let [output_bits, bits] = budget.response_bits;
        Some(Footprint {
            input_len: codec::poly_len(budget.n, budget.primes.iter().map(|p| p.1)),
            result_len: codec::wide_len(budget.n, bits),
            output_bits,
        })
    }
}
