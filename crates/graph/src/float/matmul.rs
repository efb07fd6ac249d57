use super::conv::{matrix, matrix_mut};
use super::eval::Args;
use super::movement::strides_for;
use crate::Error;
use crate::ir::Tensor;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Products below this many multiplications stay on one thread.
const PARALLEL: usize = 1 << 18;

/// `c = a b` with `c` row-major and `cols` wide, split over threads by rows.
pub(super) fn product(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    c: &mut [f32],
    cols: usize,
) -> Result<(), Error> {
    let (m, k) = a.dim();
    if m * cols == 0 {
        return Ok(());
    }
    let threads = rayon::current_num_threads();
    if threads == 1 || m * k * cols < PARALLEL || m < 2 * threads {
        general_mat_mul(1.0, &a, &b, 0.0, &mut matrix_mut(c, m, cols)?);
        return Ok(());
    }
    let rows = m.div_ceil(threads).next_multiple_of(8);
    c.par_chunks_mut(rows * cols).enumerate().try_for_each(|(i, c)| {
        let n = c.len() / cols;
        let a = a.slice_axis(Axis(0), Slice::from(i * rows..i * rows + n));
        general_mat_mul(1.0, &a, &b, 0.0, &mut matrix_mut(c, n, cols)?);
        Ok(())
    })
}

pub(super) fn gemm(
    args: &Args,
    alpha: f32,
    beta: f32,
    trans_a: bool,
    trans_b: bool,
) -> Result<Vec<Tensor>, Error> {
    let view = |i: usize, transpose: bool| -> Result<ArrayView2<f32>, Error> {
        let shape = args.shape(i)?;
        let m = matrix(args.f32(i)?, shape[0], shape[1])?;
        Ok(if transpose { m.reversed_axes() } else { m })
    };
    let n = args.out()[1];
    let mut y = vec![0.0; args.out()[0] * n];
    product(view(0, trans_a)?, view(1, trans_b)?, &mut y, n)?;
    if alpha != 1.0 {
        y.iter_mut().for_each(|v| *v *= alpha);
    }
    if let Some(c) = args.opt_f32(2)? {
        let strides = strides_for(args.shape(2)?, args.out());
        for (i, v) in y.iter_mut().enumerate() {
            *v += beta * c[i / n * strides[0] + i % n * strides[1]];
        }
    }
    args.floats(y)
}

pub(super) fn matmul(args: &Args) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (args.shape(0)?, args.shape(1)?);
    let (rows, k) = if a.len() == 1 { (1, a[0]) } else { (a[a.len() - 2], a[a.len() - 1]) };
    let cols = if b.len() == 1 { 1 } else { b[b.len() - 1] };
    let lead = &args.out()[..a.len().max(b.len()).saturating_sub(2)];
    let of = |s: &[usize]| strides_for(&s[..s.len().saturating_sub(2)], lead);
    let (sa, sb) = (of(a), of(b));
    let mut y = vec![0.0; args.out().iter().product()];
    let (x, w) = (args.f32(0)?, args.f32(1)?);
    if rows * cols == 0 {
        return args.floats(y);
    }
    for (i, y) in y.chunks_mut(rows * cols).enumerate() {
        let (mut rest, mut at, mut bt) = (i, 0, 0);
        for axis in (0..lead.len()).rev() {
            let index = rest % lead[axis];
            rest /= lead[axis];
            at += index * sa[axis];
            bt += index * sb[axis];
        }
        let a = matrix(&x[at * rows * k..][..rows * k], rows, k)?;
        let b = matrix(&w[bt * k * cols..][..k * cols], k, cols)?;
        product(a, b, y, cols)?;
    }
    args.floats(y)
}
