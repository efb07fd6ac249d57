use zeroize::Zeroizing;

use super::number::{nonzero, number, words};
use super::plain::extract;

/// The prime order of h modulo a factor of n. Zeroised when dropped.
pub(super) struct Order {
    order: Zeroizing<Vec<u64>>,
    bits: usize,
    /// 2^(64 [`Self::wide`]) over the order, rounded down.
    reciprocal: Zeroizing<Vec<u64>>,
}

impl Order {
    /// An order of exactly so many bits.
    pub(super) fn new(order: &[u64], bits: usize) -> Self {
        let power = [&vec![0; order.len() + 1][..], &[1]].concat();
        let quotient = Zeroizing::new(number(&power).div_rem(&nonzero(order)).0);
        Self {
            order: Zeroizing::new(order.to_vec()),
            bits,
            reciprocal: Zeroizing::new(words(&quotient, 2)),
        }
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.order
    }

    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// The words of what [`Self::reduce`] takes.
    pub(super) fn wide(&self) -> usize {
        self.order.len() + 1
    }

    /// Reduces a number of [`Self::wide`] words, in the same time for all.
    ///
    /// *Source*: Barrett, "Implementing the Rivest Shamir and Adleman public key encryption algorithm on a standard
    /// digital signal processor", CRYPTO 1986.
    pub(super) fn reduce(&self, x: &mut [u64]) {
        let two = |x: &[u64], at| Zeroizing::new([extract(x, at), extract(x, at + 64)]);
        let from = self.bits - 1;
        let high = two(x, from);
        let mut product = Zeroizing::new([0; 4]);
        for (i, a) in high.iter().enumerate() {
            let mut carry = 0;
            for (out, b) in product[i..].iter_mut().zip(self.reciprocal.iter()) {
                let sum = u128::from(*a) * u128::from(*b) + u128::from(*out) + carry;
                (*out, carry) = (sum as u64, sum >> 64);
            }
            product[i + 2] = carry as u64;
        }
        // (x / 2^from) (2^(64 wide) / order), both rounded down, below 2^128, and short of x / order by at most 2.
        let quotient = two(&*product, 64 * self.wide() - from);
        for (i, digit) in quotient.iter().enumerate() {
            subtract(&mut x[i..], &self.order, *digit);
        }
        for _ in 0..2 {
            let borrow = x.iter().zip(self.order.iter().chain([&0])).fold(0, |borrow, (x, n)| {
                u64::from(i128::from(*x) - i128::from(*n) < i128::from(borrow))
            });
            subtract(x, &self.order, core::hint::black_box(1 - borrow));
        }
    }
}

/// `x -= digit n`, modulo `x`'s length.
fn subtract(x: &mut [u64], n: &[u64], digit: u64) {
    let mut carry = 0;
    for (x, n) in x.iter_mut().zip(n.iter().chain([&0; 2])) {
        let product = u128::from(*n) * u128::from(digit) + carry;
        let (difference, borrow) = x.overflowing_sub(product as u64);
        (*x, carry) = (difference, (product >> 64) + u128::from(borrow));
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::{product, random_bits, remainder};
    use super::*;

    #[test]
    fn remainders_equal_crypto_bigint() {
        let mut rng = sordino_secret::SecretRng::from_seed([3; 32]);
        for bits in [224, 256] {
            for round in 0..200 {
                let mut n = random_bits(bits, &mut rng);
                if round % 3 == 0 {
                    n[1..].fill(if round % 2 == 0 { u64::MAX } else { 0 });
                    n[3] &= u64::MAX >> (256 - bits);
                }
                n[3] |= 1 << ((bits - 1) % 64);
                let order = Order::new(&n, bits);
                let random = random_bits(320, &mut rng);
                let mut multiple = product(&n, &[random[0] >> 1]);
                for x in [&random[..], &[u64::MAX; 5], &[0; 5], &multiple.clone()] {
                    let mut got = x.to_vec();
                    order.reduce(&mut got);
                    assert_eq!(got, [&remainder(x, &n)[..], &[0]].concat());
                }
                multiple[0] ^= 1;
                let expected = remainder(&multiple, &n);
                order.reduce(&mut multiple);
                assert_eq!(multiple[..4], expected);
            }
        }
    }

    /// The sum of powers of two.
    fn binary(words: usize, powers: &[usize]) -> Vec<u64> {
        let mut x = vec![0; words];
        powers.iter().for_each(|at| x[at / 64] |= 1 << (at % 64));
        x
    }

    fn quotient(x: &[u64], by: &[u64]) -> Vec<u64> {
        words(&number(x).div_rem(&nonzero(by)).0, 5)
    }

    fn check(n: &[u64], bits: usize, x: &[u64]) {
        let mut got = x.to_vec();
        Order::new(n, bits).reduce(&mut got);
        assert_eq!(got, [&remainder(x, n)[..], &[0]].concat(), "{bits} bits");
    }

    #[test]
    fn orders_at_both_ends_of_their_length() {
        for bits in [224, 256] {
            let least = binary(4, &[bits - 1]);
            let next = binary(4, &[bits - 1, 0]);
            let last = binary(4, &(0..bits).collect::<Vec<_>>());
            for n in [least, next, last] {
                for x in [[0; 5], [1, 0, 0, 0, 0], [u64::MAX; 5], [0, 0, 0, 0, u64::MAX]] {
                    check(&n, bits, &x);
                    let mut multiple = product(&n, &quotient(&x, &n)[..2]);
                    multiple.truncate(5);
                    check(&n, bits, &multiple);
                    if x[4] > 0 {
                        let below = number(&multiple).wrapping_sub(&*number(&[1]));
                        check(&n, bits, &words(&below, 5));
                    }
                }
            }
        }
    }

    /// Both parts of the product are rounded down by nearly 1, for a multiple of the order, whose quotient needs all.
    #[test]
    fn quotients_that_are_two_short() {
        for bits in [224, 256] {
            let high = 321 - bits;
            let n = binary(4, &[bits - 1, 2 * bits - 322, 3 * bits - 642]);
            let factor: Vec<usize> = (0..high).filter(|at| *at != 1).collect();
            let mut x = product(&n, &binary(2, &factor));
            x.truncate(5);
            let parts = [quotient(&x, &binary(5, &[bits - 1])), quotient(&binary(6, &[320]), &n)];
            let estimate = quotient(&product(&parts[0], &parts[1]), &binary(5, &[high]));
            assert_eq!(quotient(&x, &n)[0].wrapping_sub(estimate[0]), 2);
            check(&n, bits, &x);
        }
    }
}
