//! SoftSpoken OT extension, semi-honest, with the repetition code.
//!
//! *What*: the COT receiver holds `ceil(128 / k)` sets of 2^k seeds, the COT sender all but one seed of each set; the
//! place of the missing one is k bits of `delta`. Expanding the seeds gives a vector OLE over the field of 2^k elements
//! per set; correcting all sets to the choice vector of the first, and reading the bits of the field elements as rows,
//! gives 128 rows of a matrix whose columns are correlated OTs.
//!
//! *Cost*: set-up 128 base OTs plus 4 KiB; per COT `ceil(128 / k) - 1` bits from the COT receiver to the COT sender, in
//! one message per [`CHUNK`] COTs; no answer is waited for. Computing per COT about `2^k * ceil(128 / k) / 128` AES
//! blocks and twice as many xors, fewer by one seed of 2^k for the COT sender.
//!
//! *Security*: semi-honest; AES-128 as a pseudo-random permutation. The seeds come from GGM trees that are used once, at
//! set-up; each extension draws fresh blocks from them by a counter that never goes back.
//!
//! *Source*: Roy, "SoftSpokenOT: quieter OT extension from small-field silent VOLE in the minicrypt model", CRYPTO 2022
//! (eprint 2022/192): VOLE over small fields from punctured pseudo-random functions, and its semi-honest OT extension with
//! the repetition code. We differ in letting the choice vector be the first set's own vector (random choice), which saves
//! one row, and in expanding by AES in counter mode.

mod receiver;
mod sender;
mod tree;

use core::ops::Range;

use sordino_kernels::prg::TILE;
use sordino_kernels::{Block, transpose};
use sordino_wire::{Meter, Role};

pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;

use crate::base;

/// Bits of delta, rows of the matrix.
const ROWS: usize = 128;
/// Blocks of one row in one message.
const CHUNK_BLOCKS: usize = 64;
/// COTs in one message.
const CHUNK: usize = CHUNK_BLOCKS * 128;

/// All rows, one tile wide: it stays in the first-level cache from the generators to the COTs.
type Rows = [[Block; TILE]; ROWS];

/// `(seeds, rows)` of every set: the rows are the bits of `delta` that the set stands for.
fn seeds_and_rows(k: u32) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut seeds = 0;
    sets(k).map(move |(first, depth)| {
        let start = seeds;
        seeds += 1 << depth;
        (start..seeds, first..first + depth)
    })
}

/// The tiles of a chunk of so many blocks per row: the blocks of each.
fn tiles(blocks: usize) -> impl Iterator<Item = Range<usize>> {
    (0..blocks).step_by(TILE).map(move |start| start..blocks.min(start + TILE))
}

/// The sets: `(first row, number of rows)`, that is the bits of `delta` that each set stands for.
fn sets(k: u32) -> impl Iterator<Item = (usize, usize)> + Clone {
    // A k of 0 is refused before any set-up; predicting its cost must not panic either.
    let k = k.max(1) as usize;
    (0..ROWS).step_by(k).map(move |first| (first, k.min(ROWS - first)))
}

/// Blocks per row of the chunks that make `n` COTs.
fn chunks(n: usize) -> impl Iterator<Item = usize> {
    let blocks = n.div_ceil(128);
    (0..blocks).step_by(CHUNK_BLOCKS).map(move |start| CHUNK_BLOCKS.min(blocks - start))
}

/// Turns rows into columns, as many as `out` has room for.
fn columns(rows: &Rows, scratch: &mut [Block], out: &mut [Block]) {
    let rows = rows.as_flattened();
    if out.len() == rows.len() {
        transpose::transpose128(rows, out);
    } else {
        transpose::transpose128(rows, scratch);
        out.copy_from_slice(&scratch[..out.len()]);
    }
}

/// Replays the set-up.
pub(crate) fn cost_setup(m: &mut Meter, sender: Role, k: u32) {
    base::cost(m, sender.peer(), ROWS);
    m.message(sender.peer().sends(), tree::sums_len(k));
}

/// Replays the making of `n` COTs.
pub(crate) fn cost_extend(m: &mut Meter, sender: Role, k: u32, n: usize) {
    for blocks in chunks(n) {
        m.message(sender.peer().sends(), correction_blocks(k, blocks) * size_of::<Block>());
    }
}

/// Blocks in the message of a chunk; none for k so large that there is one set only (there is no such k).
fn correction_blocks(k: u32, blocks: usize) -> usize {
    (sets(k).count() - 1) * blocks
}
