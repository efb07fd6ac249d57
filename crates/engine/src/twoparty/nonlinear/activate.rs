//! Rescale and activation, fused: `f((x + half) >> shift)` from the ring of `x` to the output's.
//!
//! With [`Truncation::Exact`] the carry out of the dropped bits is computed, by the same comparison
//! tree that gives the sign. With [`Truncation::OneLsb`] it is left out: the client rounds its share
//! down and the server its own up, so that `t` is `x / 2^shift` rounded down or up, up with the
//! probability of the fraction (over the shares, which are uniform after a linear layer); the
//! comparison then runs on the bits that are left.
//!
//! A ReLU takes one comparison: `[t >= 0] t = [t >= 0] h + [t >= 0] c` with `h` the sum of the
//! shifted shares and `c` the carry, and `[t >= 0] and c` comes out of the tree's last merge.
//! `ReluMax` compares with 0 and with the bound at once. After a ReLU the value is known to be
//! non-negative, so moving it to a larger ring costs one transfer; before one, it needs the carry
//! at the top. With [`Truncation::OneLsb`] one transfer is enough too where the graph bounds the
//! operand by a quarter of its ring: a constant lifts it above zero and stays below half.

use super::compare::{Carries, Comparison};
use super::select::{self, Conversion, Operands};
use crate::Error;
use crate::session::Truncation;
use crate::twoparty::carry::CarryPlan;
use crate::twoparty::stock::{Part, Stock};
use sordino_graph::fixed::Function;
use sordino_ot::triple::{self, Product};
use sordino_secret::{Bits, Party, Ring};
use sordino_wire::{Lane, Meter, Role};

/// The public shape of one activation layer.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    input: Ring,
    output: Ring,
    shift: u32,
    function: Function,
    truncation: Truncation,
    /// Whether the operand's magnitude is at most a quarter of its ring.
    small_operand: bool,
    /// Absent when everything is local.
    comparison: Option<Comparison>,
}

impl Activation {
    pub(crate) fn new(
        input: Ring,
        output: Ring,
        shift: u32,
        function: Function,
        truncation: Truncation,
        small_operand: bool,
        radix: u32,
    ) -> Self {
        // A bound that no value of the small ring reaches is no bound.
        let top = 1u64 << (input.bits() - shift - 1);
        let function = match function {
            Function::ReluMax { hi } if hi as u64 >= top => Function::Relu,
            f => f,
        };
        let comparison = None;
        let mut this =
            Self { input, output, shift, function, truncation, small_operand, comparison };
        this.comparison = this.compare(radix);
        this
    }

    fn compare(&self, radix: u32) -> Option<Comparison> {
        let low = self.carries().then_some(self.shift);
        let operand = self.operand().bits();
        let cuts = |top: u32| low.into_iter().chain([top]).collect::<Vec<u32>>();
        let gate = |plan| {
            if self.carries() { Comparison::gated(plan) } else { Comparison::new(plan) }
        };
        match self.function {
            Function::Identity if self.lifts() => None,
            Function::Identity if self.extends() => {
                Some(Comparison::new(CarryPlan::new(&cuts(operand), radix)))
            }
            Function::Identity => low.map(|low| Comparison::new(CarryPlan::new(&[low], radix))),
            Function::Relu => Some(gate(CarryPlan::new(&cuts(operand - 1), radix))),
            Function::ReluMax { .. } => {
                let trees = [&cuts(operand - 1)[..], &[operand - 1]];
                Some(gate(CarryPlan::forest(&trees, radix)))
            }
        }
    }

    /// Whether the carry out of the dropped bits is computed.
    fn carries(&self) -> bool {
        self.shift > 0 && self.truncation == Truncation::Exact
    }

    /// Ring of the value after the shift.
    fn small(&self) -> Ring {
        Ring::new(self.input.bits() - self.shift)
    }

    /// Ring that is compared in.
    fn operand(&self) -> Ring {
        if self.carries() { self.input } else { self.small() }
    }

    /// Whether the identity needs the carry at the top.
    fn extends(&self) -> bool {
        self.output > self.small()
    }

    /// Whether the identity needs but one transfer for that.
    fn lifts(&self) -> bool {
        let rough = self.truncation == Truncation::OneLsb && self.small_operand;
        let identity = matches!(self.function, Function::Identity);
        identity && rough && self.extends() && self.small().bits() > 2
    }

    /// Ring in which the function's result is first computed.
    fn result(&self) -> Ring {
        match self.function {
            Function::ReluMax { .. } => self.small(),
            _ => self.small().min(self.output),
        }
    }

    fn excess(&self) -> Ring {
        Ring::new(self.output.bits() - self.small().bits())
    }

    fn bounded(&self) -> bool {
        matches!(self.function, Function::ReluMax { .. })
    }

    /// Rings of the bits that the identity adds to the shifted shares: the carry of the dropped
    /// bits, and the wrap.
    fn added(&self) -> Vec<Ring> {
        let carry = self.carries().then_some(self.output);
        carry.into_iter().chain(self.extends().then(|| self.excess())).collect()
    }

    /// The conversions that run together after the comparison.
    fn conversions(&self) -> Vec<Conversion> {
        let mut all = Vec::new();
        match self.function {
            Function::Identity if self.lifts() => {}
            Function::Identity => all.extend(self.added().into_iter().map(Conversion::BitToRing)),
            Function::Relu | Function::ReluMax { .. } => {
                all.push(Conversion::Mux(self.result()));
                if self.carries() {
                    all.push(Conversion::BitToRing(self.result()));
                }
                if self.bounded() {
                    all.push(Conversion::BitToRing(self.result()));
                }
            }
        }
        all
    }

    /// The last conversion, of a value that is known not to be negative.
    fn widening(&self) -> Option<Conversion> {
        let positive = self.lifts() || !matches!(self.function, Function::Identity);
        let bits = self.output.bits().saturating_sub(self.result().bits());
        (positive && bits > 0).then(|| Conversion::Wraps(Ring::new(bits)))
    }

    /// Bits that are multiplied by `[t < hi]`.
    fn bound_width(&self) -> u32 {
        1 + u32::from(self.carries())
    }

    /// What `n` elements use up.
    pub(crate) fn parts(&self, n: usize) -> Vec<Part> {
        let mut parts = self.comparison.as_ref().map_or(Vec::new(), |c| c.parts(n));
        if self.bounded() {
            parts.push(Part::Triples { n, width: self.bound_width() });
        }
        if self.comparison.is_some() {
            parts.extend(select::parts(n, &self.conversions()));
        }
        parts.extend(self.widening().into_iter().flat_map(|w| select::parts(n, &[w])));
        parts
    }

    /// Messages for `n` elements.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        if let Some(comparison) = &self.comparison {
            comparison.cost(m, n);
            if self.bounded() {
                triple::cost(m, &[(n, self.bound_width())]);
            }
            select::cost(m, n, &self.conversions());
        }
        if let Some(widening) = self.widening() {
            select::cost(m, n, &[widening]);
        }
    }

    /// This party's share of the result. `flips` are the server's: where one is set, a ReLU keeps
    /// the negative values in place of the positive ones.
    pub(crate) fn run<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        flips: Option<&Bits>,
        stock: &mut Stock,
    ) -> Result<Vec<u64>, Error> {
        let x = self.prepare::<P>(x);
        match self.function {
            Function::Identity if self.lifts() => {
                let server = P::ROLE == Role::Server;
                let lift = if server { (1u64 << (self.small().bits() - 2)) - 1 } else { 0 };
                self.widen::<P>(lane, self.high(&x, self.small()), |_| lift, stock)
            }
            Function::Identity => self.identity::<P>(lane, x, stock),
            Function::Relu => {
                let y = self.relu::<P>(lane, &x, flips, stock)?;
                let lift = (1u64 << (self.result().bits() - 1)) - 1;
                let lift = |i: usize| flips.map_or(0, |f| lift & f.get(i).wrapping_neg());
                self.widen::<P>(lane, y, lift, stock)
            }
            Function::ReluMax { hi } => {
                let y = self.relu_max::<P>(lane, &x, hi, stock)?;
                self.widen::<P>(lane, y, |_| 0, stock)
            }
        }
    }

    /// The operand of the comparison: rounded, and without the bits whose carry is not wanted.
    fn prepare<P: Party>(&self, x: &[u64]) -> Vec<u64> {
        let server = |v: u64| if P::ROLE == Role::Server { v } else { 0 };
        let ring = self.operand();
        if self.carries() || self.shift == 0 {
            let half = server(if self.shift > 0 { 1 << (self.shift - 1) } else { 0 });
            return x.iter().map(|&v| ring.reduce(v.wrapping_add(half))).collect();
        }
        // The server rounds its share up, the client its own down: with the fraction f of x, the sum is
        // rounded up exactly when the client's low bits are among f of their 2^shift values.
        let mask = (1u64 << self.shift) - 1;
        let up = server(mask);
        let drop = |&v: &u64| {
            let v = self.input.reduce(v);
            ring.reduce((v >> self.shift) + (((v & mask) + up) >> self.shift))
        };
        x.iter().map(drop).collect()
    }

    /// The shares of `t`, but for the carry.
    fn high(&self, x: &[u64], ring: Ring) -> Vec<u64> {
        let shift = if self.carries() { self.shift } else { 0 };
        x.iter().map(|&v| ring.reduce(v >> shift)).collect()
    }

    fn carry_bits<P: Party>(
        &self,
        lane: &mut Lane,
        own: &[&[u64]],
        gate: Option<&Bits>,
        stock: &mut Stock,
    ) -> Result<Carries, Error> {
        let missing = || Error::Config("an activation without its comparison".into());
        self.comparison.as_ref().ok_or_else(missing)?.carries::<P>(lane, own, gate, stock)
    }

    fn identity<P: Party>(
        &self,
        lane: &mut Lane,
        mut x: Vec<u64>,
        stock: &mut Stock,
    ) -> Result<Vec<u64>, Error> {
        if self.comparison.is_none() {
            return Ok(x.iter().map(|&v| self.output.reduce(v)).collect());
        }
        let server = P::ROLE == Role::Server;
        let ring = self.operand();
        // Offsetting by half the ring makes the value an unsigned number whose shares' wrap is
        // the carry at the top.
        let offset = if self.extends() && server { 1u64 << (ring.bits() - 1) } else { 0 };
        x.iter_mut().for_each(|v| *v = ring.reduce(v.wrapping_add(offset)));
        let carries = self.carry_bits::<P>(lane, &[&x], None, stock)?;
        let bits = self.added().into_iter().zip(&carries.cuts[0]);
        let operands: Vec<_> = bits.map(|(ring, bit)| Operands::BitToRing(ring, bit)).collect();
        let mut sums = select::run::<P>(lane, &operands, stock)?.into_iter();
        let mut t = self.high(&x, self.output);
        if self.carries() {
            add(&mut t, &sums.next().unwrap_or_default(), self.output);
        }
        if self.extends() {
            let back = if server { 1u64 << (self.small().bits() - 1) } else { 0 };
            for (t, w) in t.iter_mut().zip(sums.next().unwrap_or_default()) {
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
        flips: Option<&Bits>,
        stock: &mut Stock,
    ) -> Result<Vec<u64>, Error> {
        let (ring, mut gate) = (self.result(), own_sign::<P>(x, self.operand()));
        if let Some(flips) = flips {
            gate.xor_assign(flips);
        }
        let carries = self.carry_bits::<P>(lane, &[x], Some(&gate), stock)?;
        let top = &carries.cuts[0][carries.cuts[0].len() - 1];
        gate.xor_assign(top);
        let h = self.high(x, ring);
        let mut operands = vec![Operands::Mux(ring, &gate, &h)];
        operands.extend(carries.gated.as_ref().map(|bits| Operands::BitToRing(ring, bits)));
        total(select::run::<P>(lane, &operands, stock)?, ring)
    }

    /// With `d = [t >= 0]` and `e = d and [t < hi]`: `e t + (d ^ e) hi`.
    fn relu_max<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        hi: i64,
        stock: &mut Stock,
    ) -> Result<Vec<u64>, Error> {
        let (ring, operand) = (self.result(), self.operand());
        let server = P::ROLE == Role::Server;
        let scaled = (hi as u64) << if self.carries() { self.shift } else { 0 };
        let bound = if server { scaled } else { 0 };
        let above: Vec<u64> = x.iter().map(|&v| operand.reduce(v.wrapping_sub(bound))).collect();
        let mut positive = own_sign::<P>(x, operand);
        // The client's choices are the same for both trees: those of its share of x.
        let own: [&[u64]; 2] = if server { [x, &above] } else { [x, x] };
        let carries = self.carry_bits::<P>(lane, &own, Some(&positive), stock)?;
        positive.xor_assign(&carries.cuts[0][carries.cuts[0].len() - 1]);
        let mut below = own_sign::<P>(&above, operand);
        below.xor_assign(&carries.cuts[1][0]);
        if server {
            below.invert();
        }
        let triples = stock.triples()?;
        let b = std::iter::once(&positive).chain(&carries.gated).collect();
        let product = Product { triples, a: &below, b };
        let mut kept = triple::and(lane, vec![product])?.pop().unwrap_or_default().into_iter();
        let missing = || Error::Config("a product of the wrong width".into());
        let inside = kept.next().ok_or_else(missing)?;
        let mut capped = positive;
        capped.xor_assign(&inside);
        let h = self.high(x, ring);
        let mut operands = vec![Operands::Mux(ring, &inside, &h)];
        let carry = kept.next();
        operands.extend(carry.as_ref().map(|bits| Operands::BitToRing(ring, bits)));
        operands.push(Operands::BitToRing(ring, &capped));
        let mut parts = select::run::<P>(lane, &operands, stock)?;
        if let Some(capped) = parts.last_mut() {
            capped.iter_mut().for_each(|v| *v = v.wrapping_mul(hi as u64));
        }
        total(parts, ring)
    }

    /// To the output's ring. Where the value may be negative, as where the server flips, it is
    /// lifted by a constant of the server's on the way. The least value becomes -1, whose shares complement each
    /// other: one has its top bit set, which counts as a wrap and is right for -1 too.
    fn widen<P: Party>(
        &self,
        lane: &mut Lane,
        mut y: Vec<u64>,
        lifted: impl Fn(usize) -> u64,
        stock: &mut Stock,
    ) -> Result<Vec<u64>, Error> {
        let (from, to) = (self.result(), self.output);
        if let Some(Conversion::Wraps(ring)) = self.widening() {
            for (i, y) in y.iter_mut().enumerate() {
                *y = from.reduce(y.wrapping_add(lifted(i)));
            }
            let wraps = select::run::<P>(lane, &[Operands::Wraps(from, &y, ring)], stock)?;
            for (i, (y, wraps)) in y.iter_mut().zip(&wraps[0]).enumerate() {
                *y = y.wrapping_sub(wraps << from.bits()).wrapping_sub(lifted(i));
            }
        }
        Ok(y.iter().map(|&v| to.reduce(v)).collect())
    }
}

fn add(t: &mut [u64], more: &[u64], ring: Ring) {
    for (t, more) in t.iter_mut().zip(more) {
        *t = ring.reduce(t.wrapping_add(*more));
    }
}

fn total(parts: Vec<Vec<u64>>, ring: Ring) -> Result<Vec<u64>, Error> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().ok_or_else(|| Error::Config("an empty conversion".into()))?;
    parts.for_each(|part| add(&mut sum, &part, ring));
    Ok(sum)
}

/// This party's share of `[x >= 0]`, but for the carry into the top bit.
fn own_sign<P: Party>(x: &[u64], ring: Ring) -> Bits {
    let mut bits = Bits::collect(x.iter().map(|&v| ring.msb(v)));
    if P::ROLE == Role::Server {
        bits.invert();
    }
    bits
}

/// Shares of `[x >= 0]` from the carry into the top bit.
pub(crate) fn nonnegative<P: Party>(x: &[u64], ring: Ring, carry: &Bits) -> Bits {
    let mut bits = own_sign::<P>(x, ring);
    bits.xor_assign(carry);
    bits
}
