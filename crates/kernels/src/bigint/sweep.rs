//! Rows of limbs that pass over the limbs of another number, with the open columns in registers.
//!
//! # Safety
//! As in [`super::wide`].

use core::arch::x86_64::*;

use super::Limbs;
use super::wide::{Multiplier, ROWS};

#[inline(always)]
pub(super) unsafe fn load(from: &Limbs) -> __m512i {
    // SAFETY: 64 bytes, aligned; so for `store`.
    unsafe { _mm512_load_si512((&raw const *from).cast()) }
}

#[inline(always)]
pub(super) unsafe fn store(to: &mut Limbs, value: __m512i) {
    unsafe { _mm512_store_si512((&raw mut *to).cast(), value) }
}

/// The open columns of a sweep. At limb j: column j + r in `low[r]`, and another part of column j + r + 1 in `high[r]`.
/// What products will add too much is subtracted beforehand.
#[derive(Clone, Copy)]
pub(super) struct Window {
    low: [__m512i; ROWS],
    high: [__m512i; ROWS],
    leaving: __m512i,
    full: __m512i,
}

/// What so many low and high halves add too much.
#[inline(always)]
fn excess<M: Multiplier>(low: u64, high: u64) -> u64 {
    M::LOW.wrapping_mul(low).wrapping_add(M::HIGH.wrapping_mul(high))
}

#[inline(always)]
pub(super) unsafe fn less<M: Multiplier>(low: u64, high: u64) -> __m512i {
    // SAFETY: the module's condition.
    unsafe { _mm512_set1_epi64(excess::<M>(low, high).wrapping_neg() as i64) }
}

impl Window {
    /// No columns.
    #[inline(always)]
    pub(super) unsafe fn empty() -> Self {
        // SAFETY: the module's condition; so below.
        unsafe {
            let zero = _mm512_setzero_si512();
            Self { low: [zero; ROWS], high: [zero; ROWS], leaving: zero, full: zero }
        }
    }

    /// At the first of the columns, for so many products of rows and limbs.
    #[inline(always)]
    pub(super) unsafe fn open<M: Multiplier>(columns: &[Limbs], k: u64) -> Self {
        unsafe {
            let full = less::<M>(4 * k, 4 * k);
            Self {
                low: [load(&columns[0]), load(&columns[1]), load(&columns[2]), load(&columns[3])],
                high: [less::<M>(2 * k, k), less::<M>(3 * k, 2 * k), less::<M>(4 * k, 3 * k), full],
                leaving: less::<M>(k, 0),
                full,
            }
        }
    }

    /// Adds the products of rows and the limb at which the window is.
    #[inline(always)]
    pub(super) unsafe fn add<M: Multiplier>(&mut self, m: M, rows: &[__m512i; ROWS], b: __m512i) {
        unsafe {
            for (r, row) in rows.iter().enumerate() {
                [self.low[r], self.high[r]] = m.add_product([self.low[r], self.high[r]], *row, b);
            }
        }
    }

    /// From limb j to the next; there is a column j + 4.
    #[inline(always)]
    pub(super) unsafe fn shift(&mut self, columns: *mut Limbs, j: usize) {
        unsafe {
            store(&mut *columns.add(j), _mm512_add_epi64(self.low[0], self.leaving));
            self.leaving = self.high[0];
            self.low = [self.low[1], self.low[2], self.low[3], load(&*columns.add(j + ROWS))];
            self.high = [self.high[1], self.high[2], self.high[3], self.full];
        }
    }

    /// Stores the last four columns.
    #[inline(always)]
    pub(super) unsafe fn close<M: Multiplier>(self, columns: &mut [Limbs], k: u64) {
        unsafe {
            let parts = [self.leaving, self.high[0], self.high[1], self.high[2]];
            let first = columns.len() - ROWS;
            for r in 0..ROWS {
                let sum = _mm512_add_epi64(self.low[r], parts[r]);
                let back = excess::<M>(k * (r as u64 + 1), k * r as u64);
                store(
                    &mut columns[first + r],
                    _mm512_add_epi64(sum, _mm512_set1_epi64(back as i64)),
                );
            }
        }
    }
}

/// Adds the product of the four rows and of `b` (at least four operands) to the columns `sums` (four more).
#[inline(always)]
pub(super) unsafe fn sweep<M: Multiplier>(
    m: M,
    rows: [__m512i; ROWS],
    b: &[Limbs],
    sums: &mut [Limbs],
) {
    debug_assert!(sums.len() == b.len() + ROWS && b.len() >= ROWS);
    // SAFETY: the module's condition; the columns are as many as stated.
    unsafe {
        let mut window = Window::open::<M>(sums, 1);
        let columns = sums.as_mut_ptr();
        for (j, b) in b.iter().enumerate() {
            window.add(m, &rows, load(b));
            window.shift(columns, j);
        }
        window.close::<M>(sums, 1);
    }
}
