use super::conv::Plane;
use super::eval::Args;
use crate::Error;
use crate::ir::{Tensor, Window};
use rayon::prelude::*;

pub(super) fn max(args: &Args, window: &Window) -> Result<Vec<Tensor>, Error> {
    pooled(args, window, f32::NEG_INFINITY, |a, b| if b > a { b } else { a }, |_, v| v)
}

pub(super) fn average(args: &Args, window: &Window, with_pad: bool) -> Result<Vec<Tensor>, Error> {
    let taps = window.kernel.iter().product::<usize>();
    pooled(
        args,
        window,
        0.0,
        |a, b| a + b,
        |valid, sum| sum / if with_pad { taps } else { valid } as f32,
    )
}

/// Folds every window, then finishes with the number of positions that are not padding.
fn pooled(
    args: &Args,
    window: &Window,
    start: f32,
    fold: impl Fn(f32, f32) -> f32 + Sync,
    finish: impl Fn(usize, f32) -> f32 + Sync,
) -> Result<Vec<Tensor>, Error> {
    let plane = Plane::new(window, args.shape(0)?, args.out());
    let mut y = vec![start; args.out().iter().product()];
    if y.is_empty() || plane.area() == 0 {
        return args.floats(y);
    }
    let columns: Vec<_> = (0..plane.kernel[1]).map(|k| plane.columns(k)).collect();
    let mut across = vec![0usize; plane.ow];
    for range in &columns {
        across[range.clone()].iter_mut().for_each(|n| *n += 1);
    }
    let planes = args.f32(0)?.par_chunks(plane.area());
    planes.zip(y.par_chunks_mut(plane.out_area())).for_each(|(x, y)| {
        for (oy, out) in y.chunks_mut(plane.ow).enumerate() {
            let mut down = 0;
            for iy in (0..plane.kernel[0]).filter_map(|k| plane.row(oy, k)) {
                down += 1;
                let row = &x[iy * plane.w..(iy + 1) * plane.w];
                for (kx, range) in columns.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
                    let taps = row[plane.column(range.start, kx)..].iter().step_by(plane.stride[1]);
                    out[range.clone()].iter_mut().zip(taps).for_each(|(v, &t)| *v = fold(*v, t));
                }
            }
            out.iter_mut().zip(&across).for_each(|(v, n)| *v = finish(n * down, *v));
        }
    });
    args.floats(y)
}

/// One number per channel of each image.
pub(super) fn global(args: &Args, fold: impl Fn(&[f32]) -> f32) -> Result<Vec<Tensor>, Error> {
    let area: usize = args.shape(0)?[2..].iter().product();
    if area == 0 {
        return Err(Error::Shape("global pooling of an empty plane".into()));
    }
    args.floats(args.f32(0)?.chunks(area).map(fold).collect())
}
