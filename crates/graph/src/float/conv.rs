use super::eval::Args;
use super::matmul::product;
use crate::Error;
use crate::ir::{Tensor, Window};
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

/// Floats of the column matrix built at once; larger convolutions go by bands of output rows.
const COLUMNS: usize = 1 << 24;

/// A convolution over `[h, w]` planes; one spatial axis becomes `h = 1`.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) oh: usize,
    pub(super) ow: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) before: [usize; 2],
}

impl Plane {
    /// `input` and `output` are shapes with their batch and channel axes.
    pub(super) fn new(window: &Window, input: &[usize], output: &[usize]) -> Self {
        let two = |v: &[usize], absent: usize| match v {
            [x] => [absent, *x],
            v => [v[0], v[1]],
        };
        let before: Vec<usize> = window.pads.iter().map(|p| p.0).collect();
        let ([h, w], [oh, ow]) = (two(&input[2..], 1), two(&output[2..], 1));
        Self {
            h,
            w,
            oh,
            ow,
            kernel: two(&window.kernel, 1),
            stride: two(&window.stride, 1),
            dilation: two(&window.dilation, 1),
            before: two(&before, 0),
        }
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(super) fn area(&self) -> usize {
        self.h * self.w
    }

    pub(super) fn out_area(&self) -> usize {
        self.oh * self.ow
    }

    /// Input row that tap `k` of output row `o` reads, if it is not padding.
    pub(super) fn row(&self, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[0] + k * self.dilation[0])
            .checked_sub(self.before[0])
            .filter(|&y| y < self.h)
    }

    /// Outputs `x` of a row whose tap `k` is not padding, as a range.
    pub(super) fn columns(&self, k: usize) -> std::ops::Range<usize> {
        let offset = k * self.dilation[1];
        let first = self.before[1].saturating_sub(offset).div_ceil(self.stride[1]);
        let end = (self.w + self.before[1]).saturating_sub(offset).div_ceil(self.stride[1]);
        let end = end.min(self.ow);
        first.min(end)..end
    }

    /// Input column that tap `k` of output column `o` reads; `o` must be in [`Self::columns`].
    pub(super) fn column(&self, o: usize, k: usize) -> usize {
        o * self.stride[1] + k * self.dilation[1] - self.before[1]
    }

    fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && self.stride == [1, 1]
            && self.before == [0, 0]
            && (self.oh, self.ow) == (self.h, self.w)
    }
}

pub(super) fn conv(args: &Args, window: &Window, groups: usize) -> Result<Vec<Tensor>, Error> {
    let plane = Plane::new(window, args.shape(0)?, args.out());
    let (x, w) = (args.f32(0)?, args.f32(1)?);
    let channels = Channels { cin: args.shape(0)?[1], cout: args.out()[1], groups };
    let y = forward(x, w, &plane, channels, args.out()[0])?;
    args.floats(add_bias(y, args.opt_f32(2)?, plane.out_area()))
}

/// Adds one number per channel to `[n, c, area]`.
pub(super) fn add_bias(mut y: Vec<f32>, bias: Option<&[f32]>, area: usize) -> Vec<f32> {
    if let Some(bias) = bias.filter(|b| !b.is_empty() && area > 0) {
        for (row, b) in y.chunks_mut(area).zip(bias.iter().cycle()) {
            row.iter_mut().for_each(|v| *v += b);
        }
    }
    y
}

#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub(super) cin: usize,
    pub(super) cout: usize,
    pub(super) groups: usize,
}

/// Convolution without bias: `[n, cin, h, w]` to `[n, cout, oh, ow]`.
pub(super) fn forward(
    x: &[f32],
    w: &[f32],
    plane: &Plane,
    c: Channels,
    batch: usize,
) -> Result<Vec<f32>, Error> {
    let mut y = vec![0.0; batch * c.cout * plane.out_area()];
    if y.is_empty() || plane.area() == 0 {
        return Ok(y);
    }
    let (cin, cout) = (c.cin / c.groups, c.cout / c.groups);
    let inputs = x.chunks(cin * plane.area());
    let outputs = y.chunks_mut(cout * plane.out_area());
    let kernels = w.chunks(cout * cin * plane.taps());
    if cin == 1 {
        let planes = inputs.zip(kernels.cycle()).zip(outputs).collect::<Vec<_>>();
        planes.into_par_iter().for_each(|((x, w), y)| depthwise(x, w, y, plane));
        return Ok(y);
    }
    let mut columns = Vec::new();
    for ((x, w), y) in inputs.zip(kernels.cycle()).zip(outputs) {
        group(x, w, y, plane, (cin, cout), &mut columns)?;
    }
    Ok(y)
}

/// One input plane to `y.len() / out_area` output planes.
fn depthwise(x: &[f32], w: &[f32], y: &mut [f32], plane: &Plane) {
    for (w, y) in w.chunks(plane.taps()).zip(y.chunks_mut(plane.out_area())) {
        for (oy, row) in y.chunks_mut(plane.ow).enumerate() {
            for ky in 0..plane.kernel[0] {
                let Some(iy) = plane.row(oy, ky) else { continue };
                let source = &x[iy * plane.w..(iy + 1) * plane.w];
                for kx in 0..plane.kernel[1] {
                    let weight = w[ky * plane.kernel[1] + kx];
                    let range = plane.columns(kx);
                    if range.is_empty() {
                        continue;
                    }
                    let taps =
                        source[plane.column(range.start, kx)..].iter().step_by(plane.stride[1]);
                    row[range].iter_mut().zip(taps).for_each(|(v, s)| *v += weight * s);
                }
            }
        }
    }
}

fn group(
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    plane: &Plane,
    (cin, cout): (usize, usize),
    columns: &mut Vec<f32>,
) -> Result<(), Error> {
    let depth = cin * plane.taps();
    let kernel = matrix(w, cout, depth)?;
    if plane.is_pointwise() {
        return product(kernel, matrix(x, cin, plane.area())?, y, plane.area());
    }
    let row = depth * plane.ow;
    if row > crate::infer::MAX_ELEMENTS {
        return Err(Error::Limit(format!("a convolution needs {row} numbers for one output row")));
    }
    let band = (COLUMNS / row).clamp(1, plane.oh);
    columns.resize(row * band, 0.0);
    let mut part = Vec::new();
    for top in (0..plane.oh).step_by(band) {
        let rows = band.min(plane.oh - top);
        let n = rows * plane.ow;
        let columns = &mut columns[..depth * n];
        columns
            .par_chunks_mut(n)
            .enumerate()
            .for_each(|(tap, out)| im2col(x, tap, top, out, plane));
        let columns = matrix(columns, depth, n)?;
        if rows == plane.oh {
            return product(kernel, columns, y, n);
        }
        part.resize(cout * n, 0.0);
        product(kernel, columns, &mut part, n)?;
        for (part, y) in part.chunks(n).zip(y.chunks_mut(plane.out_area())) {
            y[top * plane.ow..][..n].copy_from_slice(part);
        }
    }
    Ok(())
}

/// Row `tap` of the column matrix for the output rows from `top` on.
fn im2col(x: &[f32], tap: usize, top: usize, out: &mut [f32], plane: &Plane) {
    let (channel, tap) = (tap / plane.taps(), tap % plane.taps());
    let (ky, kx) = (tap / plane.kernel[1], tap % plane.kernel[1]);
    let range = plane.columns(kx);
    let x = &x[channel * plane.area()..];
    for (i, row) in out.chunks_mut(plane.ow).enumerate() {
        let Some(iy) = plane.row(top + i, ky).filter(|_| !range.is_empty()) else {
            row.fill(0.0);
            continue;
        };
        row[..range.start].fill(0.0);
        row[range.end..].fill(0.0);
        let first = iy * plane.w + plane.column(range.start, kx);
        let target = &mut row[range.clone()];
        if plane.stride[1] == 1 {
            target.copy_from_slice(&x[first..first + target.len()]);
        } else {
            let taps = x[first..].iter().step_by(plane.stride[1]);
            target.iter_mut().zip(taps).for_each(|(v, s)| *v = *s);
        }
    }
}

pub(super) fn matrix(v: &[f32], rows: usize, cols: usize) -> Result<ArrayView2<'_, f32>, Error> {
    ArrayView2::from_shape((rows, cols), v).map_err(|e| Error::Shape(e.to_string()))
}

pub(super) fn matrix_mut(
    v: &mut [f32],
    rows: usize,
    cols: usize,
) -> Result<ArrayViewMut2<'_, f32>, Error> {
    ArrayViewMut2::from_shape((rows, cols), v).map_err(|e| Error::Shape(e.to_string()))
}
