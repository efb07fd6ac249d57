use super::args::Args;
use super::broadcast::zip;
use super::pool::Plane;
use crate::{Array, Error};
use burn_tensor::module;
use burn_tensor::ops::{ConvOptions, ConvTransposeOptions};
use sordino_graph::ir::Window;

pub(super) fn conv(args: &Args, window: &Window, groups: usize) -> Result<Array, Error> {
    let (x, weight) = (args.array(0)?, args.constant(1)?);
    let plane = Plane::new(window);
    let bias = args.opt(2).map(|_| args.constant(2)).transpose()?;
    let y = module::conv2d(
        x.view(plane.image(&x)),
        weight.view(plane.image(&weight)),
        bias.map(|b| b.flat()),
        ConvOptions::new_with_padding(plane.stride, plane.pads, plane.dilation, groups),
    );
    Ok(Array::of(y, x.lead(), args.out()))
}

pub(super) fn transposed(
    args: &Args,
    window: &Window,
    groups: usize,
    output_padding: &[usize],
) -> Result<Array, Error> {
    let (x, weight) = (args.array(0)?, args.constant(1)?);
    let plane = Plane::new(window);
    let bias = args.opt(2).map(|_| args.constant(2)).transpose()?;
    // Padding of a transposed convolution cuts its result; what is cut unevenly is cut here.
    let extra = Plane::pair(output_padding, 0);
    let y = module::conv_transpose2d(
        x.view(plane.image(&x)),
        weight.view(plane.image(&weight)),
        bias.map(|b| b.flat()),
        ConvTransposeOptions::new(plane.stride, [0; 2], extra, plane.dilation, groups),
    );
    let [_, _, height, width] = y.dims();
    let [(top, bottom), (left, right)] = plane.pads;
    let y = y.narrow(2, top, height - top - bottom).narrow(3, left, width - left - right);
    Ok(Array::of(y, x.lead(), args.out()))
}

pub(super) fn gemm(
    args: &Args,
    [alpha, beta]: [f32; 2],
    [trans_a, trans_b]: [bool; 2],
) -> Result<Array, Error> {
    let (a, b) = (args.array(0)?, args.array(1)?);
    let matrices = |v: &Array| v.view([v.lead(), v.shape()[0], v.shape()[1]]);
    let lead = a.lead().max(b.lead());
    let y = if b.lead() == 1 && !trans_a {
        let rows = a.view([a.lead() * a.shape()[0], a.shape()[1]]);
        let b = b.view([b.shape()[0], b.shape()[1]]);
        Array::of(rows.matmul(if trans_b { b.transpose() } else { b }), lead, args.out())
    } else {
        let (a, b) = (matrices(&a), matrices(&b));
        let a = if trans_a { a.swap_dims(1, 2) } else { a };
        let b = if trans_b { b.swap_dims(1, 2) } else { b };
        Array::of(a.matmul(b), lead, args.out())
    };
    let scaled = |v: Array, by: f32| if by == 1.0 { v } else { v.map(|v| v.mul_scalar(by)) };
    let y = scaled(y, alpha);
    match args.opt(2) {
        Some(c) => zip(&y, &scaled(c.clone(), beta), |y, c| y + c),
        None => Ok(y),
    }
}

pub(super) fn matmul(args: &Args) -> Result<Array, Error> {
    let (a, b) = (args.array(0)?, args.array(1)?);
    let lead = a.lead().max(b.lead());
    let k = a.shape().last().copied().unwrap_or(1);
    if b.lead() == 1 && b.shape().len() <= 2 {
        let rows = a.lead() * a.shape().iter().product::<usize>() / k;
        let columns = if b.shape().len() == 2 { b.shape()[1] } else { 1 };
        let y = a.view([rows, k]).matmul(b.view([k, columns]));
        return Ok(Array::of(y, lead, args.out()));
    }
    let mut left = a.shape().to_vec();
    let mut right = b.shape().to_vec();
    if left.len() == 1 {
        left.insert(0, 1);
    }
    if right.len() == 1 {
        right.push(1);
    }
    let dims = |v: &Array, shape: &[usize]| -> Result<[usize; 6], Error> {
        let missing = 5usize.checked_sub(shape.len()).ok_or_else(|| {
            args.unsupported(&format!("a product of {} axes; at most 5", shape.len()))
        })?;
        let mut dims = [1; 6];
        dims[0] = v.lead();
        dims[1 + missing..].copy_from_slice(shape);
        Ok(dims)
    };
    let y = a.view(dims(&a, &left)?).matmul(b.view(dims(&b, &right)?));
    Ok(Array::of(y, lead, args.out()))
}
