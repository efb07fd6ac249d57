//! From Z_q down to powers of two.

use zeroize::Zeroizing;

use super::basis::Basis;
use super::scale::round_fraction;

/// Greatest width that one word of integers and its fraction serve.
const NARROW: u32 = 62;

/// The map c -> round(2^bits c / q) modulo 2^bits on residues.
pub(crate) struct Rounding {
    bits: u32,
    /// (q / p)^-1 2^bits mod p for each prime.
    factors: Vec<u64>,
}

/// Numbers of a known width of at most 128 bits: their low words, and the rest when the width is above 64.
pub(crate) struct Values {
    pub(crate) low: Vec<u64>,
    pub(crate) high: Vec<u64>,
}

impl Values {
    /// Number `i`.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> u128 {
        u128::from(self.low[i]) | u128::from(self.high.get(i).copied().unwrap_or(0)) << 64
    }
}

impl Rounding {
    /// Rounding to `bits` (1 to 120) bits.
    pub(crate) fn new(basis: &Basis, bits: u32) -> Self {
        let factor = |prime: &super::basis::Prime| {
            prime.modulus.mul(prime.modulus.pow(2, bits.into()), &prime.cofactor)
        };
        Self { bits, factors: basis.primes().iter().map(factor).collect() }
    }

    /// Rounds as many numbers as `a` holds, prime by prime; overwrites them.
    ///
    /// The error beyond the rounding itself is below 2^-40 of its unit.
    pub(crate) fn round(&self, basis: &Basis, a: &mut [u64]) -> Values {
        let count = a.len() / basis.primes().len();
        if self.bits > NARROW {
            return self.round_wide(basis, a, count);
        }
        let mut low = vec![0; count];
        let mut fractions = Zeroizing::new(vec![0.5; count]);
        for ((prime, factor), a) in
            basis.primes().iter().zip(&self.factors).zip(a.chunks_exact_mut(count.max(1)))
        {
            prime.ntt.mul_scalar(a, *factor);
            prime.ntt.add_quotients(a, &mut low, &mut fractions);
        }
        let mask = u64::MAX >> (64 - self.bits);
        for (low, fraction) in low.iter_mut().zip(fractions.iter()) {
            *low = low.wrapping_add(*fraction as i64 as u64) & mask;
        }
        Values { low, high: Vec::new() }
    }

    fn round_wide(&self, basis: &Basis, a: &[u64], count: usize) -> Values {
        let round = |j: usize| {
            let residues = a.iter().skip(j).step_by(count).copied();
            round_fraction(basis.fraction(residues), self.bits)
        };
        let (mut low, mut high) = (Vec::with_capacity(count), Vec::new());
        for value in (0..count).map(round) {
            low.push(value as u64);
            if self.bits > 64 {
                high.push((value >> 64) as u64);
            }
        }
        Values { low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::super::basis::primes_of;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn narrow_and_wide_roundings_agree(seed: u64, bits in 1_u32..=50) {
            let basis = Basis::new(4096, &primes_of(4096, 90, 0).expect("primes exist"));
            let mut a: Vec<u64> = (1..=40).map(|i: u64| seed.wrapping_mul(i | 1).rotate_left(i as u32)).collect();
            for (a, prime) in a.chunks_exact_mut(20).zip(basis.primes()) {
                a.iter_mut().for_each(|a| *a %= prime.modulus.p());
            }
            let rounding = Rounding::new(&basis, bits);
            let wide = rounding.round_wide(&basis, &a, 20);
            let narrow = rounding.round(&basis, &mut a);
            prop_assert_eq!(narrow.low, wide.low);
        }
    }
}
