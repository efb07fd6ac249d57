//! Look-ups with AVX-512 in tables that are permuted in registers.

use core::arch::x86_64::*;

use crate::Block;

/// Rows at a time.
const ROWS: usize = 8;
/// Entries of one permutation, from two registers.
const ENTRIES: usize = 16;

/// 16 entries as their low and their high quadwords.
type Planes = [[__m512i; 2]; 2];

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn select(table: &[Block], index: &[u8], out: &mut [Block]) {
    match table.len() {
        0..=16 => select_of::<1>(table, index, out),
        17..=64 => select_of::<4>(table, index, out),
        _ => select_of::<16>(table, index, out),
    }
}

/// Selection from a table of up to 16 N entries.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn select_of<const N: usize>(table: &[Block], index: &[u8], out: &mut [Block]) {
    let mut planes = [[[_mm512_setzero_si512(); 2]; 2]; N];
    let planes = &mut planes[..table.len().div_ceil(ENTRIES)];
    for (planes, entries) in planes.iter_mut().zip(table.chunks(ENTRIES)) {
        *planes = split(entries);
    }
    for (index, out) in index.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
        // SAFETY: the mask keeps the load inside the slice.
        let index =
            unsafe { _mm_maskz_loadu_epi8(u16::MAX >> (16 - index.len()), index.as_ptr().cast()) };
        let index = _mm512_cvtepu8_epi64(index);
        let block = _mm512_srli_epi64::<4>(index);
        let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for (i, [l, h]) in planes.iter().enumerate() {
            // The permutation uses the low four bits of the index.
            let here = _mm512_cmpeq_epi64_mask(block, _mm512_set1_epi64(i as i64));
            low = _mm512_or_si512(low, _mm512_maskz_permutex2var_epi64(here, l[0], index, l[1]));
            high = _mm512_or_si512(high, _mm512_maskz_permutex2var_epi64(here, h[0], index, h[1]));
        }
        let first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
        let second = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
        for (order, out) in [first, second].into_iter().zip(out.chunks_mut(4)) {
            let rows = _mm512_permutex2var_epi64(low, order, high);
            let quadwords = u8::MAX >> (8 - 2 * out.len());
            // SAFETY: the mask keeps the store inside the slice.
            unsafe { _mm512_mask_storeu_epi64(out.as_mut_ptr().cast(), quadwords, rows) };
        }
    }
}

/// Up to 16 entries; the others are zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn split(entries: &[Block]) -> Planes {
    let mut x = [_mm512_setzero_si512(); 4];
    for (x, entries) in x.iter_mut().zip(entries.chunks(4)) {
        let quadwords = u8::MAX >> (8 - 2 * entries.len());
        // SAFETY: the mask keeps the load inside the slice.
        *x = unsafe { _mm512_maskz_loadu_epi64(quadwords, entries.as_ptr().cast()) };
    }
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    [even, odd].map(|plane| {
        [_mm512_permutex2var_epi64(x[0], plane, x[1]), _mm512_permutex2var_epi64(x[2], plane, x[3])]
    })
}

/// Looks the shifted positions up in 16 bytes of the table at a time: a byte shuffle yields zero where the position,
/// less the first of the 16, is no number below 16.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn rotate(f: &[u8], by: u8, out: &mut [u8]) {
    let mut table = [0; 256];
    table[..f.len()].copy_from_slice(f);
    let mut count = [0_u8; 64];
    for (to, i) in count.iter_mut().zip(0..) {
        *to = i;
    }
    let [len, by, register] = [f.len() as u8, by, 64].map(|byte| _mm512_set1_epi8(byte as i8));
    let [sixteen, outside] = [16, 0x70].map(|byte| _mm512_set1_epi8(byte));
    // SAFETY: 64 bytes, and the load is the unaligned one.
    let mut position = unsafe { _mm512_loadu_si512(count.as_ptr().cast()) };
    for out in out.chunks_mut(64) {
        let wraps = _mm512_cmplt_epu8_mask(position, by);
        let from = _mm512_sub_epi8(position, by);
        let mut from = _mm512_mask_add_epi8(from, wraps, from, len);
        let mut sum = _mm512_setzero_si512();
        for entries in table[..f.len().next_multiple_of(16)].as_chunks::<16>().0 {
            // SAFETY: 16 bytes, and the load is the unaligned one.
            let entries = unsafe { _mm_loadu_si128(entries.as_ptr().cast()) };
            let order = _mm512_adds_epu8(from, outside);
            let found = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), order);
            sum = _mm512_or_si512(sum, found);
            from = _mm512_sub_epi8(from, sixteen);
        }
        // SAFETY: the mask keeps the store inside the slice.
        unsafe {
            _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), u64::MAX >> (64 - out.len()), sum);
        }
        position = _mm512_add_epi8(position, register);
    }
}
