//! The public code: every output adds ten inputs at random places.

use sordino_kernels::{Block, prg};

/// Inputs per output.
const WEIGHT: usize = 10;
/// Outputs whose places are drawn together.
const BATCH: usize = 256;
const BATCH_BLOCKS: usize = BATCH * WEIGHT * size_of::<u32>() / size_of::<Block>();

/// An endless list of rows; both parties read the same ones in the same order.
pub(crate) struct Code {
    seed: Block,
    counter: u64,
    places: Box<[Block; BATCH_BLOCKS]>,
}

impl Code {
    pub(crate) fn new(seed: Block) -> Self {
        Self { seed, counter: 0, places: Box::new([Block::ZERO; BATCH_BLOCKS]) }
    }

    /// Adds the next `out.len()` (a multiple of 256) rows times `input` to `out`.
    pub(crate) fn add(&mut self, input: &[Block], out: &mut [Block]) {
        let k = input.len() as u64;
        // As pairs of words, which the compiler turns into vectors where it keeps 128-bit integers scalar.
        let input: &[[u64; 2]] = bytemuck::must_cast_slice(input);
        let out: &mut [[u64; 2]] = bytemuck::must_cast_slice_mut(out);
        for out in out.chunks_exact_mut(BATCH) {
            prg::expand(&[self.seed], self.counter, &mut self.places[..]);
            self.counter += BATCH_BLOCKS as u64;
            let places: &[u32] = bytemuck::must_cast_slice(&self.places[..]);
            for (out, row) in out.iter_mut().zip(places.chunks_exact(WEIGHT)) {
                let mut sum = *out;
                for place in row {
                    let x = input[((u64::from(*place) * k) >> 32) as usize];
                    sum = [sum[0] ^ x[0], sum[1] ^ x[1]];
                }
                *out = sum;
            }
        }
    }
}
