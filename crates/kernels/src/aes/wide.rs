//! The batch loops, written once over a register of one or more blocks.
//!
//! # Safety
//! Every function is `inline(always)` so that it becomes part of the `#[target_feature]` function in [`super::x86`]
//! that calls it. Calling one from elsewhere than code with the features of its `Lanes` type is undefined: that is
//! the one condition on all of them. They touch memory only through slices and through [`Lanes::load`] and
//! [`Lanes::store`] on subslices or arrays of at least `BLOCKS` blocks, at any alignment.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Block;

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
    /// first, first + 1, … modulo 2^64.
    unsafe fn count_from(first: u64) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    unsafe fn round(self, key: Self) -> Self;
    unsafe fn last_round(self, key: Self) -> Self;
    /// The round key after `self`.
    unsafe fn next_key(self, rcon: u32) -> Self;
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

#[inline(always)]
unsafe fn store<V: Lanes, const N: usize>(v: [V; N], to: &mut [Block]) {
    debug_assert!(to.len() >= N * V::BLOCKS);
    for (i, v) in v.into_iter().enumerate() {
        // SAFETY: the module's condition; callers pass room for N registers.
        unsafe { v.store(to.as_mut_ptr().add(i * V::BLOCKS)) };
    }
}

#[inline(always)]
unsafe fn count<V: Lanes, const N: usize>(first: u64) -> [V; N] {
    // SAFETY: the module's condition.
    unsafe {
        let mut v = [V::count_from(first); N];
        for (i, v) in v.iter_mut().enumerate() {
            *v = V::count_from(first.wrapping_add((i * V::BLOCKS) as u64));
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
            let mut s = count::<V, FLIGHT>(at);
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
            let mut s = count::<V, FLIGHT>(at);
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
unsafe fn tmmo_batch<V: Lanes, const N: usize>(
    keys: &[V; ROUNDS + 1],
    mut x: [V; N],
    tweaks: [V; N],
) -> [V; N] {
    // SAFETY: the module's condition.
    unsafe {
        encrypt(
            &mut x,
            #[inline(always)]
            |r, _| keys[r],
        );
        let mut s = xor(x, tweaks);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        xor(s, x)
    }
}

#[inline(always)]
pub(super) unsafe fn tmmo<V: Lanes>(p: &Schedule, x: &[Block], tweak: u64, out: &mut [Block]) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and `pad` holds WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(p);
        let mut at = tweak;
        let (mut xs, mut outs) = (x.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (x, out) in (&mut xs).zip(&mut outs) {
            store(tmmo_batch::<V, FLIGHT>(&keys, load(x), count(at)), out);
            at = at.wrapping_add(batch as u64);
        }
        let (x, out) = (xs.remainder(), outs.into_remainder());
        if !x.is_empty() {
            let mut pad = [Block::ZERO; WIDEST];
            pad[..x.len()].copy_from_slice(x);
            store(tmmo_batch::<V, FLIGHT>(&keys, load(&pad), count(at)), &mut pad);
            out.copy_from_slice(&pad[..out.len()]);
        }
    }
}

#[inline(always)]
unsafe fn permute_batch<V: Lanes>(keys: &[V; ROUNDS + 1], x: &[Block]) -> [V; FLIGHT] {
    // SAFETY: the module's condition.
    unsafe {
        let mut s = load(x);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        s
    }
}

/// Encrypts `x` into `out`.
#[inline(always)]
pub(super) unsafe fn permute<V: Lanes>(key: &Schedule, x: &[Block], out: &mut [Block]) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and `pad` holds WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(key);
        let (mut xs, mut outs) = (x.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (x, out) in (&mut xs).zip(&mut outs) {
            store(permute_batch(&keys, x), out);
        }
        let (x, out) = (xs.remainder(), outs.into_remainder());
        if !x.is_empty() {
            let mut pad = [Block::ZERO; WIDEST];
            pad[..x.len()].copy_from_slice(x);
            store(permute_batch(&keys, &pad), &mut pad);
            out.copy_from_slice(&pad[..out.len()]);
        }
    }
}

/// tweak, tweak + step, … modulo 2^64.
#[inline(always)]
unsafe fn tweaks<V: Lanes>(tweak: u64, step: u64) -> [V; FLIGHT] {
    let mut tweaks = [Block::ZERO; WIDEST];
    for (i, to) in tweaks.iter_mut().enumerate().take(FLIGHT * V::BLOCKS) {
        *to = Block(tweak.wrapping_add(step.wrapping_mul(i as u64)).into());
    }
    // SAFETY: the module's condition.
    unsafe { load(&tweaks) }
}

#[inline(always)]
unsafe fn from_batch<V: Lanes>(
    keys: &[V; ROUNDS + 1],
    tweaks: [V; FLIGHT],
    px: &[Block],
    out: &mut [Block],
) {
    // SAFETY: the module's condition.
    unsafe {
        let px = load::<V, FLIGHT>(px);
        let mut s = xor(px, tweaks);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        store(xor(load(out), xor(s, px)), out);
    }
}

#[inline(always)]
pub(super) unsafe fn tmmo_from<V: Lanes>(
    p: &Schedule,
    px: &[Block],
    tweak: u64,
    step: u64,
    out: &mut [Block],
) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and the pads hold WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(p);
        let mut at = tweak;
        let (mut xs, mut outs) = (px.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (px, out) in (&mut xs).zip(&mut outs) {
            from_batch(&keys, tweaks(at, step), px, out);
            at = at.wrapping_add(step.wrapping_mul(batch as u64));
        }
        let (px, out) = (xs.remainder(), outs.into_remainder());
        if !px.is_empty() {
            let (mut pad, mut pad_out) = ([Block::ZERO; WIDEST], [Block::ZERO; WIDEST]);
            pad[..px.len()].copy_from_slice(px);
            pad_out[..px.len()].copy_from_slice(out);
            from_batch(&keys, tweaks(at, step), &pad, &mut pad_out);
            out.copy_from_slice(&pad_out[..px.len()]);
        }
    }
}

/// One batch of pairs: `q` and the outputs have room for HALF registers.
#[inline(always)]
unsafe fn cot_batch<V: Lanes>(
    keys: &[V; ROUNDS + 1],
    delta: [V; HALF],
    tweak: u64,
    q: &[Block],
    out0: &mut [Block],
    out1: &mut [Block],
) {
    // SAFETY: the module's condition.
    unsafe {
        let (q, tweaks) = (load::<V, HALF>(q), count::<V, HALF>(tweak));
        let [a, b, c, d, e, f, g, h] =
            tmmo_batch(keys, concat(q, xor(q, delta)), concat(tweaks, tweaks));
        store([a, b, c, d], out0);
        store([e, f, g, h], out1);
    }
}

#[inline(always)]
pub(super) unsafe fn tmmo_cot<V: Lanes>(
    p: &Schedule,
    q: &[Block],
    delta: Block,
    tweak: u64,
    [out0, out1]: [&mut [Block]; 2],
) {
    let batch = HALF * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and the pads hold WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(p);
        let delta = [V::splat(delta); HALF];
        let mut at = tweak;
        let mut qs = q.chunks_exact(batch);
        let (mut outs0, mut outs1) = (out0.chunks_exact_mut(batch), out1.chunks_exact_mut(batch));
        for ((q, out0), out1) in (&mut qs).zip(&mut outs0).zip(&mut outs1) {
            cot_batch(&keys, delta, at, q, out0, out1);
            at = at.wrapping_add(batch as u64);
        }
        let q = qs.remainder();
        if !q.is_empty() {
            let (mut pad0, mut pad1) = ([Block::ZERO; WIDEST], [Block::ZERO; WIDEST]);
            let mut pad = [Block::ZERO; WIDEST];
            pad[..q.len()].copy_from_slice(q);
            cot_batch(&keys, delta, at, &pad, &mut pad0, &mut pad1);
            outs0.into_remainder().copy_from_slice(&pad0[..q.len()]);
            outs1.into_remainder().copy_from_slice(&pad1[..q.len()]);
        }
    }
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
