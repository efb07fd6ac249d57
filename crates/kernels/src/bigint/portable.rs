//! The scalar twin: 64-bit words, one value after the other, always fully reduced.

use crate::Wiped;

use super::words::{minus_inverse, power_of_two, reduce_once};

/// What a product modulo `n` needs.
pub(super) struct Portable {
    n: Wiped<u64>,
    minus_inverse: u64,
}

impl Portable {
    pub(super) fn new(n: &[u64]) -> Self {
        let mut own = Wiped::zeros(n.len());
        own.copy_from_slice(n);
        Self { n: own, minus_inverse: minus_inverse(n[0]) }
    }

    /// R^2 modulo n for R = 2^(64 words).
    pub(super) fn r_squared(&self) -> Vec<u64> {
        power_of_two(128 * self.n.len(), &self.n)
    }

    /// a b / R modulo n, Montgomery's product row by row; `sum` has as many words as n.
    fn product(&self, a: &[u64], b: &[u64], sum: &mut [u64]) {
        sum.fill(0);
        let (n, mut top) = (&self.n[..], 0_u64);
        for &a in a {
            let (mut carry, mut shifted) = (0_u64, 0_u64);
            let q = sum[0].wrapping_add(a.wrapping_mul(b[0])).wrapping_mul(self.minus_inverse);
            for j in 0..n.len() {
                let x = u128::from(a) * u128::from(b[j]) + u128::from(sum[j]) + u128::from(carry);
                carry = (x >> 64) as u64;
                let y =
                    u128::from(q) * u128::from(n[j]) + u128::from(x as u64) + u128::from(shifted);
                shifted = (y >> 64) as u64;
                if j > 0 {
                    sum[j - 1] = y as u64;
                }
            }
            let last = u128::from(carry) + u128::from(shifted) + u128::from(top);
            (sum[n.len() - 1], top) = (last as u64, (last >> 64) as u64);
        }
        reduce_once(sum, top, n);
    }

    /// Eight values of twice as many words as n, below n R, over R modulo n. The values are overwritten.
    pub(super) fn reduce(&self, values: &mut [u64], out: &mut [u64]) {
        let words = self.n.len();
        for (x, out) in values.chunks_exact_mut(2 * words).zip(out.chunks_exact_mut(words)) {
            let mut top = 0_u64;
            for i in 0..words {
                let (q, mut carry) = (x[i].wrapping_mul(self.minus_inverse), 0_u64);
                for (x, n) in x[i..].iter_mut().zip(&*self.n) {
                    let sum = u128::from(q) * u128::from(*n) + u128::from(*x) + u128::from(carry);
                    (*x, carry) = (sum as u64, (sum >> 64) as u64);
                }
                let sum = u128::from(x[i + words]) + u128::from(carry) + u128::from(top);
                (x[i + words], top) = (sum as u64, (sum >> 64) as u64);
            }
            out.copy_from_slice(&x[words..]);
            reduce_once(out, top, &self.n);
        }
    }

    /// The products of eight values each, `sum` as above.
    pub(super) fn mul(&self, a: &[u64], b: &[u64], out: &mut [u64], sum: &mut [u64]) {
        let words = self.n.len();
        let pairs = a.chunks_exact(words).zip(b.chunks_exact(words));
        for ((a, b), out) in pairs.zip(out.chunks_exact_mut(words)) {
            self.product(a, b, sum);
            out.copy_from_slice(sum);
        }
    }

    /// `a *= b`.
    pub(super) fn mul_assign(&self, a: &mut [u64], b: &[u64], sum: &mut [u64]) {
        let words = self.n.len();
        for (a, b) in a.chunks_exact_mut(words).zip(b.chunks_exact(words)) {
            self.product(a, b, sum);
            a.copy_from_slice(sum);
        }
    }

    /// `a *= a`.
    pub(super) fn square_assign(&self, a: &mut [u64], sum: &mut [u64]) {
        for a in a.chunks_exact_mut(self.n.len()) {
            self.product(a, a, sum);
            a.copy_from_slice(sum);
        }
    }
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
