//! Register arithmetic of x86-64 and the `#[target_feature]` boundaries.

use core::arch::x86_64::*;

use super::tile::Lanes;

/// Eight words: VPMULLQ.
pub(super) struct U64x8;

// SAFETY: for all methods of all types here, the trait's condition: they are inlined into functions that enable the
// features; loads and stores are the unaligned ones and cover `LANES` words.
impl Lanes for U64x8 {
    type Word = u64;
    type Factor = __m512i;
    type Sum = __m512i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(from: &u64) -> __m512i {
        unsafe { _mm512_set1_epi64(*from as i64) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u64) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn mul_add(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi64(sum, _mm512_mullo_epi64(a, b)) }
    }

    #[inline(always)]
    unsafe fn store(sum: __m512i, to: *mut u64) {
        unsafe { _mm512_storeu_si512(to.cast(), sum) }
    }
}

/// Sixteen half words: VPMULLD.
pub(super) struct U32x16;

impl Lanes for U32x16 {
    type Word = u32;
    type Factor = __m512i;
    type Sum = __m512i;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(from: &u32) -> __m512i {
        unsafe { _mm512_set1_epi32(*from as i32) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn mul_add(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(sum, _mm512_mullo_epi32(a, b)) }
    }

    #[inline(always)]
    unsafe fn store(sum: __m512i, to: *mut u32) {
        unsafe { _mm512_storeu_si512(to.cast(), sum) }
    }
}

/// Four words as products of halves: the low product and both cross products are summed apart, so that the shift that
/// joins them is made once per tile.
pub(super) struct U64x4;

/// A register and its high halves moved to the low ones.
#[derive(Clone, Copy)]
pub(super) struct Halves {
    low: __m256i,
    high: __m256i,
}

impl Lanes for U64x4 {
    type Word = u64;
    type Factor = Halves;
    type Sum = Halves;
    const LANES: usize = 4;

    /// Broadcast as a double: as an integer the compiler would split it in general registers first.
    #[inline(always)]
    unsafe fn splat(from: &u64) -> Halves {
        unsafe {
            let low = _mm256_castpd_si256(_mm256_broadcast_sd(&f64::from_bits(*from)));
            Halves { low, high: _mm256_srli_epi64::<32>(low) }
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Halves {
        unsafe {
            let low = _mm256_loadu_si256(from.cast());
            Halves { low, high: _mm256_srli_epi64::<32>(low) }
        }
    }

    #[inline(always)]
    unsafe fn zero() -> Halves {
        unsafe { Halves { low: _mm256_setzero_si256(), high: _mm256_setzero_si256() } }
    }

    #[inline(always)]
    unsafe fn mul_add(sum: Halves, a: Halves, b: Halves) -> Halves {
        unsafe {
            let low = _mm256_add_epi64(sum.low, _mm256_mul_epu32(a.low, b.low));
            let high = _mm256_add_epi64(sum.high, _mm256_mul_epu32(a.low, b.high));
            Halves { low, high: _mm256_add_epi64(high, _mm256_mul_epu32(a.high, b.low)) }
        }
    }

    #[inline(always)]
    unsafe fn store(sum: Halves, to: *mut u64) {
        unsafe {
            let word = _mm256_add_epi64(sum.low, _mm256_slli_epi64::<32>(sum.high));
            _mm256_storeu_si256(to.cast(), word);
        }
    }
}

/// Eight half words: VPMULLD.
pub(super) struct U32x8;

impl Lanes for U32x8 {
    type Word = u32;
    type Factor = __m256i;
    type Sum = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(from: &u32) -> __m256i {
        unsafe { _mm256_set1_epi32(*from as i32) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn mul_add(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(sum, _mm256_mullo_epi32(a, b)) }
    }

    #[inline(always)]
    unsafe fn store(sum: __m256i, to: *mut u32) {
        unsafe { _mm256_storeu_si256(to.cast(), sum) }
    }
}

/// Stamps the entry points for one word type; callers must have detected the features.
macro_rules! entry_points {
    ($gemm:ident, $conv:ident, $word:ty, $lanes:ty, $rows:literal, $registers:literal, $features:literal) => {
        #[target_feature(enable = $features)]
        pub(crate) fn $gemm(
            m: usize,
            k: usize,
            n: usize,
            a: &[$word],
            b: &[$word],
            c: &mut [$word],
        ) {
            // SAFETY: the features of the register type are enabled here.
            unsafe { tile::gemm::<$lanes, $rows, $registers>(m, k, n, a, b, c) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn $conv(conv: &Conv2d, x: &[$word], k: &[$word], y: &mut [$word]) {
            // SAFETY: as above.
            unsafe { tile::conv::<$lanes, $rows, $registers>(conv, x, k, y) }
        }
    };
}

/// 256-bit registers.
pub(super) mod avx2 {
    use super::super::{Conv2d, tile};
    use super::{U32x8, U64x4};

    entry_points!(gemm_u64, conv2d_u64, u64, U64x4, 4, 1, "avx2");
    entry_points!(gemm_u32, conv2d_u32, u32, U32x8, 4, 2, "avx2");
}

/// 512-bit registers.
pub(super) mod avx512 {
    use super::super::{Conv2d, tile};
    use super::{U32x16, U64x8};

    entry_points!(gemm_u64, conv2d_u64, u64, U64x8, 8, 2, "avx512f,avx512dq,avx512vl,avx512bw");
    entry_points!(gemm_u32, conv2d_u32, u32, U32x16, 8, 2, "avx512f,avx512dq,avx512vl,avx512bw");
}
