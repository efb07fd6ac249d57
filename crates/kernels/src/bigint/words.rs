//! Numbers as slices of 64-bit words, least significant first: what setting up a modulus takes.

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

/// Subtracts `n` from `top` 2^(64 `a.len()`) + a, which is below 2 n, if it is not below n, in the same time either way.
pub(super) fn reduce_once(a: &mut [u64], top: u64, n: &[u64]) {
    let borrow = sub_assign(a, n);
    let mask = top.wrapping_sub(borrow);
    // All ones if the subtraction went below zero, which `top` was not there to prevent.
    let mask = core::hint::black_box(mask);
    let mut carry = false;
    for (a, n) in a.iter_mut().zip(n) {
        let (sum, first) = a.overflowing_add(n & mask);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (*a, carry) = (sum, first | second);
    }
}

/// `a += b`; the carry, 0 or 1.
pub(super) fn add_assign(a: &mut [u64], b: &[u64]) -> u64 {
    let mut carry = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (sum, first) = a.overflowing_add(*b);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (*a, carry) = (sum, first | second);
    }
    u64::from(carry)
}

/// `a = 2 a` modulo `n`, a reduced.
fn double(a: &mut [u64], n: &[u64]) {
    let mut carry = 0;
    for a in a.iter_mut() {
        (*a, carry) = (*a << 1 | carry, *a >> 63);
    }
    reduce_once(a, carry, n);
}

/// 2^e modulo an odd `n` above 1.
pub(super) fn power_of_two(e: usize, n: &[u64]) -> Vec<u64> {
    let mut a = vec![0; n.len()];
    // 2^(bits - 1) is the largest power below n.
    let start = e.min(bits(n) - 1);
    a[start / 64] = 1 << (start % 64);
    for _ in start..e {
        double(&mut a, n);
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
