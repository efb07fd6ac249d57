use sordino_kernels::prg::{Seeds, TILE};
use sordino_kernels::{Block, Wiped, wipe};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Masked};

use super::{
    CHUNK, CHUNK_BLOCKS, ROWS, chunks, columns, correction_blocks, seeds_and_rows, tiles, tree,
};
use crate::{Error, base, kinds};

/// The COT receiver: base-OT sender, holder of all leaves.
pub(crate) struct Receiver {
    k: u32,
    leaves: Seeds,
    session: Block,
    counter: u64,
}

impl Receiver {
    pub(crate) fn setup(lane: &mut Lane, rng: &mut SecretRng, k: u32) -> Result<Self, Error> {
        let keys = base::send(lane, rng, ROWS)?;
        let (mut leaves, masked) = tree::grow(k, rng, &keys);
        lane.send(kinds::TREE_SUMS, Masked::pod(&masked))?;
        lane.flush()?;
        let seeds = Seeds::new(&leaves);
        wipe(&mut leaves);
        Ok(Self { k, leaves: seeds, session: keys.session(), counter: 0 })
    }

    pub(crate) fn session(&self) -> Block {
        self.session
    }

    /// Sets `t` of as many COTs as there is room for, and returns their choice bits.
    pub(crate) fn extend(&mut self, lane: &mut Lane, t: &mut [Block]) -> Result<Bits, Error> {
        let n = t.len();
        let mut choice = Vec::with_capacity(n.div_ceil(128) * 2);
        let mut rows = Box::new([[Block::ZERO; TILE]; ROWS]);
        let mut scratch = Wiped::zeros(ROWS * TILE);
        let mut sum = [Block::ZERO; TILE];
        let mut chosen = [Block::ZERO; TILE];
        let mut corrections = vec![Block::ZERO; correction_blocks(self.k, CHUNK_BLOCKS)];
        for (blocks, out) in chunks(n).zip(t.chunks_mut(CHUNK)) {
            let corrections = &mut corrections[..correction_blocks(self.k, blocks)];
            for (tile, out) in tiles(blocks).zip(out.chunks_mut(ROWS * TILE)) {
                let counter = self.counter + tile.start as u64;
                for (set, (seeds, set_rows)) in seeds_and_rows(self.k).enumerate() {
                    self.leaves.fold(seeds, false, counter, &mut rows[set_rows], &mut sum);
                    if set == 0 {
                        chosen = sum;
                        continue;
                    }
                    let to = &mut corrections[(set - 1) * blocks..][tile.clone()];
                    for (to, (sum, chosen)) in to.iter_mut().zip(sum.iter().zip(&chosen)) {
                        *to = *sum ^ *chosen;
                    }
                }
                columns(&rows, &mut scratch, out);
                let chosen = &chosen[..tile.len()];
                choice.extend(chosen.iter().flat_map(|b| [b.0 as u64, (b.0 >> 64) as u64]));
            }
            lane.send(kinds::SOFTSPOKEN, Masked::pod(corrections))?;
            self.counter += blocks as u64;
        }
        lane.flush()?;
        wipe(rows.as_flattened_mut());
        wipe(&mut sum);
        wipe(&mut chosen);
        Ok(Bits::from_words(choice, n))
    }
}
