use sordino_kernels::Block;
use sordino_secret::SecretRng;
use sordino_wire::Lane;
use zeroize::Zeroize;

use super::fold::Fold;
use super::tree::{self, mask};
use super::{CHUNK_BLOCKS, ROWS, chunks, columns, correction_blocks, sets};
use crate::{Error, base, kinds};

/// The COT sender: base-OT receiver, holder of all leaves but one per tree.
pub(crate) struct Sender {
    k: u32,
    delta: Block,
    /// Set after set, the missing leaf at place 0 of each.
    leaves: Vec<Block>,
    counter: u64,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.zeroize();
        self.leaves.zeroize();
    }
}

impl Sender {
    pub(crate) fn setup(
        lane: &mut Lane,
        rng: &mut SecretRng,
        k: u32,
        delta: Block,
    ) -> Result<Self, Error> {
        let keys = base::recv(lane, rng, &tree::choices(k, delta))?;
        let mut masked = vec![Block::ZERO; tree::sums_len(k) / size_of::<Block>()];
        lane.recv_into(kinds::TREE_SUMS, bytemuck::must_cast_slice_mut(&mut masked))?;
        let leaves = tree::regrow(k, delta, &keys, &masked);
        Ok(Self { k, delta, leaves, counter: 0 })
    }

    pub(crate) fn delta(&self) -> Block {
        self.delta
    }

    /// `q` of `n` COTs.
    pub(crate) fn extend(&mut self, lane: &mut Lane, n: usize) -> Result<Vec<Block>, Error> {
        let mut q = vec![Block::ZERO; n];
        let most = CHUNK_BLOCKS.min(n.div_ceil(128));
        let mut work = Fold::new(self.k, most);
        let mut rows = vec![Block::ZERO; ROWS * most];
        let mut scratch = vec![Block::ZERO; ROWS * most];
        let mut corrections = vec![Block::ZERO; correction_blocks(self.k, most)];
        for (blocks, out) in chunks(n).zip(q.chunks_mut(super::CHUNK)) {
            let rows = &mut rows[..ROWS * blocks];
            let corrections = &mut corrections[..correction_blocks(self.k, blocks)];
            lane.recv_into(kinds::SOFTSPOKEN, bytemuck::must_cast_slice_mut(corrections))?;
            let mut seeds = &self.leaves[..];
            for (set, (first, depth)) in sets(self.k).enumerate() {
                let (own, rest) = seeds.split_at(1 << depth);
                seeds = rest;
                let planes = &mut rows[first * blocks..][..depth * blocks];
                work.expand(own, self.counter, blocks, planes);
                if set > 0 {
                    let correction = &corrections[(set - 1) * blocks..][..blocks];
                    for (b, plane) in planes.chunks_exact_mut(blocks).enumerate() {
                        let delta = mask((self.delta.0 >> (first + b)) as u64 & 1);
                        for (p, c) in plane.iter_mut().zip(correction) {
                            *p ^= *c & delta;
                        }
                    }
                }
            }
            columns(rows, &mut scratch, out);
            self.counter += blocks as u64;
        }
        rows.zeroize();
        scratch.zeroize();
        Ok(q)
    }
}
