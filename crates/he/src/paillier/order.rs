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
    use super::super::number::{random_bits, remainder};
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
                let mut multiple = super::super::number::product(&n, &[random[0] >> 1]);
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
}
