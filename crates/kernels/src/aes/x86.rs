//! The register types of x86-64 and the `#[target_feature]` boundaries around the batch loops.

use core::arch::x86_64::*;

use super::wide::Lanes;
use crate::Block;

pub(crate) use super::wide::Schedule;

/// Rotates the last word of the round key and puts it into all four, as dwords of byte indices.
const ROTATE_LAST: i32 = 0x0c0f_0e0d;

// SAFETY: for all methods, the trait's condition: they are inlined into functions that enable the features. Loads and
// stores are the unaligned ones and cover `BLOCKS` blocks, which callers provide.
impl Lanes for __m128i {
    const BLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const Block) -> Self {
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Block) {
        unsafe { _mm_storeu_si128(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn splat(block: Block) -> Self {
        unsafe { Self::load(&block) }
    }

    #[inline(always)]
    unsafe fn count_from(first: u64, _: u64) -> Self {
        unsafe { _mm_set_epi64x(0, first as i64) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        unsafe { _mm_xor_si128(self, other) }
    }

    #[inline(always)]
    unsafe fn round(self, key: Self) -> Self {
        unsafe { _mm_aesenc_si128(self, key) }
    }

    #[inline(always)]
    unsafe fn last_round(self, key: Self) -> Self {
        unsafe { _mm_aesenclast_si128(self, key) }
    }

    /// AESENCLAST on four equal columns is SubWord, because ShiftRows then moves nothing: it pipelines where
    /// AESKEYGENASSIST does not (Gueron, Lindell, Nof, Pinkas, CCS 2015, section 4).
    #[inline(always)]
    unsafe fn next_key(self, rcon: u32) -> Self {
        unsafe {
            let last = _mm_shuffle_epi8(self, _mm_set1_epi32(ROTATE_LAST));
            let word = _mm_aesenclast_si128(last, _mm_set1_epi32(rcon as i32));
            let key = _mm_xor_si128(self, _mm_slli_si128::<4>(self));
            let key = _mm_xor_si128(key, _mm_slli_si128::<8>(key));
            _mm_xor_si128(key, word)
        }
    }

    #[inline(always)]
    unsafe fn sigma(self) -> Self {
        unsafe {
            let high = _mm_unpackhi_epi64(self, self);
            _mm_xor_si128(high, _mm_slli_si128::<8>(self))
        }
    }

    #[inline(always)]
    unsafe fn interleave(a: Self, b: Self) -> (Self, Self) {
        (a, b)
    }
}

// SAFETY: as for `__m128i`.
impl Lanes for __m512i {
    const BLOCKS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const Block) -> Self {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Block) {
        unsafe { _mm512_storeu_si512(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn splat(block: Block) -> Self {
        unsafe { _mm512_broadcast_i32x4(__m128i::load(&block)) }
    }

    #[inline(always)]
    unsafe fn count_from(first: u64, step: u64) -> Self {
        unsafe {
            let number = _mm512_maskz_set1_epi64(0b0101_0101, first as i64);
            let steps = _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0);
            let steps = _mm512_mullo_epi64(steps, _mm512_set1_epi64(step as i64));
            _mm512_add_epi64(number, steps)
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        unsafe { _mm512_xor_si512(self, other) }
    }

    #[inline(always)]
    unsafe fn round(self, key: Self) -> Self {
        unsafe { _mm512_aesenc_epi128(self, key) }
    }

    #[inline(always)]
    unsafe fn last_round(self, key: Self) -> Self {
        unsafe { _mm512_aesenclast_epi128(self, key) }
    }

    #[inline(always)]
    unsafe fn next_key(self, rcon: u32) -> Self {
        unsafe {
            let last = _mm512_shuffle_epi8(self, _mm512_set1_epi32(ROTATE_LAST));
            let word = _mm512_aesenclast_epi128(last, _mm512_set1_epi32(rcon as i32));
            let key = _mm512_xor_si512(self, _mm512_bslli_epi128::<4>(self));
            let key = _mm512_xor_si512(key, _mm512_bslli_epi128::<8>(key));
            _mm512_xor_si512(key, word)
        }
    }

    #[inline(always)]
    unsafe fn sigma(self) -> Self {
        unsafe {
            let high = _mm512_unpackhi_epi64(self, self);
            _mm512_xor_si512(high, _mm512_bslli_epi128::<8>(self))
        }
    }

    #[inline(always)]
    unsafe fn interleave(a: Self, b: Self) -> (Self, Self) {
        unsafe {
            let low = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
            let high = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
            (_mm512_permutex2var_epi64(a, low, b), _mm512_permutex2var_epi64(a, high, b))
        }
    }
}

/// Stamps the entry points for one register type, of which so many hold a part of a tile; callers must have detected
/// the features.
macro_rules! entry_points {
    ($lanes:ty, $registers:literal, $features:literal) => {
        use core::arch::x86_64::*;

        use super::super::{TILE, wide};
        use super::Schedule;
        use crate::Block;

        #[target_feature(enable = $features)]
        pub(crate) fn counter_mode(key: &Schedule, counter: u64, out: &mut [[u8; 16]]) {
            // SAFETY: the features of the register type are enabled here; so below.
            unsafe { wide::counter_mode::<$lanes>(key, counter, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn expand(keys: &[Block], counter: u64, row: usize, out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::expand::<$lanes>(keys, counter, row, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn tmmo(p: &Schedule, x: &[Block], tweak: u64, out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::tmmo::<$lanes>(p, x, tweak, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn permute(key: &Schedule, x: &[Block], out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::permute::<$lanes>(key, x, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn tmmo_from(
            p: &Schedule,
            px: &[Block],
            tweak: u64,
            step: u64,
            out: &mut [Block],
        ) {
            // SAFETY: as above.
            unsafe { wide::tmmo_from::<$lanes>(p, px, tweak, step, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn mmo(key: &Schedule, x: &[Block], out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::mmo::<$lanes, false>(key, x, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn ccr(key: &Schedule, x: &[Block], out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::mmo::<$lanes, true>(key, x, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn ccr_grow(key: &Schedule, nodes: &mut [Block], right: &mut [Block]) -> Block {
            // SAFETY: as above.
            unsafe { wide::ccr_grow::<$lanes>(key, nodes, right) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn mmo_cot(key: &Schedule, q: &[Block], delta: Block, out: [&mut [Block]; 2]) {
            // SAFETY: as above.
            unsafe { wide::mmo_cot::<$lanes>(key, q, delta, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn fold(
            seeds: &[Schedule],
            punctured: bool,
            counter: u64,
            planes: &mut [[Block; TILE]],
            sum: &mut [Block; TILE],
        ) {
            // SAFETY: as above.
            unsafe { wide::fold::<$lanes, $registers>(seeds, punctured, counter, planes, sum) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn sparse(key: &Schedule, counter: u64, input: &[Block], out: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::sparse::<$lanes, __m128i>(key, counter, input, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn ggm_double(p: &[Schedule], parents: &[Block], children: &mut [Block]) {
            // SAFETY: as above.
            unsafe { wide::ggm_double::<$lanes>(p, parents, children) }
        }
    };
}

/// AES-NI: one block per instruction.
pub(crate) mod ni {
    entry_points!(__m128i, 8, "avx2,aes");

    #[target_feature(enable = "avx2,aes")]
    pub(crate) fn schedule(key: Block) -> Schedule {
        // SAFETY: the features of the register type are enabled here.
        unsafe { wide::schedule::<__m128i>(key) }
    }
}

/// AES-NI on a processor with twice the registers and xors of three operands.
pub(crate) mod ni512 {
    entry_points!(__m128i, 8, "avx2,avx512f,avx512vl,aes");
}

/// VAES: four blocks per instruction.
pub(crate) mod vaes {
    entry_points!(__m512i, 4, "avx512f,avx512bw,avx512dq,avx512vl,vaes,aes");
}
