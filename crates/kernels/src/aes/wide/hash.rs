//! The batch loops of the hashes.
//!
//! # Safety
//! As for [`super`].

use super::{
    FLIGHT, HALF, Lanes, ROUNDS, Schedule, WIDEST, broadcast, concat, count, encrypt, load,
    load_part, store, store_part, xor,
};
use crate::Block;

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
pub(in crate::aes) unsafe fn tmmo<V: Lanes>(
    p: &Schedule,
    x: &[Block],
    tweak: u64,
    out: &mut [Block],
) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks.
    unsafe {
        let keys = broadcast::<V>(p);
        let mut at = tweak;
        let (mut xs, mut outs) = (x.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (x, out) in (&mut xs).zip(&mut outs) {
            store(tmmo_batch::<V, FLIGHT>(&keys, load(x), count(at, 1)), out);
            at = at.wrapping_add(batch as u64);
        }
        let (x, out) = (xs.remainder(), outs.into_remainder());
        if !x.is_empty() {
            store_part(tmmo_batch::<V, FLIGHT>(&keys, load_part(x), count(at, 1)), out);
        }
    }
}

#[inline(always)]
unsafe fn permute_batch<V: Lanes>(keys: &[V; ROUNDS + 1], mut s: [V; FLIGHT]) -> [V; FLIGHT] {
    // SAFETY: the module's condition.
    unsafe {
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
pub(in crate::aes) unsafe fn permute<V: Lanes>(key: &Schedule, x: &[Block], out: &mut [Block]) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks.
    unsafe {
        let keys = broadcast::<V>(key);
        let (mut xs, mut outs) = (x.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (x, out) in (&mut xs).zip(&mut outs) {
            store(permute_batch(&keys, load(x)), out);
        }
        let (x, out) = (xs.remainder(), outs.into_remainder());
        if !x.is_empty() {
            store_part(permute_batch(&keys, load_part(x)), out);
        }
    }
}

#[inline(always)]
unsafe fn from_batch<V: Lanes>(
    keys: &[V; ROUNDS + 1],
    px: [V; FLIGHT],
    tweaks: [V; FLIGHT],
) -> [V; FLIGHT] {
    // SAFETY: the module's condition.
    unsafe {
        let mut s = xor(px, tweaks);
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        xor(s, px)
    }
}

#[inline(always)]
pub(in crate::aes) unsafe fn tmmo_from<V: Lanes>(
    p: &Schedule,
    px: &[Block],
    tweak: u64,
    step: u64,
    out: &mut [Block],
) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks.
    unsafe {
        let keys = broadcast::<V>(p);
        let mut at = tweak;
        let (mut xs, mut outs) = (px.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (px, out) in (&mut xs).zip(&mut outs) {
            let hashes = from_batch(&keys, load(px), count(at, step));
            store(xor(load(out), hashes), out);
            at = at.wrapping_add(step.wrapping_mul(batch as u64));
        }
        let (px, out) = (xs.remainder(), outs.into_remainder());
        if !px.is_empty() {
            let hashes = from_batch(&keys, load_part(px), count(at, step));
            store_part(xor(load_part(out), hashes), out);
        }
    }
}

#[inline(always)]
unsafe fn mmo_batch<V: Lanes, const N: usize>(keys: &[V; ROUNDS + 1], x: [V; N]) -> [V; N] {
    // SAFETY: the module's condition.
    unsafe {
        let mut s = x;
        encrypt(
            &mut s,
            #[inline(always)]
            |r, _| keys[r],
        );
        xor(s, x)
    }
}

/// sigma(x) if `SIGMA`, else x.
#[inline(always)]
unsafe fn spread<V: Lanes, const SIGMA: bool>(mut x: [V; FLIGHT]) -> [V; FLIGHT] {
    if SIGMA {
        for x in &mut x {
            // SAFETY: the module's condition.
            *x = unsafe { x.sigma() };
        }
    }
    x
}

/// See [`crate::hash::Mmo`] and, with `SIGMA`, [`crate::hash::Ccr`].
#[inline(always)]
pub(in crate::aes) unsafe fn mmo<V: Lanes, const SIGMA: bool>(
    key: &Schedule,
    x: &[Block],
    out: &mut [Block],
) {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks.
    unsafe {
        let keys = broadcast::<V>(key);
        let (mut xs, mut outs) = (x.chunks_exact(batch), out.chunks_exact_mut(batch));
        for (x, out) in (&mut xs).zip(&mut outs) {
            store(mmo_batch(&keys, spread::<V, SIGMA>(load(x))), out);
        }
        let (x, out) = (xs.remainder(), outs.into_remainder());
        if !x.is_empty() {
            store_part(mmo_batch(&keys, spread::<V, SIGMA>(load_part(x))), out);
        }
    }
}

/// One batch of pairs: `q` and the outputs have room for HALF registers.
#[inline(always)]
unsafe fn mmo_pairs<V: Lanes>(
    keys: &[V; ROUNDS + 1],
    [x, y]: [[V; HALF]; 2],
    out0: &mut [Block],
    out1: &mut [Block],
) {
    // SAFETY: the module's condition.
    unsafe {
        let [a, b, c, d, e, f, g, h] = mmo_batch(keys, concat(x, y));
        store([a, b, c, d], out0);
        store([e, f, g, h], out1);
    }
}

#[inline(always)]
pub(in crate::aes) unsafe fn mmo_cot<V: Lanes>(
    key: &Schedule,
    q: &[Block],
    delta: Block,
    [out0, out1]: [&mut [Block]; 2],
) {
    let batch = HALF * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and the pads hold WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(key);
        let delta = [V::splat(delta); HALF];
        let mut qs = q.chunks_exact(batch);
        let (mut outs0, mut outs1) = (out0.chunks_exact_mut(batch), out1.chunks_exact_mut(batch));
        for ((q, out0), out1) in (&mut qs).zip(&mut outs0).zip(&mut outs1) {
            let q = load::<V, HALF>(q);
            mmo_pairs(&keys, [q, xor(q, delta)], out0, out1);
        }
        let q = qs.remainder();
        if !q.is_empty() {
            let (mut pad0, mut pad1) = ([Block::ZERO; WIDEST], [Block::ZERO; WIDEST]);
            let part = load_part::<V, HALF>(q);
            mmo_pairs(&keys, [part, xor(part, delta)], &mut pad0, &mut pad1);
            outs0.into_remainder().copy_from_slice(&pad0[..q.len()]);
            outs1.into_remainder().copy_from_slice(&pad1[..q.len()]);
        }
    }
}

/// See [`crate::hash::Ccr::grow`].
#[inline(always)]
pub(in crate::aes) unsafe fn ccr_grow<V: Lanes>(
    key: &Schedule,
    nodes: &mut [Block],
    right: &mut [Block],
) -> Block {
    let batch = FLIGHT * V::BLOCKS;
    // SAFETY: the module's condition; chunks hold exactly `batch` blocks and the pads hold WIDEST >= batch.
    unsafe {
        let keys = broadcast::<V>(key);
        let mut sums = [V::splat(Block::ZERO); FLIGHT];
        let (mut lefts, mut rights) =
            (nodes.chunks_exact_mut(batch), right.chunks_exact_mut(batch));
        for (left, right) in (&mut lefts).zip(&mut rights) {
            let x = load(left);
            let hashes = mmo_batch(&keys, spread::<V, true>(x));
            store(hashes, left);
            store(xor(x, hashes), right);
            sums = xor(sums, hashes);
        }
        let mut pad = [Block::ZERO; WIDEST];
        store(sums, &mut pad);
        let mut sum = pad.iter().fold(Block::ZERO, |sum, x| sum ^ *x);
        let (left, right) = (lefts.into_remainder(), rights.into_remainder());
        if !left.is_empty() {
            store(mmo_batch(&keys, spread::<V, true>(load_part(left))), &mut pad);
            for ((left, right), hash) in left.iter_mut().zip(right).zip(&pad) {
                *right = *left ^ *hash;
                *left = *hash;
                sum ^= *hash;
            }
        }
        sum
    }
}
