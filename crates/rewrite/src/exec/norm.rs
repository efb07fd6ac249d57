use super::args::Args;
use super::broadcast::zip;
use crate::{Array, Error};
use burn_tensor::{Tensor, module};

pub(super) fn stored(args: &Args, epsilon: f32) -> Result<Array, Error> {
    let x = args.array(0)?;
    let [gamma, beta, mean, variance] = parameters(args)?;
    let y = module::batch_norm(x.planes(), gamma, beta, mean, variance, f64::from(epsilon));
    Ok(Array::of(y, x.lead(), args.out()))
}

/// With the batch's own statistics, which are returned: mean and biased variance.
pub(super) fn batch(args: &Args, epsilon: f32) -> Result<(Array, Tensor<1>, Tensor<1>), Error> {
    let x = args.array(0)?;
    let [gamma, beta, _, _] = parameters(args)?;
    let y = module::batch_norm_train(x.planes(), gamma, beta, f64::from(epsilon));
    Ok((Array::of(y.output, x.lead(), args.out()), y.mean.inner(), y.variance.inner()))
}

fn parameters(args: &Args) -> Result<[Tensor<1>; 4], Error> {
    let vector = |i: usize| args.constant(i).map(|v| v.flat());
    Ok([vector(1)?, vector(2)?, vector(3)?, vector(4)?])
}

/// Along the last axis, to mean 0 and variance 1.
fn normalised<const D: usize>(x: Tensor<D>, epsilon: f32) -> Tensor<D> {
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = (centred.clone() * centred.clone()).mean_dim(D - 1);
    centred / variance.add_scalar(epsilon).sqrt()
}

pub(super) fn instance(args: &Args, epsilon: f32) -> Result<Array, Error> {
    let x = args.array(0)?;
    let channels = x.shape()[1];
    let factor = |i: usize| args.constant(i).map(|v| v.view([1, channels, 1]));
    let y = normalised(x.planes(), epsilon) * factor(1)? + factor(2)?;
    Ok(Array::of(y, x.lead(), args.out()))
}

pub(super) fn layer(args: &Args, axis: usize, epsilon: f32) -> Result<Array, Error> {
    let used = args.node.outputs.iter().skip(1);
    if used.clone().any(|id| args.graph.nodes.iter().any(|n| n.inputs.contains(&Some(*id)))) {
        return Err(args.unsupported("its mean or deviation is used by another node"));
    }
    let x = args.array(0)?;
    let inner = x.shape()[axis..].iter().product::<usize>();
    let outer = x.lead() * x.shape()[..axis].iter().product::<usize>();
    let y = Array::of(normalised(x.view([outer, inner]), epsilon), x.lead(), args.out());
    let y = zip(&y, &args.array(1)?, |y, scale| y * scale)?;
    match args.opt(2) {
        Some(bias) => zip(&y, bias, |y, bias| y + bias),
        None => Ok(y),
    }
}

pub(super) fn lrn(args: &Args, size: usize, [alpha, beta, bias]: [f32; 3]) -> Result<Array, Error> {
    let x = args.array(0)?;
    let planes = x.planes();
    let [rows, channels, area] = planes.dims();
    let squares = planes.clone() * planes.clone();
    let zeros = |n: usize| Tensor::<3>::zeros([rows, n, area], &planes.device());
    let (below, above) = ((size - 1) / 2, size / 2);
    let mut parts = vec![squares];
    if below > 0 {
        parts.insert(0, zeros(below));
    }
    if above > 0 {
        parts.push(zeros(above));
    }
    let padded = Tensor::cat(parts, 1);
    let first = padded.clone().narrow(1, 0, channels);
    let sum = (1..size).fold(first, |sum, k| sum + padded.clone().narrow(1, k, channels));
    let scale = sum.mul_scalar(alpha / size as f32).add_scalar(bias).powf_scalar(beta);
    Ok(Array::of(planes / scale, x.lead(), args.out()))
}
