//! Pseudo-random generators from AES-128 in counter mode.
//!
//! *Security*: outputs are pseudo-random as long as AES-128 is a pseudo-random permutation and fewer than 2^48 blocks
//! are drawn per seed (permutation/function switching).

use core::ops::Range;

use zeroize::Zeroize;

use crate::Block;
use crate::aes::{self, Key, Keys};

/// Blocks that [`Seeds::fold`] makes of each row.
pub const TILE: usize = aes::TILE;

/// Bytes made at a time for small requests.
const BUFFER: usize = 128;
/// From this many blocks per seed on, [`expand`] works seed by seed.
const LONG_ROW: usize = 32;

/// A generator: the concatenation of AES_seed(0), AES_seed(1), …
///
/// The output is one byte stream: how it is cut into calls does not change it. Not `Clone`, and wiped on drop.
pub struct Prg {
    key: Key,
    /// Blocks made so far.
    counter: u64,
    /// The last of them; those from `used` on have not been given out.
    buffer: [u8; BUFFER],
    used: usize,
}

impl Prg {
    /// A generator from a secret uniform seed.
    pub fn new(seed: Block) -> Self {
        Self { key: Key::new(seed), counter: 0, buffer: [0; BUFFER], used: BUFFER }
    }

    /// Fills `out` with the next bytes.
    pub fn fill_bytes(&mut self, out: &mut [u8]) {
        let out = self.drain(out);
        let (blocks, rest) = out.as_chunks_mut();
        self.key.counter_mode(self.counter, blocks);
        self.counter += blocks.len() as u64;
        if !rest.is_empty() {
            self.key.counter_mode(self.counter, self.buffer.as_chunks_mut().0);
            self.counter += (BUFFER / 16) as u64;
            self.used = 0;
            self.drain(rest);
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

    /// Gives out buffered bytes and returns what is left to fill.
    fn drain<'a>(&mut self, out: &'a mut [u8]) -> &'a mut [u8] {
        let (ready, rest) = out.split_at_mut(out.len().min(BUFFER - self.used));
        ready.copy_from_slice(&self.buffer[self.used..self.used + ready.len()]);
        self.used += ready.len();
        rest
    }
}

impl Drop for Prg {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// Expands each seed: `out` is `seeds.len()` rows of `out.len() / seeds.len()` blocks, and block `j` of row `i` is
/// AES_{seeds\[i\]}(counter + j), the same blocks as a [`Prg`] from that seed yields.
///
/// # Panics
/// If `out.len()` is not a multiple of `seeds.len()`.
pub fn expand(seeds: &[Block], counter: u64, out: &mut [Block]) {
    if out.is_empty() {
        return;
    }
    assert!(
        !seeds.is_empty() && out.len().is_multiple_of(seeds.len()),
        "{} blocks are not a whole number for each of {} seeds",
        out.len(),
        seeds.len()
    );
    let row = out.len() / seeds.len();
    if row < LONG_ROW {
        aes::expand(seeds, counter, row, out);
    } else {
        for (seed, out) in seeds.iter().zip(out.chunks_exact_mut(row)) {
            Key::new(*seed).counter_mode(counter, bytemuck::must_cast_slice_mut(out));
        }
    }
}

/// Blocks of a generator that [`add_sparse`] uses for each output.
pub const SPARSE_BLOCKS: usize = aes::ROW_BLOCKS;

/// Adds to `out[i]` ten of the inputs, at places that the blocks `counter + 2 i` and the next of the generator from the
/// *public* `seed` draw, independently of each other and (but for a relative error of at most `input.len() / 2^25`)
/// uniformly: a local linear code.
///
/// *Cost*: two calls of AES and ten loads of a block per output, which go on at the same time.
///
/// # Panics
/// If there is no input or more than 2^25 of them.
pub fn add_sparse(seed: Block, counter: u64, input: &[Block], out: &mut [Block]) {
    assert!((1..=1 << 25).contains(&input.len()), "1 to 2^25 inputs");
    Key::new(seed).sparse(counter, input, out);
}

/// Seeds whose generators are run again and again: their key schedules are kept. Not `Clone`, and wiped on drop.
pub struct Seeds(Keys);

impl Seeds {
    /// From secret uniform seeds.
    pub fn new(seeds: &[Block]) -> Self {
        Self(Keys::new(seeds))
    }

    /// Adds up expansions, which are never written down. With r_x the blocks `counter..counter + TILE` of the generator
    /// from seed number x of `seeds`: `planes[b]` becomes the sum of the r_x for which bit b of x is set, and `sum` that
    /// of all. A `punctured` range is one without its seed number 0, whose place holds anything: `sum` then lacks r_0.
    ///
    /// *Cost*: TILE calls of AES and about `2 * TILE` xors per seed.
    ///
    /// # Panics
    /// If there are not `2^planes.len()` seeds, for 1 to 8 planes.
    pub fn fold(
        &self,
        seeds: Range<usize>,
        punctured: bool,
        counter: u64,
        planes: &mut [[Block; TILE]],
        sum: &mut [Block; TILE],
    ) {
        assert!((1..=aes::DEPTH).contains(&planes.len()), "1 to 8 planes");
        assert!(
            seeds.len() == 1 << planes.len() && seeds.end <= self.0.len(),
            "{} seeds of {} for {} planes",
            seeds.len(),
            self.0.len(),
            planes.len()
        );
        self.0.fold(seeds, punctured, counter, planes, sum);
    }
}
