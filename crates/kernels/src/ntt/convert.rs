//! Residues of random and of rounded values: plain loops without branches on values, which the compiler vectorises with
//! the features of the caller.

use super::scalar::Modulus;

/// The difference of the numbers of ones in the two lowest fields of `pairs` bits of a word, up to 32 each.
#[inline(always)]
fn binomial(word: u64, pairs: u32) -> i64 {
    let mask = u64::MAX >> (64 - pairs);
    // Both counts at once, in the halves of a word.
    let x = (word & mask) | ((word >> pairs) & mask) << 32;
    let x = x - ((x >> 1) & 0x5555_5555_5555_5555);
    let x = (x & 0x3333_3333_3333_3333) + ((x >> 2) & 0x3333_3333_3333_3333);
    let x = (x + (x >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    let x = x + (x >> 8);
    let x = x + (x >> 16);
    (x & 0xff) as i64 - ((x >> 32) & 0xff) as i64
}

/// The residue of a value in (-p, p).
#[inline(always)]
fn signed(p: u64, value: i64) -> u64 {
    (value as u64).wrapping_add(p & ((value >> 63) as u64))
}

#[inline(always)]
pub(super) fn add_binomial(m: &Modulus, a: &mut [u64], words: &[u64], pairs: u32) {
    for (a, word) in a.iter_mut().zip(words) {
        *a = m.add(*a, signed(m.p, binomial(*word, pairs)));
    }
}

#[inline(always)]
pub(super) fn ternary(m: &Modulus, a: &mut [u64], words: &[u64]) {
    const THIRD: u64 = u64::MAX / 3;
    for (a, word) in a.iter_mut().zip(words) {
        let digit = i64::from(*word > THIRD) + i64::from(*word > 2 * THIRD);
        *a = signed(m.p, digit - 1);
    }
}

#[inline(always)]
pub(super) fn add_quotients(
    p: u64,
    inverse: u64,
    a: &[u64],
    integers: &mut [u64],
    fractions: &mut [f64],
) {
    let reciprocal = 1.0 / p as f64;
    for ((a, integer), fraction) in a.iter().zip(integers).zip(fractions) {
        *integer = integer.wrapping_sub(a.wrapping_mul(inverse));
        // Below 2^50: signed conversions are cheaper.
        *fraction += *a as i64 as f64 * reciprocal;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_right(word: u64, pairs in 1_u32..=32) {
            let mask = u64::MAX >> (64 - pairs);
            let expected = (word & mask).count_ones() as i64 - ((word >> pairs) & mask).count_ones() as i64;
            prop_assert_eq!(binomial(word, pairs), expected);
        }

        #[test]
        fn digits_are_thirds(word: u64) {
            let m = Modulus::new(17);
            for word in [word, u64::MAX / 3, u64::MAX / 3 + 1, u64::MAX / 3 * 2, u64::MAX / 3 * 2 + 1, u64::MAX / 3 * 2 + 2] {
                let mut digit = [0];
                ternary(&m, &mut digit, &[word]);
                prop_assert_eq!(digit[0], (((u128::from(word) * 3) >> 64) as u64 + 16) % 17);
            }
        }
    }
}
