//! The primes of a key.

use crypto_bigint::{BoxedUint, NonZero};
use crypto_primes::{Flavor, is_prime};
use sordino_kernels::bigint::{LANES, fermat};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use super::Strength;
use super::number::{nonzero, number, product, random_bits, words};

/// A factor P = 2 p k + 1 of n with a prime p.
pub(super) struct Factor {
    pub(super) prime: Zeroizing<Vec<u64>>,
    /// p.
    pub(super) order: Zeroizing<Vec<u64>>,
    /// 2 k, k odd.
    pub(super) cofactor: Zeroizing<Vec<u64>>,
}

/// Trial division saves most of the primality tests.
const TRIALS: u64 = 1 << 12;

/// Small odd primes in groups, with the product of each group.
struct Trials(Vec<(u64, Vec<u64>)>);

impl Trials {
    fn new() -> Self {
        let composite =
            |n: &u64| (3..).step_by(2).take_while(|d| d * d <= *n).any(|d| n.is_multiple_of(d));
        let mut groups: Vec<(u64, Vec<u64>)> = vec![];
        for p in (3..TRIALS).step_by(2).filter(|n| !composite(n)) {
            let next = groups.last().and_then(|(product, _)| product.checked_mul(p));
            match (next, groups.last_mut()) {
                (Some(next), Some((product, of))) => {
                    *product = next;
                    of.push(p);
                }
                _ => groups.push((p, vec![p])),
            }
        }
        Self(groups)
    }

    /// Whether one of them divides a number.
    fn divide(&self, x: &[u64]) -> bool {
        self.0.iter().any(|(product, of)| {
            let step = |rest: u64, word: &u64| {
                ((u128::from(rest) << 64 | u128::from(*word)) % u128::from(*product)) as u64
            };
            let rest = x.iter().rev().fold(0, step);
            of.iter().any(|p| rest.is_multiple_of(*p))
        })
    }
}

/// Whether a random number is prime, but with a probability far below 2^-128 (Baillie-PSW has no known exception).
fn is_probably_prime(x: &[u64]) -> bool {
    is_prime(Flavor::Any, &*number(x))
}

/// A random factor, its two top bits set, and 3 modulo 4.
pub(super) fn factor(strength: Strength, rng: &mut SecretRng) -> Factor {
    let (trials, bits) = (Trials::new(), strength.order_bits());
    let order = loop {
        let mut order = random_bits(bits, rng);
        order[0] |= 1;
        order[(bits - 1) / 64] |= 1 << ((bits - 1) % 64);
        if !trials.divide(&order) && is_probably_prime(&order) {
            break order;
        }
    };
    let divisor = nonzero(&order);
    let candidate = |rng: &mut SecretRng| loop {
        let factor = near_random(strength, &order, &divisor, rng);
        if let Some(factor) = factor.filter(|factor| !trials.divide(&factor.prime)) {
            return factor;
        }
    };
    loop {
        let candidates: [Factor; LANES] = core::array::from_fn(|_| candidate(rng));
        let may = fermat(candidates.each_ref().map(|c| &c.prime[..])).unwrap_or([true; LANES]);
        let mut found = candidates.into_iter().zip(may);
        if let Some((factor, _)) = found.find(|(c, may)| *may && is_probably_prime(&c.prime)) {
            return factor;
        }
    }
}

/// 2 p k + 1 for a random k, if its two top bits are set.
fn near_random(
    strength: Strength,
    order: &Zeroizing<Vec<u64>>,
    divisor: &NonZero<BoxedUint>,
    rng: &mut SecretRng,
) -> Option<Factor> {
    let half = strength.bits() / 2;
    // 2 k of about target / p.
    let mut target = random_bits(half, rng);
    target[half / 64 - 1] |= 3 << 62;
    let quotient = Zeroizing::new(number(&target).div_rem(divisor).0);
    let mut cofactor = Zeroizing::new(words(&quotient, half / 64));
    cofactor[0] = cofactor[0] & !3 | 2;
    let mut prime = Zeroizing::new(product(&cofactor, order));
    prime[0] |= 1;
    prime.truncate(half / 64);
    (prime[half / 64 - 1] >= 3 << 62).then(|| Factor { prime, order: order.clone(), cofactor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_find_small_factors() {
        let trials = Trials::new();
        assert_eq!(trials.0.iter().map(|(_, of)| of.len()).sum::<usize>(), 563);
        let prime =
            [u64::MAX - 568, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX];
        assert!(!trials.divide(&prime));
        for p in [3, 5, 101, 4091, 4093] {
            assert!(trials.divide(&product(&prime, &[p])), "{p}");
        }
        assert!(!trials.divide(&product(&prime, &[4099])));
    }
}
