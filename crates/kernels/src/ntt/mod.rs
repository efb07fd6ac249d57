//! Negacyclic number-theoretic transforms modulo primes below 2^50, and arithmetic on coefficient vectors.

mod prime;
mod scalar;

pub use prime::find_primes;

use scalar::Modulus;

/// The negacyclic transform of degree n modulo p: products in the transformed domain are products in
/// Z_p\[X\]/(X^n + 1).
///
/// All inputs must be fully reduced (below p) and all outputs are. The order of the transformed values is internal,
/// but the same on every instruction set.
pub struct Ntt {
    tables: scalar::Tables,
}

impl Ntt {
    /// Precomputes the transform.
    ///
    /// # Panics
    /// If `n` is not a power of two in 8..=32768, or `p` is not a prime below 2^50 with p = 1 mod 2n.
    pub fn new(n: usize, p: u64) -> Self {
        assert!(n.is_power_of_two() && (8..=32768).contains(&n), "transform degree {n}");
        assert!(
            p < 1 << 50 && p % (2 * n as u64) == 1 && prime::is_prime(p),
            "transform prime {p}"
        );
        Self { tables: scalar::Tables::new(n, p) }
    }

    /// The modulus.
    pub fn p(&self) -> u64 {
        self.tables.modulus.p
    }

    /// The degree.
    pub fn n(&self) -> usize {
        self.tables.n()
    }

    fn modulus(&self) -> &Modulus {
        &self.tables.modulus
    }

    /// Transforms coefficients in place.
    ///
    /// # Panics
    /// If `a` does not have n elements.
    pub fn forward(&self, a: &mut [u64]) {
        assert_eq!(a.len(), self.n(), "transform length");
        self.tables.forward(a);
    }

    /// Inverts [`Ntt::forward`].
    ///
    /// # Panics
    /// If `a` does not have n elements.
    pub fn inverse(&self, a: &mut [u64]) {
        assert_eq!(a.len(), self.n(), "transform length");
        self.tables.inverse(a);
    }

    /// `out = a * b` element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn mul(&self, a: &[u64], b: &[u64], out: &mut [u64]) {
        assert!(a.len() == b.len() && a.len() == out.len(), "operand lengths differ");
        for ((a, b), out) in a.iter().zip(b).zip(out) {
            *out = self.modulus().mul(*a, *b);
        }
    }

    /// `acc += a * b` element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn mul_acc(&self, acc: &mut [u64], a: &[u64], b: &[u64]) {
        assert!(a.len() == b.len() && a.len() == acc.len(), "operand lengths differ");
        for ((a, b), acc) in a.iter().zip(b).zip(acc) {
            *acc = self.modulus().add(*acc, self.modulus().mul(*a, *b));
        }
    }

    /// `a *= scalar` with `scalar` below p.
    pub fn mul_scalar(&self, a: &mut [u64], scalar: u64) {
        for a in a {
            *a = self.modulus().mul(*a, scalar);
        }
    }

    /// `a += b`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&self, a: &mut [u64], b: &[u64]) {
        assert_eq!(a.len(), b.len(), "operand lengths differ");
        for (a, b) in a.iter_mut().zip(b) {
            *a = self.modulus().add(*a, *b);
        }
    }

    /// `a -= b`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn sub(&self, a: &mut [u64], b: &[u64]) {
        assert_eq!(a.len(), b.len(), "operand lengths differ");
        for (a, b) in a.iter_mut().zip(b) {
            *a = self.modulus().sub(*a, *b);
        }
    }

    /// `a = -a`.
    pub fn neg(&self, a: &mut [u64]) {
        for a in a {
            *a = self.modulus().sub(0, *a);
        }
    }
}
