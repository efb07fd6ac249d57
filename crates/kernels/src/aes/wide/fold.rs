//! Sums of expanded seeds, made without writing the expansions down.
//!
//! # Safety
//! As for [`super`].

use super::{Lanes, Schedule, broadcast, count, encrypt, store, xor};
use crate::Block;
use crate::aes::{DEPTH, TILE};

/// The encryption of `numbers`.
#[inline(always)]
unsafe fn numbered<V: Lanes, const N: usize>(key: &Schedule, mut numbers: [V; N]) -> [V; N] {
    // SAFETY: the module's condition.
    unsafe {
        let keys = broadcast::<V>(key);
        encrypt(
            &mut numbers,
            #[inline(always)]
            |r, _| keys[r],
        );
        numbers
    }
}

/// See [`crate::prg::Seeds::fold`]. `N` registers hold as many blocks as divide TILE.
#[inline(always)]
pub(in crate::aes) unsafe fn fold<V: Lanes, const N: usize>(
    seeds: &[Schedule],
    punctured: bool,
    counter: u64,
    planes: &mut [[Block; TILE]],
    sum: &mut [Block; TILE],
) {
    // SAFETY: the module's condition.
    unsafe {
        match planes.len() {
            1 => tree::<V, N, 1>(seeds, punctured, counter, planes, sum),
            2 => tree::<V, N, 2>(seeds, punctured, counter, planes, sum),
            3 => tree::<V, N, 3>(seeds, punctured, counter, planes, sum),
            4 => tree::<V, N, 4>(seeds, punctured, counter, planes, sum),
            _ => tree::<V, N, DEPTH>(seeds, punctured, counter, planes, sum),
        }
    }
}

/// The fold of at most `MOST` planes.
///
/// Expansions are added up in a binary tree, whose open nodes are on a stack: an odd child belongs to the plane of its
/// level, and both children together are the child of the level above.
#[inline(always)]
unsafe fn tree<V: Lanes, const N: usize, const MOST: usize>(
    seeds: &[Schedule],
    punctured: bool,
    counter: u64,
    planes: &mut [[Block; TILE]],
    sum: &mut [Block; TILE],
) {
    const { assert!(TILE.is_multiple_of(N * V::BLOCKS)) };
    let depth = planes.len().min(MOST);
    // SAFETY: the module's condition; stores cover N registers' worth of blocks, a part of a row of TILE.
    unsafe {
        let zero = [V::splat(Block::ZERO); N];
        for part in (0..TILE).step_by(N * V::BLOCKS) {
            let numbers = count::<V, N>(counter.wrapping_add(part as u64), 1);
            let (mut open, mut odd, mut all) = ([zero; MOST], [zero; MOST], zero);
            for (pair, keys) in seeds.chunks_exact(2).enumerate() {
                let right = numbered(&keys[1], numbers);
                let left = match pair {
                    0 if punctured => zero,
                    _ => numbered(&keys[0], numbers),
                };
                odd[0] = xor(odd[0], right);
                let mut node = xor(left, right);
                let (mut level, mut place) = (1, pair);
                while place & 1 == 1 {
                    odd[level] = xor(odd[level], node);
                    node = xor(node, open[level]);
                    place >>= 1;
                    level += 1;
                }
                if level < depth {
                    open[level] = node;
                } else {
                    all = node;
                }
            }
            for (plane, odd) in planes.iter_mut().zip(odd) {
                store(odd, &mut plane[part..]);
            }
            store(all, &mut sum[part..]);
        }
    }
}
