use super::args::Args;
use crate::{Array, Error};
use burn_tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn_tensor::{Tensor, module};
use sordino_graph::ir::Window;

/// A window over two spatial axes; over one it gets a first axis of extent 1.
pub(super) struct Plane {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) pads: [(usize, usize); 2],
}

impl Plane {
    pub(super) fn new(window: &Window) -> Self {
        Self {
            kernel: Self::pair(&window.kernel, 1),
            stride: Self::pair(&window.stride, 1),
            dilation: Self::pair(&window.dilation, 1),
            pads: Self::pair(&window.pads, (0, 0)),
        }
    }

    pub(super) fn pair<T: Copy>(axes: &[T], missing: T) -> [T; 2] {
        match axes {
            [a, b] => [*a, *b],
            [b] => [missing, *b],
            _ => [missing; 2],
        }
    }

    /// Samples and batch as one axis, then channels and two spatial axes.
    pub(super) fn image(&self, x: &Array) -> [usize; 4] {
        let [height, width] = Self::pair(&x.shape()[2..], 1);
        [x.lead() * x.shape()[0], x.shape()[1], height, width]
    }
}

pub(super) fn max(args: &Args, window: &Window) -> Result<Array, Error> {
    let x = args.array(0)?;
    let plane = Plane::new(window);
    let options = MaxPoolOptions::new(plane.kernel)
        .with_stride(plane.stride)
        .with_padding_pairs(plane.pads)
        .with_dilation(plane.dilation);
    let y = module::max_pool2d(x.view(plane.image(&x)), options);
    Ok(Array::of(y, x.lead(), args.out()))
}

pub(super) fn average(args: &Args, window: &Window, with_pad: bool) -> Result<Array, Error> {
    let x = args.array(0)?;
    let plane = Plane::new(window);
    if plane.dilation != [1; 2] {
        return Err(args.unsupported("a mean over a dilated window"));
    }
    let options = AvgPoolOptions::new(plane.kernel)
        .with_stride(plane.stride)
        .with_padding_pairs(plane.pads)
        .with_count_include_pad(with_pad);
    let y = module::avg_pool2d(x.view(plane.image(&x)), options);
    Ok(Array::of(y, x.lead(), args.out()))
}

/// One number per channel, from `[rows, channels, area]` to `[rows, channels, 1]`.
pub(super) fn global(
    args: &Args,
    fold: impl FnOnce(Tensor<3>) -> Tensor<3>,
) -> Result<Array, Error> {
    let x = args.array(0)?;
    Ok(Array::of(fold(x.planes()), x.lead(), args.out()))
}
