//! The public code: every output adds ten inputs at random places.

use sordino_kernels::Block;
use sordino_kernels::prg::{SPARSE_BLOCKS, add_sparse};

/// An endless list of rows; both parties read the same ones in the same order.
pub(crate) struct Code {
    seed: Block,
    counter: u64,
}

impl Code {
    pub(crate) fn new(seed: Block) -> Self {
        Self { seed, counter: 0 }
    }

    /// Adds the next `out.len()` rows times `input` to `out`.
    pub(crate) fn add(&mut self, input: &[Block], out: &mut [Block]) {
        add_sparse(self.seed, self.counter, input, out);
        self.counter += (SPARSE_BLOCKS * out.len()) as u64;
    }
}
