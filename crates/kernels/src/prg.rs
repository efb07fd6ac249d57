//! Pseudo-random generators from AES-128 in counter mode.
//!
//! *Security*: outputs are pseudo-random as long as AES-128 is a pseudo-random permutation and fewer than 2^48 blocks
//! are drawn per seed (permutation/function switching).

use zeroize::Zeroize;

use crate::Block;
use crate::aes::scalar;

const BUFFER: usize = 128;

/// A generator: the concatenation of AES_seed(0), AES_seed(1), …
///
/// The output is one byte stream: how it is cut into calls does not change it. Not `Clone`, and zeroised on drop.
pub struct Prg {
    cipher: aes::Aes128,
    counter: u64,
    buffer: [u8; BUFFER],
    used: usize,
}

impl Prg {
    /// A generator from a secret uniform seed.
    pub fn new(seed: Block) -> Self {
        Self { cipher: scalar::cipher(seed), counter: 0, buffer: [0; BUFFER], used: BUFFER }
    }

    /// Fills `out` with the next bytes.
    pub fn fill_bytes(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == BUFFER {
                for chunk in self.buffer.chunks_exact_mut(16) {
                    let block = scalar::encrypt(&self.cipher, Block(self.counter.into()));
                    chunk.copy_from_slice(&block.to_bytes());
                    self.counter += 1;
                }
                self.used = 0;
            }
            *byte = self.buffer[self.used];
            self.used += 1;
        }
    }

    /// Fills `out` with the next blocks.
    pub fn fill_blocks(&mut self, out: &mut [Block]) {
        self.fill_bytes(bytemuck::must_cast_slice_mut(out));
    }

    /// Fills `out` with the next words.
    pub fn fill_words(&mut self, out: &mut [u64]) {
        self.fill_bytes(bytemuck::must_cast_slice_mut(out));
    }

    /// The next word.
    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl Drop for Prg {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// Expands each seed: `out` is `seeds.len()` rows of `out.len() / seeds.len()` blocks, and block `j` of row `i` is
/// AES_{seeds[i]}(counter + j), the same blocks as a [`Prg`] from that seed yields.
///
/// # Panics
/// If `out.len()` is not a multiple of `seeds.len()`.
pub fn expand(seeds: &[Block], counter: u64, out: &mut [Block]) {
    if seeds.is_empty() {
        assert!(out.is_empty(), "no seeds to fill {} blocks from", out.len());
        return;
    }
    assert_eq!(out.len() % seeds.len(), 0, "output is not a whole number of blocks per seed");
    let row = out.len() / seeds.len();
    if row == 0 {
        return;
    }
    for (seed, out) in seeds.iter().zip(out.chunks_exact_mut(row)) {
        let cipher = scalar::cipher(*seed);
        for (j, block) in out.iter_mut().enumerate() {
            *block = scalar::encrypt(&cipher, Block(counter.wrapping_add(j as u64).into()));
        }
    }
}
