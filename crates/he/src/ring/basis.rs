//! The ring Z_q\[X\]/(X^n + 1) with q a product of primes, held as residues.

use sordino_kernels::ntt::{Ntt, find_primes};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::modulus::{Factor, Modulus};

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
    cofactor: Factor,
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

/// The primes for degree `n` whose widths add up to `total` bits, the largest of each width; none when there are not
/// enough.
pub(crate) fn primes_of(n: usize, total: u32) -> Option<Vec<(u64, u32)>> {
    let widths = widths(total);
    let mut primes = Vec::with_capacity(widths.len());
    for group in widths.chunk_by(|a, b| a == b) {
        let found = find_primes(n, group[0], group.len());
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
            let others = primes.iter().filter(|other| other.0 != p);
            let cofactor = others.fold(1, |acc, other| modulus.mul(acc, &modulus.factor(other.0)));
            let wide = u128::from(p);
            let (high, rest) = (u128::MAX / wide, u128::MAX % wide + 1);
            Prime {
                ntt: Ntt::new(n, p),
                modulus,
                width,
                cofactor: modulus.factor(modulus.invert(cofactor)),
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

    pub(crate) fn forward(&self, a: &mut Poly) {
        for (prime, a) in self.primes.iter().zip(a.residues_mut()) {
            prime.ntt.forward(a);
        }
    }

    pub(crate) fn inverse(&self, a: &mut Poly) {
        for (prime, a) in self.primes.iter().zip(a.residues_mut()) {
            prime.ntt.inverse(a);
        }
    }

    /// `acc += a * b` in the transformed domain.
    pub(crate) fn mul_acc(&self, acc: &mut Poly, a: &Poly, b: &Poly) {
        for (i, (prime, acc)) in self.primes.iter().zip(acc.residues_mut()).enumerate() {
            prime.ntt.mul_acc(acc, a.residue(i), b.residue(i));
        }
    }

    pub(crate) fn add(&self, a: &mut Poly, b: &Poly) {
        for (i, (prime, a)) in self.primes.iter().zip(a.residues_mut()).enumerate() {
            prime.ntt.add(a, b.residue(i));
        }
    }

    /// `a = b - a`.
    pub(crate) fn sub_from(&self, a: &mut Poly, b: &Poly) {
        for (i, (prime, a)) in self.primes.iter().zip(a.residues_mut()).enumerate() {
            prime.ntt.neg(a);
            prime.ntt.add(a, b.residue(i));
        }
    }

    /// The polynomial with these small coefficients, |v| below every prime.
    pub(crate) fn small(&self, values: &[i32]) -> Poly {
        let mut poly = self.zero();
        for (prime, residues) in self.primes.iter().zip(poly.residues_mut()) {
            for (r, v) in residues.iter_mut().zip(values) {
                *r = prime.modulus.reduce_signed(i64::from(*v));
            }
        }
        poly
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
    pub(crate) fn residue(&self, prime: usize) -> &[u64] {
        &self.words[prime * self.n..(prime + 1) * self.n]
    }

    pub(crate) fn residues(&self) -> impl Iterator<Item = &[u64]> {
        self.words.chunks_exact(self.n)
    }

    pub(crate) fn residues_mut(&mut self) -> impl Iterator<Item = &mut [u64]> {
        self.words.chunks_exact_mut(self.n)
    }

    /// The residues of one coefficient.
    pub(crate) fn coefficient(&self, j: usize) -> impl Iterator<Item = u64> {
        self.words.iter().skip(j).step_by(self.n).copied()
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }
}
