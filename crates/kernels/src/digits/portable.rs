//! Packing, ladders, selection, rotation and sampling in portable code: the scalar twins, and with the features of a vector
//! caller the kernels of levels without their own.

use super::Radix;
use crate::Block;

/// Concatenates the low `bits` bits of the bytes of a word, by doubling the width of the fields three times.
#[inline(always)]
fn compress(x: u64, bits: u32) -> u64 {
    let x = (x & 0x00ff_00ff_00ff_00ff) | ((x & 0xff00_ff00_ff00_ff00) >> (8 - bits));
    let x = (x & 0x0000_ffff_0000_ffff) | ((x & 0xffff_0000_ffff_0000) >> (16 - 2 * bits));
    (x & 0x0000_0000_ffff_ffff) | ((x & 0xffff_ffff_0000_0000) >> (32 - 4 * bits))
}

/// The inverse of [`compress`]; higher bits are ignored.
#[inline(always)]
fn spread(x: u64, bits: u32) -> u64 {
    let field = |width: u32| u64::MAX >> (64 - width * bits);
    let x = (x & field(4)) | ((x & (field(4) << (4 * bits))) << (32 - 4 * bits));
    let pair = field(2) | (field(2) << 32);
    let x = (x & pair) | ((x & (pair << (2 * bits))) << (16 - 2 * bits));
    let single = field(1) * 0x0001_0001_0001_0001;
    (x & single) | ((x & (single << bits)) << (8 - bits))
}

/// Packs the digits of one label in a slot, whose other bytes are zero.
#[inline(always)]
fn pack_slot<const SLOT: usize>(r: Radix, slot: &[u8; SLOT]) -> Block {
    let mut packed = 0;
    for (i, word) in slot.as_chunks().0.iter().enumerate().take(r.digits().div_ceil(8)) {
        let word = compress(u64::from_le_bytes(*word), r.bits());
        packed |= u128::from(word) << (8 * i as u32 * r.bits());
    }
    Block(packed)
}

/// Copies one label into a slot.
#[inline(always)]
fn slot<const SLOT: usize>(label: &[u8]) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..label.len()].copy_from_slice(label);
    slot
}

/// Calls a function that is generic over the bytes of a slot with the least of 16, 32, 64 and 128 that holds a label.
macro_rules! by_slot {
    ($r:ident, $name:ident($($argument:expr),*)) => {
        match $r.digits() {
            0..=16 => $name::<16>($($argument),*),
            17..=32 => $name::<32>($($argument),*),
            33..=64 => $name::<64>($($argument),*),
            _ => $name::<128>($($argument),*),
        }
    };
}

#[inline(always)]
pub(super) fn pack(r: Radix, labels: &[u8], out: &mut [Block]) {
    if r.bits() == 8 {
        bytemuck::must_cast_slice_mut(out).copy_from_slice(labels);
        return;
    }
    by_slot!(r, pack_slots(r, labels, out));
}

#[inline(always)]
fn pack_slots<const SLOT: usize>(r: Radix, labels: &[u8], out: &mut [Block]) {
    for (label, out) in labels.chunks_exact(r.digits()).zip(out) {
        *out = pack_slot::<SLOT>(r, &slot(label));
    }
}

#[inline(always)]
pub(super) fn unpack(r: Radix, packed: &[Block], out: &mut [u8]) {
    if r.bits() == 8 {
        for (digit, byte) in out.iter_mut().zip(bytemuck::must_cast_slice::<_, u8>(packed)) {
            *digit = (*byte).min(byte.wrapping_sub(r.p()));
        }
        return;
    }
    for (block, out) in packed.iter().zip(out.chunks_exact_mut(r.digits())) {
        for (i, digits) in out.chunks_mut(8).enumerate() {
            let word = spread((block.0 >> (8 * i as u32 * r.bits())) as u64, r.bits());
            for (digit, value) in digits.iter_mut().zip(word.to_le_bytes()) {
                *digit = value.min(value.wrapping_sub(r.p()));
            }
        }
    }
}

/// a + b, digit by digit.
#[inline(always)]
fn add_slots<const SLOT: usize>(r: Radix, a: &[u8; SLOT], b: &[u8; SLOT]) -> [u8; SLOT] {
    let mut sum = *a;
    for (sum, b) in sum.iter_mut().zip(b) {
        if r.is_wide() {
            *sum = r.fold(u16::from(*sum) + u16::from(*b)) as u8;
        } else {
            *sum += b;
            *sum = (*sum).min(sum.wrapping_sub(r.p()));
        }
    }
    sum
}

#[inline(always)]
pub(super) fn keys(r: Radix, zero: &[u8], delta: &[u8], out: &mut [Block]) {
    ladder(r, &colour_zero(r, zero, delta)[..r.digits()], delta, out);
}

/// The label zero - `zero[0]` delta, padded with zeros.
#[inline(always)]
pub(super) fn colour_zero(r: Radix, zero: &[u8], delta: &[u8]) -> [u8; 128] {
    let back = u16::from(r.p() - zero[0]);
    let mut first = [0; 128];
    for ((first, zero), delta) in first.iter_mut().zip(zero).zip(delta) {
        *first = r.reduce(u16::from(*zero) + back * u16::from(*delta)) as u8;
    }
    first
}

#[inline(always)]
pub(super) fn ladder(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
    by_slot!(r, ladder_slots(r, base, delta, out));
}

#[inline(always)]
fn ladder_slots<const SLOT: usize>(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
    let (mut label, delta) = (slot::<SLOT>(base), slot::<SLOT>(delta));
    for out in out {
        *out = pack_slot(r, &label);
        label = add_slots(r, &label, &delta);
    }
}

/// Reads the whole table for each row.
#[inline(always)]
pub(super) fn select(table: &[Block], index: &[u8], out: &mut [Block]) {
    for (out, &index) in out.iter_mut().zip(index) {
        let mut row = [0_u64; 2];
        for (i, entry) in (0_u64..256).zip(table) {
            let mask = ((i ^ u64::from(index)).wrapping_sub(1) >> 63).wrapping_neg();
            row[0] |= entry.0 as u64 & mask;
            row[1] |= (entry.0 >> 64) as u64 & mask;
        }
        *out = Block(u128::from(row[0]) | u128::from(row[1]) << 64);
    }
}

/// Rotates by the powers of two in `by`, each kept or undone under a mask. The copy of the end of the table in front
/// of it makes a rotation one shifted read.
#[inline(always)]
pub(super) fn rotate(f: &[u8], by: u8, out: &mut [u8]) {
    let len = f.len();
    let mut rotated = [0_u8; 512];
    out.copy_from_slice(f);
    for bit in (0..8).take_while(|&bit| 1 << bit < len) {
        let step = 1 << bit;
        let mask = (by >> bit & 1).wrapping_neg();
        rotated[..step].copy_from_slice(&out[len - step..]);
        rotated[step..step + len].copy_from_slice(out);
        for (out, rotated) in out.iter_mut().zip(&rotated) {
            *out ^= (*out ^ rotated) & mask;
        }
    }
}

/// The residues of the first words of each of up to 64 labels, and in bit i whether label i has one to be rejected.
#[inline(always)]
pub(super) fn residues(r: Radix, stream: &[Block], out: &mut [u8]) -> u64 {
    let (n, width) = (r.digits(), r.digits().div_ceil(8));
    let greatest = r.greatest_word();
    let mut rejected = 0;
    let labels = stream.chunks_exact(width).zip(out.chunks_exact_mut(n));
    for (i, (words, out)) in labels.enumerate() {
        let words: &[u16] = bytemuck::must_cast_slice(words);
        let mut any = false;
        for (out, &word) in out.iter_mut().zip(words) {
            any |= word > greatest;
            *out = r.reduce(word) as u8;
        }
        rejected |= u64::from(any) << i;
    }
    rejected
}
