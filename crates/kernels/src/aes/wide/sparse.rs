//! Products with a sparse matrix whose places are drawn on the way.
//!
//! # Safety
//! As for [`super`].

use super::{FLIGHT, Lanes, ROUNDS, Schedule, WIDEST, broadcast, count, encrypt};
use crate::Block;
use crate::aes::{ROW_BLOCKS, RowWords, places};

/// The random words of as many rows as one batch of blocks gives.
type Rows = [RowWords; WIDEST / ROW_BLOCKS];

#[inline(always)]
unsafe fn draw<V: Lanes>(keys: &[V; ROUNDS + 1], counter: u64, rows: &mut Rows) {
    // SAFETY: the module's condition; rows hold WIDEST blocks.
    unsafe {
        let mut s = count::<V, FLIGHT>(counter, 1);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        for (i, s) in s.into_iter().enumerate() {
            s.store(rows.as_mut_ptr().cast::<Block>().add(i * V::BLOCKS));
        }
    }
}

/// See [`crate::prg::add_sparse`]; `U` is a register of one block.
///
/// The next rows are drawn before the last are read: loads that miss the caches wait while the AES unit works.
#[inline(always)]
pub(in crate::aes) unsafe fn sparse<V: Lanes, U: Lanes>(
    key: &Schedule,
    counter: u64,
    input: &[Block],
    out: &mut [Block],
) {
    const { assert!(U::BLOCKS == 1) };
    let batch = FLIGHT * V::BLOCKS;
    let k = input.len() as u64;
    // SAFETY: the module's condition; places are below `k`, the length of `input`; single blocks lie in their slices.
    unsafe {
        let keys = broadcast::<V>(key);
        let mut at = counter;
        let mut rows = [[[0; 2 * ROW_BLOCKS]; WIDEST / ROW_BLOCKS]; 2];
        let [now, next] = &mut rows;
        let (mut now, mut next) = (now, next);
        draw(&keys, at, now);
        for out in out.chunks_mut(batch / ROW_BLOCKS) {
            at = at.wrapping_add(batch as u64);
            draw(&keys, at, next);
            for (out, row) in out.iter_mut().zip(now.iter()) {
                let mut sum = U::load(out);
                // Volatile: vectors across rows, which compilers make of this, are several times slower.
                let row = [0, 1, 2, 3].map(|i| (&raw const row[i]).read_volatile());
                for place in places(row, k) {
                    sum = sum.xor(U::load(input.as_ptr().add(place)));
                }
                sum.store(out);
            }
            core::mem::swap(&mut now, &mut next);
        }
    }
}
