//! How an output's plane is cut into tiles, one for each slot.

use crate::ConvShape;
use crate::paillier::Packing;

/// What ciphertexts cost beside the products of a layer, in products modulo n^2: encrypting, sending and the tables
/// of one of the input; masking, re-randomising, sending and decrypting one of the output.
const INPUT: u64 = 60;
const RESULT: u64 = 300;

/// Equal tiles in rows and columns, the last of which may hang over the edge.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    pub(super) packing: Packing,
    /// The whole output's rows and columns.
    pub(super) output: [usize; 2],
    /// A tile's.
    pub(super) tile: [usize; 2],
    /// Tiles in a column and in a row.
    grid: [usize; 2],
    /// Results in a ciphertext.
    pub(super) joined: usize,
    /// Rows and columns of a patch that any tap reads, from the first of the padding.
    pub(super) read: [Vec<usize>; 2],
}

impl Tiles {
    /// The tiles that take the least work, if all weights count.
    pub(super) fn new(shape: &ConvShape, packing: &Packing, output: [usize; 2]) -> Self {
        let slots = packing.slots();
        let grids = (1..=slots).map(|rows| fit(output, [rows, slots / rows]));
        let (tile, grid) = grids
            .min_by_key(|(tile, grid)| work(shape, packing, *tile, *grid))
            .unwrap_or((output, [1; 2]));
        let joined = joined(shape, packing, tile, grid);
        let read = [0, 1].map(|axis| {
            let place = |o: usize, k: u32| super::layout::offset(shape, axis, o, k);
            let taps = shape.kernel[axis];
            let mut touched = vec![false; place(tile[axis] - 1, taps - 1) + 1];
            for o in 0..tile[axis] {
                (0..taps).for_each(|k| touched[place(o, k)] = true);
            }
            (0..touched.len()).filter(|at| touched[*at]).collect()
        });
        Self { packing: *packing, output, tile, grid, joined, read }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// The row and column of tiles of a slot.
    pub(super) fn place(&self, slot: usize) -> [usize; 2] {
        [slot / self.grid[1], slot % self.grid[1]]
    }

    /// All, by slot.
    pub(super) fn each(&self) -> impl Iterator<Item = [usize; 2]> {
        (0..self.count()).map(|slot| self.place(slot))
    }

    /// Where a tile's patch begins, from the first of the padding.
    pub(super) fn origin(&self, shape: &ConvShape, axis: usize, tile: usize) -> usize {
        tile * self.tile[axis] * shape.stride[axis] as usize
    }
}

/// Tiles for at most so many in a column and a row, and how many there then are.
fn fit(output: [usize; 2], most: [usize; 2]) -> ([usize; 2], [usize; 2]) {
    let tile = [0, 1].map(|axis| output[axis].div_ceil(most[axis]).max(1));
    (tile, [0, 1].map(|axis| output[axis].div_ceil(tile[axis]).max(1)))
}

/// Rows or columns of a patch that are read, or a few more.
fn patch(shape: &ConvShape, axis: usize, tile: usize) -> u64 {
    let (tile, taps) = (tile as u64, u64::from(shape.kernel[axis]));
    let (stride, dilation) = (u64::from(shape.stride[axis]), u64::from(shape.dilation[axis]));
    let span = (tile - 1) * stride + (taps - 1) * dilation + 1;
    span.min(tile * taps)
}

fn separate(shape: &ConvShape, tile: [usize; 2]) -> u64 {
    u64::from(shape.cout) * (tile[0] * tile[1]) as u64
}

/// Products that joining takes for a result of so many slots; a square takes three quarters of one.
pub(super) fn joining(packing: &Packing, slots: usize) -> u64 {
    (slots * packing.slot_bits()) as u64 * 3 / 4 + 1
}

fn joined(shape: &ConvShape, packing: &Packing, tile: [usize; 2], grid: [usize; 2]) -> usize {
    let fit = packing.slots() / (grid[0] * grid[1]);
    if joining(packing, grid[0] * grid[1]) < RESULT {
        fit.min(separate(shape, tile) as usize).max(1)
    } else {
        1
    }
}

fn work(shape: &ConvShape, packing: &Packing, tile: [usize; 2], grid: [usize; 2]) -> u64 {
    let inputs = u64::from(shape.cin) * patch(shape, 0, tile[0]) * patch(shape, 1, tile[1]);
    let (separate, joined) = (separate(shape, tile), joined(shape, packing, tile, grid) as u64);
    let joining = if joined > 1 { joining(packing, grid[0] * grid[1]) } else { 0 };
    inputs
        .saturating_mul(INPUT)
        .saturating_add(separate.saturating_mul(shape.taps() as u64 + joining))
        .saturating_add(separate.div_ceil(joined).saturating_mul(RESULT))
}
