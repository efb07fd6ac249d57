//! Digits widened to 16-bit words with AVX-512, for products.

use core::arch::x86_64::*;

use super::super::Radix;
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

/// Which bytes of each register of a label are used, for labels of CHUNKS registers.
#[inline]
fn masks<const CHUNKS: usize>(r: Radix) -> [u32; CHUNKS] {
    assert_eq!(r.digits().div_ceil(DIGITS), CHUNKS, "registers of a label");
    core::array::from_fn(|i| u32::MAX >> (DIGITS - DIGITS.min(r.digits() - i * DIGITS)))
}

/// Runs a function generic over the registers of a label.
macro_rules! by_chunks {
    ($r:ident, $name:ident($($argument:expr),*)) => {
        match $r.digits() {
            0..=32 => $name::<1>($($argument),*),
            33..=64 => $name::<2>($($argument),*),
            _ => $name::<4>($($argument),*),
        }
    };
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
    by_chunks!(r, add_each_chunks(r, y, c, x));
}

/// Results wait until a batch of labels is read: a masked store cannot be forwarded to the load of the next label,
/// which it may overlap.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn add_each_chunks<const CHUNKS: usize>(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
    let (n, words, masks) = (r.digits(), Words::new(r), masks::<CHUNKS>(r));
    let step = if x.len() == n { 0 } else { n };
    let mut sums = [[_mm256_setzero_si256(); CHUNKS]; BATCH];
    for (batch, (y, c)) in y.chunks_mut(BATCH * n).zip(c.chunks(BATCH)).enumerate() {
        for (i, ((y, &c), sums)) in y.chunks_exact(n).zip(c).zip(&mut sums).enumerate() {
            let c = _mm512_set1_epi16(c.into());
            let x = &x[(batch * BATCH + i) * step..][..n];
            for (at, (sum, mask)) in sums.iter_mut().zip(masks).enumerate() {
                // SAFETY: the masks keep the loads inside the labels.
                let [x, y] = [x, y].map(|label| unsafe {
                    _mm256_maskz_loadu_epi8(mask, label.as_ptr().add(at * DIGITS).cast())
                });
                *sum = words.multiply_add(c, x, y);
            }
        }
        for (y, sums) in y.chunks_exact_mut(n).zip(&sums) {
            for (at, (sum, mask)) in sums.iter().zip(masks).enumerate() {
                // SAFETY: the mask keeps the store inside the label.
                unsafe {
                    _mm256_mask_storeu_epi8(y.as_mut_ptr().add(at * DIGITS).cast(), mask, *sum);
                }
            }
        }
    }
}

/// The residues of the first words of each of up to 64 labels, and in bit i whether label i has one to be rejected.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn residues(r: Radix, stream: &[Block], out: &mut [u8]) -> u64 {
    by_chunks!(r, residues_chunks(r, stream, out))
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn residues_chunks<const CHUNKS: usize>(r: Radix, stream: &[Block], out: &mut [u8]) -> u64 {
    let (n, words, masks) = (r.digits(), Words::new(r), masks::<CHUNKS>(r));
    let greatest = _mm512_set1_epi16(r.greatest_word() as i16);
    let mut rejected = 0;
    let labels = stream.chunks_exact(n.div_ceil(8)).zip(out.chunks_exact_mut(n));
    for (i, (stream, out)) in labels.enumerate() {
        let mut any = 0;
        for (at, mask) in masks.into_iter().enumerate() {
            // SAFETY: the mask keeps the load inside the n words and the store inside the label.
            unsafe {
                let from = stream.as_ptr().cast::<i16>().add(at * DIGITS);
                let x = _mm512_maskz_loadu_epi16(mask, from);
                any |= _mm512_cmpgt_epu16_mask(x, greatest);
                let to = out.as_mut_ptr().add(at * DIGITS).cast();
                _mm256_mask_storeu_epi8(to, mask, words.reduce(x));
            }
        }
        rejected |= u64::from(any != 0) << i;
    }
    rejected
}
