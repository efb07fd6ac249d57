use std::collections::BTreeSet;

use super::bands::{bands, rows_of_band};
use super::tiles::{Tiles, joining};
use super::{MAX_MULTIPLES, WIDEST};
use crate::paillier::Packing;
use crate::{ConvShape, Error};
use sordino_kernels::bigint::LANES;

/// Taps at places of one axis: what planning a layer looks at.
const MAX_PLACES: usize = 1 << 24;
/// Bits of a weight for each of its digits, on average, and products that an input's multiples take: where the kernel has
/// outputs enough to share them.
const DIGIT_BITS: u64 = 8;
const MULTIPLES: u64 = 19;
/// Where lanes are results of different channels, as in a dense layer, their positions differ and are copied one by one: that takes a
/// third of a product.
const MIXED: u64 = 3;

/// How the input and the output of a convolution lie in ciphertexts: public numbers.
///
/// * Elements: one ciphertext for each element of the input and of the output, in their order.
/// * Tiles: the output's plane is cut into equal tiles, a slot for each. A ciphertext has the same element of every tile,
///   and one of the input the same element of the patches that tiles read, which overlap. So one weight multiplies
///   what it meets in all tiles at once and nothing is ever shifted. Where tiles are too few to fill a plaintext,
///   results are joined: those of a dense layer, of which each is one value, by the dozens.
#[derive(Clone, Debug)]
pub struct Layout {
    shape: ConvShape,
    /// Results of a channel: rows and columns. Those of the output, or of a tile.
    output: [usize; 2],
    /// Inputs of a channel, rows and columns.
    input: [usize; 2],
    tiles: Option<Tiles>,
}

/// One weight's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) channel: u32,
    pub(super) ky: u32,
    pub(super) kx: u32,
}

impl Layout {
    /// One ciphertext per element.
    ///
    /// # Errors
    /// [`Error::Layout`] if the shape is no convolution, or enormous.
    pub fn elements(shape: &ConvShape) -> Result<Self, Error> {
        let output = shape.output()?;
        check_places(shape, output)?;
        let input = [shape.h as usize, shape.w as usize];
        Ok(Self { shape: *shape, output, input, tiles: None })
    }

    /// Tiles in slots. The packing's values are sums of absolute products of a kernel and its window, in all of its
    /// parts.
    ///
    /// # Errors
    /// [`Error::Layout`] if the shape is no convolution, or enormous.
    pub fn tiles(shape: &ConvShape, packing: &Packing) -> Result<Self, Error> {
        let output = shape.output()?;
        check_places(shape, output)?;
        let tiles = Tiles::new(shape, packing, output);
        let input = [0, 1].map(|axis| tiles.read[axis].len());
        Ok(Self { shape: *shape, output: tiles.tile, input, tiles: Some(tiles) })
    }

    /// The convolution.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Ciphertexts of the input.
    pub fn inputs(&self) -> usize {
        self.shape.cin as usize * self.input[0] * self.input[1]
    }

    /// Ciphertexts of the output.
    pub fn results(&self) -> usize {
        self.separate().div_ceil(self.joined().1)
    }

    /// The numbers of the results in the order and the parts in which [`super::Linear::apply`] computes them.
    pub fn parts(&self) -> Vec<Vec<usize>> {
        if self.packing().is_some() {
            return vec![(0..self.results()).collect()];
        }
        let channels = 0..self.shape.cout as usize;
        bands(self)
            .map(|band| channels.clone().flat_map(|c| band.of_channel(c)).collect())
            .collect()
    }

    /// How many results each of [`Self::parts`] has.
    pub fn part_sizes(&self) -> Vec<usize> {
        if self.packing().is_some() {
            return vec![self.results()];
        }
        bands(self).map(|band| band.len()).collect()
    }

    /// Products modulo n^2, and squares, of a kernel without weights of zero, if each weight takes one.
    pub fn products(&self) -> u64 {
        let joining = self.packing().map_or(0, |packing| joining(packing, self.joined().0));
        self.separate() as u64 * (self.shape.taps() as u64 + joining)
    }

    /// About what [`super::Linear::apply`] takes for weights of so many bits as trained layers have them, most of them shorter,
    /// in products modulo n^2: digits of weights, the folding of their positions, and the multiples of inputs.
    pub fn expected_products(&self, weight_bits: u32) -> u64 {
        let (bits, separate) = (u64::from(weight_bits), self.separate() as u64);
        if bits < 2 {
            return self.products();
        }
        let taps = separate * self.shape.taps() as u64;
        let digits = (taps * (bits + 1) / DIGIT_BITS).max(taps);
        let mixed = self.output[0] * self.output[1] < LANES;
        let digits = if mixed { digits + digits / MIXED } else { digits };
        self.products() - taps
            + digits
            + separate * (bits - 1) * 7 / 4
            + self.inputs() as u64 * MULTIPLES
    }

    /// Residues of the multiples of inputs that are in memory at once, about, for random weights of so many bits: digits
    /// are as wide as takes the fewest products, or nearly so.
    pub fn expected_multiples(&self, weight_bits: u32) -> usize {
        let held = 2 * self.held_rows() * self.inputs_of_row();
        if weight_bits < 2 {
            return held;
        }
        let bits = f64::from(weight_bits);
        let rows = (self.line()[1] * self.inputs_of_row().div_ceil(LANES)) as f64;
        let products = |width: u32| {
            let digits = ((bits - 2.0) / f64::from(width + 1) + 1.0 / 3.0).max(1.0);
            let each = f64::from(self.shape.taps() as u32) * digits + 2.0 * (bits - 1.0);
            self.separate() as f64 * each / LANES as f64
                + rows * (3.0 + f64::from(1 << (width - 1)))
        };
        let multiples = |width: u32| held << (width - 2);
        let tried = (2..=WIDEST).filter(|w| *w == 2 || multiples(*w) <= MAX_MULTIPLES);
        let fewest = tried.clone().map(products).fold(f64::MAX, f64::min);
        let widest = tried.filter(|w| products(*w) <= 1.03 * fewest).max();
        multiples(widest.unwrap_or(2))
    }

    /// Rows of the input that a band of results reads.
    fn held_rows(&self) -> usize {
        let [stride, dilation, kernel] =
            [self.shape.stride[0], self.shape.dilation[0], self.shape.kernel[0]]
                .map(|n| n as usize);
        let rows = rows_of_band(self).min(self.output[0]);
        let reach = (rows.saturating_sub(1) * stride).saturating_add((kernel - 1) * dilation + 1);
        reach.min(self.line()[1])
    }

    /// Results before they are joined.
    pub fn separate(&self) -> usize {
        self.shape.cout as usize * self.output[0] * self.output[1]
    }

    /// Slots of a result, and how many results are joined to one.
    pub(super) fn joined(&self) -> (usize, usize) {
        self.tiles.as_ref().map_or((1, 1), |tiles| (tiles.count(), tiles.joined))
    }

    /// The packing of what is to be joined.
    pub(super) fn packing(&self) -> Option<&Packing> {
        self.tiles.as_ref().filter(|tiles| tiles.joined > 1).map(|tiles| &tiles.packing)
    }

    /// Slots of an input's plaintext; 1 for elements.
    pub fn input_slots(&self) -> usize {
        self.joined().0
    }

    /// Slots of a result's plaintext, all of which are to be masked; 1 for elements.
    pub fn result_slots(&self) -> usize {
        let (slots, joined) = self.joined();
        slots * joined
    }

    /// The input in the order of ciphertexts and slots, zeros where slots are empty.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the input has not the shape's length.
    pub fn arrange(&self, x: &[i64]) -> Result<Vec<i64>, Error> {
        let s = &self.shape;
        if x.len() != s.input_len() {
            return Err(Error::Misuse(format!(
                "{} inputs for a layer of {}",
                x.len(),
                s.input_len()
            )));
        }
        let Some(tiles) = &self.tiles else { return Ok(x.to_vec()) };
        let mut out = Vec::with_capacity(self.inputs() * tiles.count());
        for plane in x.chunks_exact((s.h * s.w) as usize) {
            for y in &tiles.read[0] {
                for x in &tiles.read[1] {
                    out.extend(tiles.each().map(|[ty, tx]| {
                        let y = tiles.origin(s, 0, ty) + y;
                        let x = tiles.origin(s, 1, tx) + x;
                        let y = y.checked_sub(s.pads[0] as usize).filter(|y| *y < s.h as usize);
                        let x = x.checked_sub(s.pads[2] as usize).filter(|x| *x < s.w as usize);
                        y.zip(x).map_or(0, |(y, x)| plane[y * s.w as usize + x])
                    }));
                }
            }
        }
        Ok(out)
    }

    /// Which element of the output a slot of a result holds, if any.
    pub fn element(&self, result: usize, slot: usize) -> Option<usize> {
        let Some(tiles) = &self.tiles else { return Some(result).filter(|_| slot == 0) };
        let (slots, joined) = self.joined();
        let result = result * joined + slot / slots;
        let [ty, tx] = tiles.place(slot % slots);
        let (x, row) = (result % self.output[1], result / self.output[1]);
        let (y, channel) = (row % self.output[0], row / self.output[0]);
        let [y, x] = [ty * tiles.tile[0] + y, tx * tiles.tile[1] + x];
        let [height, width] = tiles.output;
        (channel < self.shape.cout as usize && y < height && x < width)
            .then_some((channel * height + y) * width + x)
    }

    /// Ciphertexts of one row of one channel of the input, and rows of a channel.
    pub(super) fn line(&self) -> [usize; 2] {
        [self.input[1], self.input[0]]
    }

    /// Ciphertexts of one row of all channels of the input.
    pub(super) fn inputs_of_row(&self) -> usize {
        self.input[1] * self.shape.cin as usize
    }

    /// The rows of the input that these rows of results read.
    pub(super) fn input_rows(&self, rows: std::ops::Range<usize>) -> Vec<usize> {
        let taps = rows.flat_map(|row| (0..self.shape.kernel[0]).map(move |tap| (row, tap)));
        let read = taps.filter_map(|(row, tap)| self.place(0, row, tap));
        read.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Channels of the output, rows of a channel, and results of a row.
    pub(super) fn results_by_channel(&self) -> (usize, usize, usize) {
        (self.shape.cout as usize, self.output[0], self.output[1])
    }

    /// The output channel of a result.
    pub(super) fn channel(&self, result: usize) -> usize {
        result / (self.output[0] * self.output[1])
    }

    /// The number of the input that a tap of a result reads; none in the padding.
    pub(super) fn source(&self, result: usize, tap: Tap) -> Option<usize> {
        let s = &self.shape;
        let (x, row) = (result % self.output[1], result / self.output[1]);
        let (y, channel) = (row % self.output[0], row / self.output[0]);
        let group = channel / (s.cout / s.groups) as usize;
        let input = group * (s.cin / s.groups) as usize + tap.channel as usize;
        let (y, x) = (self.place(0, y, tap.ky)?, self.place(1, x, tap.kx)?);
        Some((input * self.input[0] + y) * self.input[1] + x)
    }

    /// The row or column of inputs that a tap of a row or column of results reads; none in the padding.
    fn place(&self, axis: usize, output: usize, tap: u32) -> Option<usize> {
        let at = offset(&self.shape, axis, output, tap);
        match &self.tiles {
            Some(tiles) => tiles.read[axis].binary_search(&at).ok(),
            None => at
                .checked_sub(self.shape.pads[2 * axis] as usize)
                .filter(|at| *at < self.input[axis]),
        }
    }
}

/// Where a tap reads, counted from the first of the padding.
pub(super) fn offset(shape: &ConvShape, axis: usize, output: usize, tap: u32) -> usize {
    output * shape.stride[axis] as usize + (tap * shape.dilation[axis]) as usize
}

fn check_places(shape: &ConvShape, output: [usize; 2]) -> Result<(), Error> {
    for axis in [0, 1] {
        let (output, taps) = (output[axis], shape.kernel[axis]);
        if output.saturating_mul(taps as usize) > MAX_PLACES {
            return Err(Error::Layout(format!(
                "{taps} taps at {output} places of an axis, at most {MAX_PLACES} together"
            )));
        }
    }
    Ok(())
}
