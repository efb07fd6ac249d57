//! From the expanded seeds of a set to its vector OLE.

use sordino_kernels::{Block, prg};
use zeroize::Zeroize;

/// Seeds expanded at a time, which bounds the working set for large fields.
const GROUP: usize = 16;

/// Work space for rows of expanded seeds.
pub(crate) struct Fold {
    leaves: Vec<Block>,
    sums: Vec<Block>,
}

impl Drop for Fold {
    fn drop(&mut self) {
        self.leaves.zeroize();
        self.sums.zeroize();
    }
}

impl Fold {
    pub(crate) fn new(k: u32, blocks: usize) -> Self {
        let group = GROUP.min(1 << k);
        let groups = (1 << k) / group;
        Self { leaves: vec![Block::ZERO; group * blocks], sums: vec![Block::ZERO; groups * blocks] }
    }

    /// With r_x the expansion of seed number x from `counter`: sets `planes[b]` to the sum of the r_x with bit b of x
    /// set, and returns the sum of all r_x. Rows have `blocks` blocks.
    ///
    /// Folding the rows in halves makes the sums for all bits with about two xors per seed instead of one per bit.
    pub(crate) fn expand(
        &mut self,
        seeds: &[Block],
        counter: u64,
        blocks: usize,
        planes: &mut [Block],
    ) -> &[Block] {
        planes.fill(Block::ZERO);
        let group = GROUP.min(seeds.len());
        let low = group.trailing_zeros() as usize;
        let (low_planes, high_planes) = planes.split_at_mut(low * blocks);
        let leaves = &mut self.leaves[..group * blocks];
        let sums = &mut self.sums[..seeds.len() / group * blocks];
        for (seeds, sum) in seeds.chunks_exact(group).zip(sums.chunks_exact_mut(blocks)) {
            prg::expand(seeds, counter, leaves);
            fold_rows(leaves, blocks, low_planes);
            sum.copy_from_slice(&leaves[..blocks]);
        }
        fold_rows(sums, blocks, high_planes);
        &sums[..blocks]
    }
}

/// Adds to plane b the rows whose number has bit b set, and leaves the sum of all rows in row 0.
fn fold_rows(rows: &mut [Block], blocks: usize, planes: &mut [Block]) {
    // As words, which the compiler turns into vectors where it keeps 128-bit integers scalar.
    let rows: &mut [u64] = bytemuck::must_cast_slice_mut(rows);
    let planes: &mut [u64] = bytemuck::must_cast_slice_mut(planes);
    let words = 2 * blocks;
    let mut stride = words;
    for plane in planes.chunks_exact_mut(words) {
        for pair in rows.chunks_mut(2 * stride) {
            let (even, odd) = pair.split_at_mut(stride);
            let (even, odd) = (&mut even[..words], &odd[..words]);
            for ((e, o), p) in even.iter_mut().zip(odd).zip(plane.iter_mut()) {
                *e ^= *o;
                *p ^= *o;
            }
        }
        stride *= 2;
    }
}
