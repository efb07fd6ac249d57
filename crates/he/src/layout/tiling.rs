//! Where the coefficients of tiles, channels and outputs lie in a polynomial.

use super::axis::{Axis, Bounds};

/// A tile on a grid of rows of `row` coefficients and channel blocks of `block` coefficients.
///
/// Input position (y, x), counted from the tile's first output, of plane k lies at coefficient
/// `origin + k block + y row + x`; the weight of tap (dy, dx) from plane k to output m at
/// `top + m planes block - k block - dy row - dx`; so output (i, j) of m arises at
/// `origin + top + m planes block + i row + j`, as the sum of every product that has the same shift.
///
/// Anything else that falls on that coefficient must be zero. Neighbouring rows share one guard of zeros, and so do
/// neighbouring blocks:
/// * a tap beyond the end of a row reads the guard (`row` is wide enough that it does not reach the next row's data);
/// * a product of plane k with the weights of plane k' is shifted by (k - k') blocks, and `block` is large enough that
///   no tap of a shifted block reads data; m steps by `planes` blocks, more than any k - k';
/// * X^n = -1 folds products of degree n and more onto low degrees: [`Tiling::most_blocks`] keeps them below the first
///   output.
///
/// A block may hold the same tile of several images, `image` coefficients apart. No tap leads from one image to another,
/// so that distance is what the block of a single image would take, guard included, and the block is so many of them.
///
/// *Source*: Cheetah, eprint 2022/207, the encoding of convolutions; there padding is written out for every row and
/// channel, and strided convolutions compute every output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    pub(crate) row: i64,
    pub(crate) block: i64,
    /// Spacing of images in a block.
    image: i64,
    pub(crate) origin: i64,
    /// Least and greatest `dy row + dx` of a tap.
    taps: [i64; 2],
    /// Coefficients that the blocks together may exceed a multiple of `block` by.
    overhang: i64,
}

impl Tiling {
    /// The tiling whose tiles have these bounds on their rows and columns, in blocks of so many images.
    pub(crate) fn new(axes: &[Axis; 2], [y, x]: [Bounds; 2], images: usize) -> Self {
        let images = images as i64;
        let row = (x.filled[1] - x.read[0]).max(x.read[1] + 1 - x.filled[0]);
        let mut filled =
            [y.filled[0] * row + x.filled[0], (y.filled[1] - 1) * row + x.filled[1] - 1];
        let mut read = [y.read[0] * row + x.read[0], y.read[1] * row + x.read[1]];
        let image = (read[1] - filled[0]).max(filled[1] - read[0]) + 1;
        filled[1] += (images - 1) * image;
        read[1] += (images - 1) * image;
        let [(dy_low, dx_low), (dy_high, dx_high)] = {
            let ([y0, y1], [x0, x1]) = (axes[0].shifts(), axes[1].shifts());
            [(y0, x0), (y1, x1)]
        };
        let taps = [dy_low * row + dx_low, dy_high * row + dx_high];
        // Outputs that read padding alone may lie before everything filled.
        let origin = (-filled[0]).max(-taps[1]);
        let last = [filled[1] - taps[0], origin + filled[1], origin + read[1], taps[1] - taps[0]];
        let overhang = last.into_iter().fold(0, i64::max) + 1;
        Self { row, block: images * image, image, origin, taps, overhang }
    }

    /// The same with blocks further apart.
    pub(crate) fn spaced(self, block: i64) -> Self {
        debug_assert!(block >= self.block);
        Self { block, ..self }
    }

    /// The most blocks (planes per input times outputs per result) for degree n.
    ///
    /// With b blocks in all the product of largest degree lies at
    /// `origin + top + (b - planes) block + (last filled) - (least tap)`, and folded by n it must stay below the first
    /// output at `origin + top`; the last output and the largest weight must lie below n.
    pub(crate) fn most_blocks(&self, n: usize) -> usize {
        let room = n as i64 - self.overhang;
        if room < 0 { 0 } else { (room / self.block) as usize + 1 }
    }

    /// The coefficient of a weight of tap (0, 0) from plane 0 to output 0.
    fn top(&self, planes: usize) -> i64 {
        (planes as i64 - 1) * self.block + self.taps[1]
    }

    /// The coefficient of an input of a block's image.
    pub(crate) fn input(&self, plane: usize, image: usize, [y, x]: [i64; 2]) -> usize {
        let image = self.origin + plane as i64 * self.block + image as i64 * self.image;
        (image + y * self.row + x) as usize
    }

    /// The coefficient of a weight of tap (0, 0).
    pub(crate) fn weight(&self, planes: usize, output: usize, plane: usize) -> i64 {
        let blocks = (output * planes) as i64 - plane as i64;
        self.top(planes) + blocks * self.block
    }

    /// How far the weight of a tap lies below that of tap (0, 0).
    pub(crate) fn distance(&self, tap: [i64; 2]) -> i64 {
        tap[0] * self.row + tap[1]
    }

    /// The coefficient of an output of a block's image.
    pub(crate) fn output(&self, planes: usize, output: usize, image: usize, i: usize) -> usize {
        let first = self.origin + self.top(planes) + (output * planes) as i64 * self.block;
        (first + image as i64 * self.image + i as i64 * self.row) as usize
    }
}
