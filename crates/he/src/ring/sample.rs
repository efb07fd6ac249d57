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
        let p = prime.modulus.p();
        let mut filled = 0;
        while filled < residues.len() {
            let words = &mut words[filled..];
            prg.fill_words(words);
            // Words at or above p are rare: most often all are taken as they are.
            let above = words.iter_mut().fold(0, |above, word| {
                *word &= mask;
                above | (p - 1).wrapping_sub(*word)
            });
            if above >> 63 == 0 {
                residues[filled..].copy_from_slice(words);
                break;
            }
            for word in words.iter().filter(|word| **word < p) {
                residues[filled] = *word;
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

/// A polynomial with coefficients uniform in {-1, 0, 1}, up to a bias of 2^-62.
pub(crate) fn ternary(basis: &Basis, prg: &mut Prg) -> Poly {
    let mut poly = basis.zero();
    basis.ternary(&mut poly, &words(prg, basis.n()));
    poly
}

#[cfg(test)]
mod tests {
    use super::super::basis::primes_of;
    use super::*;

    #[test]
    fn ternary_is_balanced_and_errors_have_their_variance() {
        let mut prg = Prg::new(Block(7));
        let n = 1 << 16;
        let basis = Basis::new(4096, &primes_of(4096, 40, 0).expect("primes exist"));
        let p = basis.primes()[0].modulus.p();
        let signed = |r: u64| if r > p / 2 { r as f64 - p as f64 } else { r as f64 };
        let draw = |add: &mut dyn FnMut(&mut [u64])| {
            let polys = (0..16).flat_map(|_| {
                let mut poly = basis.zero();
                add(&mut poly);
                poly.to_vec()
            });
            polys.map(signed).collect::<Vec<f64>>()
        };
        let trits = draw(&mut |a| a.copy_from_slice(&ternary(&basis, &mut prg)));
        for value in [-1.0, 0.0, 1.0] {
            let count = trits.iter().filter(|t| **t == value).count() as f64;
            assert!((count / n as f64 - 1.0 / 3.0).abs() < 0.01, "{value}: {count} of {n}");
        }
        let errors = draw(&mut |a| basis.add_error(a, &words(&mut prg, basis.n())));
        let mean = errors.iter().sum::<f64>() / n as f64;
        let variance = errors.iter().map(|e| e * e).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.06, "mean {mean}");
        assert!((variance - f64::from(ERROR_PAIRS) / 2.0).abs() < 0.4, "variance {variance}");
    }

    #[test]
    fn uniform_polynomials_are_reduced_spread_and_fixed_by_the_seed() {
        let primes = primes_of(4096, 99, 0).expect("primes exist");
        let basis = Basis::new(4096, &primes);
        let (a, b, c) =
            (uniform(&basis, Block(1)), uniform(&basis, Block(1)), uniform(&basis, Block(2)));
        for (i, (p, _)) in primes.iter().enumerate() {
            assert!(a.residues().nth(i).expect("prime").iter().all(|r| r < p));
            assert_eq!(a.residues().nth(i).expect("prime"), b.residues().nth(i).expect("prime"));
            assert_ne!(a.residues().nth(i).expect("prime"), c.residues().nth(i).expect("prime"));
            let mean = a
                .residues()
                .nth(i)
                .expect("prime")
                .iter()
                .map(|r| *r as f64 / *p as f64)
                .sum::<f64>()
                / 4096.0;
            assert!((mean - 0.5).abs() < 0.03, "mean {mean}");
        }
    }
}
