//! Montgomery's product of eight pairs at once, limb-sliced in radix 2^52, written once for every multiplier that
//! implements [`Multiplier`].
//!
//! A product is a schoolbook product into twice as many columns, followed by a reduction. Both are sweeps: four rows at
//! a time pass over all limbs of the other factor with the open columns in registers, so that four products cost one
//! load of a limb, and a load and a store of a column. Columns are sums of 52-bit halves whose carries wait: at most
//! four halves per row, 2^9 rows at most, so that they stay below 2^64.
//!
//! Values are below 2 n and stay so without a last subtraction, because R = 2^(52 limbs) is at least 8 n:
//! (2n 4n + R n) / R <= 2n, even if one factor is a sum of two.
//!
//! # Safety
//! Every function is `inline(always)` so that it becomes part of a `#[target_feature]` function; calling one from
//! elsewhere than code with the features of its `Multiplier` is undefined. Slices have the stated lengths.

use crate::Wiped;
use core::arch::x86_64::*;

use super::Limbs;

/// Limbs per sweep; moduli have a multiple of it.
pub(super) const ROWS: usize = 4;
const MASK: i64 = (1 << 52) - 1;

/// Products of eight pairs of 52-bit integers, added to sums in two halves.
pub(super) trait Multiplier: Copy {
    /// What each product adds to the low and to the high sum beyond its halves: a multiple of 2^52, modulo 2^64.
    const LOW: u64;
    const HIGH: u64;

    unsafe fn new() -> Self;
    /// Prepares an integer below 2^52 for multiplication.
    unsafe fn operand(self, a: __m512i) -> __m512i;
    /// Adds bits 0 to 51 of the product of two operands to the first, bits 52 to 103 to the second.
    unsafe fn add_product(self, sums: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2];
}

/// The constants of a modulus of `limbs` limbs, as operands.
pub(super) struct Constants {
    pub(super) n: Wiped<Limbs>,
    /// -1/n modulo 2^208.
    pub(super) minus_inverse: [Limbs; ROWS],
}

#[inline(always)]
unsafe fn load(from: &Limbs) -> __m512i {
    // SAFETY: 64 bytes, aligned; so for `store`.
    unsafe { _mm512_load_si512((&raw const *from).cast()) }
}

#[inline(always)]
unsafe fn store(to: &mut Limbs, value: __m512i) {
    unsafe { _mm512_store_si512((&raw mut *to).cast(), value) }
}

/// Turns integers below 2^52 into operands.
#[inline(always)]
pub(super) unsafe fn operands<M: Multiplier>(a: &[Limbs], out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let m = M::new();
        for (a, out) in a.iter().zip(out) {
            store(out, m.operand(load(a)));
        }
    }
}

/// Adds the product of the four rows and of `b` (at least four operands) to the columns `sums` (four more).
#[inline(always)]
unsafe fn sweep<M: Multiplier>(m: M, rows: [__m512i; ROWS], b: &[Limbs], sums: &mut [Limbs]) {
    debug_assert!(sums.len() == b.len() + ROWS && b.len() >= ROWS);
    // SAFETY: the module's condition.
    unsafe {
        let excess = |low: u64, high: u64| {
            let sum = M::LOW.wrapping_mul(low).wrapping_add(M::HIGH.wrapping_mul(high));
            _mm512_set1_epi64(sum as i64)
        };
        let less = |low, high| _mm512_sub_epi64(_mm512_setzero_si512(), excess(low, high));
        // At limb j: column j + r in low[r], and another part of column j + r + 1 in high[r]. What the products will
        // add too much is subtracted beforehand.
        let mut low = [load(&sums[0]), load(&sums[1]), load(&sums[2]), load(&sums[3])];
        let mut high = [less(2, 1), less(3, 2), less(4, 3), less(4, 4)];
        let mut leaving = less(1, 0);
        let full = high[3];
        let len = b.len();
        let columns = sums.as_mut_ptr();
        for (j, b) in b.iter().enumerate() {
            let b = load(b);
            for r in 0..ROWS {
                [low[r], high[r]] = m.add_product([low[r], high[r]], rows[r], b);
            }
            store(&mut *columns.add(j), _mm512_add_epi64(low[0], leaving));
            leaving = high[0];
            low = [low[1], low[2], low[3], load(&*columns.add(j + ROWS))];
            high = [high[1], high[2], high[3], full];
        }
        let parts = [leaving, high[0], high[1], high[2]];
        for r in 0..ROWS {
            let sum = _mm512_add_epi64(low[r], parts[r]);
            store(&mut sums[len + r], _mm512_add_epi64(sum, excess(r as u64 + 1, r as u64)));
        }
    }
}

/// Four limbs of integers below 2^52 as operands.
#[inline(always)]
unsafe fn rows<M: Multiplier>(m: M, a: &[Limbs]) -> [__m512i; ROWS] {
    // SAFETY: the module's condition.
    unsafe {
        [
            m.operand(load(&a[0])),
            m.operand(load(&a[1])),
            m.operand(load(&a[2])),
            m.operand(load(&a[3])),
        ]
    }
}

/// The sum modulo 2^52 and the carry out of it.
#[inline(always)]
unsafe fn split(sum: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the module's condition.
    unsafe { (_mm512_and_si512(sum, _mm512_set1_epi64(MASK)), _mm512_srli_epi64::<52>(sum)) }
}

/// The multiple of n that cancels four columns: their sum times -1/n modulo 2^208.
#[inline(always)]
unsafe fn quotient<M: Multiplier>(m: M, c: &Constants, columns: &[Limbs]) -> [__m512i; ROWS] {
    // SAFETY: the module's condition.
    unsafe {
        let zero = _mm512_setzero_si512();
        let less = |low: u64, high: u64| {
            let sum = M::LOW.wrapping_mul(low).wrapping_add(M::HIGH.wrapping_mul(high));
            _mm512_set1_epi64(sum.wrapping_neg() as i64)
        };
        let (mut digits, mut carry) = ([zero; ROWS], zero);
        for r in 0..ROWS {
            let digit;
            (digit, carry) = split(_mm512_add_epi64(load(&columns[r]), carry));
            digits[r] = m.operand(digit);
        }
        let mut low = [less(1, 0), less(2, 1), less(3, 2), less(4, 3)];
        let mut high = [zero; ROWS];
        for i in 0..ROWS {
            let x = load(&c.minus_inverse[i]);
            for r in 0..ROWS - i {
                // The last column's high halves leave the modulus.
                let mut unused = zero;
                let above = high.get_mut(i + r + 1).unwrap_or(&mut unused);
                [low[i + r], *above] = m.add_product([low[i + r], *above], x, digits[r]);
            }
        }
        carry = zero;
        for r in 0..ROWS {
            let sum = _mm512_add_epi64(low[r], _mm512_add_epi64(high[r], carry));
            let digit;
            (digit, carry) = split(sum);
            digits[r] = m.operand(digit);
        }
        digits
    }
}

/// `out` = the columns / R modulo n, below 2 n if their sum is below n R.
#[inline(always)]
pub(super) unsafe fn reduce<M: Multiplier>(
    c: &Constants,
    columns: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let m = M::new();
        let limbs = c.n.len();
        for i in (0..limbs).step_by(ROWS) {
            let q = quotient(m, c, &columns[i..i + ROWS]);
            sweep(m, q, &c.n, &mut columns[i..i + limbs + ROWS]);
            let mut carry = _mm512_setzero_si512();
            for column in &columns[i..i + ROWS] {
                (_, carry) = split(_mm512_add_epi64(load(column), carry));
            }
            // After the last rows this is the first limb of the result.
            let next = &mut columns[i + ROWS];
            let sum = _mm512_add_epi64(load(next), carry);
            store(next, sum);
        }
        let mut carry = _mm512_setzero_si512();
        for (column, out) in columns[limbs..].iter().zip(out) {
            let digit;
            (digit, carry) = split(_mm512_add_epi64(load(column), carry));
            store(out, digit);
        }
    }
}

/// The factors of a product: different ones, or one twice.
#[derive(Clone, Copy)]
pub(super) enum Factors<'a> {
    Two(&'a [Limbs], &'a [Limbs]),
    Square(&'a [Limbs]),
}

/// The product without reduction; `sums` has twice as many limbs as a factor and is overwritten, `b` holds the
/// operands of the second factor afterwards.
#[inline(always)]
unsafe fn multiply<M: Multiplier>(m: M, factors: Factors<'_>, b: &mut [Limbs], sums: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        sums.fill(Limbs::default());
        let limbs = b.len();
        match factors {
            Factors::Two(a, second) => {
                operands::<M>(second, b);
                for i in (0..limbs).step_by(ROWS) {
                    sweep(m, rows(m, &a[i..]), b, &mut sums[i..i + limbs + ROWS]);
                }
            }
            Factors::Square(a) => {
                operands::<M>(a, b);
                for i in (0..limbs - ROWS).step_by(ROWS) {
                    let (right, columns) =
                        (&b[i + ROWS..], &mut sums[2 * i + ROWS..i + limbs + ROWS]);
                    sweep(m, rows(m, &a[i..]), right, columns);
                }
                for sum in sums.iter_mut() {
                    let twice = load(sum);
                    store(sum, _mm512_add_epi64(twice, twice));
                }
                for i in (0..limbs).step_by(ROWS) {
                    let columns = &mut sums[2 * i..2 * i + 2 * ROWS];
                    sweep(m, rows(m, &a[i..]), &b[i..i + ROWS], columns);
                }
            }
        }
    }
}

/// `out` = the product of the factors / R modulo n, below 2 n if they are. `scratch` is three groups.
#[inline(always)]
pub(super) unsafe fn product<M: Multiplier>(
    c: &Constants,
    factors: Factors<'_>,
    scratch: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let m = M::new();
        let (b, sums) = scratch.split_at_mut(c.n.len());
        multiply(m, factors, b, sums);
        reduce::<M>(c, sums, out);
    }
}

/// `out` = in each lane the entry of the table, of as many limbs as `out`, that `digits` names. All is read.
#[inline(always)]
pub(super) unsafe fn select(table: &[Limbs], digits: &Limbs, out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let (digits, len) = (load(digits), out.len());
        for (k, out) in out.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let mut found = [_mm512_setzero_si512(); ROWS];
            for (d, entry) in table.chunks_exact(len).enumerate() {
                let mask = _mm512_cmpeq_epi64_mask(digits, _mm512_set1_epi64(d as i64));
                for r in 0..ROWS {
                    let limb = load(&entry[ROWS * k + r]);
                    found[r] = _mm512_mask_mov_epi64(found[r], mask, limb);
                }
            }
            for r in 0..ROWS {
                store(&mut out[r], found[r]);
            }
        }
    }
}

/// The same for a table whose entries are single values.
#[inline(always)]
pub(super) unsafe fn select_single(table: &[u64], digits: &Limbs, out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let (digits, len) = (load(digits), out.len());
        for (k, out) in out.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let mut found = [_mm512_setzero_si512(); ROWS];
            for (d, entry) in table.chunks_exact(len).enumerate() {
                let mask = _mm512_cmpeq_epi64_mask(digits, _mm512_set1_epi64(d as i64));
                for r in 0..ROWS {
                    found[r] = _mm512_mask_set1_epi64(found[r], mask, entry[ROWS * k + r] as i64);
                }
            }
            for r in 0..ROWS {
                store(&mut out[r], found[r]);
            }
        }
    }
}
