use sordino_kernels::prg::{Seeds, TILE};
use sordino_kernels::{Block, Wiped, wipe};
use sordino_secret::SecretRng;
use sordino_wire::Lane;
use zeroize::Zeroize;

use super::tree::{self, mask};
use super::{CHUNK, CHUNK_BLOCKS, ROWS, chunks, columns, correction_blocks, seeds_and_rows, tiles};
use crate::{Error, base, kinds};

/// The COT sender: base-OT receiver, holder of all leaves but one per tree.
pub(crate) struct Sender {
    k: u32,
    delta: Block,
    /// Set after set, the missing leaf at place 0 of each.
    leaves: Seeds,
    session: Block,
    counter: u64,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.zeroize();
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
        let mut leaves = tree::regrow(k, delta, &keys, &masked);
        let seeds = Seeds::new(&leaves);
        wipe(&mut leaves);
        Ok(Self { k, delta, leaves: seeds, session: keys.session(), counter: 0 })
    }

    pub(crate) fn delta(&self) -> Block {
        self.delta
    }

    pub(crate) fn session(&self) -> Block {
        self.session
    }

    /// Sets `q` of as many COTs as there is room for.
    pub(crate) fn extend(&mut self, lane: &mut Lane, q: &mut [Block]) -> Result<(), Error> {
        let mut rows = Box::new([[Block::ZERO; TILE]; ROWS]);
        let mut scratch = Wiped::zeros(ROWS * TILE);
        let mut unused = [Block::ZERO; TILE];
        let mut corrections = vec![Block::ZERO; correction_blocks(self.k, CHUNK_BLOCKS)];
        for (blocks, out) in chunks(q.len()).zip(q.chunks_mut(CHUNK)) {
            let corrections = &mut corrections[..correction_blocks(self.k, blocks)];
            lane.recv_into(kinds::SOFTSPOKEN, bytemuck::must_cast_slice_mut(corrections))?;
            for (tile, out) in tiles(blocks).zip(out.chunks_mut(ROWS * TILE)) {
                let counter = self.counter + tile.start as u64;
                for (set, (seeds, set_rows)) in seeds_and_rows(self.k).enumerate() {
                    let first = set_rows.start;
                    let planes = &mut rows[set_rows];
                    self.leaves.fold(seeds, true, counter, planes, &mut unused);
                    if set > 0 {
                        let correction = &corrections[(set - 1) * blocks..][tile.clone()];
                        for (b, plane) in planes.iter_mut().enumerate() {
                            let delta = mask((self.delta.0 >> (first + b)) as u64 & 1);
                            add(plane, correction, delta);
                        }
                    }
                }
                columns(&rows, &mut scratch, out);
            }
            self.counter += blocks as u64;
        }
        wipe(rows.as_flattened_mut());
        wipe(&mut unused);
        Ok(())
    }
}

/// Adds the correction where `delta` is set.
fn add(plane: &mut [Block], correction: &[Block], delta: Block) {
    // As words, which the compiler turns into vectors where it keeps 128-bit integers scalar.
    let plane: &mut [u64] = bytemuck::must_cast_slice_mut(plane);
    let correction: &[u64] = bytemuck::must_cast_slice(correction);
    for (p, c) in plane.iter_mut().zip(correction) {
        *p ^= c & delta.0 as u64;
    }
}
