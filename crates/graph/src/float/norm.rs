use super::eval::Args;
use super::movement::strides_for;
use super::reduce::mean;
use crate::Error;
use crate::ir::Tensor;

pub(super) fn batch(args: &Args, epsilon: f32) -> Result<Vec<Tensor>, Error> {
    let (scale, bias) = (args.f32(1)?, args.f32(2)?);
    let (mean, var) = (args.f32(3)?, args.f32(4)?);
    let mut y = args.f32(0)?.to_vec();
    let (channels, area) = (args.out()[1], args.out()[2..].iter().product::<usize>());
    if y.is_empty() {
        return args.floats(y);
    }
    for (i, row) in y.chunks_mut(area).enumerate() {
        let c = i % channels;
        let factor = scale[c] / (var[c] + epsilon).sqrt();
        row.iter_mut().for_each(|v| *v = (*v - mean[c]) * factor + bias[c]);
    }
    args.floats(y)
}

pub(super) fn instance(args: &Args, epsilon: f32) -> Result<Vec<Tensor>, Error> {
    let (scale, bias) = (args.f32(1)?, args.f32(2)?);
    let mut y = args.f32(0)?.to_vec();
    let (channels, area) = (args.out()[1], args.out()[2..].iter().product::<usize>());
    if y.is_empty() {
        return args.floats(y);
    }
    for (i, row) in y.chunks_mut(area).enumerate() {
        let c = i % channels;
        let (mean, inverse) = moments(row, epsilon);
        row.iter_mut().for_each(|v| *v = (*v - mean) * inverse * scale[c] + bias[c]);
    }
    args.floats(y)
}

/// Mean and inverse standard deviation.
fn moments(v: &[f32], epsilon: f32) -> (f32, f32) {
    let m = mean(v.iter().copied());
    let var = mean(v.iter().map(|x| (x - m) * (x - m)));
    (m, 1.0 / (var + epsilon).sqrt())
}

pub(super) fn layer(args: &Args, axis: usize, epsilon: f32) -> Result<Vec<Tensor>, Error> {
    let shape = args.out();
    let inner: usize = shape[axis..].iter().product();
    let mut y = args.f32(0)?.to_vec();
    let (mut means, mut inverses) = (Vec::new(), Vec::new());
    if inner > 0 {
        for row in y.chunks_mut(inner) {
            let (mean, inverse) = moments(row, epsilon);
            row.iter_mut().for_each(|v| *v = (*v - mean) * inverse);
            means.push(mean);
            inverses.push(inverse);
        }
    }
    apply(&mut y, args, 1, |v, s| *v *= s)?;
    if args.opt(2).is_some() {
        apply(&mut y, args, 2, |v, b| *v += b)?;
    }
    let moments = &args.outs[1].shape;
    Ok(vec![
        Tensor::f32(shape.to_vec(), y)?,
        Tensor::f32(moments.clone(), means)?,
        Tensor::f32(moments.clone(), inverses)?,
    ])
}

/// Combines every element with operand `i` broadcast to the result.
fn apply(y: &mut [f32], args: &Args, i: usize, f: impl Fn(&mut f32, f32)) -> Result<(), Error> {
    let operand = args.f32(i)?;
    let shape = args.out();
    let strides = strides_for(args.shape(i)?, shape);
    for (at, v) in y.iter_mut().enumerate() {
        let (mut rest, mut offset) = (at, 0);
        for axis in (0..shape.len()).rev() {
            offset += rest % shape[axis] * strides[axis];
            rest /= shape[axis];
        }
        f(v, operand[offset]);
    }
    Ok(())
}

pub(super) fn lrn(
    args: &Args,
    size: usize,
    alpha: f32,
    beta: f32,
    bias: f32,
) -> Result<Vec<Tensor>, Error> {
    let x = args.f32(0)?;
    let (channels, area) = (args.out()[1], args.out()[2..].iter().product::<usize>());
    let mut y = vec![0.0; x.len()];
    if x.is_empty() {
        return args.floats(y);
    }
    let (below, above) = ((size - 1) / 2, size / 2);
    for (x, y) in x.chunks(channels * area).zip(y.chunks_mut(channels * area)) {
        for c in 0..channels {
            let near = c.saturating_sub(below)..c.saturating_add(above + 1).min(channels);
            for i in 0..area {
                let sum: f32 = near.clone().map(|k| x[k * area + i] * x[k * area + i]).sum();
                let scale = (bias + alpha / size as f32 * sum).powf(beta);
                y[c * area + i] = x[c * area + i] / scale;
            }
        }
    }
    args.floats(y)
}
