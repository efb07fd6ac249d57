//! The ring Z_q\[X\]/(X^n + 1) with q a product of primes, held as residues.

use std::ops::{Deref, DerefMut};

use sordino_kernels::ntt::{Ntt, find_primes};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::modulus::{Factor, Modulus};
use super::round::Values;
use super::sample::ERROR_PAIRS;

/// The primes of q with everything precomputed.
pub(crate) struct Basis {
    n: usize,
    primes: Vec<Prime>,
    /// q mod 2^128
    q: u128,
}

/// One prime of q.
pub(crate) struct Prime {
    pub(crate) ntt: Ntt,
    pub(crate) modulus: Modulus,
    /// Bits of a packed residue.
    pub(crate) width: u32,
    /// (q / p)^-1 mod p
    pub(crate) cofactor: Factor,
    /// q / p modulo 2^128.
    others: u128,
    /// 2^192 / p, rounded down, less its low word.
    reciprocal: u128,
    /// The low word of 2^192 / p.
    reciprocal_low: u64,
}

/// Widths of the fewest primes of at most 50 bits whose widths add up to `total` bits, differing by at most one.
fn widths(total: u32) -> Vec<u32> {
    let count = total.div_ceil(50);
    (0..count).map(|i| total / count + u32::from(i < total % count)).collect()
}

/// The primes that are 1 modulo 2n and 2^exact and whose widths add up to `total` bits, the largest of each width; none
/// when there are not enough.
pub(crate) fn primes_of(n: usize, total: u32, exact: u32) -> Option<Vec<(u64, u32)>> {
    // No prime below 2^50 is 1 modulo 2^50.
    if exact >= 50 {
        return None;
    }
    let widths = widths(total);
    let half = n.max(1 << exact.saturating_sub(1));
    let mut primes = Vec::with_capacity(widths.len());
    for group in widths.chunk_by(|a, b| a == b) {
        let found = find_primes(half, group[0], group.len());
        // Primes far below their width would waste bytes and slow down sampling by rejection.
        let near = |&p: &u64| p > 7 << (group[0] - 3);
        if found.len() < group.len() || !found.iter().all(near) {
            return None;
        }
        primes.extend(found.into_iter().map(|p| (p, group[0])));
    }
    Some(primes)
}

impl Basis {
    pub(crate) fn new(n: usize, primes: &[(u64, u32)]) -> Self {
        let make = |&(p, width): &(u64, u32)| {
            let modulus = Modulus::new(p);
            let others = || primes.iter().filter(|other| other.0 != p);
            let cofactor =
                others().fold(1, |acc, other| modulus.mul(acc, &modulus.factor(other.0)));
            let wide = u128::from(p);
            let (high, rest) = (u128::MAX / wide, u128::MAX % wide + 1);
            Prime {
                ntt: Ntt::new(n, p),
                modulus,
                width,
                cofactor: modulus.factor(modulus.invert(cofactor)),
                others: others().fold(1, |q: u128, other| q.wrapping_mul(u128::from(other.0))),
                reciprocal: high,
                reciprocal_low: ((rest << 64) / wide) as u64,
            }
        };
        Self {
            n,
            primes: primes.iter().map(make).collect(),
            q: primes.iter().fold(1, |q: u128, p| q.wrapping_mul(u128::from(p.0))),
        }
    }

    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// q modulo 2^128.
    pub(crate) fn q(&self) -> u128 {
        self.q
    }

    pub(crate) fn primes(&self) -> &[Prime] {
        &self.primes
    }

    pub(crate) fn zero(&self) -> Poly {
        Poly { n: self.n, words: vec![0; self.n * self.primes.len()] }
    }

    pub(crate) fn forward(&self, a: &mut [u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.forward(a);
        }
    }

    pub(crate) fn inverse(&self, a: &mut [u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.inverse(a);
        }
    }

    /// `acc += a * b` in the transformed domain.
    pub(crate) fn mul_acc(&self, acc: &mut [u64], a: &[u64], b: &[u64]) {
        let (a, b) = (a.chunks_exact(self.n), b.chunks_exact(self.n));
        for ((prime, acc), (a, b)) in
            self.primes.iter().zip(acc.chunks_exact_mut(self.n)).zip(a.zip(b))
        {
            prime.ntt.mul_acc(acc, a, b);
        }
    }

    /// Turns transformed values into factors of sums of products.
    pub(crate) fn factors(&self, a: &mut [u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.factors(a);
        }
    }

    pub(crate) fn neg(&self, a: &mut [u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.neg(a);
        }
    }

    /// `a *= b` in the transformed domain.
    pub(crate) fn mul(&self, a: &mut [u64], b: &[u64]) {
        let residues = a.chunks_exact_mut(self.n).zip(b.chunks_exact(self.n));
        for (prime, (a, b)) in self.primes.iter().zip(residues) {
            let factor = Zeroizing::new(a.to_vec());
            prime.ntt.mul(&factor, b, a);
        }
    }

    /// Sets `a` to values of `bits` bits, read as two's complement.
    pub(crate) fn set_balanced(&self, a: &mut [u64], values: &Values, bits: u32) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            let m = &prime.modulus;
            if bits < prime.width {
                let shift = 64 - bits;
                for (a, value) in a.iter_mut().zip(&values.low) {
                    *a = m.reduce_signed(((value << shift) as i64) >> shift);
                }
                continue;
            }
            let span = m.reduce_wide(1 << bits);
            for (i, a) in a.iter_mut().enumerate() {
                let value = values.get(i);
                let negative = ((value >> (bits - 1)) as u64 & 1).wrapping_neg();
                *a = m.sub(m.reduce_wide(value), span & negative);
            }
        }
    }

    /// A coefficient as an integer of least magnitude, which must be at most q / 4, modulo 2^128.
    ///
    /// c = sum_i y_i q/p_i - k q with y_i = \[c_i (q/p_i)^-1\]_{p_i}, and k is the sum of y_i / p_i, rounded.
    pub(crate) fn balanced(&self, a: &[u64], j: usize) -> u128 {
        let residues = a.iter().skip(j).step_by(self.n);
        let (mut sum, mut turns) = (0_u128, 0.5);
        for (prime, c) in self.primes.iter().zip(residues) {
            let y = prime.modulus.mul(*c, &prime.cofactor);
            sum = sum.wrapping_add(prime.others.wrapping_mul(u128::from(y)));
            turns += y as i64 as f64 / prime.modulus.p() as i64 as f64;
        }
        sum.wrapping_sub(self.q.wrapping_mul(turns as i64 as u128))
    }

    /// Sets `a` to the coefficients in {-1, 0, 1} that the words draw.
    pub(crate) fn ternary(&self, a: &mut [u64], words: &[u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.ternary(a, words);
        }
    }

    /// Adds error coefficients that the words draw: centred binomial with [`ERROR_PAIRS`] pairs of bits.
    pub(crate) fn add_error(&self, a: &mut [u64], words: &[u64]) {
        for (prime, a) in self.primes.iter().zip(a.chunks_exact_mut(self.n)) {
            prime.ntt.add_binomial(a, words, ERROR_PAIRS);
        }
    }

    /// The coefficient divided by q, as a 128-bit fraction of the unit circle, at most 2^-120 too small.
    ///
    /// By the Chinese remainder theorem c/q = sum_i \[c_i (q/p_i)^-1\]_{p_i} / p_i modulo 1.
    #[inline]
    pub(crate) fn fraction(&self, residues: impl Iterator<Item = u64>) -> u128 {
        self.primes.iter().zip(residues).fold(0, |sum: u128, (prime, c)| {
            let y = prime.modulus.mul(c, &prime.cofactor);
            let low = (u128::from(y) * u128::from(prime.reciprocal_low)) >> 64;
            sum.wrapping_add(prime.reciprocal.wrapping_mul(u128::from(y))).wrapping_add(low)
        })
    }
}

/// An element of the ring: n residues for each prime, prime by prime.
///
/// Most are secret for a while: all are zeroised when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Poly {
    n: usize,
    words: Vec<u64>,
}

impl Poly {
    pub(crate) fn residues(&self) -> impl Iterator<Item = &[u64]> {
        self.words.chunks_exact(self.n)
    }

    pub(crate) fn residues_mut(&mut self) -> impl Iterator<Item = &mut [u64]> {
        self.words.chunks_exact_mut(self.n)
    }
}

impl Deref for Poly {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.words
    }
}

impl DerefMut for Poly {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}
