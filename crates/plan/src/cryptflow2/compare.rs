//! Comparisons and what rests on them. Sections are those of eprint 2020/1002.

use super::{LAMBDA, Price};

/// Bits of a digit that one transfer compares. The paper's examples have 7, its code 4 (`MILL_PARAM`).
pub const DIGIT: u32 = 4;

/// One out of `choices` messages of `bits`: KKOT, or IKNP for two (section 2).
pub fn transfer(choices: u32, bits: u32) -> Price {
    let extension = if choices == 2 { LAMBDA } else { 2 * LAMBDA };
    Price::new(extension + u128::from(choices) * u128::from(bits), 2)
}

/// A correlated transfer of one ring element (section 2).
pub fn correlated(bits: u32) -> Price {
    Price::new(LAMBDA + u128::from(bits), 2)
}

/// Whether the one number of `bits` is below the other (section 3), with digits of
/// `digit` bits: a transfer per digit, of one bit for the lowest and two for the others; then a tree of ANDs with bit
/// triples, which are made meanwhile: 20 + 128 bits for one AND, 22 + 256 for the pair of a node that sees no lowest digit.
pub fn millionaires(bits: u32, digit: u32) -> Price {
    if bits <= digit {
        return transfer(1 << bits, 1);
    }
    let digits = bits.div_ceil(digit);
    let top = bits - digit * (digits - 1);
    let lowest = transfer(1 << digit, 1);
    let middle = transfer(1 << digit, 2).times((digits - 2).into());
    let leaves = lowest.beside(middle).beside(transfer(1 << top, 2));
    let levels = digits.next_power_of_two().trailing_zeros();
    let single = u128::from(levels) * (LAMBDA + 20);
    let pairs = u128::from(digits - 1 - levels) * (2 * LAMBDA + 22);
    leaves.then(Price::new(single + pairs, levels.into()))
}

/// The sign of a number shared in a ring of `bits` (section 3): a comparison of one bit less.
pub fn drelu(bits: u32, digit: u32) -> Price {
    millionaires(bits - 1, digit)
}

/// A shared number or zero, by a shared bit (section 2): a transfer of ring elements each way.
pub fn multiplex(bits: u32) -> Price {
    let one = transfer(2, bits);
    one.beside(one)
}

/// ReLU (section 5): the sign, then the multiplexer.
pub fn relu(bits: u32, digit: u32) -> Price {
    drelu(bits, digit).then(multiplex(bits))
}

/// A shift right by `shift` that is exact (section 4): the sign, unless it is known; a transfer that
/// corrects for the wrap of the shares; a comparison of the lower parts for the carry, and its conversion.
pub fn truncate(bits: u32, shift: u32, sign_known: bool, digit: u32) -> Price {
    let sign = if sign_known { Price::default() } else { drelu(bits, digit) };
    let carry = millionaires(shift, digit).then(correlated(bits));
    sign.then(transfer(4, bits)).beside(carry)
}

/// Division by a public number, for averages (section 4): the sign and its correction in two rings, then
/// two or three comparisons of remainders, of `ceil(log2(6 divisor)) - 1` bits each. The third is spared where
/// `2 (2^bits mod divisor) < divisor`.
pub fn divide(bits: u32, divisor: u64, digit: u32) -> Price {
    if divisor <= 1 {
        return Price::default();
    }
    // A divisor that fills the ring has no remainders to compare in a smaller one.
    let six = divisor.saturating_mul(6);
    let remainder_bits = (64 - (six - 1).leading_zeros()).min(bits);
    let remainder = (1u128 << bits) % u128::from(divisor);
    let comparisons = if 2 * remainder < u128::from(divisor) { 2 } else { 3 };
    let each = millionaires(remainder_bits - 1, digit).then(correlated(bits));
    drelu(bits, digit).then(transfer(4, bits + remainder_bits)).then(each.times(comparisons))
}

/// The larger of two, and its index: a node of the tournament for argmax (section 5, and the published code).
pub fn larger_with_index(bits: u32, digit: u32) -> Price {
    drelu(bits, digit).then(multiplex(2 * bits))
}
