//! How a layer's tensors are laid out in ciphertexts, and what that costs.

mod axis;
mod search;
#[cfg(test)]
mod tests;
mod tiling;

use std::ops::Range;

use sordino_wire::{Dir, Meter};

use crate::params::MAX_OUTPUTS_LOG2;
use crate::{ConvShape, Error, Params, codec};
use axis::{Axis, Span};
use search::{Needs, Plan};
use tiling::Tiling;

/// The layout of one convolution under given parameters: the same for both parties.
///
/// The layer is cut into jobs: a spatial tile of one group of channels (groups that are small are merged). A job takes
/// `ceil(planes / planes per input)` input ciphertexts and gives `ceil(outputs / outputs per result)` results; each
/// result is a sum over the job's inputs. The cut of least traffic is chosen, with a small price on computation.
///
/// In a 1x1 convolution the positions of an image do not meet: tiles are then runs of positions, whatever the rows, and
/// the spacing of channels may have a large power of two as a factor, which makes kernels cheap (see
/// [`EncodedKernel`](crate::EncodedKernel)).
///
/// Several images are one tensor of shape images x channels x height x width: their positions are in one row where
/// they do not meet, else a tile may hold the same part of several images. So small images fill ciphertexts, and kernels
/// are transformed once for all.
///
/// *Cost*: [`up_bytes`](Self::up_bytes) and [`down_bytes`](Self::down_bytes) in
/// [`up_ciphertexts`](Self::up_ciphertexts) and [`down_ciphertexts`](Self::down_ciphertexts) messages, one round.
#[derive(Clone, Debug)]
pub struct ConvLayout {
    params: Params,
    shape: ConvShape,
    images: usize,
    /// The image's axes.
    axes: [Axis; 2],
    /// The axes that are tiled: the image's, or one of length 1 and all positions in a row.
    grid: Option<[Axis; 2]>,
    tiling: Tiling,
    plan: Plan,
    spans: [Vec<Span>; 2],
    /// The images that share blocks; one entry when positions are in a row.
    batches: Vec<Span>,
    /// For each pair of phases the taps that read it: their distance in coefficients, and number in the kernel.
    taps: Vec<Vec<(i64, usize)>>,
}

/// A spatial tile of a merged group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    group: usize,
    images: Span,
    tile: [Span; 2],
}

/// What kernel polynomials depend on: layouts of other numbers of images may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    shape: ConvShape,
    tiling: Tiling,
    plan: [usize; 4],
}

impl Places {
    pub(crate) fn shape(&self) -> &ConvShape {
        &self.shape
    }
}

/// Neighbouring coefficients, and elements of a tensor `step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) coefficient: usize,
    pub(crate) index: usize,
    pub(crate) len: usize,
    pub(crate) step: usize,
}

impl ConvLayout {
    /// Lays out `shape` for shares in the parameters' ring.
    ///
    /// # Errors
    /// [`Error::Layout`] when the shape is inconsistent, has more taps than the parameters' noise budget, or a kernel
    /// spans more than a ciphertext holds.
    pub fn new(shape: &ConvShape, params: &Params) -> Result<Self, Error> {
        Self::batched(shape, 1, params)
    }

    /// Lays out so many images at once.
    ///
    /// # Errors
    /// As [`ConvLayout::new`], and when there is no image, or all together have more outputs than the failure
    /// probability allows.
    pub fn batched(shape: &ConvShape, images: usize, params: &Params) -> Result<Self, Error> {
        Self::with_degree(shape, images, params, params.degree())
    }

    fn with_degree(
        shape: &ConvShape,
        images: usize,
        params: &Params,
        degree: usize,
    ) -> Result<Self, Error> {
        let [rows, columns] = shape.output()?;
        let outputs = (shape.cout as usize * rows * columns).checked_mul(images);
        if !outputs.is_some_and(|n| (1..=1 << MAX_OUTPUTS_LOG2).contains(&n)) {
            return Err(Error::Layout(format!(
                "no outputs or more than 2^{MAX_OUTPUTS_LOG2} in {images} times {shape:?}"
            )));
        }
        if shape.taps() > params.taps() {
            return Err(Error::Layout(format!(
                "{} products per output exceed the noise budget of parameters for {}; choose parameters with more taps",
                shape.taps(),
                params.taps()
            )));
        }
        let shared = params.weight_capacity() / shape.taps();
        let axis = |size, i: usize, output| {
            Axis::new(
                size,
                shape.kernel[i],
                shape.stride[i],
                shape.dilation[i],
                shape.pads[2 * i],
                output,
            )
        };
        let axes = [axis(shape.h, 0, rows), axis(shape.w, 1, columns)];
        let flat = shape.kernel == [1; 2] && shape.pads == [0; 4];
        let grid = flat.then(|| [Axis::line(1), Axis::line(images * rows * columns)]);
        let apart = if flat { 1 } else { images };
        let needs = Needs {
            degree,
            images: apart,
            groups: shape.groups as usize,
            planes: (shape.cin / shape.groups) as usize * axes[0].phases() * axes[1].phases(),
            outputs: (shape.cout / shape.groups) as usize,
            shared,
            flat,
            input_bytes: codec::input_len(params) + sordino_wire::HEADER as usize,
            result_bytes: codec::result_len(params, 0) + sordino_wire::HEADER as usize,
        };
        let tiled = grid.as_ref().unwrap_or(&axes);
        let plan = search::search(&needs, tiled).ok_or_else(|| {
            Error::Layout(format!(
                "the taps of one output span more than a ciphertext in {shape:?}"
            ))
        })?;
        let spans = [tiled[0].spans(plan.tile[0]), tiled[1].spans(plan.tile[1])];
        let bounds = [tiled[0].bounds(&spans[0]), tiled[1].bounds(&spans[1])];
        let tiling = Tiling::new(tiled, bounds, plan.images).spaced(plan.block);
        let batches = Axis::line(apart).spans(plan.images);
        let taps_of = |y: usize, x: usize| {
            let columns = shape.kernel[1] as usize;
            let taps = axes[0].taps_of(y).flat_map(|(a, dy)| {
                axes[1].taps_of(x).map(move |(b, dx)| (tiling.distance([dy, dx]), a * columns + b))
            });
            taps.collect()
        };
        let [rows, columns] = [axes[0].phases(), axes[1].phases()];
        let taps = (0..rows).flat_map(|y| (0..columns).map(move |x| taps_of(y, x))).collect();
        let (params, shape) = (params.clone(), *shape);
        Ok(Self { params, shape, images, axes, grid, tiling, plan, spans, batches, taps })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The convolution.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Output height and width.
    pub fn output_size(&self) -> [usize; 2] {
        [self.axes[0].output, self.axes[1].output]
    }

    /// Elements of the input, of all images.
    pub fn input_len(&self) -> usize {
        self.images * self.shape.input_len()
    }

    /// Elements of the output, of all images.
    pub fn output_len(&self) -> usize {
        let [rows, columns] = self.output_size();
        self.images * self.shape.cout as usize * rows * columns
    }

    /// Bytes that the server holds for a merged group, about: its transformed inputs, and the sums of a few units of
    /// results.
    pub fn server_bytes(&self) -> usize {
        let basis = self.params.basis();
        let ciphertext = 2 * basis.primes().len() * basis.n() * size_of::<u64>();
        let sums = self.results().min(crate::kernel::units_ahead(self));
        self.tiles() * (self.inputs() + sums) * ciphertext
    }

    /// Ciphertexts from the client.
    pub fn up_ciphertexts(&self) -> usize {
        self.merged_groups() * self.tiles() * self.inputs()
    }

    /// Ciphertexts from the server.
    pub fn down_ciphertexts(&self) -> usize {
        self.merged_groups() * self.tiles() * self.results()
    }

    /// Bytes of one ciphertext from the client.
    pub fn input_bytes(&self) -> usize {
        codec::input_len(&self.params)
    }

    /// Bytes from the client, without message headers.
    pub fn up_bytes(&self) -> usize {
        self.up_ciphertexts() * self.input_bytes()
    }

    /// Bytes from the server, without message headers.
    pub fn down_bytes(&self) -> usize {
        self.result_lens().sum()
    }

    /// Products of ciphertexts by kernel polynomials: only those that some weight connects.
    pub fn products(&self) -> usize {
        let pairs: usize = (0..self.results()).map(|result| self.connected(result).len()).sum();
        self.merged_groups() * self.tiles() * pairs
    }

    /// Kernel polynomials that some weight makes other than zero.
    pub(crate) fn polynomials(&self) -> usize {
        self.products() / self.tiles()
    }

    /// Outputs whose weights meet in a result's noise, at most.
    pub fn sharing(&self) -> usize {
        self.plan.outputs
    }

    /// Values of a transformed kernel polynomial for each prime: few when it is one in a high power of X.
    pub fn kernel_values(&self) -> usize {
        self.params.degree() / self.run()
    }

    /// Replays the messages of [`linear::client`](crate::linear::client) and
    /// [`linear::server`](crate::linear::server).
    pub fn cost(&self, meter: &mut Meter) {
        for _ in 0..self.up_ciphertexts() {
            meter.message(Dir::Up, self.input_bytes());
        }
        for len in self.result_lens() {
            meter.message(Dir::Down, len);
        }
    }

    /// Bytes of each result, in the order of sending.
    pub(crate) fn result_lens(&self) -> impl Iterator<Item = usize> {
        let all = (0..self.merged_groups()).flat_map(move |group| self.answers(group));
        all.map(move |(job, result)| self.result_len(&job, result))
    }

    pub(crate) fn result_len(&self, job: &Job, result: usize) -> usize {
        codec::result_len(&self.params, self.outputs_of(result).len() * job.area())
    }

    /// The jobs of a merged group in the order of sending.
    pub(crate) fn jobs(&self, group: usize) -> impl Iterator<Item = Job> {
        let [rows, columns] = &self.spans;
        let tiles = rows.iter().flat_map(move |y| columns.iter().map(move |x| [*y, *x]));
        let batches = self.batches.iter();
        batches.flat_map(move |images| {
            tiles.clone().map(move |tile| Job { group, images: *images, tile })
        })
    }

    /// The results of a merged group in the order of sending: all jobs' first, all jobs' second, so that the server
    /// transforms each kernel polynomial once.
    pub(crate) fn answers(&self, group: usize) -> impl Iterator<Item = (Job, usize)> {
        (0..self.results()).flat_map(move |result| self.jobs(group).map(move |job| (job, result)))
    }

    /// Spatial tiles of all images: jobs of a merged group.
    pub(crate) fn tiles(&self) -> usize {
        self.batches.len() * self.spans[0].len() * self.spans[1].len()
    }

    /// Input ciphertexts per job.
    pub(crate) fn inputs(&self) -> usize {
        self.planes_per_group().div_ceil(self.plan.planes)
    }

    /// Results per job.
    pub(crate) fn results(&self) -> usize {
        self.outputs_per_group().div_ceil(self.plan.outputs)
    }

    /// The inputs of a job that some weight connects with a result.
    pub(crate) fn connected(&self, result: usize) -> Range<usize> {
        self.plan.connected(result, [self.planes_per_group(), self.outputs_per_group()])
    }

    /// Groups as merged.
    pub(crate) fn merged_groups(&self) -> usize {
        self.shape.groups as usize / self.plan.merged
    }

    /// The greatest r such that every kernel polynomial is one in X^r; 1 when that would be less than 8.
    pub(crate) fn run(&self) -> usize {
        self.plan.run
    }

    /// Whether a kernel that was encoded for one of these layouts fits the other.
    pub fn shares_kernel(&self, other: &Self) -> bool {
        self.params == other.params && self.places() == other.places()
    }

    /// Where the weights lie.
    pub(crate) fn places(&self) -> Places {
        let Plan { merged, planes, outputs, run, .. } = self.plan;
        Places { shape: self.shape, tiling: self.tiling, plan: [merged, planes, outputs, run] }
    }

    fn phases(&self) -> [usize; 2] {
        [self.axes[0].phases(), self.axes[1].phases()]
    }

    fn channels_per_group(&self) -> usize {
        (self.shape.cin / self.shape.groups) as usize * self.plan.merged
    }

    fn planes_per_group(&self) -> usize {
        self.channels_per_group() * self.phases()[0] * self.phases()[1]
    }

    fn outputs_per_group(&self) -> usize {
        (self.shape.cout / self.shape.groups) as usize * self.plan.merged
    }

    /// A plane's channel within the merged group, and its phases.
    fn plane(&self, plane: usize) -> (usize, [usize; 2]) {
        let [py, px] = self.phases();
        (plane / (py * px), [plane / px % py, plane % px])
    }

    fn planes_of(&self, input: usize) -> Range<usize> {
        let first = input * self.plan.planes;
        first..(first + self.plan.planes).min(self.planes_per_group())
    }

    fn outputs_of(&self, result: usize) -> Range<usize> {
        let first = result * self.plan.outputs;
        first..(first + self.plan.outputs).min(self.outputs_per_group())
    }

    /// Calls `put` for all elements of the input tensor that an input ciphertext carries.
    pub(crate) fn each_input(&self, job: &Job, input: usize, mut put: impl FnMut(Run)) {
        let [y, x] = &job.tile;
        let [h, w] = [self.shape.h as usize, self.shape.w as usize];
        for (slot, plane) in self.planes_of(input).enumerate() {
            let (channel, [py, px]) = self.plane(plane);
            let channel = job.group * self.channels_per_group() + channel;
            let mut row = |[image, row]: [usize; 2], columns: Range<usize>, coefficient: usize| {
                let (first, step) = self.axes[1].inputs_from(px, columns.start);
                let Some(row) = self.axes[0].input_at(py, row) else { return };
                let len = self.axes[1].inside(px, columns).len();
                let channel = image * self.shape.cin as usize + channel;
                let index = (channel * h + row) * w + first;
                if len > 0 {
                    put(Run { coefficient, index, len, step });
                }
            };
            if self.grid.is_none() {
                for (place, image) in job.images.positions().enumerate() {
                    for r in y.from..y.to {
                        let at = [r as i64 - y.start as i64, x.from as i64 - x.start as i64];
                        row([image, r], x.from..x.to, self.tiling.input(slot, place, at));
                    }
                }
                continue;
            }
            let [rows, columns] = self.output_size();
            let mut from = x.from;
            while from < x.to {
                let (r, column) = (from / columns, from % columns);
                let len = (columns - column).min(x.to - from);
                let at = self.tiling.input(slot, 0, [0, from as i64 - x.start as i64]);
                row([r / rows, r % rows], column..column + len, at);
                from += len;
            }
        }
    }

    /// The coefficients of a result that hold outputs, with their places in the output tensor, in the order of sending.
    pub(crate) fn outputs(&self, job: &Job, result: usize) -> Vec<Run> {
        let [y, x] = job.tile;
        let [rows, columns] = self.output_size();
        let (area, channels) = (rows * columns, self.shape.cout as usize);
        let mut outputs = Vec::with_capacity(self.outputs_of(result).len() * y.outputs);
        for (slot, output) in self.outputs_of(result).enumerate() {
            let channel = job.group * self.outputs_per_group() + output;
            let mut run = |coefficient, image, position, len| {
                let index = (image * channels + channel) * area + position;
                outputs.push(Run { coefficient, index, len, step: 1 });
            };
            if self.grid.is_none() {
                for (place, image) in job.images.positions().enumerate() {
                    for i in 0..y.outputs {
                        let coefficient = self.tiling.output(self.plan.planes, slot, place, i);
                        run(coefficient, image, (y.start + i) * columns + x.start, x.outputs);
                    }
                }
                continue;
            }
            let first = self.tiling.output(self.plan.planes, slot, 0, 0);
            let (mut from, end) = (x.start, x.start + x.outputs);
            while from < end {
                let len = (area - from % area).min(end - from);
                run(first + from - x.start, from / area, from % area, len);
                from += len;
            }
        }
        outputs
    }

    /// Calls `put(coefficient, index)` for the weights of the kernel polynomial from one input to one result of a merged
    /// group: its coefficients, and their places in the kernel tensor.
    pub(crate) fn each_weight(
        &self,
        group: usize,
        input: usize,
        result: usize,
        mut put: impl FnMut(usize, usize),
    ) {
        let (cin, cout) = (
            (self.shape.cin / self.shape.groups) as usize,
            (self.shape.cout / self.shape.groups) as usize,
        );
        let area = (self.shape.kernel[0] * self.shape.kernel[1]) as usize;
        let phases = self.taps.len();
        for (output_slot, output) in self.outputs_of(result).enumerate() {
            let first = self.tiling.weight(self.plan.planes, output_slot, 0);
            let channels = output / cout * cin..(output / cout + 1) * cin;
            let planes = self.planes_of(input);
            let start = planes.start;
            let planes =
                planes.start.max(channels.start * phases)..planes.end.min(channels.end * phases);
            let row = (group * self.outputs_per_group() + output) * cin;
            let (mut channel, mut phase) = (planes.start / phases, planes.start % phases);
            for plane in planes {
                let first = first - (plane - start) as i64 * self.tiling.block;
                let index = (row + channel - channels.start) * area;
                for &(offset, tap) in &self.taps[phase] {
                    put((first - offset) as usize, index + tap);
                }
                phase += 1;
                if phase == phases {
                    (channel, phase) = (channel + 1, 0);
                }
            }
        }
    }
}

impl Job {
    fn area(&self) -> usize {
        self.images.outputs * self.tile[0].outputs * self.tile[1].outputs
    }
}
