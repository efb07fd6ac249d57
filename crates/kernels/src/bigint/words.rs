//! Numbers as slices of 64-bit words, least significant first: what setting up a modulus and the scalar twin take.

use crate::Wiped;

/// `a -= b`; the borrow, 0 or 1.
pub(super) fn sub_assign(a: &mut [u64], b: &[u64]) -> u64 {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (difference, first) = a.overflowing_sub(*b);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (*a, borrow) = (difference, first | second);
    }
    u64::from(borrow)
}

/// Subtracts `n` from `top` 2^(64 `a.len()`) + a if it is not below n, in the same time either way: how
/// often, 0 or 1.
pub(super) fn reduce_once(a: &mut [u64], top: &mut u64, n: &[u64]) -> u64 {
    let borrow = sub_assign(a, n);
    let below = core::hint::black_box(borrow & u64::from(*top == 0));
    let mask = below.wrapping_neg();
    let mut carry = false;
    for (a, n) in a.iter_mut().zip(n) {
        let (sum, first) = a.overflowing_add(n & mask);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (*a, carry) = (sum, first | second);
    }
    *top = *top + below - borrow;
    1 - below
}

/// The square, of twice as many words.
pub(super) fn square(a: &[u64]) -> Wiped<u64> {
    let mut out = Wiped::zeros(2 * a.len());
    add_product(&mut out, a, a);
    out
}

/// `sum += a b`; what leaves `sum` is lost.
pub(super) fn add_product(sum: &mut [u64], a: &[u64], b: &[u64]) {
    for (i, a) in a.iter().enumerate() {
        add_multiple(&mut sum[i..], *a, b);
    }
}

/// `sum += a b`; what leaves `sum` is lost.
#[inline(always)]
pub(super) fn add_multiple(sum: &mut [u64], a: u64, b: &[u64]) {
    let (low, high) = sum.split_at_mut(b.len());
    let mut carry = 0;
    for (sum, b) in low.iter_mut().zip(b) {
        let x = u128::from(a) * u128::from(*b) + u128::from(*sum) + u128::from(carry);
        (*sum, carry) = (x as u64, (x >> 64) as u64);
    }
    for sum in high {
        let over;
        (*sum, over) = sum.overflowing_add(carry);
        carry = u64::from(over);
    }
}

/// 2^e modulo n to so many powers: a number for each, least significant first, in the base n. n is odd and above 1.
pub(super) fn power_of_two(e: usize, n: &[u64], numbers: usize) -> Wiped<u64> {
    let mut a = Wiped::zeros(numbers * n.len());
    // 2^(bits - 1) is the largest power below n.
    let start = e.min(bits(n) - 1);
    a[start / 64] = 1 << (start % 64);
    for _ in start..e {
        let mut over = 0;
        for a in a.chunks_exact_mut(n.len()) {
            let mut carry = over;
            for a in a.iter_mut() {
                (*a, carry) = (*a << 1 | carry, *a >> 63);
            }
            // 2 a + 1 is below 2 n.
            over = reduce_once(a, &mut carry, n);
        }
    }
    a
}

/// Significant bits.
pub(super) fn bits(n: &[u64]) -> usize {
    let top = n.iter().rposition(|word| *word != 0);
    top.map_or(0, |i| 64 * i + 64 - n[i].leading_zeros() as usize)
}

/// The 52 bits of `a` from bit 52 i on.
#[inline(always)]
pub(super) fn limb52(a: &[u64], i: usize) -> u64 {
    let (word, shift) = (52 * i / 64, 52 * i % 64);
    let low = a.get(word).map_or(0, |a| a >> shift);
    let high = if shift > 12 { a.get(word + 1).map_or(0, |a| a << (64 - shift)) } else { 0 };
    (low | high) & ((1 << 52) - 1)
}

/// -1/n modulo 2^64 for an odd `n`: Newton's iteration, which doubles the correct bits.
pub(super) fn minus_inverse(n: u64) -> u64 {
    let mut x = n;
    for _ in 0..5 {
        x = x.wrapping_mul(2_u64.wrapping_sub(n.wrapping_mul(x)));
    }
    x.wrapping_neg()
}

/// -1/n modulo 2^256 for an odd `n`.
pub(super) fn minus_inverse_wide(n: &[u64]) -> [u64; 4] {
    let inverse = minus_inverse(n[0]);
    // n x + r = 0 modulo ever higher powers: each word of x cancels the lowest word of 1 + n x that is left.
    let (mut x, mut rest) = ([0; 4], [1, 0, 0, 0]);
    for i in 0..4 {
        x[i] = inverse.wrapping_mul(rest[i]);
        let mut carry = 0;
        for (rest, n) in rest[i..].iter_mut().zip(n.iter().chain([&0; 4])) {
            let sum = u128::from(*n) * u128::from(x[i]) + u128::from(*rest) + carry;
            (*rest, carry) = (sum as u64, sum >> 64);
        }
    }
    x
}
