//! Products in the order i, k, j and convolutions row by row: the scalar twins, and with the features of a vector
//! caller the kernels for shapes too small to pack. The inner loops are ones that the compiler vectorises.

use super::{Conv2d, Word};

/// c = a b for row-major matrices with k inner and n outer columns.
#[inline(always)]
pub(super) fn gemm<W: Word>(k: usize, n: usize, a: &[W], b: &[W], c: &mut [W]) {
    c.fill(W::default());
    if k == 0 || n == 0 {
        return;
    }
    if n == 1 {
        for (c, a) in c.iter_mut().zip(a.chunks_exact(k)) {
            *c = dot(a, b);
        }
        return;
    }
    for (c, a) in c.chunks_exact_mut(n).zip(a.chunks_exact(k)) {
        for (&a, b) in a.iter().zip(b.chunks_exact(n)) {
            add_multiple(c, a, b);
        }
    }
}

#[inline(always)]
fn dot<W: Word>(a: &[W], b: &[W]) -> W {
    a.iter().zip(b).fold(W::default(), |sum, (a, b)| sum.mul_add(*a, *b))
}

#[inline(always)]
fn add_multiple<W: Word>(c: &mut [W], a: W, b: &[W]) {
    for (c, b) in c.iter_mut().zip(b) {
        *c = c.mul_add(a, *b);
    }
}

#[inline(always)]
pub(super) fn conv<W: Word>(conv: &Conv2d, x: &[W], k: &[W], y: &mut [W]) {
    y.fill(W::default());
    let (ow, plane, taps) = (conv.out_w(), conv.h * conv.w, conv.kh * conv.kw);
    let (cig, cog) = (conv.cin / conv.groups, conv.cout / conv.groups);
    if y.is_empty() || plane == 0 || cig * taps == 0 {
        return;
    }
    let columns: Vec<_> = (0..conv.kw).map(|v| conv.columns(v)).collect();
    let outputs = y.chunks_exact_mut(conv.out_h() * ow).zip(k.chunks_exact(cig * taps));
    for (o, (y, k)) in outputs.enumerate() {
        let inputs = x.chunks_exact(plane).skip(o / cog * cig);
        for (x, k) in inputs.zip(k.chunks_exact(taps)) {
            for (row, y) in y.chunks_exact_mut(ow).enumerate() {
                for (u, k) in k.chunks_exact(conv.kw).enumerate() {
                    let Some(at) = conv.input_row(row, u) else { continue };
                    let x = &x[at * conv.w..(at + 1) * conv.w];
                    for (columns, &k) in columns.iter().zip(k) {
                        let y = &mut y[columns.outputs.clone()];
                        let x = &x[columns.first_input..];
                        if conv.stride[1] == 1 {
                            add_multiple(y, k, x);
                        } else {
                            for (y, x) in y.iter_mut().zip(x.iter().step_by(conv.stride[1])) {
                                *y = y.mul_add(k, *x);
                            }
                        }
                    }
                }
            }
        }
    }
}
