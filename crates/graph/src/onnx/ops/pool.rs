use super::super::node::Ctx;
use super::window::Spec;
use crate::Error;
use crate::ir::{Op, PadMode, Window};

/// The window, and how much of the padding after each axis comes from rounding up.
fn window(ctx: &Ctx) -> Result<(Window, Vec<usize>), Error> {
    let x = ctx.shape(ctx.input(0)?);
    let spec = Spec::read(ctx, x.len(), None)?;
    let mut w = spec.resolve(&x[2..]);
    let mut extra = vec![0; w.kernel.len()];
    if ctx.attrs.flag("ceil_mode", false)? {
        for (i, &n) in x[2..].iter().enumerate() {
            let padded = n + w.pads[i].0 + w.pads[i].1;
            let steps = padded.saturating_sub(w.span(i)).div_ceil(w.stride[i]);
            // A window that would start in the padding after the input is left out.
            let starts_inside = steps * w.stride[i] < n + w.pads[i].0;
            let last = if starts_inside { steps } else { steps.saturating_sub(1) };
            extra[i] = (last * w.stride[i] + w.span(i)).saturating_sub(padded);
            w.pads[i].1 += extra[i];
        }
    }
    Ok((w, extra))
}

pub(super) fn max(ctx: &mut Ctx) -> Result<(), Error> {
    ctx.attrs.int("storage_order")?;
    if ctx.wants(1) {
        return Err(
            ctx.unsupported("the indices of the maxima are used", "MaxUnpool has no place here")
        );
    }
    let (window, _) = window(ctx)?;
    ctx.finish(Op::MaxPool { window }, ctx.all())
}

pub(super) fn average(ctx: &mut Ctx) -> Result<(), Error> {
    let (mut window, extra) = window(ctx)?;
    let count_include_pad = ctx.attrs.flag("count_include_pad", false)?;
    let mut x = ctx.input(0)?;
    if !count_include_pad || extra.iter().all(|&e| e == 0) {
        return ctx.finish_with(Op::AveragePool { window, count_include_pad }, &[x]);
    }
    // Real padding counts and rounding up does not: make the former part of the input.
    let mut pads = vec![(0, 0); 2];
    for (pad, &e) in window.pads.iter_mut().zip(&extra) {
        pads.push((pad.0 as isize, (pad.1 - e) as isize));
        *pad = (0, e);
    }
    x = ctx.emit(Op::Pad { pads, mode: PadMode::Constant, value: 0.0 }, &[x])?;
    ctx.finish_with(Op::AveragePool { window, count_include_pad: false }, &[x])
}
