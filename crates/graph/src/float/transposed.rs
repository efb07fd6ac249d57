use super::conv::{Plane, add_bias, matrix};
use super::eval::Args;
use super::matmul::product;
use crate::Error;
use crate::ir::{Tensor, Window};

/// Transposed convolution: the matrix product of a convolution's gradient, then `col2im`.
pub(super) fn conv(args: &Args, window: &Window, groups: usize) -> Result<Vec<Tensor>, Error> {
    let (input, output) = (args.shape(0)?, args.out());
    // The geometry of the convolution that this one is the transpose of.
    let plane = Plane::new(window, output, input);
    let (cin, cout) = (input[1] / groups, output[1] / groups);
    let (x, w) = (args.f32(0)?, args.f32(1)?);
    let n = plane.out_area();
    let depth = cout * plane.taps();
    if depth.checked_mul(n).is_none_or(|size| size > crate::infer::MAX_ELEMENTS) {
        return Err(Error::Limit(format!("a transposed convolution of {depth} by {n} terms")));
    }
    let mut y = vec![0.0; output.iter().product()];
    let mut columns = vec![0.0; depth * n];
    let kernels = w.chunks(cin * depth).cycle();
    for ((x, w), y) in x.chunks(cin * n).zip(kernels).zip(y.chunks_mut(cout * plane.area())) {
        product(matrix(w, cin, depth)?.reversed_axes(), matrix(x, cin, n)?, &mut columns, n)?;
        for (row, values) in columns.chunks(n).enumerate() {
            let (channel, tap) = (row / plane.taps(), row % plane.taps());
            col2im(values, tap, &mut y[channel * plane.area()..][..plane.area()], &plane);
        }
    }
    args.floats(add_bias(y, args.opt_f32(2)?, plane.area()))
}

fn col2im(values: &[f32], tap: usize, y: &mut [f32], plane: &Plane) {
    let (ky, kx) = (tap / plane.kernel[1], tap % plane.kernel[1]);
    let range = plane.columns(kx);
    if range.is_empty() {
        return;
    }
    for (oy, row) in values.chunks(plane.ow).enumerate() {
        let Some(iy) = plane.row(oy, ky) else { continue };
        let first = iy * plane.w + plane.column(range.start, kx);
        let targets = y[first..].iter_mut().step_by(plane.stride[1]);
        targets.zip(&row[range.clone()]).for_each(|(t, v)| *t += v);
    }
}
