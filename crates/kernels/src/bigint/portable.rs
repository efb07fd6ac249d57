//! The scalar twin: 64-bit words, one value after the other, always fully reduced.

use crate::Wiped;

use super::words::{
    add_multiple, add_product, minus_inverse, power_of_two, reduce_once, sub_assign,
};
use super::{LANES, Limbs, PARTS, Task};

/// What products modulo `n` or its square need, with R = 2^(64 words).
pub(super) struct Portable {
    n: Wiped<u64>,
    /// What the least multiple of n above R exceeds R by.
    spare: Wiped<u64>,
    /// -1/n modulo 2^64, one word.
    minus_inverse: Wiped<u64>,
}

impl Portable {
    pub(super) fn new(n: &[u64]) -> Self {
        let (mut own, mut spare) = (Wiped::zeros(n.len()), Wiped::zeros(n.len()));
        own.copy_from_slice(n);
        spare.copy_from_slice(n);
        sub_assign(&mut spare, &power_of_two(64 * n.len(), n, 1));
        let mut inverse = Wiped::zeros(1);
        inverse[0] = minus_inverse(n[0]);
        Self { n: own, spare, minus_inverse: inverse }
    }

    /// Does a task for eight values of so many numbers; `work` is three groups. See [`super::pair`] for pairs.
    pub(super) fn run(&self, task: Task<'_>, numbers: usize, work: &mut [u64], out: &mut [u64]) {
        let (n, limbs) = (self.n.len(), numbers * self.n.len());
        let (sum, quotient) = work.split_at_mut(2 * n + 1);
        let quotient = &mut quotient[..n];
        for (lane, out) in out.chunks_exact_mut(limbs).enumerate() {
            let mut over = 0;
            for (k, out) in out.chunks_exact_mut(n).enumerate() {
                sum.fill(0);
                if k > 0 {
                    self.spare_without(quotient, sum);
                }
                self.add(task, lane, [k, numbers], sum);
                over = self.reduce(sum, over, quotient, out);
            }
            if let (Task::Value(_), 2) = (task, numbers) {
                sum.fill(0);
                sum[..n].copy_from_slice(&out[..n]);
                add_product(sum, &out[n..], &self.n);
                out.copy_from_slice(&sum[..2 * n]);
            }
        }
    }

    /// Adds what number `k` of a lane is reduced from.
    fn add(&self, task: Task<'_>, lane: usize, [k, numbers]: [usize; 2], sum: &mut [u64]) {
        let n = self.n.len();
        let number = |group, lane, [k, numbers]: [usize; 2]| number(group, n, lane * numbers + k);
        match task {
            Task::Product(x, y) => (0..=k).for_each(|i| {
                let (x, y) = (number(x, lane, [i, numbers]), number(y, lane, [k - i, numbers]));
                add_product(sum, x, y);
            }),
            Task::Square(x) => self.add(Task::Product(x, x), lane, [k, numbers], sum),
            Task::Sum(x, weights) => (0..x.len() / n).for_each(|i| {
                let weight = number(weights, LANES * i + lane, [k, numbers]);
                add_product(sum, number(x, lane, [i, x.len() / n]), weight);
            }),
            Task::Value(x) => add_multiple(sum, 1, number(x, lane, [k, numbers])),
        }
    }

    /// `sum = R + spare - quotient`, the multiple of n less the quotient.
    fn spare_without(&self, quotient: &[u64], sum: &mut [u64]) {
        let mut carry = 1;
        for ((sum, spare), q) in sum.iter_mut().zip(&*self.spare).zip(quotient) {
            let x = u128::from(*spare) + u128::from(!q) + carry;
            (*sum, carry) = (x as u64, x >> 64);
        }
        sum[quotient.len()] = carry as u64;
    }

    /// `out = sum / R + more` modulo n, and what multiple of n was added to `sum`. Returns how often n was subtracted: in a
    /// pair, as often the next number has 1 more.
    fn reduce(&self, sum: &mut [u64], more: u64, quotient: &mut [u64], out: &mut [u64]) -> u64 {
        let inverse = self.minus_inverse[0];
        for (i, q) in quotient.iter_mut().enumerate() {
            *q = sum[i].wrapping_mul(inverse);
            add_multiple(&mut sum[i..], *q, &self.n);
        }
        let n = self.n.len();
        add_multiple(&mut sum[n..], more, &[1]);
        out.copy_from_slice(&sum[n..2 * n]);
        let mut top = sum[2 * n];
        // Below n + 4 n for a sum of four numbers below R times reduced ones, and a little for R + spare and `more`.
        (0..=PARTS).map(|_| reduce_once(out, &mut top, &self.n)).sum()
    }
}

/// The number at a place of a group.
fn number(group: &[Limbs], n: usize, place: usize) -> &[u64] {
    &bytemuck::must_cast_slice(group)[place * n..(place + 1) * n]
}

/// ORs into `out` the entry `digit` of a table, reading all of it; entries are `stride` words apart.
pub(super) fn select(table: &[u64], stride: usize, digit: u64, out: &mut [u64]) {
    for (i, entry) in table.chunks(stride).enumerate() {
        let other = (i as u64) ^ digit;
        let mask = core::hint::black_box(((other | other.wrapping_neg()) >> 63).wrapping_sub(1));
        for (out, word) in out.iter_mut().zip(entry) {
            *out |= word & mask;
        }
    }
}
