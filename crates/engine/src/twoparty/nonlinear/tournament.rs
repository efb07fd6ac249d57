//! One match of a maximum tournament: `max(a, b) = b + [a - b >= 0] (a - b)`.
//!
//! Cost per pair: a comparison of `ring - 1` bits and a multiplexer, plus a second multiplexer in
//! the index ring when positions are tracked. Semi-honest. Source: CrypTFlow2 section 3.4.

use super::activate::nonnegative;
use super::{compare, select};
use crate::Error;
use crate::twoparty::carry::CarryPlan;
use crate::twoparty::{Cots, Needs};
use sordino_secret::{Party, Ring};
use sordino_wire::{Lane, Meter};

/// The public shape of the matches of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Tournament {
    ring: Ring,
    index: Option<Ring>,
    plan: CarryPlan,
}

impl Tournament {
    /// Values in `ring`, positions in `index` when they are wanted.
    pub(crate) fn new(ring: Ring, index: Option<Ring>, radix: u32) -> Self {
        Self { ring, index, plan: CarryPlan::new(&[ring.bits() - 1], radix) }
    }

    /// Transfers for `n` pairs.
    pub(crate) fn needs(&self, n: usize) -> Needs {
        let muxes = 1 + usize::from(self.index.is_some());
        compare::needs(&self.plan, n) + select::mux_needs(n * muxes)
    }

    /// Messages for `n` pairs.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        compare::cost(m, &self.plan, n);
        select::mux_cost(m, n, self.ring);
        if let Some(index) = self.index {
            select::mux_cost(m, n, index);
        }
    }

    /// Shares of the larger values and of their positions (empty when not tracked).
    pub(crate) fn play<P: Party>(
        &self,
        lane: &mut Lane,
        values: [&[u64]; 2],
        index: [&[u64]; 2],
        cots: &mut Cots,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        let difference = minus(values[0], values[1], self.ring);
        let carry = compare::carries::<P>(lane, &self.plan, &difference, cots)?;
        let first = nonnegative::<P>(&difference, self.ring, &carry[0]);
        let gain = select::mux::<P>(lane, &first, &difference, self.ring, cots)?;
        let best = plus(values[1], &gain, self.ring);
        let Some(ring) = self.index else { return Ok((best, Vec::new())) };
        let step = select::mux::<P>(lane, &first, &minus(index[0], index[1], ring), ring, cots)?;
        Ok((best, plus(index[1], &step, ring)))
    }
}

fn minus(a: &[u64], b: &[u64], ring: Ring) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| ring.reduce(a.wrapping_sub(*b))).collect()
}

fn plus(a: &[u64], b: &[u64], ring: Ring) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| ring.reduce(a.wrapping_add(*b))).collect()
}
