//! Look-ups with AVX2 by comparing the number of every entry with the index.

use core::arch::x86_64::*;

use crate::Block;

/// Rows at a time, for which an entry is loaded once.
const ROWS: usize = 4;

#[target_feature(enable = "avx2")]
pub(crate) fn select(table: &[Block], index: &[u8], out: &mut [Block]) {
    for (index, out) in index.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
        let mut padded = [0; ROWS];
        padded[..index.len()].copy_from_slice(index);
        let rows = scan(table, padded.map(i64::from));
        out.copy_from_slice(&rows[..out.len()]);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn scan(table: &[Block], index: [i64; ROWS]) -> [Block; ROWS] {
    let wanted = index.map(|index| _mm256_set1_epi64x(index));
    let mut sums = [_mm256_setzero_si256(); ROWS];
    let mut number = _mm256_set_epi64x(1, 1, 0, 0);
    let (pairs, last) = table.as_chunks::<2>();
    for pair in pairs {
        // SAFETY: two blocks, and the load is the unaligned one.
        let pair = unsafe { _mm256_loadu_si256(pair.as_ptr().cast()) };
        sums = keep(sums, wanted, number, pair);
        number = _mm256_add_epi64(number, _mm256_set1_epi64x(2));
    }
    if let [last] = last {
        // SAFETY: one block, and the load is the unaligned one.
        let last = unsafe { _mm_loadu_si128((&raw const *last).cast()) };
        sums = keep(sums, wanted, number, _mm256_zextsi128_si256(last));
    }
    sums.map(|sum| {
        let low = _mm256_castsi256_si128(sum);
        let row = _mm_or_si128(low, _mm256_extracti128_si256::<1>(sum));
        let mut block = Block::ZERO;
        // SAFETY: one block, and the store is the unaligned one.
        unsafe { _mm_storeu_si128((&raw mut block).cast(), row) };
        block
    })
}

/// Adds the entries whose number is wanted.
#[inline]
#[target_feature(enable = "avx2")]
fn keep(
    mut sums: [__m256i; ROWS],
    wanted: [__m256i; ROWS],
    number: __m256i,
    entries: __m256i,
) -> [__m256i; ROWS] {
    for (sum, wanted) in sums.iter_mut().zip(wanted) {
        let here = _mm256_cmpeq_epi64(wanted, number);
        *sum = _mm256_or_si256(*sum, _mm256_and_si256(here, entries));
    }
    sums
}
