//! Digits widened to 16-bit words with AVX-512, for products.

use core::arch::x86_64::*;

#[cfg(doc)]
use super::super::portable;
use super::super::{Radix, sample};
use super::label::{load_half, store_half};
use crate::Block;

/// Digits at a time.
const DIGITS: usize = 32;

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
        let quotient = _mm512_mulhi_epu16(x, self.reciprocal);
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

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
    let (n, words) = (r.digits(), Words::new(r));
    let step = if x.len() == n { 0 } else { n };
    for (i, (y, &c)) in y.chunks_exact_mut(n).zip(c).enumerate() {
        let c = _mm512_set1_epi16(c.into());
        let x = &x[i * step..i * step + n];
        for (y, x) in y.chunks_mut(DIGITS).zip(x.chunks(DIGITS)) {
            store_half(words.multiply_add(c, load_half(x), load_half(y)), y);
        }
    }
}

/// As [`portable::residues`].
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn residues(r: Radix, stream: &[Block], out: &mut [u8]) -> bool {
    let (n, width, words) = (r.digits(), r.digits().div_ceil(8), Words::new(r));
    let greatest = _mm512_set1_epi16(sample::greatest(r) as i16);
    let mut rejected = 0;
    for (stream, out) in stream.chunks_exact(width).zip(out.chunks_exact_mut(n)) {
        let stream: &[u16] = bytemuck::must_cast_slice(stream);
        for (stream, out) in stream.chunks(DIGITS).zip(out.chunks_mut(DIGITS)) {
            debug_assert!(stream.len() >= out.len());
            let used = u32::MAX >> (32 - out.len());
            // SAFETY: the mask keeps the load inside the slice.
            let x = unsafe { _mm512_maskz_loadu_epi16(used, stream.as_ptr().cast()) };
            rejected |= _mm512_cmpgt_epu16_mask(x, greatest);
            store_half(words.reduce(x), out);
        }
    }
    rejected != 0
}
