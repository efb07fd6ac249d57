//! Random polynomials. Secret ones are sampled without branches on their values.

use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use zeroize::Zeroizing;

use super::basis::{Basis, Poly};

/// Pairs of bits summed into one error coefficient: variance 21 / 2, so that sigma = 3.24.
pub(crate) const ERROR_PAIRS: u32 = 21;

/// The uniform polynomial of a public seed, in the transformed domain. Rejects words at or above the prime, which
/// shows nothing but the seed's expansion.
pub(crate) fn uniform(basis: &Basis, seed: Block) -> Poly {
    let mut prg = Prg::new(seed);
    let mut poly = basis.zero();
    let mut words = vec![0; basis.n()];
    for (prime, residues) in basis.primes().iter().zip(poly.residues_mut()) {
        let mask = u64::MAX >> (64 - prime.width);
        let mut filled = 0;
        while filled < residues.len() {
            let words = &mut words[filled..];
            prg.fill_words(words);
            for word in
                words.iter().map(|word| word & mask).filter(|word| *word < prime.modulus.p())
            {
                residues[filled] = word;
                filled += 1;
            }
        }
    }
    poly
}

/// `n` words from a secret stream.
pub(crate) fn words(prg: &mut Prg, n: usize) -> Zeroizing<Vec<u64>> {
    let mut words = Zeroizing::new(vec![0; n]);
    prg.fill_words(&mut words);
    words
}

/// Coefficients uniform in {-1, 0, 1}, up to a bias of 2^-62.
pub(crate) fn ternary(prg: &mut Prg, n: usize) -> Zeroizing<Vec<i32>> {
    let digit = |word: &u64| ((u128::from(*word) * 3) >> 64) as i32 - 1;
    Zeroizing::new(words(prg, n).iter().map(digit).collect())
}

/// Error coefficients: centred binomial with [`ERROR_PAIRS`] pairs of bits.
pub(crate) fn error(prg: &mut Prg, n: usize) -> Zeroizing<Vec<i32>> {
    const MASK: u64 = (1 << ERROR_PAIRS) - 1;
    let coefficient = |word: &u64| {
        let (plus, minus) = (word & MASK, (word >> ERROR_PAIRS) & MASK);
        plus.count_ones() as i32 - minus.count_ones() as i32
    };
    Zeroizing::new(words(prg, n).iter().map(coefficient).collect())
}

#[cfg(test)]
mod tests {
    use super::super::basis::primes_of;
    use super::*;

    #[test]
    fn ternary_is_balanced_and_errors_have_their_variance() {
        let mut prg = Prg::new(Block(7));
        let n = 1 << 16;
        let trits = ternary(&mut prg, n);
        for value in -1..=1 {
            let count = trits.iter().filter(|t| **t == value).count() as f64;
            assert!((count / n as f64 - 1.0 / 3.0).abs() < 0.01, "{value}: {count} of {n}");
        }
        let errors = error(&mut prg, n);
        let mean = errors.iter().map(|e| f64::from(*e)).sum::<f64>() / n as f64;
        let variance = errors.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.06, "mean {mean}");
        assert!((variance - f64::from(ERROR_PAIRS) / 2.0).abs() < 0.4, "variance {variance}");
    }

    #[test]
    fn uniform_polynomials_are_reduced_spread_and_fixed_by_the_seed() {
        let primes = primes_of(4096, 99).expect("primes exist");
        let basis = Basis::new(4096, &primes);
        let (a, b, c) =
            (uniform(&basis, Block(1)), uniform(&basis, Block(1)), uniform(&basis, Block(2)));
        for (i, (p, _)) in primes.iter().enumerate() {
            assert!(a.residue(i).iter().all(|r| r < p));
            assert_eq!(a.residue(i), b.residue(i));
            assert_ne!(a.residue(i), c.residue(i));
            let mean = a.residue(i).iter().map(|r| *r as f64 / *p as f64).sum::<f64>() / 4096.0;
            assert!((mean - 0.5).abs() < 0.03, "mean {mean}");
        }
    }
}
