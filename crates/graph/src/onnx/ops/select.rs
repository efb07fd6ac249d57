use super::super::node::Ctx;
use super::window::naturals;
use crate::Error;
use crate::ir::{Op, PadMode, Tensor};

pub(super) fn pad(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let rank = ctx.shape(x).len();
    let (list, value) = if ctx.opset < 11 {
        let name = if ctx.attrs.has("paddings") { "paddings" } else { "pads" };
        (ctx.attrs.ints(name)?.map(<[i64]>::to_vec), ctx.attrs.float("value")?)
    } else {
        (ctx.ints(1)?, ctx.number(2)?)
    };
    let list = list.ok_or_else(|| Error::Invalid("the pads are missing".into()))?;
    let axes: Vec<usize> = match ctx.ints(3)? {
        Some(axes) => axes.iter().map(|&a| ctx.axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    if list.len() != 2 * axes.len() {
        return Err(Error::Invalid(format!("pads {list:?} for {} axes", axes.len())));
    }
    let size = |v: i64| isize::try_from(v).map_err(|_| Error::Invalid(format!("pads {list:?}")));
    let mut pads = vec![(0, 0); rank];
    for (k, &axis) in axes.iter().enumerate() {
        pads[axis] = (size(list[k])?, size(list[axes.len() + k])?);
    }
    let mode = match ctx.attrs.string("mode")?.unwrap_or("constant") {
        "constant" => PadMode::Constant,
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => return wrap(ctx, &pads),
        other => return Err(Error::Invalid(format!("mode '{other}'"))),
    };
    if pads.iter().all(|&p| p == (0, 0)) {
        return ctx.bind(0, x);
    }
    ctx.finish_with(Op::Pad { pads, mode, value: value.unwrap_or(0.0) }, &[x])
}

/// Periodic continuation selects along each padded axis.
fn wrap(ctx: &mut Ctx, pads: &[(isize, isize)]) -> Result<(), Error> {
    let mut x = ctx.input(0)?;
    let shape = ctx.shape(x);
    for (axis, (&d, &(before, after))) in shape.iter().zip(pads).enumerate() {
        if (before, after) == (0, 0) {
            continue;
        }
        let limit = crate::infer::MAX_ELEMENTS as isize;
        if d == 0 || before.abs() > limit || after.abs() > limit {
            return Err(Error::Invalid(format!("pads {pads:?} of {shape:?}")));
        }
        let index: Vec<i64> =
            (-before..d as isize + after).map(|i| i.rem_euclid(d as isize) as i64).collect();
        let index = ctx.literal(Tensor::i64(vec![index.len()], index)?)?;
        x = ctx.emit(Op::Gather { axis }, &[x, index])?;
    }
    ctx.bind(0, x)
}

pub(super) fn slice(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let shape = ctx.shape(x);
    let missing = || Error::Invalid("starts or ends are missing".into());
    let starts = ctx.ints_by_opset("starts", 1, 10)?.ok_or_else(missing)?;
    let ends = ctx.ints_by_opset("ends", 2, 10)?.ok_or_else(missing)?;
    let axes = ctx.ints_by_opset("axes", 3, 10)?;
    let steps = if ctx.opset < 10 { None } else { ctx.ints(4)? };
    let axes: Vec<usize> = match axes {
        Some(list) => list.iter().map(|&a| ctx.axis(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..starts.len()).collect(),
    };
    let steps = steps.unwrap_or(vec![1; starts.len()]);
    let n = axes.len();
    if [starts.len(), ends.len(), steps.len()] != [n; 3] || axes.iter().any(|&a| a >= shape.len()) {
        return Err(Error::Invalid("starts, ends, axes and steps do not match".into()));
    }
    let rank = shape.len();
    let (mut from, mut step, mut count) = (vec![0; rank], vec![1; rank], shape.clone());
    for (k, &axis) in axes.iter().enumerate() {
        (from[axis], step[axis], count[axis]) =
            range(shape[axis] as i64, starts[k], ends[k], steps[k])?;
    }
    if count == shape && step.iter().all(|&s| s == 1) {
        return ctx.bind(0, x);
    }
    ctx.finish_with(Op::Slice { starts: from, steps: step, shape: count }, &[x])
}

/// First index, step and number of elements, clamped as ONNX prescribes.
fn range(d: i64, start: i64, end: i64, step: i64) -> Result<(usize, isize, usize), Error> {
    let from_front = |v: i64| if v < 0 { v.saturating_add(d) } else { v };
    if step == 0 || step == i64::MIN {
        return Err(Error::Invalid(format!("step {step}")));
    }
    let (start, end) = if step > 0 {
        (from_front(start).clamp(0, d), from_front(end).clamp(0, d))
    } else {
        (from_front(start).clamp(0, d - 1), from_front(end).clamp(-1, d - 1))
    };
    let span = if step > 0 { end - start } else { start - end };
    let count = if span > 0 && d > 0 { (span as u64).div_ceil(step.unsigned_abs()) } else { 0 };
    let step = if count <= 1 { 1 } else { step };
    Ok((start.max(0) as usize, step as isize, count as usize))
}

pub(super) fn split(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let shape = ctx.shape(x);
    let axis = ctx.axis(ctx.attrs.int_or("axis", 0)?, shape.len())?;
    let parts = ctx.results();
    let sizes = match ctx.ints_by_opset("split", 1, 13)? {
        Some(sizes) => naturals("split", &sizes)?,
        None => {
            if ctx.opset >= 18 {
                let n = ctx.attrs.int_or("num_outputs", parts as i64)?;
                if n != parts as i64 {
                    let text = format!("num_outputs {n} for {parts} results");
                    return Err(Error::Invalid(text));
                }
            }
            let chunk = shape[axis].div_ceil(parts.max(1));
            let end = |i: usize| (i * chunk).min(shape[axis]);
            (0..parts).map(|i| end(i + 1) - end(i)).collect()
        }
    };
    ctx.finish_with(Op::Split { axis, sizes }, &[x])
}

pub(super) fn gather(ctx: &mut Ctx) -> Result<(), Error> {
    let (x, indices) = (ctx.input(0)?, ctx.input(1)?);
    let axis = ctx.axis(ctx.attrs.int_or("axis", 0)?, ctx.shape(x).len())?;
    ctx.finish_with(Op::Gather { axis }, &[x, indices])
}
