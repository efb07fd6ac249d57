use core::ops::Range;

use super::direct;
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::isa::dispatch;

/// A two-dimensional convolution (cross-correlation, as in ONNX `Conv`) over a ring.
///
/// *Shapes*: input `cin` x `h` x `w`; kernel `cout` x `cin / groups` x `kh` x `kw`; output `cout` x `out_h` x
/// `out_w`; all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Input channels.
    pub cin: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Output channels.
    pub cout: usize,
    /// Kernel height.
    pub kh: usize,
    /// Kernel width.
    pub kw: usize,
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [usize; 2],
    /// Zero padding at the top, bottom, left and right.
    pub pads: [usize; 4],
    /// Groups: both channel counts are multiples of it.
    pub groups: usize,
}

impl Conv2d {
    /// Output height.
    pub fn out_h(&self) -> usize {
        let [top, bottom, ..] = self.pads;
        extent(self.h + top + bottom, self.kh, self.stride[0], self.dilation[0])
    }

    /// Output width.
    pub fn out_w(&self) -> usize {
        let [.., left, right] = self.pads;
        extent(self.w + left + right, self.kw, self.stride[1], self.dilation[1])
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.cin * self.h * self.w
    }

    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.cout * (self.cin / self.groups) * self.kh * self.kw
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        self.cout * self.out_h() * self.out_w()
    }

    /// The input row under kernel row `u` at output row `row`, unless it is padding.
    pub(super) fn input_row(&self, row: usize, u: usize) -> Option<usize> {
        let padded = row * self.stride[0] + u * self.dilation[0];
        padded.checked_sub(self.pads[0]).filter(|&at| at < self.h)
    }

    /// What lies under kernel column `v`.
    pub(super) fn columns(&self, v: usize) -> Columns {
        let (stride, left, shift) = (self.stride[1], self.pads[2], v * self.dilation[1]);
        let end = (self.w + left).saturating_sub(shift).div_ceil(stride).min(self.out_w());
        let start = left.saturating_sub(shift).div_ceil(stride).min(end);
        let first_input = (start * stride + shift).saturating_sub(left).min(self.w);
        Columns { outputs: start..end, first_input }
    }

    pub(crate) fn check(&self, x: usize, k: usize, y: usize) {
        assert!(
            self.groups > 0
                && self.cin.is_multiple_of(self.groups)
                && self.cout.is_multiple_of(self.groups),
            "groups must divide the channel counts"
        );
        assert!(
            self.stride.iter().chain(&self.dilation).all(|&s| s > 0),
            "zero stride or dilation"
        );
        assert!(
            x == self.input_len() && k == self.kernel_len() && y == self.output_len(),
            "convolution sizes: input {x}, kernel {k}, output {y} for {self:?}"
        );
    }
}

fn extent(padded: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let span = dilation * kernel.saturating_sub(1) + 1;
    if kernel == 0 || padded < span { 0 } else { (padded - span) / stride + 1 }
}

/// The output columns whose input under one kernel column is not padding, and the first of those inputs.
pub(super) struct Columns {
    pub(super) outputs: Range<usize>,
    pub(super) first_input: usize,
}

/// Convolution over Z_2^64.
///
/// # Panics
/// If `groups` does not divide the channel counts, a stride or dilation is 0, or a slice has another length.
pub fn conv2d_u64(conv: &Conv2d, x: &[u64], k: &[u64], y: &mut [u64]) {
    conv.check(x.len(), k.len(), y.len());
    dispatch!(conv2d_u64(conv, x, k, y), direct::conv(conv, x, k, y));
}

/// Convolution over Z_2^32, otherwise as [`conv2d_u64`].
///
/// # Panics
/// As [`conv2d_u64`].
pub fn conv2d_u32(conv: &Conv2d, x: &[u32], k: &[u32], y: &mut [u32]) {
    conv.check(x.len(), k.len(), y.len());
    dispatch!(conv2d_u32(conv, x, k, y), direct::conv(conv, x, k, y));
}
