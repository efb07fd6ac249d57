//! The patch under each pixel of a convolution's result as a column of a matrix.

use super::Kernel;
use sordino_graph::fixed::ConvShape;
use sordino_ot::matrix::Shape;

/// The layer as one product per group.
pub(super) fn shape(kernel: Kernel<'_>, bits: u32) -> Shape {
    let conv = kernel.conv;
    let (h, w) = conv.output();
    Shape {
        groups: conv.groups as usize,
        rows: (conv.cout / conv.groups) as usize,
        inner: (conv.cin / conv.groups) as usize * taps(conv),
        columns: h as usize * w as usize,
        weight_bits: kernel.bits,
        bits,
    }
}

fn taps(conv: &ConvShape) -> usize {
    conv.kernel[0] as usize * conv.kernel[1] as usize
}

/// For each channel and tap the pixel that it meets, for every pixel of the result.
pub(super) fn columns(conv: &ConvShape, x: &[u64]) -> Vec<u64> {
    let (oh, ow) = conv.output();
    let plane = Plane { rows: conv.h as usize, width: conv.w as usize };
    let mut all = Vec::with_capacity(conv.cin as usize * taps(conv) * (oh * ow) as usize);
    for channel in x.chunks_exact(plane.rows * plane.width) {
        for u in 0..conv.kernel[0] {
            for v in 0..conv.kernel[1] {
                for r in 0..oh {
                    let row =
                        plane.inside(place(r, conv.stride[0], u, conv.dilation[0], conv.pads[0]));
                    all.extend((0..ow).map(|q| {
                        let column = place(q, conv.stride[1], v, conv.dilation[1], conv.pads[2]);
                        plane.pixel(channel, row, column)
                    }));
                }
            }
        }
    }
    all
}

/// Where a tap of a window lies on one axis; negative in the padding.
fn place(window: u32, stride: u32, tap: u32, dilation: u32, pad: u32) -> i64 {
    let [window, stride, tap, dilation, pad] = [window, stride, tap, dilation, pad].map(i64::from);
    window * stride + tap * dilation - pad
}

/// One channel of an image, with zeros around it.
pub(super) struct Plane {
    pub rows: usize,
    pub width: usize,
}

impl Plane {
    /// A row that is not padding.
    pub(super) fn inside(&self, row: i64) -> Option<usize> {
        usize::try_from(row).ok().filter(|row| *row < self.rows)
    }

    pub(super) fn pixel(&self, channel: &[u64], row: Option<usize>, column: i64) -> u64 {
        let column = usize::try_from(column).ok().filter(|column| *column < self.width);
        row.zip(column).map_or(0, |(row, column)| channel[row * self.width + column])
    }
}
