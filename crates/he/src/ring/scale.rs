//! Moving values between Z_{2^b} and Z_q, exactly, with the residues alone.

use zeroize::Zeroize;

use super::basis::Basis;
use super::modulus::{Factor, Modulus};

/// The scaling x -> q x / 2^b from b-bit integers to residues modulo q.
///
/// With u = (q x + d) mod 2^b the integer floor((q x + d) / 2^b) is (q x + d - u) / 2^b, and q is 0 modulo every
/// prime, so its residue is (d - u) 2^-b. The dither d is uniform in \[0, 2^b): the error has mean zero whatever
/// x is.
///
/// When q is 1 modulo 2^b, (q - 1) x / 2^b is an integer for every x: the multiple by a constant, exactly linear. It
/// differs from q x / 2^b by x / 2^b.
pub(crate) struct Scale {
    bits: u32,
    /// (q - 1) / 2^b modulo each prime, if that is an integer.
    exact: Option<Vec<u64>>,
    q: u128,
    /// 2^-b and 2^(64-b) modulo each prime.
    factors: Vec<(Factor, Factor)>,
}

/// d - u + 2^b: the part of a scaled value that all primes share.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Scaled(u128);

impl Scale {
    /// Scaling from `bits` (1 to 120) bits, exact if wanted and possible.
    pub(crate) fn new(basis: &Basis, bits: u32, exact: bool) -> Self {
        let mask = (1_u128 << bits) - 1;
        let exact = (exact && basis.q() & mask == 1 & mask).then(|| {
            let step = |m: &Modulus| m.sub(0, m.invert(m.pow(2, bits.into())));
            basis.primes().iter().map(|prime| step(&prime.modulus)).collect()
        });
        let factors = basis.primes().iter().map(|prime| {
            let m = &prime.modulus;
            let inverse = m.invert(m.pow(2, bits.into()));
            (m.factor(inverse), m.factor(m.mul(m.pow(2, 64), &m.factor(inverse))))
        });
        Self { bits, exact, q: basis.q(), factors: factors.collect() }
    }

    /// (q - 1) / 2^b modulo each prime, if q is 1 modulo 2^b.
    pub(crate) fn exact(&self) -> Option<&[u64]> {
        self.exact.as_deref()
    }

    fn mask(&self) -> u128 {
        (1 << self.bits) - 1
    }

    /// Scales with the dither's low b bits.
    #[inline]
    pub(crate) fn dithered(&self, x: u128, dither: u128) -> Scaled {
        let dither = dither & self.mask();
        let u = self.q.wrapping_mul(x).wrapping_add(dither) & self.mask();
        Scaled((1 << self.bits) + dither - u)
    }

    /// The scaled value modulo prime number `i`.
    #[inline]
    pub(crate) fn residue(&self, basis: &Basis, i: usize, scaled: Scaled) -> u64 {
        let m = &basis.primes()[i].modulus;
        let (low, high) = &self.factors[i];
        let mut r = m.mul(scaled.0 as u64, low);
        if self.bits > 62 {
            r = m.add(r, m.mul((scaled.0 >> 64) as u64, high));
        }
        m.sub(r, 1)
    }
}

/// round(2^bits f) modulo 2^bits of a fraction of the unit circle.
#[inline]
pub(crate) fn round_fraction(fraction: u128, bits: u32) -> u128 {
    fraction.wrapping_add(1 << (127 - bits)) >> (128 - bits)
}

#[cfg(test)]
mod tests {
    use super::super::basis::primes_of;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Scaling up by nearest rounding and back down is the identity for every width that leaves q some room.
        #[test]
        fn scaling_up_and_down_is_exact(x: u128, bits in 1_u32..=80, dither: u128) {
            let primes = primes_of(4096, 100, 0).expect("primes exist");
            let basis = Basis::new(4096, &primes);
            let scale = Scale::new(&basis, bits, true);
            let x = x & ((1 << bits) - 1);
            for scaled in [scale.dithered(x, 1 << (bits - 1)), scale.dithered(x, dither)] {
                let residues: Vec<u64> =
                    (0..primes.len()).map(|i| scale.residue(&basis, i, scaled)).collect();
                prop_assert!(residues.iter().zip(&primes).all(|(r, p)| *r < p.0));
                prop_assert_eq!(round_fraction(basis.fraction(residues.into_iter()), bits), x);
            }
        }

        /// The fraction of an integer c below q is c / q.
        #[test]
        fn fraction_is_division_by_q(c: u64) {
            let primes = primes_of(4096, 99, 0).expect("primes exist");
            let basis = Basis::new(4096, &primes);
            let fraction = basis.fraction(primes.iter().map(|p| c % p.0));
            let exact = c as f64 / primes.iter().map(|p| p.0 as f64).product::<f64>();
            let got = fraction as f64 / 2_f64.powi(128);
            prop_assert!((got - exact).abs() <= exact * 1e-9 + 2_f64.powi(-118));
        }
    }
}
