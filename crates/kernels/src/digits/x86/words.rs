//! Digits widened to 16-bit words with AVX-512, for products.

use core::arch::x86_64::*;

use super::super::Radix;
use super::label::{load_half, store_half};
use crate::Block;

/// Digits at a time.
const DIGITS: usize = 32;
/// Labels at a time.
const BATCH: usize = 16;

/// Reduction modulo p, see [`Radix::reduce`].
pub(super) struct Words {
    p: __m512i,
    reciprocal: __m512i,
}

impl Words {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn new(r: Radix) -> Self {
        Self {
            p: _mm512_set1_epi16(r.p().into()),
            reciprocal: _mm512_set1_epi16(r.reciprocal() as i16),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn reduce(&self, x: __m512i) -> __m256i {
        // Were the reciprocal known to be the same in every round of a loop, the compiler would widen it ahead of the
        // loop and no longer see that the product is VPMULHUW.
        // SAFETY: a reference is read.
        let reciprocal = unsafe { core::ptr::read_volatile(&raw const self.reciprocal) };
        let quotient = _mm512_mulhi_epu16(x, reciprocal);
        let rest = _mm512_sub_epi16(x, _mm512_mullo_epi16(quotient, self.p));
        _mm512_cvtepi16_epi8(_mm512_min_epu16(rest, _mm512_sub_epi16(rest, self.p)))
    }

    /// y + c x for bytes x and y and words c.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn multiply_add(&self, c: __m512i, x: __m256i, y: __m256i) -> __m256i {
        let (x, y) = (_mm512_cvtepu8_epi16(x), _mm512_cvtepu8_epi16(y));
        self.reduce(_mm512_add_epi16(_mm512_mullo_epi16(c, x), y))
    }
}

/// Results wait until a batch of labels is read: a masked store cannot be forwarded to the load of the next label,
/// which it may overlap.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
    let (n, words) = (r.digits(), Words::new(r));
    let step = if x.len() == n { 0 } else { n };
    let mut sums = [[_mm256_setzero_si256(); 128 / DIGITS]; BATCH];
    for (batch, (y, c)) in y.chunks_mut(BATCH * n).zip(c.chunks(BATCH)).enumerate() {
        for (i, (y, &c)) in y.chunks_exact(n).zip(c).enumerate() {
            let c = _mm512_set1_epi16(c.into());
            let x = &x[(batch * BATCH + i) * step..][..n];
            for ((sum, y), x) in sums[i].iter_mut().zip(y.chunks(DIGITS)).zip(x.chunks(DIGITS)) {
                *sum = words.multiply_add(c, load_half(x), load_half(y));
            }
        }
        for (y, sums) in y.chunks_exact_mut(n).zip(&sums) {
            for (y, sum) in y.chunks_mut(DIGITS).zip(sums) {
                store_half(*sum, y);
            }
        }
    }
}

/// The residues of the first words of each of up to 64 labels, and in bit i whether label i has one to be rejected.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn residues(r: Radix, stream: &[Block], out: &mut [u8]) -> u64 {
    let (n, width, words) = (r.digits(), r.digits().div_ceil(8), Words::new(r));
    let greatest = _mm512_set1_epi16(r.greatest_word() as i16);
    let mut rejected = 0;
    let labels = stream.chunks_exact(width).zip(out.chunks_exact_mut(n));
    for (i, (stream, out)) in labels.enumerate() {
        let stream: &[u16] = bytemuck::must_cast_slice(stream);
        let mut any = 0;
        for (stream, out) in stream.chunks(DIGITS).zip(out.chunks_mut(DIGITS)) {
            let used = u32::MAX >> (32 - out.len().min(stream.len()));
            // SAFETY: the mask keeps the load inside the slice.
            let x = unsafe { _mm512_maskz_loadu_epi16(used, stream.as_ptr().cast()) };
            any |= _mm512_cmpgt_epu16_mask(x, greatest);
            store_half(words.reduce(x), out);
        }
        rejected |= u64::from(any != 0) << i;
    }
    rejected
}
