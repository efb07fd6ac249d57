//! Convolutions in register tiles: a broadcast word of four weights meets registers of neighbouring columns, whose
//! words are four channels.
//!
//! # Safety
//! Every function marked so is `inline(always)` and may be called only where the features of its [`Lanes`] are
//! enabled. Columns are read where the layout puts them or in its margin.

use core::ops::Range;

use super::{Operand, depthwise, portable};

/// Words of four products that an `i32` holds whatever the weights: 4 * 16000 * 250 * 128 < 2^31.
pub(super) const SAFE: usize = 16_000;
/// Bound on sums that [`Lanes::residues`] reduces in one step, see there.
const ONE_STEP: usize = 1 << 23;
/// Most registers of columns in a tile.
const WIDEST: usize = 3;

/// What a reduction modulo p needs.
#[derive(Clone, Copy)]
pub(super) struct Modulus {
    pub(super) p: i32,
    pub(super) inverse: f32,
    /// Whether sums may reach [`ONE_STEP`].
    pub(super) large: bool,
}

/// Registers of `COLUMNS` columns.
pub(super) trait Lanes {
    /// Four digits for each column.
    type Digits: Copy;
    type Weights: Copy;
    type Sums: Copy;
    const COLUMNS: usize;
    /// Most registers of columns in a tile, at most [`WIDEST`].
    const REGISTERS: usize;
    unsafe fn load(from: *const u8) -> Self::Digits;
    unsafe fn splat(from: &[i8; 4]) -> Self::Weights;
    unsafe fn zero() -> Self::Sums;
    unsafe fn dot(sums: Self::Sums, x: Self::Digits, w: Self::Weights) -> Self::Sums;
    /// Sums of the same residues, each in 0..p.
    unsafe fn residues(sums: Self::Sums, m: Modulus) -> Self::Sums;
    /// Writes the residues of the first `to.len()` columns, which are at most `COLUMNS`.
    unsafe fn store(sums: Self::Sums, m: Modulus, to: &mut [u8]);
}

/// Convolution by tiles of up to 8 output channels.
#[inline(always)]
pub(super) unsafe fn conv<L: Lanes>(
    x: &Operand,
    channels: Range<usize>,
    kernel: &[i8],
    y: &mut [u8],
) {
    let (shape, layout) = (&x.shape, &x.layout);
    let taps = layout.taps();
    let per_group = shape.cin / shape.groups;
    if taps.len() > SAFE {
        portable::conv(x, channels, kernel, y);
        return;
    }
    if layout.lanes == 1 {
        depthwise::conv(x, channels, kernel, y);
        return;
    }
    let places: Vec<usize> = (0..layout.blocks)
        .flat_map(|block| taps.iter().map(move |tap| block * layout.block() + tap))
        .collect();
    let m = modulus(x, kernel, 4 * places.len());
    let plane = layout.out_rows * layout.out_columns;
    let inner = per_group * taps.len();
    let (mut kernel, mut y, mut at) = (kernel, y, channels.start);
    while at < channels.end {
        let group = at / (shape.cout / shape.groups);
        let end = channels.end.min((group + 1) * (shape.cout / shape.groups));
        let (here, rest) = kernel.split_at((end - at) * inner);
        let (out, others) = y.split_at_mut((end - at) * plane);
        let packed = pack(here, per_group, taps.len());
        let digits = &x.digits[group * layout.group()..];
        // SAFETY: the module's condition.
        unsafe { product::<L>(x, digits, &places, &packed, m, out) };
        (kernel, y, at) = (rest, others, end);
    }
}

/// The reduction of sums of `products` products.
#[inline(always)]
pub(super) fn modulus(x: &Operand, kernel: &[i8], products: usize) -> Modulus {
    let greatest = kernel.iter().map(|weight| weight.unsigned_abs()).max().unwrap_or(0);
    let p = x.radix.p();
    let bound = products * usize::from(p - 1) * usize::from(greatest);
    Modulus { p: p.into(), inverse: 1.0 / f32::from(p), large: bound >= ONE_STEP }
}

/// Rows of the tile that starts where `rows` are left.
fn tile_rows(rows: usize) -> usize {
    match rows {
        8.. => 8,
        4.. => 4,
        _ => 1,
    }
}

/// The weights in the order of use: \[tile\]\[block\]\[tap\]\[row\] words of four channels, zeros for channels beyond
/// the last.
#[inline(always)]
fn pack(kernel: &[i8], channels: usize, taps: usize) -> Vec<[i8; 4]> {
    let (inner, words) = (channels * taps, channels.div_ceil(4) * taps);
    let rows = kernel.len() / inner;
    let mut packed = vec![[0; 4]; rows * words];
    let mut first = 0;
    while first < rows {
        let height = tile_rows(rows - first);
        let tile = &mut packed[first * words..(first + height) * words];
        for (i, row) in kernel[first * inner..].chunks_exact(inner).take(height).enumerate() {
            if taps == 1 {
                let (whole, rest) = row.as_chunks();
                let mut to = tile.iter_mut().skip(i).step_by(height);
                for (word, to) in whole.iter().zip(&mut to) {
                    *to = *word;
                }
                for to in to {
                    to[..rest.len()].copy_from_slice(rest);
                }
                continue;
            }
            for (channel, filter) in row.chunks_exact(taps).enumerate() {
                let tile = &mut tile[channel / 4 * taps * height + i..];
                for (to, weight) in tile.iter_mut().step_by(height).zip(filter) {
                    to[channel % 4] = *weight;
                }
            }
        }
        first += height;
    }
    packed
}

#[inline(always)]
unsafe fn product<L: Lanes>(
    x: &Operand,
    digits: &[u8],
    places: &[usize],
    packed: &[[i8; 4]],
    m: Modulus,
    y: &mut [u8],
) {
    let columns = x.layout.out_columns;
    let (rows, strip) = (x.layout.out_rows, L::REGISTERS * L::COLUMNS);
    let furthest = places.iter().max().copied().unwrap_or(0);
    let end = furthest + (rows - 1) * x.layout.row() + 4 * columns.next_multiple_of(strip);
    assert!(end <= digits.len() && L::REGISTERS <= WIDEST, "the margin of the layout");
    let plane = rows * columns;
    for row in 0..rows {
        for first in (0..columns).step_by(strip) {
            let width = (columns - first).min(strip);
            let digits = &digits[row * x.layout.row() + 4 * first..];
            let (mut weights, mut y) = (packed, &mut y[row * columns + first..]);
            while !weights.is_empty() {
                let rows = tile_rows(weights.len() / places.len());
                let (here, rest) = weights.split_at(rows * places.len());
                let strip = Strip { digits, places, width, plane };
                let registers = width.div_ceil(L::COLUMNS);
                // SAFETY: the module's condition.
                unsafe {
                    match (rows, registers) {
                        (8, 1) => strip.tile::<L, 8, 1>(here, m, y),
                        (8, 2) => strip.tile::<L, 8, 2>(here, m, y),
                        (8, _) => strip.tile::<L, 8, 3>(here, m, y),
                        (4, 1) => strip.tile::<L, 4, 1>(here, m, y),
                        (4, 2) => strip.tile::<L, 4, 2>(here, m, y),
                        (4, _) => strip.tile::<L, 4, 3>(here, m, y),
                        (_, 1) => strip.tile::<L, 1, 1>(here, m, y),
                        (_, 2) => strip.tile::<L, 1, 2>(here, m, y),
                        _ => strip.tile::<L, 1, 3>(here, m, y),
                    }
                }
                weights = rest;
                y = y.get_mut(rows * plane..).unwrap_or_default();
            }
        }
    }
}

/// Neighbouring columns of one row of the output.
#[derive(Clone, Copy)]
struct Strip<'a> {
    /// The input from under the first column on.
    digits: &'a [u8],
    places: &'a [usize],
    width: usize,
    plane: usize,
}

impl Strip<'_> {
    /// MR output channels by NV registers.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
        self,
        weights: &[[i8; 4]],
        m: Modulus,
        y: &mut [u8],
    ) {
        // SAFETY: the module's condition; `product` has checked how far the reads reach.
        unsafe {
            let mut sums = [[L::zero(); NV]; MR];
            for (places, weights) in self.places.chunks(SAFE).zip(weights.chunks(SAFE * MR)) {
                sums = accumulate::<L, MR, NV>(sums, self.digits, places, weights);
                if self.places.len() > SAFE {
                    for sum in sums.as_flattened_mut() {
                        *sum = L::residues(*sum, m);
                    }
                }
            }
            for (sums, y) in sums.into_iter().zip(y.chunks_mut(self.plane)) {
                for (sum, y) in sums.into_iter().zip(y[..self.width].chunks_mut(L::COLUMNS)) {
                    L::store(sum, m, y);
                }
            }
        }
    }
}

/// Takes and returns the sums by value, which keeps them in registers.
#[inline(always)]
unsafe fn accumulate<L: Lanes, const MR: usize, const NV: usize>(
    mut sums: [[L::Sums; NV]; MR],
    digits: &[u8],
    places: &[usize],
    weights: &[[i8; 4]],
) -> [[L::Sums; NV]; MR] {
    for (&place, weights) in places.iter().zip(weights.as_chunks::<MR>().0) {
        // SAFETY: the module's condition; `product` has checked how far the reads reach.
        unsafe {
            let from = digits.as_ptr().add(place);
            let mut columns = [L::load(from); NV];
            for (v, columns) in columns.iter_mut().enumerate() {
                *columns = L::load(from.add(4 * v * L::COLUMNS));
            }
            for (sums, weight) in sums.iter_mut().zip(weights) {
                let weight = L::splat(weight);
                for (sum, &columns) in sums.iter_mut().zip(&columns) {
                    *sum = L::dot(*sum, columns, weight);
                }
            }
        }
    }
    sums
}
