//! Packing and ladders with AVX2: a label in one register (4 to 7 bits per digit) or two (2 or 3 bits). The steps are
//! those of [`super::label`].

use core::arch::x86_64::*;

use super::super::{Radix, portable};
use super::label::SHUFFLES;
use crate::Block;

/// Digits of a register.
const DIGITS: usize = 32;

/// What joins and separates the digits of labels of REGS registers.
struct Packer<const REGS: usize> {
    pairs: __m256i,
    quads: __m256i,
    halves: __m256i,
    /// 32 - 4b, 16 - 2b, 8 - b.
    shifts: [__m128i; 3],
    join: [__m256i; REGS],
    separate: [__m256i; REGS],
    /// The low 2b bits of words, the low b bits of bytes.
    pair: __m256i,
    digit: __m256i,
    p: __m256i,
    /// Which bytes are digits.
    used: [__m256i; REGS],
}

impl<const REGS: usize> Packer<REGS> {
    #[target_feature(enable = "avx2")]
    fn new(r: Radix) -> Self {
        let b = r.bits() as i32;
        let [join, separate] = &SHUFFLES[r.bits() as usize];
        let mut used = [0; 64];
        used[..r.digits()].fill(u8::MAX);
        let part = |bytes: &[u8; 64]| {
            let (parts, _) = bytes.as_chunks();
            core::array::from_fn(|i| load(&parts[i]))
        };
        Self {
            pairs: _mm256_set1_epi16(1 | 1 << (8 + b)),
            quads: _mm256_set1_epi32(1 | 1 << (16 + 2 * b)),
            halves: _mm256_set1_epi64x((32 - 4 * b).into()),
            shifts: [32 - 4 * b, 16 - 2 * b, 8 - b].map(|shift| _mm_cvtsi32_si128(shift)),
            join: part(join),
            separate: part(separate),
            pair: _mm256_set1_epi16((1 << (2 * b)) - 1),
            digit: _mm256_set1_epi8(((1 << b) - 1) as i8),
            p: _mm256_set1_epi8(r.p() as i8),
            used: part(&used),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pack(&self, x: [__m256i; REGS]) -> Block {
        let mut joined = _mm256_setzero_si256();
        for (x, join) in x.into_iter().zip(self.join) {
            let x = _mm256_maddubs_epi16(self.pairs, x);
            let x = _mm256_madd_epi16(x, self.quads);
            let x = _mm256_srl_epi64(_mm256_sllv_epi32(x, self.halves), self.shifts[0]);
            joined = _mm256_or_si256(joined, _mm256_shuffle_epi8(x, join));
        }
        let high = _mm256_extracti128_si256::<1>(joined);
        let mut block = Block::ZERO;
        let x = _mm_or_si128(_mm256_castsi256_si128(joined), high);
        // SAFETY: one block, and the store is the unaligned one.
        unsafe { _mm_storeu_si128((&raw mut block).cast(), x) };
        block
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn unpack(&self, block: &Block) -> [__m256i; REGS] {
        // SAFETY: one block, and the load is the unaligned one.
        let x = unsafe { _mm_loadu_si128((&raw const *block).cast()) };
        let x = _mm256_broadcastsi128_si256(x);
        let odd = _mm256_set1_epi16(0xff00_u16 as i16);
        self.separate.map(|separate| {
            let x = _mm256_shuffle_epi8(x, separate);
            let x = _mm256_srlv_epi32(_mm256_sll_epi64(x, self.shifts[0]), self.halves);
            let x = _mm256_blend_epi16::<0xaa>(x, _mm256_sll_epi32(x, self.shifts[1]));
            let x = _mm256_and_si256(x, self.pair);
            let x = _mm256_blendv_epi8(x, _mm256_sll_epi16(x, self.shifts[2]), odd);
            let x = _mm256_and_si256(x, self.digit);
            _mm256_min_epu8(x, _mm256_sub_epi8(x, self.p))
        })
    }

    /// The digits of the label at the start of `bytes`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn label(&self, bytes: &[u8]) -> [__m256i; REGS] {
        let mut padded = [0; 64];
        let (parts, _) = if bytes.len() >= REGS * DIGITS {
            bytes.as_chunks()
        } else {
            padded[..bytes.len()].copy_from_slice(bytes);
            padded.as_chunks()
        };
        core::array::from_fn(|i| _mm256_and_si256(load(&parts[i]), self.used[i]))
    }

    /// a + b, for digits whose sum fits a byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(&self, a: [__m256i; REGS], b: [__m256i; REGS]) -> [__m256i; REGS] {
        core::array::from_fn(|i| {
            let sum = _mm256_add_epi8(a[i], b[i]);
            _mm256_min_epu8(sum, _mm256_sub_epi8(sum, self.p))
        })
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; DIGITS]) -> __m256i {
    // SAFETY: 32 bytes, and the load is the unaligned one.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Runs a function generic over the registers of a label, or the portable code for labels of bits or bytes.
macro_rules! by_registers {
    ($r:ident, $name:ident($($argument:expr),*)) => {
        match $r.bits() {
            2 | 3 => $name::<2>($($argument),*),
            4..=7 => $name::<1>($($argument),*),
            _ => portable::$name($($argument),*),
        }
    };
}

#[target_feature(enable = "avx2")]
pub(crate) fn pack(r: Radix, labels: &[u8], out: &mut [Block]) {
    #[target_feature(enable = "avx2")]
    fn pack<const REGS: usize>(r: Radix, labels: &[u8], out: &mut [Block]) {
        let (packer, n) = (Packer::<REGS>::new(r), r.digits());
        for (i, out) in out.iter_mut().enumerate() {
            *out = packer.pack(packer.label(&labels[i * n..]));
        }
    }
    by_registers!(r, pack(r, labels, out));
}

#[target_feature(enable = "avx2")]
pub(crate) fn unpack(r: Radix, packed: &[Block], out: &mut [u8]) {
    /// Whole registers are written, what they hold beyond a label being overwritten by the next one.
    #[target_feature(enable = "avx2")]
    fn unpack<const REGS: usize>(r: Radix, packed: &[Block], out: &mut [u8]) {
        let (packer, n) = (Packer::<REGS>::new(r), r.digits());
        for (i, block) in packed.iter().enumerate() {
            let digits = packer.unpack(block);
            let (mut padded, out) = ([0; 64], &mut out[i * n..]);
            let direct = out.len() >= REGS * DIGITS;
            let to = if direct { &mut *out } else { &mut padded[..] };
            for (to, digits) in to.as_chunks_mut::<DIGITS>().0.iter_mut().zip(digits) {
                // SAFETY: 32 bytes, and the store is the unaligned one.
                unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), digits) };
            }
            if !direct {
                out[..n].copy_from_slice(&padded[..n]);
            }
        }
    }
    by_registers!(r, unpack(r, packed, out));
}

#[target_feature(enable = "avx2")]
pub(crate) fn keys(r: Radix, zero: &[u8], delta: &[u8], out: &mut [Block]) {
    let first = portable::colour_zero(r, zero, delta);
    ladder(r, &first[..r.digits()], delta, out);
}

#[target_feature(enable = "avx2")]
pub(crate) fn ladder(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
    #[target_feature(enable = "avx2")]
    fn ladder<const REGS: usize>(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
        let packer = Packer::<REGS>::new(r);
        let (mut label, delta) = (packer.label(base), packer.label(delta));
        for out in out {
            *out = packer.pack(label);
            label = packer.add(label, delta);
        }
    }
    by_registers!(r, ladder(r, base, delta, out));
}
