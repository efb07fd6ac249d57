use super::super::node::Ctx;
use crate::Error;
use crate::ir::{Binary, Op, Reduce, Unary};

/// First operator set in which the axes are an operand.
fn axes_since(op: &str) -> i64 {
    if op == "ReduceSum" { 13 } else { 18 }
}

/// The reduced axes and whether they stay; `None` when nothing is to be reduced.
fn axes(ctx: &Ctx) -> Result<(Option<Vec<usize>>, bool), Error> {
    let rank = ctx.shape(ctx.input(0)?).len();
    let since = axes_since(ctx.op_type());
    let listed = ctx.ints_by_opset("axes", 1, since)?.filter(|a| !a.is_empty());
    let keep_dims = ctx.attrs.flag("keepdims", true)?;
    let noop = ctx.opset >= since && ctx.attrs.flag("noop_with_empty_axes", false)?;
    let axes = match listed {
        None if noop => None,
        None => Some((0..rank).collect()),
        Some(list) => Some(list.iter().map(|&a| ctx.axis(a, rank)).collect::<Result<_, _>>()?),
    };
    Ok((axes, keep_dims))
}

pub(super) fn reduce(ctx: &mut Ctx, kind: Reduce) -> Result<(), Error> {
    let x = ctx.input(0)?;
    match axes(ctx)? {
        (None, _) => ctx.bind(0, x),
        (Some(axes), keep_dims) => ctx.finish_with(Op::Reduce { kind, axes, keep_dims }, &[x]),
    }
}

/// Norms: a sum of a function of the elements.
pub(super) fn of_function(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let (axes, keep_dims) = axes(ctx)?;
    let inner = match ctx.op_type() {
        "ReduceL1" => ctx.emit(Op::Unary(Unary::Abs), &[x])?,
        _ => ctx.emit(Op::Binary(Binary::Mul), &[x, x])?,
    };
    let root = ctx.op_type() == "ReduceL2";
    let Some(axes) = axes else {
        return if root {
            ctx.finish_with(Op::Unary(Unary::Sqrt), &[inner])
        } else {
            ctx.bind(0, inner)
        };
    };
    let op = Op::Reduce { kind: Reduce::Sum, axes, keep_dims };
    if !root {
        return ctx.finish_with(op, &[inner]);
    }
    let sum = ctx.emit(op, &[inner])?;
    ctx.finish_with(Op::Unary(Unary::Sqrt), &[sum])
}

pub(super) fn arg_max(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let axis = ctx.axis(ctx.attrs.int_or("axis", 0)?, ctx.shape(x).len())?;
    let keep_dims = ctx.attrs.flag("keepdims", true)?;
    let select_last = ctx.attrs.flag("select_last_index", false)?;
    ctx.finish_with(Op::ArgMax { axis, keep_dims, select_last }, &[x])
}

pub(super) fn softmax(ctx: &mut Ctx, log: bool) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let shape = ctx.shape(x);
    let old = ctx.opset < 13;
    let axis = ctx.attrs.int_or("axis", if old { 1 } else { -1 })?;
    if old && axis == shape.len() as i64 {
        return Err(ctx.unsupported("softmax over no axis", "remove it: every result is 1"));
    }
    let axis = ctx.axis(axis, shape.len())?;
    // Flattening means something only when more than one axis has an extent.
    let flatten = old && shape[axis + 1..].iter().any(|&d| d != 1);
    ctx.finish_with(Op::Softmax { axis, flatten, log }, &[x])
}
