//! Negacyclic number-theoretic transforms modulo primes below 2^50, and arithmetic on coefficient vectors.

mod convert;
#[cfg(target_arch = "x86_64")]
mod fma;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod pointwise;
mod prime;
mod scalar;
mod sums;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(crate) use ifma::{MultiplyAdd, Native};
pub use prime::find_primes;
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) use tests::Imitated;

use crate::isa::{self, Isa};
use scalar::Modulus;
use sums::{Matrix, Vectors};

/// The negacyclic transform of degree n modulo p: products in the transformed domain are products in
/// Z_p\[X\]/(X^n + 1).
///
/// All inputs must be fully reduced (below p) and all outputs are. The order of the transformed values is internal,
/// but the same on every instruction set and machine, so that they may be exchanged or derived from a shared seed.
/// The transform of a polynomial in X^r (r a power of two) is constant on runs of r values, which are its transform of
/// degree n / r as a polynomial in X^r.
///
/// *Cost*: two tables of 16 n bytes.
pub struct Ntt {
    n: usize,
    modulus: Modulus,
    /// The level whose form the tables have: the one active at creation.
    isa: Isa,
    tables: Tables,
}

/// Factors come in multiples of the widest register.
const FACTORS: usize = 8;

enum Tables {
    Scalar(scalar::Tables),
    #[cfg(target_arch = "x86_64")]
    Wide(wide::Tables),
}

/// Calls a function of the entry-point module of the level, or the expression given for the scalar one.
macro_rules! dispatch {
    ($isa:expr, $name:ident($($argument:expr),*), $scalar:expr) => {
        match $isa {
            // SAFETY (all arms): the level was active when the transform was made, so its features were detected.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { x86::avx2::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { x86::avx512::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Ifma => unsafe { x86::ifma::$name($($argument),*) },
            _ => $scalar,
        }
    };
}

impl Ntt {
    /// Precomputes the transform.
    ///
    /// # Panics
    /// If `n` is not a power of two in 1..=32768, or `p` is not a prime below 2^50 with p = 1 mod 2n.
    pub fn new(n: usize, p: u64) -> Self {
        assert!(n.is_power_of_two() && (1..=32768).contains(&n), "transform degree {n}");
        assert!(
            p < 1 << 50 && p % (2 * n as u64) == 1 && prime::is_prime(p),
            "transform prime {p}"
        );
        let (isa, tables) = match isa::active() {
            #[cfg(target_arch = "x86_64")]
            isa @ Isa::Avx2 if n >= wide::MIN_DEGREE => {
                (isa, Tables::Wide(x86::avx2::tables(n, p)))
            }
            #[cfg(target_arch = "x86_64")]
            isa @ Isa::Avx512 if n >= wide::MIN_DEGREE => {
                (isa, Tables::Wide(x86::avx512::tables(n, p)))
            }
            #[cfg(target_arch = "x86_64")]
            isa @ Isa::Avx512Ifma if n >= wide::MIN_DEGREE => {
                (isa, Tables::Wide(x86::ifma::tables(n, p)))
            }
            _ => (Isa::Scalar, Tables::Scalar(scalar::Tables::new(n, p))),
        };
        Self { n, modulus: Modulus::new(p), isa, tables }
    }

    /// The modulus.
    pub fn p(&self) -> u64 {
        self.modulus.p
    }

    /// The degree.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Transforms coefficients in place.
    ///
    /// # Panics
    /// If `a` does not have n elements.
    pub fn forward(&self, a: &mut [u64]) {
        assert_eq!(a.len(), self.n, "transform length");
        match &self.tables {
            Tables::Scalar(tables) => tables.forward(a),
            #[cfg(target_arch = "x86_64")]
            Tables::Wide(tables) => dispatch!(self.isa, forward(tables, self.modulus.p, a), ()),
        }
    }

    /// Inverts [`Ntt::forward`].
    ///
    /// # Panics
    /// If `a` does not have n elements.
    pub fn inverse(&self, a: &mut [u64]) {
        assert_eq!(a.len(), self.n, "transform length");
        match &self.tables {
            Tables::Scalar(tables) => tables.inverse(a),
            #[cfg(target_arch = "x86_64")]
            Tables::Wide(tables) => dispatch!(self.isa, inverse(tables, self.modulus.p, a), ()),
        }
    }

    /// `out = a * b` element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn mul(&self, a: &[u64], b: &[u64], out: &mut [u64]) {
        assert!(a.len() == b.len() && a.len() == out.len(), "operand lengths differ");
        dispatch!(self.isa, mul(&self.modulus, a, b, out), self.modulus.mul_slice(a, b, out));
    }

    /// `acc += a * b` element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn mul_acc(&self, acc: &mut [u64], a: &[u64], b: &[u64]) {
        assert!(a.len() == b.len() && a.len() == acc.len(), "operand lengths differ");
        let m = &self.modulus;
        dispatch!(self.isa, mul_acc(m, acc, a, b), m.mul_acc_slice(acc, a, b));
    }

    /// Turns values below p into factors for [`Ntt::mul_matrix`] and [`Ntt::add_products`], in place. Their form depends
    /// on the instruction set.
    ///
    /// # Panics
    /// If the length is not a multiple of 8.
    pub fn factors(&self, a: &mut [u64]) {
        assert!(a.len().is_multiple_of(FACTORS), "factors come in eights");
        dispatch!(self.isa, multiplicand(self.modulus.p, a), ());
    }

    /// The product of a `rows` x k matrix `w` and a k x `width` matrix `a` of factors, both row-major; row r of the
    /// result, reduced, is written to `out[r * stride..][..width]`.
    ///
    /// *Cost*: about 0.3 cycles per product and value with AVX-512 and primes of 45 bits.
    ///
    /// # Panics
    /// If `width` is not a multiple of 8, or a length does not match.
    pub fn mul_matrix(
        &self,
        rows: usize,
        width: usize,
        w: &[u64],
        a: &[u64],
        out: &mut [u64],
        stride: usize,
    ) {
        if rows == 0 {
            return;
        }
        let terms = w.len() / rows;
        let matrix = Matrix { rows, terms, width, stride, w, a };
        matrix.check(FACTORS, out);
        let (p, m) = (self.modulus.p, &self.modulus);
        dispatch!(self.isa, matrix(p, &matrix, out), m.mul_matrix(&matrix, out));
    }

    /// `out[r][part][i] += a[0][part][i] w[r k][i] + ... + a[k - 1][part][i] w[r k + k - 1][i]` for factors `a` and `w`
    /// and reduced `out`.
    ///
    /// # Panics
    /// If lengths differ or are no multiples of 8, or `w` has not as many vectors as `a` times `out`.
    pub fn add_products(&self, out: &mut [[&mut [u64]; 2]], a: &[[&[u64]; 2]], w: &[&[u64]]) {
        if out.is_empty() {
            return;
        }
        let vectors = Vectors { a, w };
        vectors.check(FACTORS, out);
        let (p, m) = (self.modulus.p, &self.modulus);
        dispatch!(self.isa, products(p, &vectors, out), m.add_products(&vectors, out));
    }

    /// Adds centred binomial values: the number of ones in the lowest `pairs` bits of a word less that in the next
    /// `pairs`.
    ///
    /// # Panics
    /// If the lengths differ, `pairs` is not in 1..=32, or p is below 64.
    pub fn add_binomial(&self, a: &mut [u64], words: &[u64], pairs: u32) {
        assert_eq!(a.len(), words.len(), "operand lengths differ");
        assert!((1..=32).contains(&pairs) && self.modulus.p >= 64, "{pairs} pairs of bits");
        let m = &self.modulus;
        dispatch!(
            self.isa,
            add_binomial(m, a, words, pairs),
            convert::add_binomial(m, a, words, pairs)
        );
    }

    /// Sets `a` to the residues of values in {-1, 0, 1}: which third of the 64-bit range a word lies in.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn ternary(&self, a: &mut [u64], words: &[u64]) {
        assert_eq!(a.len(), words.len(), "operand lengths differ");
        let m = &self.modulus;
        dispatch!(self.isa, ternary(m, a, words), convert::ternary(m, a, words));
    }

    /// One prime's part of a rounded division: subtracts `a / p modulo 2^64` from `integers`, and adds `a / p` to
    /// `fractions`.
    ///
    /// For a number c modulo q = p_1 p_2 ... and a_i = c (q/p_i)^-1 2^b mod p_i the integers minus, plus the fractions
    /// rounded, is round(2^b c / q) modulo 2^b: a_i = y_i 2^b - z_i p_i with y_i / p_i adding up to c / q, and z_i is
    /// -a_i / p_i modulo 2^b.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_quotients(&self, a: &[u64], integers: &mut [u64], fractions: &mut [f64]) {
        assert!(a.len() == integers.len() && a.len() == fractions.len(), "operand lengths differ");
        let (p, inverse) = (self.modulus.p, self.modulus.inverse);
        dispatch!(
            self.isa,
            add_quotients(p, inverse, a, integers, fractions),
            convert::add_quotients(p, inverse, a, integers, fractions)
        );
    }

    /// `a *= scalar` for a `scalar` below p.
    ///
    /// # Panics
    /// If `scalar` is not below p.
    pub fn mul_scalar(&self, a: &mut [u64], scalar: u64) {
        assert!(scalar < self.modulus.p, "scalar is not reduced");
        let m = &self.modulus;
        dispatch!(self.isa, mul_scalar(m, a, scalar), m.mul_scalar_slice(a, scalar));
    }

    /// `a += b`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&self, a: &mut [u64], b: &[u64]) {
        assert_eq!(a.len(), b.len(), "operand lengths differ");
        dispatch!(self.isa, add(&self.modulus, a, b), pointwise::add(&self.modulus, a, b));
    }

    /// `a -= b`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn sub(&self, a: &mut [u64], b: &[u64]) {
        assert_eq!(a.len(), b.len(), "operand lengths differ");
        dispatch!(self.isa, sub(&self.modulus, a, b), pointwise::sub(&self.modulus, a, b));
    }

    /// `a = -a`.
    pub fn neg(&self, a: &mut [u64]) {
        dispatch!(self.isa, neg(&self.modulus, a), pointwise::neg(&self.modulus, a));
    }
}

#[cfg(test)]
mod tests;
