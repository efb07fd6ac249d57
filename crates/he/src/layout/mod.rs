//! How a layer's tensors are laid out in ciphertexts, and what that costs.

mod axis;
mod search;
#[cfg(test)]
mod tests;
mod tiling;

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
/// result is a sum over the job's inputs. The cut of least traffic is chosen.
///
/// *Cost*: [`up_bytes`](Self::up_bytes) and [`down_bytes`](Self::down_bytes) in
/// [`up_ciphertexts`](Self::up_ciphertexts) and [`down_ciphertexts`](Self::down_ciphertexts) messages, one round.
#[derive(Debug)]
pub struct ConvLayout {
    params: Params,
    shape: ConvShape,
    axes: [Axis; 2],
    tiling: Tiling,
    plan: Plan,
    spans: [Vec<Span>; 2],
}

/// A spatial tile of a merged group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    group: usize,
    tile: [Span; 2],
}

/// An entry of a kernel polynomial.
pub(crate) struct WeightAt {
    /// Coefficient of the polynomial.
    pub(crate) coefficient: usize,
    /// Index into the kernel tensor.
    pub(crate) index: usize,
}

impl ConvLayout {
    /// Lays out `shape` for shares in the parameters' ring.
    ///
    /// # Errors
    /// [`Error::Layout`] when the shape is inconsistent, has more taps than the parameters' noise budget, or a kernel
    /// spans more than a ciphertext holds.
    pub fn new(shape: &ConvShape, params: &Params) -> Result<Self, Error> {
        Self::with_degree(shape, params, params.degree())
    }

    fn with_degree(shape: &ConvShape, params: &Params, degree: usize) -> Result<Self, Error> {
        let [rows, columns] = shape.output()?;
        if shape.cout as usize * rows * columns > 1 << MAX_OUTPUTS_LOG2 {
            return Err(Error::Layout(format!(
                "more than 2^{MAX_OUTPUTS_LOG2} outputs in {shape:?}"
            )));
        }
        let shared = params.weight_capacity() / shape.taps();
        if shared == 0 {
            return Err(Error::Layout(format!(
                "{} products per output exceed the noise budget of parameters for {}; choose parameters with more taps",
                shape.taps(),
                params.weight_capacity()
            )));
        }
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
        let needs = Needs {
            degree,
            groups: shape.groups as usize,
            planes: (shape.cin / shape.groups) as usize * axes[0].phases() * axes[1].phases(),
            outputs: (shape.cout / shape.groups) as usize,
            shared,
            input_bytes: codec::input_len(params) + sordino_wire::HEADER as usize,
            result_bytes: codec::result_len(params, 0) + sordino_wire::HEADER as usize,
        };
        let plan = search::search(&needs, &axes).ok_or_else(|| {
            Error::Layout(format!(
                "the taps of one output span more than a ciphertext in {shape:?}"
            ))
        })?;
        let spans = [axes[0].spans(plan.tile[0]), axes[1].spans(plan.tile[1])];
        let tiling = Tiling::new(&axes, [axes[0].bounds(&spans[0]), axes[1].bounds(&spans[1])]);
        Ok(Self { params: params.clone(), shape: *shape, axes, tiling, plan, spans })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The convolution.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Output height and width.
    pub fn output_size(&self) -> [usize; 2] {
        [self.axes[0].output, self.axes[1].output]
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [rows, columns] = self.output_size();
        self.shape.cout as usize * rows * columns
    }

    /// Ciphertexts from the client.
    pub fn up_ciphertexts(&self) -> usize {
        self.jobs().count() * self.inputs()
    }

    /// Ciphertexts from the server.
    pub fn down_ciphertexts(&self) -> usize {
        self.jobs().count() * self.results()
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

    /// Products of ciphertexts by kernel polynomials.
    pub fn products(&self) -> usize {
        self.jobs().count() * self.inputs() * self.results()
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
        self.jobs().flat_map(move |job| (0..self.results()).map(move |r| self.result_len(&job, r)))
    }

    pub(crate) fn result_len(&self, job: &Job, result: usize) -> usize {
        codec::result_len(&self.params, self.outputs_of(result).len() * job.area())
    }

    /// The jobs in the order of sending.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = Job> {
        (0..self.merged_groups()).flat_map(move |group| {
            let rows = self.spans[0].iter();
            rows.flat_map(move |y| self.spans[1].iter().map(move |x| Job { group, tile: [*y, *x] }))
        })
    }

    /// Input ciphertexts per job.
    pub(crate) fn inputs(&self) -> usize {
        self.planes_per_group().div_ceil(self.plan.planes)
    }

    /// Results per job.
    pub(crate) fn results(&self) -> usize {
        self.outputs_per_group().div_ceil(self.plan.outputs)
    }

    /// Outputs per result.
    #[cfg(test)]
    pub(crate) fn sharing(&self) -> usize {
        self.plan.outputs
    }

    /// Groups as merged.
    pub(crate) fn merged_groups(&self) -> usize {
        self.shape.groups as usize / self.plan.merged
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

    fn planes_of(&self, input: usize) -> std::ops::Range<usize> {
        let first = input * self.plan.planes;
        first..(first + self.plan.planes).min(self.planes_per_group())
    }

    fn outputs_of(&self, result: usize) -> std::ops::Range<usize> {
        let first = result * self.plan.outputs;
        first..(first + self.plan.outputs).min(self.outputs_per_group())
    }

    /// Calls `put(coefficient, index)` for every element of the input tensor that an input ciphertext carries.
    pub(crate) fn each_input(&self, job: &Job, input: usize, mut put: impl FnMut(usize, usize)) {
        let [y, x] = &job.tile;
        let [h, w] = [self.shape.h as usize, self.shape.w as usize];
        for (slot, plane) in self.planes_of(input).enumerate() {
            let (channel, [py, px]) = self.plane(plane);
            let channel = job.group * self.channels_per_group() + channel;
            for row in y.from..y.to {
                let Some(row_index) = self.axes[0].input_at(py, row) else { continue };
                for column in x.from..x.to {
                    let Some(column_index) = self.axes[1].input_at(px, column) else { continue };
                    let at = [row as i64 - y.start as i64, column as i64 - x.start as i64];
                    put(
                        self.tiling.input(slot, at[0], at[1]),
                        (channel * h + row_index) * w + column_index,
                    );
                }
            }
        }
    }

    /// The coefficients of a result that hold outputs, each with its index in the output tensor, in the order of
    /// sending.
    pub(crate) fn outputs(&self, job: &Job, result: usize) -> Vec<(usize, usize)> {
        let [y, x] = job.tile;
        let [rows, columns] = self.output_size();
        let mut outputs = Vec::with_capacity(self.outputs_of(result).len() * job.area());
        for (slot, output) in self.outputs_of(result).enumerate() {
            let channel = job.group * self.outputs_per_group() + output;
            for i in 0..y.outputs {
                for j in 0..x.outputs {
                    let index = (channel * rows + y.start + i) * columns + x.start + j;
                    outputs.push((self.tiling.output(self.plan.planes, slot, i, j), index));
                }
            }
        }
        outputs
    }

    /// The entries of the kernel polynomial from one input to one result of a merged group: none when no weight
    /// connects them.
    pub(crate) fn weights(&self, group: usize, input: usize, result: usize) -> Vec<WeightAt> {
        let [kh, kw] = self.shape.kernel.map(|k| k as usize);
        let (cin, cout) = (
            (self.shape.cin / self.shape.groups) as usize,
            (self.shape.cout / self.shape.groups) as usize,
        );
        let mut weights = Vec::new();
        for (output_slot, output) in self.outputs_of(result).enumerate() {
            for (plane_slot, plane) in self.planes_of(input).enumerate() {
                let (channel, [py, px]) = self.plane(plane);
                if channel / cin != output / cout {
                    continue;
                }
                let row = (group * self.outputs_per_group() + output) * cin + channel % cin;
                for (a, &(_, dy)) in
                    self.axes[0].taps.iter().enumerate().filter(|(_, tap)| tap.0 == py)
                {
                    for (b, &(_, dx)) in
                        self.axes[1].taps.iter().enumerate().filter(|(_, tap)| tap.0 == px)
                    {
                        weights.push(WeightAt {
                            coefficient: self.tiling.weight(
                                self.plan.planes,
                                output_slot,
                                plane_slot,
                                [dy, dx],
                            ),
                            index: (row * kh + a) * kw + b,
                        });
                    }
                }
            }
        }
        weights
    }
}

impl Job {
    pub(crate) fn group(&self) -> usize {
        self.group
    }

    fn area(&self) -> usize {
        self.tile[0].outputs * self.tile[1].outputs
    }
}
