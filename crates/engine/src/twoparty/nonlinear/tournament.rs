//! One match of a maximum tournament: `max(a, b) = b + [a - b >= 0] (a - b)`.
//!
//! Cost per pair: a comparison of `ring - 1` bits and a multiplexer, plus a second multiplexer in
//! the index ring when positions are tracked. Semi-honest. Source: CrypTFlow2 section 3.4.

use super::activate::nonnegative;
use super::compare::Comparison;
use super::select::{self, Conversion, Operands};
use crate::Error;
use crate::twoparty::carry::CarryPlan;
use crate::twoparty::stock::{Part, Stock};
use sordino_secret::{Party, Ring};
use sordino_wire::{Lane, Meter};

/// The public shape of the matches of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Tournament {
    ring: Ring,
    index: Option<Ring>,
    sign: Comparison,
}

impl Tournament {
    /// Values in `ring`, positions in `index` when they are wanted.
    pub(crate) fn new(ring: Ring, index: Option<Ring>, radix: u32) -> Self {
        let sign = Comparison::new(CarryPlan::new(&[ring.bits() - 1], radix));
        Self { ring, index, sign }
    }

    fn muxes(&self) -> Vec<Conversion> {
        std::iter::once(self.ring).chain(self.index).map(Conversion::Mux).collect()
    }

    /// What `n` pairs use up.
    pub(crate) fn parts(&self, n: usize) -> Vec<Part> {
        let mut parts = self.sign.parts(n);
        parts.extend(select::parts(n, &self.muxes()));
        parts
    }

    /// Messages for `n` pairs.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        self.sign.cost(m, n);
        select::cost(m, n, &self.muxes());
    }

    /// Shares of the larger values and of their positions (empty when not tracked).
    pub(crate) fn play<P: Party>(
        &self,
        lane: &mut Lane,
        values: [&[u64]; 2],
        index: [&[u64]; 2],
        stock: &mut Stock,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        let difference = minus(values[0], values[1], self.ring);
        let carry = self.sign.carries::<P>(lane, &[&difference], None, stock)?;
        let first = nonnegative::<P>(&difference, self.ring, &carry.cuts[0][0]);
        let Some(ring) = self.index else {
            let gain = [Operands::Mux(self.ring, &first, &difference)];
            let gain = select::run::<P>(lane, &gain, stock)?;
            return Ok((plus(values[1], &gain[0], self.ring), Vec::new()));
        };
        let ahead = minus(index[0], index[1], ring);
        let both =
            [Operands::Mux(self.ring, &first, &difference), Operands::Mux(ring, &first, &ahead)];
        let both = select::run::<P>(lane, &both, stock)?;
        Ok((plus(values[1], &both[0], self.ring), plus(index[1], &both[1], ring)))
    }
}

fn minus(a: &[u64], b: &[u64], ring: Ring) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| ring.reduce(a.wrapping_sub(*b))).collect()
}

fn plus(a: &[u64], b: &[u64], ring: Ring) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| ring.reduce(a.wrapping_add(*b))).collect()
}
