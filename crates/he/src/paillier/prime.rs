//! The primes of a key.

use crypto_primes::{Flavor, is_prime};
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

fn small_primes() -> Vec<u64> {
    let composite =
        |n: &u64| (3..).step_by(2).take_while(|d| d * d <= *n).any(|d| n.is_multiple_of(d));
    (3..TRIALS).step_by(2).filter(|n| !composite(n)).collect()
}

fn remainder_by(x: &[u64], d: u64) -> u64 {
    let step = |rest: u64, word: &u64| {
        ((u128::from(rest) << 64 | u128::from(*word)) % u128::from(d)) as u64
    };
    x.iter().rev().fold(0, step)
}

/// Whether a random number is prime, but with a probability far below 2^-128 (Baillie-PSW has no known exception).
fn is_probably_prime(x: &[u64], small: &[u64]) -> bool {
    small.iter().all(|d| remainder_by(x, *d) != 0) && is_prime(Flavor::Any, &*number(x))
}

/// A random factor, its two top bits set, and 3 modulo 4.
pub(super) fn factor(strength: Strength, rng: &mut SecretRng) -> Factor {
    let (small, bits, half) = (small_primes(), strength.order_bits(), strength.bits() / 2);
    let order = loop {
        let mut order = random_bits(bits, rng);
        order[0] |= 1;
        order[(bits - 1) / 64] |= 1 << ((bits - 1) % 64);
        if is_probably_prime(&order, &small) {
            break order;
        }
    };
    let divisor = nonzero(&order);
    loop {
        // 2 k of about target / p.
        let mut target = random_bits(half, rng);
        target[half / 64 - 1] |= 3 << 62;
        let quotient = Zeroizing::new(number(&target).div_rem(&divisor).0);
        let mut cofactor = Zeroizing::new(words(&quotient, half / 64));
        cofactor[0] = cofactor[0] & !3 | 2;
        let mut prime = Zeroizing::new(product(&cofactor, &order));
        prime[0] |= 1;
        prime.truncate(half / 64);
        if prime[half / 64 - 1] >= 3 << 62 && is_probably_prime(&prime, &small) {
            return Factor { prime, order, cofactor };
        }
    }
}
