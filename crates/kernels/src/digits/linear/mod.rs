//! Linear layers on labels: convolutions of digits modulo p with public weights. A dense layer is a convolution with
//! a 1x1 kernel over a 1x1 plane.
//!
//! The digits of a label behave as further columns of the plane, so that one broadcast weight meets all of them; four
//! channels lie side by side in a word, as dot-product instructions want them.

use core::ops::Range;

use super::{Radix, whole_labels};
use crate::isa::dispatch;
use crate::ring::Conv2d;

#[cfg(target_arch = "x86_64")]
mod depthwise;
mod layout;
mod portable;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

use layout::Layout;

/// The input of a convolution on labels, laid out for [`conv`]: made once, read by the calls for all output channels,
/// in parallel if the caller likes.
pub struct Operand {
    shape: Conv2d,
    radix: Radix,
    layout: Layout,
    /// In the order of `layout`, with zero digits for the padding and a margin for whole registers.
    digits: Vec<u8>,
}

impl Operand {
    /// Lays out `x`, that is `cin` x `h` x `w` labels of digits below p, for a convolution of this shape.
    ///
    /// *Cost*: one copy, of (h + pads) (w + pads) labels per channel.
    ///
    /// # Panics
    /// If `groups` does not divide the channel counts, a stride or dilation is 0, or `x` has another length.
    pub fn new(shape: &Conv2d, r: Radix, x: &[u8]) -> Self {
        let labels = whole_labels(r, x.len());
        shape.check(labels, shape.kernel_len(), shape.output_len());
        let layout = Layout::new(shape, r.digits());
        let mut digits = vec![0; layout.len()];
        if !x.is_empty() {
            dispatch!(fill(&layout, x, &mut digits), layout.fill(x, &mut digits));
        }
        Self { shape: *shape, radix: r, layout, digits }
    }
}

/// The output channels `channels` of a convolution modulo p: `y` is `channels.len()` x `out_h` x `out_w` labels, its
/// digits reduced to 0..p.
///
/// `kernel` is `channels.len()` x `cin / groups` x `kh` x `kw` weights, the residues mod p of least absolute value
/// (any other `i8` of the same residue gives the same result).
///
/// # Panics
/// If `channels` reaches beyond `cout` or a slice has another length.
pub fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
    let shape = &x.shape;
    assert!(
        channels.start <= channels.end && channels.end <= shape.cout,
        "output channels {channels:?} of {}",
        shape.cout
    );
    let inner = shape.cin / shape.groups * shape.kh * shape.kw;
    let plane = shape.out_h() * shape.out_w() * x.radix.digits();
    assert!(
        kernel.len() == channels.len() * inner && y.len() == channels.len() * plane,
        "convolution sizes: kernel {}, output {} bytes for channels {channels:?} of {shape:?}",
        kernel.len(),
        y.len()
    );
    if y.is_empty() {
        return;
    }
    if inner == 0 {
        y.fill(0);
        return;
    }
    dispatch!(conv(x, channels, kernel, y), portable::conv(x, channels, kernel, y));
}

#[cfg(test)]
mod tests;
