//! Square tiles of 128 bits, by bytes and then by bits: unpack instructions bring byte c of 16 rows into one 128-bit
//! lane, and the top bits of all bytes of a register, taken eight times with shifts between, are eight output rows.

use core::arch::x86_64::*;

use zeroize::Zeroize;

use crate::Block;

/// Tiles read together, a cache line of each row. Without the copy a power-of-two distance between rows would throw
/// each line out of the cache before its other tiles are read.
const STAGED: usize = 4;

type Stage = [[Block; STAGED]; 128];

/// Calls `tile(stage, column in the stage, out)` for all tiles.
#[inline(always)]
fn for_tiles(rows: &[Block], out: &mut [Block], tile: impl Fn(&Stage, usize, &mut [Block])) {
    let stride = out.len() / 128;
    let mut stage = [[Block::ZERO; STAGED]; 128];
    for (group, out) in out.chunks_mut(STAGED * 128).enumerate() {
        let tiles = out.len() / 128;
        let lines = stage.iter_mut().zip(rows.chunks_exact(stride));
        // A copy of known length is a few instructions, one of unknown length a call.
        if tiles == STAGED {
            for (line, row) in lines {
                line.copy_from_slice(&row[group * STAGED..][..STAGED]);
            }
        } else {
            for (line, row) in lines {
                line[..tiles].copy_from_slice(&row[group * STAGED..][..tiles]);
            }
        }
        for (column, out) in out.chunks_exact_mut(128).enumerate() {
            tile(&stage, column, out);
        }
    }
}

/// Transposes the 16 by 16 byte matrix in each 128-bit lane of 16 registers: four perfect shuffles, written out
/// because registers that a loop indexes go through memory.
macro_rules! transpose_bytes {
    ($x:ident, $low:ident, $high:ident) => {
        transpose_bytes!(@shuffle $x, $low, $high);
        transpose_bytes!(@shuffle $x, $low, $high);
        transpose_bytes!(@shuffle $x, $low, $high);
        transpose_bytes!(@shuffle $x, $low, $high);
    };
    (@shuffle $x:ident, $low:ident, $high:ident) => {
        let [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7] = $x;
        $x = [
            $low(a0, b0), $high(a0, b0), $low(a1, b1), $high(a1, b1),
            $low(a2, b2), $high(a2, b2), $low(a3, b3), $high(a3, b3),
            $low(a4, b4), $high(a4, b4), $low(a5, b5), $high(a5, b5),
            $low(a6, b6), $high(a6, b6), $low(a7, b7), $high(a7, b7),
        ];
    };
}

#[target_feature(enable = "avx2")]
pub(super) fn transpose128_avx2(rows: &[Block], out: &mut [Block]) {
    for_tiles(
        rows,
        out,
        #[inline(always)]
        |stage, column, out| {
            let out: &mut [u32] = bytemuck::must_cast_slice_mut(out);
            for (group, rows) in stage.chunks_exact(32).enumerate() {
                let mut x = [_mm256_setzero_si256(); 16];
                for (i, x) in x.iter_mut().enumerate() {
                    // SAFETY: a block is 16 bytes, and the load is the unaligned one; so below.
                    let low = unsafe { _mm_loadu_si128((&raw const rows[i][column]).cast()) };
                    // SAFETY: as above.
                    let high = unsafe { _mm_loadu_si128((&raw const rows[i + 16][column]).cast()) };
                    *x = _mm256_set_m128i(high, low);
                }
                transpose_bytes!(x, _mm256_unpacklo_epi8, _mm256_unpackhi_epi8);
                for (byte, mut x) in x.into_iter().enumerate() {
                    for bit in (0..8).rev() {
                        out[(8 * byte + bit) * 4 + group] = _mm256_movemask_epi8(x) as u32;
                        x = _mm256_add_epi8(x, x);
                    }
                }
            }
        },
    );
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn transpose128_avx512(rows: &[Block], out: &mut [Block]) {
    for_tiles(
        rows,
        out,
        #[inline(always)]
        |stage, column, out| {
            let out: &mut [u64] = bytemuck::must_cast_slice_mut(out);
            for (group, rows) in stage.chunks_exact(64).enumerate() {
                let mut x = [_mm512_setzero_si512(); 16];
                for (i, x) in x.iter_mut().enumerate() {
                    let from = |first: usize| (&raw const rows[first + i][column]).cast();
                    // SAFETY: a block is 16 bytes, and the loads are the unaligned ones.
                    let (a, b, c, d) = unsafe {
                        (
                            _mm_loadu_si128(from(0)),
                            _mm_loadu_si128(from(16)),
                            _mm_loadu_si128(from(32)),
                            _mm_loadu_si128(from(48)),
                        )
                    };
                    let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
                    *x = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(low, c), d);
                }
                transpose_bytes!(x, _mm512_unpacklo_epi8, _mm512_unpackhi_epi8);
                for (byte, mut x) in x.into_iter().enumerate() {
                    for bit in (0..8).rev() {
                        out[(8 * byte + bit) * 2 + group] = _mm512_movepi8_mask(x);
                        x = _mm512_add_epi8(x, x);
                    }
                }
            }
        },
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub(super) fn low_columns_avx512(blocks: &[Block], out: &mut [u64]) {
    let words = blocks.len().div_ceil(64);
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let mut padded = [Block::ZERO; 64];
    for (at, group) in blocks.chunks(64).enumerate() {
        let group = match group.len() {
            64 => group,
            n => {
                padded[..n].copy_from_slice(group);
                &padded
            }
        };
        let mut low = [_mm512_setzero_si512(); 8];
        for (low, blocks) in low.iter_mut().zip(group.chunks_exact(8)) {
            let from = |i: usize| (&raw const blocks[i]).cast();
            // SAFETY: the chunk has eight blocks, and the loads are the unaligned ones.
            let (a, b) = unsafe { (_mm512_loadu_si512(from(0)), _mm512_loadu_si512(from(4))) };
            *low = _mm512_permutex2var_epi64(a, even, b);
        }
        for (j, column) in out.chunks_exact_mut(words).enumerate() {
            let bit = _mm512_set1_epi64(1 << j);
            let masks = low.map(|low| _mm512_test_epi64_mask(low, bit));
            column[at] = u64::from_le_bytes(masks);
        }
    }
    padded.zeroize();
}
