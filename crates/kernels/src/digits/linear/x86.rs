//! Register arithmetic of x86-64 and the `#[target_feature]` boundaries.

use core::arch::x86_64::*;

use super::tile::{Lanes, Modulus};

/// 16 columns: VPDPBUSD.
struct Vnni;

// SAFETY: for all methods of both types, the trait's condition: they are inlined into functions that enable the
// features; loads are the unaligned ones and cover four digits for each column, stores cover the slice.
impl Lanes for Vnni {
    type Digits = __m512i;
    type Weights = __m512i;
    type Sums = __m512i;
    const COLUMNS: usize = 16;
    const REGISTERS: usize = 3;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(from: &[i8; 4]) -> __m512i {
        unsafe { _mm512_set1_epi32(from.as_ptr().cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m512i, x: __m512i, w: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, x, w) }
    }

    /// With a quotient in single precision. A sum below 2^23 in absolute value and its rest are exact, and the quotient
    /// is within 1 / 2 + 1 / p of the true one, so the rest is below p in absolute value. A larger sum leaves a rest
    /// of a few hundred p's, for a second step.
    #[inline(always)]
    unsafe fn residues(sums: __m512i, m: Modulus) -> __m512i {
        unsafe {
            let (p, inverse) = (_mm512_set1_epi32(m.p), _mm512_set1_ps(m.inverse));
            let mut x = sums;
            if m.large {
                let quotient = _mm512_mul_ps(_mm512_cvtepi32_ps(x), inverse);
                x = _mm512_sub_epi32(x, _mm512_mullo_epi32(_mm512_cvtps_epi32(quotient), p));
            }
            let x = _mm512_cvtepi32_ps(x);
            let quotient =
                _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT }>(_mm512_mul_ps(x, inverse));
            let rest = _mm512_fnmadd_ps(quotient, _mm512_cvtepi32_ps(p), x);
            let rest = _mm512_cvtps_epi32(rest);
            _mm512_min_epu32(rest, _mm512_add_epi32(rest, p))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512i, m: Modulus, to: &mut [u8]) {
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(Self::residues(sums, m));
            _mm_mask_storeu_epi8(to.as_mut_ptr().cast(), u16::MAX >> (16 - to.len()), bytes);
        }
    }
}

/// Four columns, each with two sums of two products: VPMADDWD on digits and weights widened to 16 bits.
struct Madd;

impl Lanes for Madd {
    type Digits = __m256i;
    type Weights = __m256i;
    type Sums = __m256i;
    const COLUMNS: usize = 4;
    const REGISTERS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m256i {
        unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn splat(from: &[i8; 4]) -> __m256i {
        unsafe {
            let weights = _mm_set1_epi32(from.as_ptr().cast::<i32>().read_unaligned());
            _mm256_cvtepi8_epi16(weights)
        }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(x, w)) }
    }

    /// As for [`Vnni`].
    #[inline(always)]
    unsafe fn residues(sums: __m256i, m: Modulus) -> __m256i {
        unsafe {
            let (p, inverse) = (_mm256_set1_epi32(m.p), _mm256_set1_ps(m.inverse));
            let mut x = sums;
            if m.large {
                let quotient = _mm256_mul_ps(_mm256_cvtepi32_ps(x), inverse);
                x = _mm256_sub_epi32(x, _mm256_mullo_epi32(_mm256_cvtps_epi32(quotient), p));
            }
            let x = _mm256_cvtepi32_ps(x);
            let quotient = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
                _mm256_mul_ps(x, inverse),
            );
            let rest = _mm256_fnmadd_ps(quotient, _mm256_cvtepi32_ps(p), x);
            let rest = _mm256_cvtps_epi32(rest);
            _mm256_min_epu32(rest, _mm256_add_epi32(rest, p))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256i, m: Modulus, to: &mut [u8]) {
        unsafe {
            let residues = Self::residues(_mm256_hadd_epi32(sums, sums), m);
            // Columns 0 and 1 are at the bottom of the low lane, 2 and 3 at that of the high one.
            let words = _mm_unpacklo_epi64(
                _mm256_castsi256_si128(residues),
                _mm256_extracti128_si256::<1>(residues),
            );
            let bytes = _mm_packus_epi16(_mm_packus_epi32(words, words), words);
            to.copy_from_slice(&_mm_cvtsi128_si32(bytes).to_le_bytes()[..to.len()]);
        }
    }
}

/// 256-bit registers.
pub(super) mod avx2 {
    use core::ops::Range;

    use super::super::{Operand, layout::Layout, tile};
    use super::Madd;

    #[target_feature(enable = "avx2")]
    pub(crate) fn fill(layout: &Layout, x: &[u8], to: &mut [u8]) {
        layout.fill(x, to);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
        // SAFETY: the features of the register type are enabled here.
        unsafe { tile::conv::<Madd>(x, channels, kernel, y) }
    }
}

/// 512-bit registers. The dot products need VNNI, which the level does not include: without it those of [`avx2`] are
/// used.
pub(super) mod avx512 {
    use core::ops::Range;

    use core::arch::x86_64::*;

    use super::super::{Operand, layout::Layout, portable, tile};
    use super::{Lanes, Vnni, avx2};

    /// Columns of a strip of a depthwise convolution.
    const COLUMNS: usize = 64;

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    pub(crate) fn fill(layout: &Layout, x: &[u8], to: &mut [u8]) {
        layout.fill(x, to);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
        if is_x86_feature_detected!("avx512vnni") {
            // SAFETY: VNNI has just been detected, and the level has the rest.
            unsafe { vnni(x, channels, kernel, y) }
        } else {
            avx2::conv(x, channels, kernel, y);
        }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vnni,fma")]
    fn vnni(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
        if x.layout.lanes == 1 {
            depthwise(x, channels, kernel, y);
        } else {
            // SAFETY: the features of the register type are enabled here.
            unsafe { tile::conv::<Vnni>(x, channels, kernel, y) }
        }
    }

    /// Convolutions with one input channel per output channel: the words of a dot product are four taps, brought
    /// together by unpacking, which packing the sums undoes.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vnni,fma")]
    fn depthwise(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
        let layout = &x.layout;
        let (taps, columns, rows) = (layout.taps(), layout.out_columns, layout.out_rows);
        if taps.len() > tile::SAFE {
            portable::conv(x, channels, kernel, y);
            return;
        }
        let m = tile::modulus(x, kernel, taps.len().next_multiple_of(4));
        let furthest = taps.iter().max().copied().unwrap_or(0);
        let reach = furthest + (rows - 1) * layout.row() + columns.next_multiple_of(COLUMNS);
        let outputs = x.shape.cout / x.shape.groups;
        // The weights of missing taps are zero, so that any place will do.
        let place = |quad: &[usize]| core::array::from_fn(|i| *quad.get(i).unwrap_or(&quad[0]));
        let places: Vec<[usize; 4]> = taps.chunks(4).map(place).collect();
        let filters = kernel.chunks_exact(taps.len());
        for ((o, filter), y) in channels.zip(filters).zip(y.chunks_exact_mut(rows * columns)) {
            let digits = &x.digits[o / outputs * layout.group()..];
            assert!(reach <= digits.len(), "the margin of the layout");
            for (row, y) in y.chunks_exact_mut(columns).enumerate() {
                for (strip, y) in y.chunks_mut(COLUMNS).enumerate() {
                    let digits = &digits[row * layout.row() + strip * COLUMNS..];
                    // SAFETY: the features are enabled here; loads end before `reach`, and the mask keeps the store
                    // inside the slice.
                    unsafe {
                        let mut sums = [Vnni::zero(); 4];
                        for (places, weights) in places.iter().zip(filter.chunks(4)) {
                            let mut word = [0; 4];
                            word[..weights.len()].copy_from_slice(weights);
                            let weights = Vnni::splat(&word);
                            let [a, b, c, d] =
                                places.map(|place| Vnni::load(digits.as_ptr().add(place)));
                            let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
                            sums[0] = Vnni::dot(sums[0], _mm512_unpacklo_epi16(ab, cd), weights);
                            sums[1] = Vnni::dot(sums[1], _mm512_unpackhi_epi16(ab, cd), weights);
                            let (ab, cd) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
                            sums[2] = Vnni::dot(sums[2], _mm512_unpacklo_epi16(ab, cd), weights);
                            sums[3] = Vnni::dot(sums[3], _mm512_unpackhi_epi16(ab, cd), weights);
                        }
                        let [a, b, c, d] = sums.map(|sum| Vnni::residues(sum, m));
                        let words = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
                        let bytes = _mm512_packus_epi16(words[0], words[1]);
                        let used = u64::MAX >> (COLUMNS - y.len());
                        _mm512_mask_storeu_epi8(y.as_mut_ptr().cast(), used, bytes);
                    }
                }
            }
        }
    }
}
