//! The seeds: small GGM trees of which the COT sender learns all leaves but one.
//!
//! A tree of depth d stands for d bits of delta. Its leaf number `x` is reached from the root by the bits of `x`, most
//! significant first. The COT sender gets, by base OTs, at every level the sum over those children that lie beside its
//! path, and so every node off its path.

use sordino_kernels::{Block, hash};
use sordino_secret::{Bits, SecretRng};
use zeroize::Zeroize;

use super::{ROWS, sets};
use crate::base::{ReceiverKeys, SenderKeys};

/// Bytes of the message of masked sums: two blocks per base OT.
pub(crate) fn sums_len(_k: u32) -> usize {
    2 * ROWS * size_of::<Block>()
}

/// All leaves of all trees, set after set, and the masked sums for the peer.
pub(crate) fn grow(k: u32, rng: &mut SecretRng, keys: &SenderKeys) -> (Vec<Block>, Vec<Block>) {
    let mut leaves = Vec::with_capacity(sets(k).map(|(_, d)| 1 << d).sum());
    let mut masked = Vec::with_capacity(2 * ROWS);
    for (first, depth) in sets(k) {
        let mut nodes = vec![rng.block()];
        for level in 0..depth {
            let mut children = vec![Block::ZERO; 2 * nodes.len()];
            hash::ggm_double(&nodes, &mut children);
            nodes.zeroize();
            nodes = children;
            let sums = side_sums(&nodes);
            let pad = keys.keys()[first + level];
            masked.extend([sums[0] ^ pad[0], sums[1] ^ pad[1]]);
        }
        leaves.extend_from_slice(&nodes);
        nodes.zeroize();
    }
    (leaves, masked)
}

/// The base-OT choices of a COT sender with this delta: at each level the side away from its path.
pub(crate) fn choices(k: u32, delta: Block) -> Bits {
    let mut choices = Bits::zero(ROWS);
    for (first, depth) in sets(k) {
        for level in 0..depth {
            choices.set(first + level, 1 ^ path_bit(delta, first, depth, level));
        }
    }
    choices
}

/// The leaves that the COT sender can know, each set re-ordered: place `y` holds leaf `y ^ delta_set`, so that the
/// missing leaf is at place 0 (where a zero stands) and no later access depends on delta.
pub(crate) fn regrow(k: u32, delta: Block, keys: &ReceiverKeys, masked: &[Block]) -> Vec<Block> {
    let mut leaves = Vec::with_capacity(sets(k).map(|(_, d)| 1 << d).sum());
    for (first, depth) in sets(k) {
        // The node on the path is unknown at every level and stands as zero.
        let mut nodes = vec![Block::ZERO];
        let mut path = 0u32;
        for level in 0..depth {
            let bit = path_bit(delta, first, depth, level);
            let pair = &masked[2 * (first + level)..][..2];
            let sum = select(1 ^ bit, pair[0], pair[1]) ^ keys.keys()[first + level];

            let mut children = vec![Block::ZERO; 2 * nodes.len()];
            hash::ggm_double(&nodes, &mut children);
            for (x, pair) in (0u32..).zip(children.chunks_exact_mut(2)) {
                let known = mask(u64::from(x != path));
                pair[0] = pair[0] & known;
                pair[1] = pair[1] & known;
            }
            let sums = side_sums(&children);
            let sibling = sum ^ select(1 ^ bit, sums[0], sums[1]);
            path = 2 * path + bit as u32;
            for (x, child) in (0u32..).zip(&mut children) {
                *child ^= sibling & mask(u64::from(x == path ^ 1));
            }
            nodes.zeroize();
            nodes = children;
        }
        for b in 0..depth {
            swap_halves(&mut nodes, 1 << b, (delta.0 >> (first + b)) as u64 & 1);
        }
        leaves.extend_from_slice(&nodes);
        nodes.zeroize();
    }
    leaves
}

/// Bit of the path at a level: most significant bit of the leaf number first.
fn path_bit(delta: Block, first: usize, depth: usize, level: usize) -> u64 {
    (delta.0 >> (first + depth - 1 - level)) as u64 & 1
}

fn side_sums(children: &[Block]) -> [Block; 2] {
    let mut sums = [Block::ZERO; 2];
    for pair in children.chunks_exact(2) {
        sums[0] ^= pair[0];
        sums[1] ^= pair[1];
    }
    sums
}

/// All ones if `bit` is 1, else zero.
pub(crate) fn mask(bit: u64) -> Block {
    Block(u128::from(bit).wrapping_neg())
}

fn select(bit: u64, zero: Block, one: Block) -> Block {
    zero ^ ((zero ^ one) & mask(bit))
}

/// Exchanges places that differ by `stride`, if `swap` is 1.
fn swap_halves(nodes: &mut [Block], stride: usize, swap: u64) {
    for pair in nodes.chunks_exact_mut(2 * stride) {
        let (low, high) = pair.split_at_mut(stride);
        for (a, b) in low.iter_mut().zip(high) {
            let both = (*a ^ *b) & mask(swap);
            *a ^= both;
            *b ^= both;
        }
    }
}
