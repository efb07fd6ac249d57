//! The batch loops, written once over a register of one or more blocks.
//!
//! # Safety
//! Every function is `inline(always)` so that it becomes part of the `#[target_feature]` function in [`super::x86`]
//! that calls it. Calling one from elsewhere than code with the features of its `Lanes` type is undefined: that is
//! the one condition on all of them. They touch memory only through slices and through [`Lanes::load`] and
//! [`Lanes::store`] on subslices or arrays of at least `BLOCKS` blocks, at any alignment.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Block;

mod fold;
mod hash;
mod sparse;

pub(super) use fold::fold;
pub(super) use hash::{ccr_grow, mmo, mmo_cot, permute, tmmo, tmmo_from};
pub(super) use sparse::sparse;

/// Registers in flight: enough to hide the latency of the AES unit of every x86 core so far.
const FLIGHT: usize = 8;
const HALF: usize = FLIGHT / 2;
/// Blocks in the widest batch: the size of buffers that pad the last one.
const WIDEST: usize = 4 * FLIGHT;
const ROUNDS: usize = 10;
const RCON: [u32; ROUNDS] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];

/// The eleven round keys; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Schedule([Block; ROUNDS + 1]);

#[cfg(test)]
impl Schedule {
    pub(super) fn last(&self) -> Block {
        self.0[ROUNDS]
    }
}

/// A register of `BLOCKS` blocks.
pub(super) trait Lanes: Copy {
    const BLOCKS: usize;
    /// Reads `BLOCKS` blocks, of any alignment.
    unsafe fn load(from: *const Block) -> Self;
    /// Writes `BLOCKS` blocks, of any alignment.
    unsafe fn store(self, to: *mut Block);
    unsafe fn splat(block: Block) -> Self;
    /// first, first + step, … modulo 2^64.
    unsafe fn count_from(first: u64, step: u64) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    unsafe fn round(self, key: Self) -> Self;
    unsafe fn last_round(self, key: Self) -> Self;
    /// The round key after `self`.
    unsafe fn next_key(self, rcon: u32) -> Self;
    /// In each block (high, low) becomes (high ^ low, high).
    unsafe fn sigma(self) -> Self;
    /// a0 b0 a1 b1 … in two registers.
    unsafe fn interleave(a: Self, b: Self) -> (Self, Self);
}

/// The schedule of one key, from a one-block register type.
#[inline(always)]
pub(super) unsafe fn schedule<V: Lanes>(key: Block) -> Schedule {
    const { assert!(V::BLOCKS == 1) };
    let mut keys = [key; ROUNDS + 1];
    for (r, rcon) in RCON.into_iter().enumerate() {
        // SAFETY: the module's condition; one block is read from and written to one array element.
        unsafe { V::load(&keys[r]).next_key(rcon).store(&mut keys[r + 1]) };
    }
    Schedule(keys)
}

#[inline(always)]
unsafe fn broadcast<V: Lanes>(schedule: &Schedule) -> [V; ROUNDS + 1] {
    // SAFETY: the module's condition.
    unsafe {
        let mut keys = [V::splat(schedule.0[0]); ROUNDS + 1];
        for (wide, key) in keys.iter_mut().zip(&schedule.0) {
            *wide = V::splat(*key);
        }
        keys
    }
}

/// Encrypts register i under the keys `keys(round, i)`.
#[inline(always)]
unsafe fn encrypt<V: Lanes, const N: usize>(s: &mut [V; N], keys: impl Fn(usize, usize) -> V) {
    // SAFETY: the module's condition.
    unsafe {
        for (i, s) in s.iter_mut().enumerate() {
            *s = s.xor(keys(0, i));
        }
        for r in 1..ROUNDS {
            for (i, s) in s.iter_mut().enumerate() {
                *s = s.round(keys(r, i));
            }
        }
        for (i, s) in s.iter_mut().enumerate() {
            *s = s.last_round(keys(ROUNDS, i));
        }
    }
}

#[inline(always)]
unsafe fn load<V: Lanes, const N: usize>(from: &[Block]) -> [V; N] {
    debug_assert!(from.len() >= N * V::BLOCKS);
    // SAFETY: the module's condition; callers pass at least N registers' worth of blocks.
    unsafe {
        let mut v = [V::load(from.as_ptr()); N];
        for (i, v) in v.iter_mut().enumerate() {
            *v = V::load(from.as_ptr().add(i * V::BLOCKS));
        }
        v
    }
}

/// The first blocks of N registers, the others being arbitrary, without the call that copies of unknown length cost.
#[inline(always)]
unsafe fn load_part<V: Lanes, const N: usize>(from: &[Block]) -> [V; N] {
    // SAFETY: the module's condition; single blocks lie in the slice, and the pad has WIDEST blocks.
    unsafe {
        if V::BLOCKS > 1 {
            let mut pad = [Block::ZERO; WIDEST];
            pad[..from.len()].copy_from_slice(from);
            return load(&pad);
        }
        let mut v = [V::load(&from[0]); N];
        for (i, v) in v.iter_mut().enumerate() {
            *v = V::load(&from[i.min(from.len() - 1)]);
        }
        v
    }
}

#[inline(always)]
unsafe fn store_part<V: Lanes, const N: usize>(v: [V; N], to: &mut [Block]) {
    if V::BLOCKS == 1 {
        for (v, to) in v.into_iter().zip(to) {
            // SAFETY: the module's condition; one block is written.
            unsafe { v.store(to) };
        }
    } else {
        let mut pad = [Block::ZERO; WIDEST];
        // SAFETY: the module's condition; the pad has WIDEST blocks.
        unsafe { store(v, &mut pad) };
        to.copy_from_slice(&pad[..to.len()]);
    }
}

#[inline(always)]
unsafe fn store<V: Lanes, const N: usize>(v: [V; N], to: &mut [Block]) {
    debug_assert!(to.len() >= N * V::BLOCKS);
    for (i, v) in v.into_iter().enumerate() {
        // SAFETY: the module's condition; callers pass room for N registers.
        unsafe { v.store(to.as_mut_ptr().add(i * V::BLOCKS)) };
    }
}

/// first, first + step, … modulo 2^64.
#[inline(always)]
unsafe fn count<V: Lanes, const N: usize>(first: u64, step: u64) -> [V; N] {
    // SAFETY: the module's condition.
    unsafe {
        let mut v = [V::count_from(first, step); N];
        for (i, v) in v.iter_mut().enumerate() {
            let at = step.wrapping_mul((i * V::BLOCKS) as u64);
            *v = V::count_from(first.wrapping_add(at), step);
        }
        v
    }
}

#[inline(always)]
unsafe fn xor<V: Lanes, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for (a, b) in a.iter_mut().zip(b) {
        // SAFETY: the module's condition.
        *a = unsafe { a.xor(b) };
    }
    a
}

#[inline(always)]
pub(super) unsafe fn counter_mode<V: Lanes>(key: &Schedule, counter: u64, out: &mut [[u8; 16]]) {
    // SAFETY: the module's condition. `out` may be unaligned for `Block`, so full batches go through byte pointers
    // of chunks that hold exactly FLIGHT registers, which `Lanes::store` permits at any alignment.
    unsafe {
        let keys = broadcast::<V>(key);
        let mut at = counter;
        let mut chunks = out.chunks_exact_mut(FLIGHT * V::BLOCKS);
        for chunk in &mut chunks {
            let mut s = count::<V, FLIGHT>(at, 1);
            encrypt(
                &mut s,
                #[inline(always)]
                |r, _| keys[r],
            );
            for (i, s) in s.into_iter().enumerate() {
                s.store(chunk.as_mut_ptr().add(i * V::BLOCKS).cast());
            }
            at = at.wrapping_add((FLIGHT * V::BLOCKS) as u64);
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            let mut s = count::<V, FLIGHT>(at, 1);
            encrypt(
                &mut s,
                #[inline(always)]
                |r, _| keys[r],
            );
            let mut pad = [Block::ZERO; WIDEST];
            store(s, &mut pad);
            rest.copy_from_slice(&bytemuck::must_cast_slice(&pad)[..rest.len()]);
        }
    }
}

#[inline(always)]
pub(super) unsafe fn expand<V: Lanes>(keys: &[Block], counter: u64, row: usize, out: &mut [Block]) {
    let batch = FLIGHT * V::BLOCKS;
    let mut padded = [Block::ZERO; WIDEST];
    let mut blocks = [Block::ZERO; WIDEST];
    for (keys, out) in keys.chunks(batch).zip(out.chunks_mut(batch * row)) {
        padded[..keys.len()].copy_from_slice(keys);
        // SAFETY: the module's condition; `padded` and `blocks` hold WIDEST >= batch blocks.
        unsafe {
            let mut schedule = [load::<V, FLIGHT>(&padded); ROUNDS + 1];
            for (r, rcon) in RCON.into_iter().enumerate() {
                let mut keys = schedule[r];
                for key in &mut keys {
                    *key = key.next_key(rcon);
                }
                schedule[r + 1] = keys;
            }
            for j in 0..row {
                let number = Block(counter.wrapping_add(j as u64).into());
                let mut s = [V::splat(number); FLIGHT];
                encrypt(
                    &mut s,
                    #[inline(always)]
                    |r, i| schedule[r][i],
                );
                store(s, &mut blocks);
                for (out, block) in out.chunks_exact_mut(row).zip(&blocks) {
                    out[j] = *block;
                }
            }
        }
    }
    padded.zeroize();
}

#[inline(always)]
fn concat<V: Copy>(a: [V; HALF], b: [V; HALF]) -> [V; FLIGHT] {
    [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
}

/// One batch of a tree level: HALF registers of parents, FLIGHT of children.
#[inline(always)]
unsafe fn ggm_batch<V: Lanes>(
    keys: &[[V; ROUNDS + 1]; 2],
    parents: &[Block],
    children: &mut [Block],
) {
    // SAFETY: the module's condition.
    unsafe {
        let x = load::<V, HALF>(parents);
        let mut s: [V; FLIGHT] = concat(x, x);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, i| keys[i / HALF][r],
        );
        let s = xor(s, concat(x, x));
        for i in 0..HALF {
            let (low, high) = V::interleave(s[i], s[i + HALF]);
            store([low, high], &mut children[2 * i * V::BLOCKS..]);
        }
    }
}

#[inline(always)]
pub(super) unsafe fn ggm_double<V: Lanes>(
    p: &[Schedule],
    parents: &[Block],
    children: &mut [Block],
) {
    let batch = HALF * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` parents and 2 * batch children, `pad` holds
    // WIDEST >= 2 * batch blocks.
    unsafe {
        let keys = [broadcast::<V>(&p[0]), broadcast::<V>(&p[1])];
        let mut all_parents = parents.chunks_exact(batch);
        let mut all_children = children.chunks_exact_mut(2 * batch);
        for (parents, children) in (&mut all_parents).zip(&mut all_children) {
            ggm_batch(&keys, parents, children);
        }
        let (parents, children) = (all_parents.remainder(), all_children.into_remainder());
        if !parents.is_empty() {
            let (mut pad, mut doubled) = ([Block::ZERO; WIDEST], [Block::ZERO; WIDEST]);
            pad[..parents.len()].copy_from_slice(parents);
            ggm_batch(&keys, &pad, &mut doubled);
            children.copy_from_slice(&doubled[..children.len()]);
        }
    }
}
