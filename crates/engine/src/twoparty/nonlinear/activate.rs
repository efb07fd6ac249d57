//! Rescale and activation, fused: `f((x + half) >> shift)` from the ring of `x` to the output's.
//!
//! Truncation is exact: the carry out of the dropped bits is computed, by the same comparison
//! tree that gives the sign. After a ReLU the value is known to be non-negative, so moving it to
//! a larger ring costs one transfer; before one, it needs the carry at the top.

use super::{compare, select};
use crate::Error;
use crate::twoparty::carry::CarryPlan;
use crate::twoparty::{Cots, Needs};
use sordino_graph::fixed::Function;
use sordino_secret::{Bits, Party, Ring};
use sordino_wire::{Lane, Meter, Role};

/// The public shape of one activation layer.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    input: Ring,
    output: Ring,
    shift: u32,
    function: Function,
    radix: u32,
}

impl Activation {
    pub(crate) fn new(
        input: Ring,
        output: Ring,
        shift: u32,
        function: Function,
        radix: u32,
    ) -> Self {
        // A bound that no value of the small ring reaches is no bound.
        let top = 1u64 << (input.bits() - shift - 1);
        let function = match function {
            Function::ReluMax { hi } if hi as u64 >= top => Function::Relu,
            f => f,
        };
        Self { input, output, shift, function, radix }
    }

    /// Ring of the value after the shift.
    fn small(&self) -> Ring {
        Ring::new(self.input.bits() - self.shift)
    }

    /// Whether the identity needs the carry at the top.
    fn extends(&self) -> bool {
        self.output > self.small()
    }

    /// Where carries are needed; empty when everything is local.
    fn cuts(&self) -> Vec<u32> {
        let top = match self.function {
            Function::Identity if self.extends() => Some(self.input.bits()),
            Function::Identity => None,
            Function::Relu | Function::ReluMax { .. } => Some(self.input.bits() - 1),
        };
        let low = (self.shift > 0).then_some(self.shift);
        low.into_iter().chain(top).collect()
    }

    fn plan(&self) -> Option<CarryPlan> {
        let cuts = self.cuts();
        (!cuts.is_empty()).then(|| CarryPlan::new(&cuts, self.radix))
    }

    /// The comparison of `ReluMax` against its bound.
    fn bound_plan(&self) -> CarryPlan {
        CarryPlan::new(&[self.small().bits() - 1], self.radix)
    }

    /// Ring in which the function's result is first computed.
    fn result(&self) -> Ring {
        match self.function {
            Function::ReluMax { .. } => self.small(),
            _ => self.small().min(self.output),
        }
    }

    /// Transfers for `n` elements.
    pub(crate) fn needs(&self, n: usize) -> Needs {
        let Some(plan) = self.plan() else { return Needs::NONE };
        let mut needs = compare::needs(&plan, n);
        let carry = |ring| match self.shift {
            0 => Needs::NONE,
            _ => select::bit_to_ring_needs(n, ring),
        };
        match self.function {
            Function::Identity => {
                needs += carry(self.output);
                if self.extends() {
                    needs += select::bit_to_ring_needs(n, self.excess());
                }
            }
            Function::Relu | Function::ReluMax { .. } => {
                needs += carry(self.result()) + select::mux_needs(n);
                if let Function::ReluMax { .. } = self.function {
                    needs += compare::needs(&self.bound_plan(), n) + select::mux_needs(n);
                }
                if self.output > self.result() {
                    needs += select::extend_needs(n);
                }
            }
        }
        needs
    }

    /// Messages for `n` elements.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        let Some(plan) = self.plan() else { return };
        compare::cost(m, &plan, n);
        let carry = |m: &mut Meter, ring| {
            if self.shift > 0 {
                select::bit_to_ring_cost(m, n, ring);
            }
        };
        match self.function {
            Function::Identity => {
                carry(m, self.output);
                if self.extends() {
                    select::bit_to_ring_cost(m, n, self.excess());
                }
            }
            Function::Relu | Function::ReluMax { .. } => {
                carry(m, self.result());
                select::mux_cost(m, n, self.result());
                if let Function::ReluMax { .. } = self.function {
                    compare::cost(m, &self.bound_plan(), n);
                    select::mux_cost(m, n, self.result());
                }
                if self.output > self.result() {
                    select::extend_cost(m, n, self.result(), self.output);
                }
            }
        }
    }

    fn excess(&self) -> Ring {
        Ring::new(self.output.bits() - self.small().bits())
    }

    /// This party's share of the result.
    pub(crate) fn run<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let half = match (P::ROLE, self.shift) {
            (Role::Server, s) if s > 0 => 1u64 << (s - 1),
            _ => 0,
        };
        let x: Vec<u64> = x.iter().map(|&v| self.input.reduce(v.wrapping_add(half))).collect();
        match self.function {
            Function::Identity => self.identity::<P>(lane, x, cots),
            Function::Relu => {
                let y = self.relu::<P>(lane, &x, cots)?;
                self.widen::<P>(lane, y, cots)
            }
            Function::ReluMax { hi } => {
                let y = self.relu::<P>(lane, &x, cots)?;
                let y = self.cap::<P>(lane, &y, hi, cots)?;
                self.widen::<P>(lane, y, cots)
            }
        }
    }

    /// Shifts the shares and adds the carry out of the dropped bits.
    fn shifted<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        carry: Option<&Bits>,
        ring: Ring,
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let high = x.iter().map(|&v| ring.reduce(v >> self.shift));
        Ok(match carry {
            None => high.collect(),
            Some(c) => {
                let c = select::bit_to_ring::<P>(lane, c, ring, cots)?;
                high.zip(c).map(|(h, c)| ring.reduce(h.wrapping_add(c))).collect()
            }
        })
    }

    fn identity<P: Party>(
        &self,
        lane: &mut Lane,
        mut x: Vec<u64>,
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let Some(plan) = self.plan() else {
            return Ok(x.iter().map(|&v| self.output.reduce(v)).collect());
        };
        let server = P::ROLE == Role::Server;
        // Offsetting by half the ring makes the value an unsigned number whose shares' wrap is
        // the carry at the top.
        let offset = if self.extends() && server { 1u64 << (self.input.bits() - 1) } else { 0 };
        x.iter_mut().for_each(|v| *v = self.input.reduce(v.wrapping_add(offset)));
        let carries = compare::carries::<P>(lane, &plan, &x, cots)?;
        let low = if self.shift > 0 { carries.first() } else { None };
        let mut t = self.shifted::<P>(lane, &x, low, self.output, cots)?;
        if self.extends() {
            let top = &carries[carries.len() - 1];
            let wraps = select::bit_to_ring::<P>(lane, top, self.excess(), cots)?;
            let back = if server { 1u64 << (self.small().bits() - 1) } else { 0 };
            for (t, w) in t.iter_mut().zip(wraps) {
                let v = t.wrapping_sub(w << self.small().bits()).wrapping_sub(back);
                *t = self.output.reduce(v);
            }
        }
        Ok(t)
    }

    fn relu<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let plan = CarryPlan::new(&self.cuts(), self.radix);
        let carries = compare::carries::<P>(lane, &plan, x, cots)?;
        let low = if self.shift > 0 { carries.first() } else { None };
        let t = self.shifted::<P>(lane, x, low, self.result(), cots)?;
        let positive = nonnegative::<P>(x, self.input, &carries[carries.len() - 1]);
        select::mux::<P>(lane, &positive, &t, self.result(), cots)
    }

    /// `min(y, hi) = hi - relu(hi - y)`.
    fn cap<P: Party>(
        &self,
        lane: &mut Lane,
        y: &[u64],
        hi: i64,
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let ring = self.small();
        let hi = if P::ROLE == Role::Server { hi as u64 } else { 0 };
        let rest: Vec<u64> = y.iter().map(|&v| ring.reduce(hi.wrapping_sub(v))).collect();
        let carries = compare::carries::<P>(lane, &self.bound_plan(), &rest, cots)?;
        let below = nonnegative::<P>(&rest, ring, &carries[0]);
        let rest = select::mux::<P>(lane, &below, &rest, ring, cots)?;
        Ok(rest.iter().map(|&v| ring.reduce(hi.wrapping_sub(v))).collect())
    }

    fn widen<P: Party>(
        &self,
        lane: &mut Lane,
        y: Vec<u64>,
        cots: &mut Cots,
    ) -> Result<Vec<u64>, Error> {
        let (from, to) = (self.result(), self.output);
        if to > from {
            return select::extend_nonnegative::<P>(lane, &y, from, to, cots);
        }
        Ok(y.iter().map(|&v| to.reduce(v)).collect())
    }
}

/// Shares of `[x >= 0]` from the carry into the top bit.
pub(crate) fn nonnegative<P: Party>(x: &[u64], ring: Ring, carry: &Bits) -> Bits {
    let mut bits = Bits::collect(x.iter().map(|&v| ring.msb(v)));
    bits.xor_assign(carry);
    if P::ROLE == Role::Server {
        bits.invert();
    }
    bits
}
