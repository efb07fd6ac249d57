//! Square tiles of 128 bits, by bytes and then by bits: unpack instructions bring byte c of 16 rows into one 128-bit
//! lane, and the top bits of all bytes of a register, taken eight times with shifts between, are eight output rows.

use core::arch::x86_64::*;

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
        for (line, row) in stage.iter_mut().zip(rows.chunks_exact(stride)) {
            line[..tiles].copy_from_slice(&row[group * STAGED..][..tiles]);
        }
        for (column, out) in out.chunks_exact_mut(128).enumerate() {
            tile(&stage, column, out);
        }
    }
}

/// Transposes the 16 by 16 byte matrix in each 128-bit lane of 16 registers: four perfect shuffles.
macro_rules! transpose_bytes {
    ($x:ident, $low:ident, $high:ident) => {
        for _ in 0..4 {
            let mut y = $x;
            for i in 0..8 {
                y[2 * i] = $low($x[i], $x[i + 8]);
                y[2 * i + 1] = $high($x[i], $x[i + 8]);
            }
            $x = y;
        }
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
                    // SAFETY: a block is 16 bytes, and the loads are the unaligned ones.
                    let [a, b, c, d] = [0, 16, 32, 48].map(
                        #[inline(always)]
                        |first| unsafe {
                            _mm_loadu_si128((&raw const rows[first + i][column]).cast())
                        },
                    );
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
