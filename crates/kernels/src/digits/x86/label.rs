//! Packing and ladders with AVX-512: four labels at a time, each in a slot of 16 bytes (8 bits per digit), 32 (4 to 7
//! bits) or 64 (2 or 3 bits), that is in SLOT / 16 registers together.
//!
//! Eight digits of b bits are joined in three steps, the last of which leaves them as b whole bytes at the bottom of
//! each quadword; a byte shuffle then brings the bytes of a slot together.

use core::arch::x86_64::*;

use super::super::{Radix, portable};
use super::words::Words;
use crate::Block;

/// Labels at a time.
const GROUP: usize = 4;

/// Registers of a group; those beyond SLOT / 16 are zero and not used.
type Group = [__m512i; GROUP];

/// What joins and separates the digits of slots.
struct Packer {
    /// 1 and 2^b in bytes, 1 and 2^(2b) in words.
    pairs: __m512i,
    quads: __m512i,
    /// 32 - 4b in even doublewords, 16 - 2b in even words.
    halves: __m512i,
    quarters: __m512i,
    /// 32 - 4b, 16 - 2b, 8 - b.
    shifts: [__m128i; 3],
    join: __m512i,
    separate: __m512i,
    digit: __m512i,
    p: __m512i,
}

/// The byte shuffles `join` and `separate` by bits per digit.
pub(super) static SHUFFLES: [[[u8; 64]; 2]; 9] = {
    let mut shuffles = [[[0; 64]; 2]; 9];
    let mut bits = 2;
    while bits < shuffles.len() {
        shuffles[bits] = shuffles_of(bits);
        bits += 1;
    }
    shuffles
};

const fn shuffles_of(bits: usize) -> [[u8; 64]; 2] {
    let (mut join, mut separate) = ([0x80; 64], [0x80; 64]);
    let lanes = if bits < 4 { 4 } else { 2 };
    let mut at = 0;
    while at < 64 {
        let (lane, place) = (at / 16 % lanes, at % 16);
        let (quadword, byte) = (place / bits, place % bits);
        if quadword / 2 == lane {
            join[at] = (quadword % 2 * 8 + byte) as u8;
        }
        let (quadword, byte) = (2 * lane + place / 8, place % 8);
        if byte < bits && quadword * bits + byte < 16 {
            separate[at] = (quadword * bits + byte) as u8;
        }
        at += 1;
    }
    [join, separate]
}

impl Packer {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn new(r: Radix) -> Self {
        let b = r.bits() as i32;
        let [join, separate] = &SHUFFLES[r.bits() as usize];
        Self {
            // Digits of 8 bits are bytes as they are: nothing is joined, and the factors would not fit.
            pairs: _mm512_set1_epi16(1 | 1_i16.unbounded_shl(8 + r.bits())),
            quads: _mm512_set1_epi32(1 | 1_i32.unbounded_shl(16 + 2 * r.bits())),
            halves: _mm512_set1_epi64((32 - 4 * b).into()),
            quarters: _mm512_set1_epi32(16 - 2 * b),
            shifts: [32 - 4 * b, 16 - 2 * b, 8 - b].map(|shift| _mm_cvtsi32_si128(shift)),
            join: load(join),
            separate: load(separate),
            digit: _mm512_set1_epi8(((1 << b) - 1) as i8),
            p: _mm512_set1_epi8(r.p() as i8),
        }
    }

    /// The bytes of each slot, spread over its lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn join_digits(&self, x: __m512i) -> __m512i {
        // The multipliers are the unsigned factor: 2^7 is no signed byte, and digits of 7 bits are.
        let x = _mm512_maddubs_epi16(self.pairs, x);
        let x = _mm512_madd_epi16(x, self.quads);
        let x = _mm512_srl_epi64(_mm512_sllv_epi32(x, self.halves), self.shifts[0]);
        _mm512_shuffle_epi8(x, self.join)
    }

    /// The digits of a slot from its block, which is in each of its lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn separate_digits(&self, x: __m512i) -> __m512i {
        let x = _mm512_shuffle_epi8(x, self.separate);
        let x = _mm512_srlv_epi32(_mm512_sll_epi64(x, self.shifts[0]), self.halves);
        let x = _mm512_srlv_epi16(_mm512_sll_epi32(x, self.shifts[1]), self.quarters);
        let odd = _mm512_sll_epi16(x, self.shifts[2]);
        let x = _mm512_and_si512(_mm512_mask_mov_epi8(x, 0xaaaa_aaaa_aaaa_aaaa, odd), self.digit);
        _mm512_min_epu8(x, _mm512_sub_epi8(x, self.p))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn pack<const SLOT: usize>(&self, x: &Group) -> __m512i {
        match SLOT {
            16 => x[0],
            32 => fold(self.join_digits(x[0]), self.join_digits(x[1])),
            _ => fold(
                fold(self.join_digits(x[0]), self.join_digits(x[1])),
                fold(self.join_digits(x[2]), self.join_digits(x[3])),
            ),
        }
    }
}

/// The sums of neighbouring lanes of a, then of b.
#[inline]
#[target_feature(enable = "avx512f")]
fn fold(a: __m512i, b: __m512i) -> __m512i {
    let even = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
    let odd = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
    _mm512_or_si512(even, odd)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes, and the load is the unaligned one.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Up to 64 bytes, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_part(bytes: &[u8]) -> __m512i {
    debug_assert!(!bytes.is_empty() && bytes.len() <= 64);
    // SAFETY: the mask keeps the load inside the slice.
    unsafe { _mm512_maskz_loadu_epi8(u64::MAX >> (64 - bytes.len()), bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_half(bytes: &[u8]) -> __m256i {
    debug_assert!(!bytes.is_empty() && bytes.len() <= 32);
    // SAFETY: the mask keeps the load inside the slice.
    unsafe { _mm256_maskz_loadu_epi8(u32::MAX >> (32 - bytes.len()), bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_part(x: __m512i, to: &mut [u8]) {
    debug_assert!(!to.is_empty() && to.len() <= 64);
    // SAFETY: the mask keeps the store inside the slice.
    unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), u64::MAX >> (64 - to.len()), x) }
}

/// Writes the first blocks of four.
#[inline]
#[target_feature(enable = "avx512f")]
fn store_blocks(x: __m512i, to: &mut [Block]) {
    debug_assert!(!to.is_empty() && to.len() <= GROUP);
    let quadwords = u8::MAX >> (8 - 2 * to.len());
    // SAFETY: the mask keeps the store inside the slice.
    unsafe { _mm512_mask_storeu_epi64(to.as_mut_ptr().cast(), quadwords, x) }
}

/// x + d mod p in bytes. Only slots of 16 bytes hold digits whose sum may exceed a byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add<const SLOT: usize>(x: __m512i, d: __m512i, p: __m512i) -> __m512i {
    if SLOT == 16 {
        let back = _mm512_sub_epi8(p, d);
        let below = _mm512_cmplt_epu8_mask(x, back);
        let sum = _mm512_sub_epi8(x, back);
        _mm512_mask_add_epi8(sum, below, sum, p)
    } else {
        let sum = _mm512_add_epi8(x, d);
        _mm512_min_epu8(sum, _mm512_sub_epi8(sum, p))
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn pack(r: Radix, labels: &[u8], out: &mut [Block]) {
    match r.bits() {
        2 | 3 => pack_slots::<64>(r, labels, out),
        4..=7 => pack_slots::<32>(r, labels, out),
        _ => portable::pack(r, labels, out),
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_slots<const SLOT: usize>(r: Radix, labels: &[u8], out: &mut [Block]) {
    let (packer, n) = (Packer::new(r), r.digits());
    for (labels, out) in labels.chunks(GROUP * n).zip(out.chunks_mut(GROUP)) {
        let mut group: Group = [_mm512_setzero_si512(); GROUP];
        for (i, label) in labels.chunks_exact(n).enumerate() {
            if SLOT == 64 {
                group[i] = load_part(label);
            } else if i % 2 == 0 {
                group[i / 2] = _mm512_zextsi256_si512(load_half(label));
            } else {
                group[i / 2] = _mm512_inserti64x4::<1>(group[i / 2], load_half(label));
            }
        }
        store_blocks(packer.pack::<SLOT>(&group), out);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn unpack(r: Radix, packed: &[Block], out: &mut [u8]) {
    match r.bits() {
        2 | 3 => unpack_slots::<64>(r, packed, out),
        4..=7 => unpack_slots::<32>(r, packed, out),
        _ => portable::unpack(r, packed, out),
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn unpack_slots<const SLOT: usize>(r: Radix, packed: &[Block], out: &mut [u8]) {
    let (packer, n) = (Packer::new(r), r.digits());
    for (packed, out) in packed.chunks(GROUP).zip(out.chunks_mut(GROUP * n)) {
        let x = load_part(bytemuck::must_cast_slice(packed));
        let mut labels = out.chunks_exact_mut(n);
        if SLOT == 64 {
            let lanes = [
                _mm512_shuffle_i64x2::<0x00>(x, x),
                _mm512_shuffle_i64x2::<0x55>(x, x),
                _mm512_shuffle_i64x2::<0xaa>(x, x),
                _mm512_shuffle_i64x2::<0xff>(x, x),
            ];
            for (label, lane) in labels.zip(lanes) {
                store_part(packer.separate_digits(lane), label);
            }
        } else {
            let pairs = [_mm512_shuffle_i64x2::<0x50>(x, x), _mm512_shuffle_i64x2::<0xfa>(x, x)];
            for pair in pairs {
                let digits = packer.separate_digits(pair);
                let high = _mm512_shuffle_i64x2::<0b11_10_11_10>(digits, digits);
                for (half, label) in [digits, high].into_iter().zip(&mut labels) {
                    store_part(half, label);
                }
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn ladder(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
    if r.bits() == 1 {
        portable::ladder(r, base, delta, out);
    } else {
        climb(r, load_part(base), load_part(delta), out);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn keys(r: Radix, zero: &[u8], delta: &[u8], out: &mut [Block]) {
    if r.bits() == 1 {
        portable::keys(r, zero, delta, out);
        return;
    }
    let back = _mm512_set1_epi16(i16::from(r.p()) - i16::from(zero[0]));
    let (zero, delta) = (load_part(zero), load_part(delta));
    let words = Words::new(r);
    let low = words.multiply_add(back, _mm512_castsi512_si256(delta), _mm512_castsi512_si256(zero));
    let [delta_high, zero_high] = [delta, zero].map(|x| _mm512_extracti64x4_epi64::<1>(x));
    let high = words.multiply_add(back, delta_high, zero_high);
    let first = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
    climb(r, first, delta, out);
}

/// The packed labels base + v delta.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn climb(r: Radix, base: __m512i, delta: __m512i, out: &mut [Block]) {
    match r.bits() {
        2 | 3 => climb_slots::<64>(r, base, delta, out),
        4..=7 => climb_slots::<32>(r, base, delta, out),
        _ => climb_slots::<16>(r, base, delta, out),
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn climb_slots<const SLOT: usize>(r: Radix, base: __m512i, delta: __m512i, out: &mut [Block]) {
    let packer = Packer::new(r);
    let [base, one] = [base, delta].map(|x| match SLOT {
        16 => _mm512_broadcast_i32x4(_mm512_castsi512_si128(x)),
        32 => _mm512_broadcast_i64x4(_mm512_castsi512_si256(x)),
        _ => x,
    });
    let p = packer.p;
    let two = add::<SLOT>(one, one, p);
    let step = add::<SLOT>(two, two, p);
    let mut group = [base; GROUP];
    match SLOT {
        16 => {
            let odd = _mm512_maskz_mov_epi64(0b1100_1100, one);
            let upper = _mm512_maskz_mov_epi64(0b1111_0000, two);
            group[0] = add::<SLOT>(add::<SLOT>(base, odd, p), upper, p);
        }
        32 => {
            group[0] = add::<SLOT>(base, _mm512_maskz_mov_epi64(0b1111_0000, one), p);
            group[1] = add::<SLOT>(group[0], two, p);
        }
        _ => {
            for i in 1..GROUP {
                group[i] = add::<SLOT>(group[i - 1], one, p);
            }
        }
    }
    for out in out.chunks_mut(GROUP) {
        store_blocks(packer.pack::<SLOT>(&group), out);
        for x in &mut group[..SLOT / 16] {
            *x = add::<SLOT>(*x, step, p);
        }
    }
}
