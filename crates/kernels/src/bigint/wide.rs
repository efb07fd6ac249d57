//! Montgomery's products of eight values at once, limb-sliced in radix 2^52, written once for every multiplier that
//! implements [`Multiplier`].
//!
//! A product is a schoolbook product into twice as many columns, followed by a reduction. Both are sweeps: four rows at
//! a time pass over all limbs of the other factor with the open columns in registers, so that four products cost one
//! load of a limb, and a load and a store of a column. Columns are sums of 52-bit halves whose carries wait: two for
//! each row and product, of at most 60 rows and five products, so that they stay below 2^63.
//!
//! What is kept of a value is below 8 n and stays so without a last subtraction, because R = 2^(52 limbs) is at least
//! 256 n: see [`reduce`] and [`super::pair`].
//!
//! # Safety
//! Every function is `inline(always)` so that it becomes part of a `#[target_feature]` function; calling one from
//! elsewhere than code with the features of its `Multiplier` is undefined. Slices have the stated lengths.

use crate::Wiped;
use core::arch::x86_64::*;
use core::ptr;

use super::sweep::{Window, less, load, store, sweep};
use super::{LANES, Limbs, Task, words};

/// Limbs per sweep; moduli have a multiple of it.
pub(super) const ROWS: usize = 4;
const MASK: i64 = (1 << 52) - 1;

/// Limbs of numbers of so many words: R is at least 256 times what the words can hold.
pub(super) fn limbs(words: usize) -> usize {
    (64 * words + 8).div_ceil(52).next_multiple_of(ROWS)
}

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
    /// The multiple of n from R on, in limbs that are at least 2^52 - 1 and no operands.
    pub(super) spare: Wiped<Limbs>,
    /// -1/n modulo 2^208.
    pub(super) minus_inverse: Wiped<Limbs>,
}

impl Constants {
    /// Those of n; `prepare` turns limbs into operands.
    pub(super) fn new(n: &[u64], limbs: usize, prepare: impl Fn(&[Limbs], &mut [Limbs])) -> Self {
        let mut constants = Self::each([n; LANES], limbs, prepare);
        // R - R mod n is one multiple of n, the next is above R by what is missing to n.
        let mut rest = Wiped::zeros(n.len());
        rest.copy_from_slice(n);
        words::sub_assign(&mut rest, &words::power_of_two(52 * limbs, n, 1));
        constants.spare = Wiped::zeros(limbs);
        for (i, limb) in constants.spare.iter_mut().enumerate() {
            *limb = Limbs([words::limb52(&rest, i) + (1 << 52) - u64::from(i > 0); LANES]);
        }
        constants
    }

    /// Those of a number in each lane, for tasks modulo the number alone.
    pub(super) fn each(
        n: [&[u64]; LANES],
        limbs: usize,
        prepare: impl Fn(&[Limbs], &mut [Limbs]),
    ) -> Self {
        let mut constants = Self {
            n: Wiped::zeros(limbs),
            spare: Wiped::zeros(0),
            minus_inverse: Wiped::zeros(ROWS),
        };
        let mut raw = Wiped::zeros(limbs);
        raw.iter_mut()
            .enumerate()
            .for_each(|(i, limb)| *limb = Limbs(n.map(|n| words::limb52(n, i))));
        prepare(&raw, &mut constants.n);
        let mut inverses = n.map(words::minus_inverse_wide);
        let digit = |i| Limbs(inverses.each_ref().map(|inverse| words::limb52(inverse, i)));
        let mut digits: [Limbs; ROWS] = core::array::from_fn(digit);
        prepare(&digits, &mut constants.minus_inverse);
        inverses.iter_mut().for_each(|inverse| crate::wipe(inverse));
        crate::wipe(&mut digits);
        constants
    }
}

/// Turns integers below 2^52 into operands.
#[inline(always)]
pub(super) unsafe fn operands<M: Multiplier>(m: M, a: &[Limbs], out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        for (a, out) in a.iter().zip(out) {
            store(out, m.operand(load(a)));
        }
    }
}

/// Four limbs of integers below 2^52 as operands.
#[inline(always)]
pub(super) unsafe fn rows<M: Multiplier>(m: M, a: &[Limbs]) -> [__m512i; ROWS] {
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
pub(super) unsafe fn split(sum: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the module's condition.
    unsafe { (_mm512_and_si512(sum, _mm512_set1_epi64(MASK)), _mm512_srli_epi64::<52>(sum)) }
}

/// The multiple of n that cancels four columns: their sum times -1/n modulo 2^208.
#[inline(always)]
unsafe fn quotient<M: Multiplier>(m: M, c: &Constants, columns: &[Limbs]) -> [__m512i; ROWS] {
    // SAFETY: the module's condition.
    unsafe {
        let zero = _mm512_setzero_si512();
        let (mut digits, mut carry) = ([zero; ROWS], zero);
        for r in 0..ROWS {
            let digit;
            (digit, carry) = split(_mm512_add_epi64(load(&columns[r]), carry));
            digits[r] = m.operand(digit);
        }
        let inverse = &c.minus_inverse[..ROWS];
        let mut low = [less::<M>(1, 0), less::<M>(2, 1), less::<M>(3, 2), less::<M>(4, 3)];
        let mut high = [zero; ROWS];
        for i in 0..ROWS {
            let x = load(&inverse[i]);
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
            (digits[r], carry) = split(sum);
        }
        digits
    }
}

/// The quotients of the four columns from `i` on, as operands: of one number, or of both numbers of a pair, of which
/// the second takes the first's quotient off, see [`super::pair`].
#[inline(always)]
unsafe fn quotients<M: Multiplier, const K: usize>(
    m: M,
    c: &Constants,
    columns: &mut [&mut [Limbs]; K],
    i: usize,
) -> [[__m512i; ROWS]; K] {
    // SAFETY: the module's condition.
    unsafe {
        let mut digits = [[_mm512_setzero_si512(); ROWS]; K];
        for k in 0..K {
            if k > 0 {
                for r in 0..ROWS {
                    let column = &mut columns[k][i + r];
                    let rest = _mm512_sub_epi64(load(&c.spare[i + r]), digits[k - 1][r]);
                    let sum = _mm512_add_epi64(load(column), rest);
                    store(column, sum);
                }
            }
            digits[k] = quotient(m, c, &columns[k][i..i + ROWS]);
        }
        digits
    }
}

/// Carries the four columns from `i` on, which are multiples of 2^208 together, into the next.
#[inline(always)]
unsafe fn carry_over(columns: &mut [Limbs], i: usize) {
    // SAFETY: the module's condition.
    unsafe {
        let mut carry = _mm512_setzero_si512();
        for column in &columns[i..i + ROWS] {
            (_, carry) = split(_mm512_add_epi64(load(column), carry));
        }
        let next = &mut columns[i + ROWS];
        let sum = _mm512_add_epi64(load(next), carry);
        store(next, sum);
    }
}

/// Carries columns into limbs.
#[inline(always)]
pub(super) unsafe fn carried(columns: &[Limbs], out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let mut carry = _mm512_setzero_si512();
        for (column, out) in columns.iter().zip(out) {
            let digit;
            (digit, carry) = split(_mm512_add_epi64(load(column), carry));
            store(out, digit);
        }
    }
}

/// `out` = the columns of one number, or of both of a pair, / R modulo n: at most n more than the columns / R.
#[inline(always)]
pub(super) unsafe fn reduce<M: Multiplier, const K: usize>(
    m: M,
    c: &Constants,
    mut columns: [&mut [Limbs]; K],
    out: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let limbs = c.n.len();
        for i in (0..limbs).step_by(ROWS) {
            // Loops, not closures: those would not have the features, and pass vectors through memory.
            let mut rows = quotients(m, c, &mut columns, i);
            let mut windows = [Window::empty(); K];
            let mut from = [ptr::null_mut(); K];
            for k in 0..K {
                for digit in &mut rows[k] {
                    *digit = m.operand(*digit);
                }
                let columns = &mut columns[k][i..i + limbs + ROWS];
                windows[k] = Window::open::<M>(columns, 1);
                from[k] = columns.as_mut_ptr();
            }
            for (j, n) in c.n.iter().enumerate() {
                let n = load(n);
                for k in 0..K {
                    windows[k].add(m, &rows[k], n);
                    windows[k].shift(from[k], j);
                }
            }
            for k in 0..K {
                windows[k].close::<M>(&mut columns[k][i..i + limbs + ROWS], 1);
                carry_over(columns[k], i);
            }
        }
        for (columns, out) in columns.iter().zip(out.chunks_exact_mut(limbs)) {
            carried(&columns[limbs..2 * limbs], out);
        }
    }
}

/// Adds the product of limbs and of as many operands to the columns.
#[inline(always)]
pub(super) unsafe fn multiply<M: Multiplier>(m: M, a: &[Limbs], b: &[Limbs], sums: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let limbs = b.len();
        for i in (0..limbs).step_by(ROWS) {
            sweep(m, rows(m, &a[i..]), b, &mut sums[i..i + limbs + ROWS]);
        }
    }
}

/// Adds the square of limbs, `b` as operands, to columns of zeros.
#[inline(always)]
pub(super) unsafe fn square<M: Multiplier>(m: M, a: &[Limbs], b: &[Limbs], sums: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let limbs = b.len();
        for i in (0..limbs - ROWS).step_by(ROWS) {
            let columns = &mut sums[2 * i + ROWS..i + limbs + ROWS];
            sweep(m, rows(m, &a[i..]), &b[i + ROWS..], columns);
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

/// Does a task modulo n, or modulo n^2 if `out` has that length; `scratch` is three groups.
#[inline(always)]
pub(super) unsafe fn run<M: Multiplier>(
    c: &Constants,
    task: Task<'_>,
    scratch: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let m = M::new();
        let limbs = c.n.len();
        if out.len() > limbs {
            super::pair::run(m, c, task, scratch, out);
            return;
        }
        let (b, sums) = scratch.split_at_mut(limbs);
        sums.fill(Limbs::default());
        match task {
            Task::Product(x, y) => {
                operands(m, y, b);
                multiply(m, x, b, sums);
            }
            Task::Square(x) => {
                operands(m, x, b);
                square(m, x, b, sums);
            }
            Task::Sum(x, weights) => {
                for (x, weight) in x.chunks_exact(limbs).zip(weights.chunks_exact(limbs)) {
                    operands(m, weight, b);
                    multiply(m, x, b, sums);
                }
            }
            Task::Value(x) => sums[..limbs].copy_from_slice(x),
        }
        reduce(m, c, [sums], out);
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
