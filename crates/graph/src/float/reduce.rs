use super::eval::Args;
use super::movement::transposed;
use crate::Error;
use crate::ir::{Reduce, Tensor};

/// Mean in double precision, so that large planes lose nothing.
pub(super) fn mean(v: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = v.len();
    (v.map(f64::from).sum::<f64>() / n as f64) as f32
}

pub(super) fn reduce(args: &Args, kind: Reduce, axes: &[usize]) -> Result<Vec<Tensor>, Error> {
    let shape = args.shape(0)?;
    let kept = (0..shape.len()).filter(|i| !axes.contains(i));
    let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
    let inner: usize = axes.iter().map(|&a| shape[a]).product();
    let x = transposed(args.f32(0)?, shape, &perm);
    let fold = |v: &[f32]| match kind {
        Reduce::Mean => mean(v.iter().copied()),
        Reduce::Sum => v.iter().map(|&v| f64::from(v)).sum::<f64>() as f32,
        Reduce::Max => v.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        Reduce::Min => v.iter().copied().fold(f32::INFINITY, f32::min),
    };
    if inner == 0 {
        return args.floats(vec![fold(&[]); args.out().iter().product()]);
    }
    args.floats(x.chunks(inner).map(fold).collect())
}

pub(super) fn arg_max(args: &Args, axis: usize, last: bool) -> Result<Vec<Tensor>, Error> {
    let shape = args.shape(0)?;
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let x = args.f32(0)?;
    let outer: usize = shape[..axis].iter().product();
    let mut best = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for i in 0..inner {
            let at = |k: usize| x[(o * n + k) * inner + i];
            let better = |a: f32, b: f32| if last { a >= b } else { a > b };
            best.push((1..n).fold(0, |b, k| if better(at(k), at(b)) { k } else { b }) as i64);
        }
    }
    Ok(vec![Tensor::i64(args.out().to_vec(), best)?])
}

pub(super) fn softmax(
    args: &Args,
    axis: usize,
    flatten: bool,
    log: bool,
) -> Result<Vec<Tensor>, Error> {
    let shape = args.out();
    let mut y = args.f32(0)?.to_vec();
    let end = if flatten { shape.len() } else { axis + 1 };
    let n: usize = shape[axis..end].iter().product();
    let inner: usize = shape[end..].iter().product();
    if y.is_empty() {
        return args.floats(y);
    }
    let mut lane = vec![0.0; n];
    for block in y.chunks_mut(n * inner) {
        for i in 0..inner {
            lane.iter_mut().enumerate().for_each(|(k, v)| *v = block[k * inner + i]);
            normalise(&mut lane, log);
            lane.iter().enumerate().for_each(|(k, v)| block[k * inner + i] = *v);
        }
    }
    args.floats(y)
}

fn normalise(v: &mut [f32], log: bool) {
    let max = v.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = v.iter().map(|x| (x - max).exp()).sum();
    for x in v {
        *x = if log { *x - max - sum.ln() } else { (*x - max).exp() / sum };
    }
}
