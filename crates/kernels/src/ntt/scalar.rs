//! The portable twin: Harvey's lazy butterflies with Shoup quotients on 64-bit integers.

use super::prime::{inv_mod, mul_mod, pow_mod, primitive_root};
use super::sums::{Matrix, Vectors};

/// A prime modulus with its Barrett constant.
pub(super) struct Modulus {
    pub(super) p: u64,
    /// 1/p modulo 2^64.
    pub(super) inverse: u64,
    bits: u32,
    mu: u64,
}

impl Modulus {
    pub(super) fn new(p: u64) -> Self {
        let bits = u64::BITS - p.leading_zeros();
        // Newton's iteration doubles the bits that are right: p p = 1 modulo 8.
        let inverse = (0..5).fold(p, |x, _| x.wrapping_mul(2_u64.wrapping_sub(p.wrapping_mul(x))));
        Self { p, inverse, bits, mu: ((1_u128 << (2 * bits)) / u128::from(p)) as u64 }
    }

    /// Barrett reduction: the quotient estimate is short by at most 2 (Handbook of Applied Cryptography, 14.42).
    #[inline(always)]
    pub(super) fn mul(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        let top = (product >> (self.bits - 1)) as u64;
        let quotient = ((u128::from(top) * u128::from(self.mu)) >> (self.bits + 1)) as u64;
        let rest = (product as u64).wrapping_sub(quotient.wrapping_mul(self.p));
        reduce(reduce(rest, 2 * self.p), self.p)
    }

    pub(super) fn mul_slice(&self, a: &[u64], b: &[u64], out: &mut [u64]) {
        for ((a, b), out) in a.iter().zip(b).zip(out) {
            *out = self.mul(*a, *b);
        }
    }

    pub(super) fn mul_acc_slice(&self, acc: &mut [u64], a: &[u64], b: &[u64]) {
        for ((a, b), acc) in a.iter().zip(b).zip(acc) {
            *acc = self.add(*acc, self.mul(*a, *b));
        }
    }

    pub(super) fn mul_scalar_slice(&self, a: &mut [u64], scalar: u64) {
        let factor = Factor::new(scalar, self.p);
        for a in a {
            *a = reduce(factor.mul_lazy(*a, self.p), self.p);
        }
    }

    pub(super) fn mul_matrix(&self, m: &Matrix<'_>, out: &mut [u64]) {
        for row in 0..m.rows {
            let out = &mut out[row * m.stride..][..m.width];
            out.fill(0);
            let w = &m.w[row * m.terms..][..m.terms];
            for (w, a) in w.iter().zip(m.a.chunks_exact(m.width.max(1))) {
                for (out, a) in out.iter_mut().zip(a) {
                    *out = self.add(*out, self.mul(*a, *w));
                }
            }
        }
    }

    pub(super) fn add_products(&self, v: &Vectors<'_>, out: &mut [[&mut [u64]; 2]]) {
        for (r, out) in out.iter_mut().enumerate() {
            let w = &v.w[r * v.a.len()..][..v.a.len()];
            for (part, out) in out.iter_mut().enumerate() {
                v.a.iter().zip(w).for_each(|(a, w)| self.mul_acc_slice(out, a[part], w));
            }
        }
    }

    #[inline(always)]
    pub(super) fn add(&self, a: u64, b: u64) -> u64 {
        reduce(a + b, self.p)
    }

    #[inline(always)]
    pub(super) fn sub(&self, a: u64, b: u64) -> u64 {
        reduce(a + self.p - b, self.p)
    }
}

/// `a - bound` if that is not negative, else `a`, without a branch; needs `bound` below 2^63.
#[inline(always)]
fn reduce(a: u64, bound: u64) -> u64 {
    a.min(a.wrapping_sub(bound))
}

/// A constant factor with its quotient floor(w 2^64 / p).
#[derive(Clone, Copy)]
struct Factor {
    w: u64,
    quotient: u64,
}

impl Factor {
    fn new(w: u64, p: u64) -> Self {
        Self { w, quotient: ((u128::from(w) << 64) / u128::from(p)) as u64 }
    }

    /// `a w mod p` in 0..2p for any `a`.
    #[inline(always)]
    fn mul_lazy(self, a: u64, p: u64) -> u64 {
        let quotient = ((u128::from(a) * u128::from(self.quotient)) >> 64) as u64;
        a.wrapping_mul(self.w).wrapping_sub(quotient.wrapping_mul(p))
    }
}

/// Powers of the 2n-th root of unity in bit-reversed order.
pub(super) struct Tables {
    p: u64,
    forward: Vec<Factor>,
    inverse: Vec<Factor>,
    scale: Factor,
}

impl Tables {
    pub(super) fn new(n: usize, p: u64) -> Self {
        let psi = primitive_root(2 * n as u64, p);
        let factors =
            |root| powers_bit_reversed(n, root, p).into_iter().map(|w| Factor::new(w, p)).collect();
        Self {
            p,
            forward: factors(psi),
            inverse: factors(inv_mod(psi, p)),
            scale: Factor::new(inv_mod(n as u64, p), p),
        }
    }

    pub(super) fn forward(&self, a: &mut [u64]) {
        let p = self.p;
        let mut half = a.len() / 2;
        let mut groups = 1;
        while half > 0 {
            for (group, w) in a.chunks_exact_mut(2 * half).zip(&self.forward[groups..]) {
                let (low, high) = group.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let u = reduce(*x, 2 * p);
                    let v = w.mul_lazy(*y, p);
                    *x = u + v;
                    *y = u + 2 * p - v;
                }
            }
            half /= 2;
            groups *= 2;
        }
        for x in a {
            *x = reduce(reduce(*x, 2 * p), p);
        }
    }

    pub(super) fn inverse(&self, a: &mut [u64]) {
        let p = self.p;
        let mut half = 1;
        let mut groups = a.len() / 2;
        while groups > 0 {
            for (group, w) in a.chunks_exact_mut(2 * half).zip(&self.inverse[groups..]) {
                let (low, high) = group.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let (u, v) = (*x, *y);
                    *x = reduce(u + v, 2 * p);
                    *y = w.mul_lazy(u + 2 * p - v, p);
                }
            }
            half *= 2;
            groups /= 2;
        }
        for x in a {
            *x = reduce(self.scale.mul_lazy(*x, p), p);
        }
    }
}

/// Element i is root^bitrev(i), the bit reversal taken over log2(n) bits.
pub(super) fn powers_bit_reversed(n: usize, root: u64, p: u64) -> Vec<u64> {
    let bits = n.trailing_zeros();
    let mut powers = vec![0; n];
    let mut power = 1;
    for i in 0..n {
        powers[(i as u64).reverse_bits().checked_shr(64 - bits).unwrap_or(0) as usize] = power;
        power = mul_mod(power, root, p);
    }
    debug_assert_eq!(power, pow_mod(root, n as u64, p));
    powers
}
