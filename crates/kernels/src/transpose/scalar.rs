//! The portable twin: recursive halving on 128-bit integers.

use crate::Block;

pub(super) fn transpose128(rows: &[Block], out: &mut [Block]) {
    let stride = out.len() / 128;
    for (t, tile) in out.chunks_exact_mut(128).enumerate() {
        for (r, block) in tile.iter_mut().enumerate() {
            *block = rows[r * stride + t];
        }
        tile_in_place(tile);
    }
}

/// Swaps off-diagonal quadrants at each scale: Warren, "Hacker's Delight", section 7-3.
fn tile_in_place(tile: &mut [Block]) {
    let mut mask = u128::MAX >> 64;
    let mut width = 64;
    while width > 0 {
        for base in (0..128).step_by(2 * width) {
            for r in base..base + width {
                let (low, high) = (tile[r].0, tile[r + width].0);
                let swap = ((low >> width) ^ high) & mask;
                tile[r].0 = low ^ (swap << width);
                tile[r + width].0 = high ^ swap;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

pub(super) fn low_columns(blocks: &[Block], out: &mut [u64]) {
    let words = blocks.len().div_ceil(64);
    for (j, column) in out.chunks_exact_mut(words).enumerate() {
        for (word, blocks) in column.iter_mut().zip(blocks.chunks(64)) {
            *word = blocks.iter().rev().fold(0, |word, x| word << 1 | (x.0 as u64 >> j & 1));
        }
    }
}
