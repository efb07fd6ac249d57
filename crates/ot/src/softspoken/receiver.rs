use sordino_kernels::Block;
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Masked};
use zeroize::Zeroize;

use super::fold::Fold;
use super::{CHUNK_BLOCKS, ROWS, chunks, columns, correction_blocks, sets, tree};
use crate::{Error, base, kinds};

/// The COT receiver: base-OT sender, holder of all leaves.
pub(crate) struct Receiver {
    k: u32,
    leaves: Vec<Block>,
    counter: u64,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.leaves.zeroize();
    }
}

impl Receiver {
    pub(crate) fn setup(lane: &mut Lane, rng: &mut SecretRng, k: u32) -> Result<Self, Error> {
        let keys = base::send(lane, rng, ROWS)?;
        let (leaves, masked) = tree::grow(k, rng, &keys);
        lane.send(kinds::TREE_SUMS, Masked::pod(&masked))?;
        lane.flush()?;
        Ok(Self { k, leaves, counter: 0 })
    }

    /// Choice bits and `t` of `n` COTs.
    pub(crate) fn extend(
        &mut self,
        lane: &mut Lane,
        n: usize,
    ) -> Result<(Bits, Vec<Block>), Error> {
        let mut t = vec![Block::ZERO; n];
        let mut choice = Vec::with_capacity(n.div_ceil(128) * 2);
        let most = CHUNK_BLOCKS.min(n.div_ceil(128));
        let mut work = Fold::new(self.k, most);
        let mut rows = vec![Block::ZERO; ROWS * most];
        let mut scratch = vec![Block::ZERO; ROWS * most];
        let mut chosen = vec![Block::ZERO; most];
        let mut corrections = Vec::with_capacity(correction_blocks(self.k, most));
        for (blocks, out) in chunks(n).zip(t.chunks_mut(super::CHUNK)) {
            let rows = &mut rows[..ROWS * blocks];
            let chosen = &mut chosen[..blocks];
            corrections.clear();
            let mut seeds = &self.leaves[..];
            for (set, (first, depth)) in sets(self.k).enumerate() {
                let (own, rest) = seeds.split_at(1 << depth);
                seeds = rest;
                let planes = &mut rows[first * blocks..][..depth * blocks];
                let sum = work.expand(own, self.counter, blocks, planes);
                if set == 0 {
                    chosen.copy_from_slice(sum);
                } else {
                    corrections.extend(sum.iter().zip(&*chosen).map(|(u, c)| *u ^ *c));
                }
            }
            lane.send(kinds::SOFTSPOKEN, Masked::pod(&corrections))?;
            columns(rows, &mut scratch, out);
            choice.extend(chosen.iter().flat_map(|b| [b.0 as u64, (b.0 >> 64) as u64]));
            self.counter += blocks as u64;
        }
        lane.flush()?;
        rows.zeroize();
        scratch.zeroize();
        chosen.zeroize();
        Ok((Bits::from_words(choice, n), t))
    }
}
