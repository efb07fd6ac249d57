use super::super::node::Ctx;
use crate::Error;
use crate::ir::{Binary, DType, Op, Tensor, ValueId};

pub(super) fn binary(ctx: &mut Ctx, f: Binary) -> Result<(), Error> {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let b = legacy_broadcast(ctx, a, b)?;
    ctx.finish_with(Op::Binary(f), &[a, b])
}

/// Before opset 7 the second operand was aligned at `axis` instead of at the end.
fn legacy_broadcast(ctx: &mut Ctx, a: ValueId, b: ValueId) -> Result<ValueId, Error> {
    if ctx.opset >= 7 {
        return Ok(b);
    }
    let enabled = ctx.attrs.flag("broadcast", false)?;
    let axis = ctx.attrs.int("axis")?;
    let (left, right) = (ctx.shape(a), ctx.shape(b));
    let Some(axis) = axis.filter(|_| enabled && left != right) else { return Ok(b) };
    let axis = ctx.axis(axis, left.len().max(1))?;
    let Some(trailing) = left.len().checked_sub(axis + right.len()) else {
        return Err(Error::Shape(format!("{right:?} does not fit {left:?} at axis {axis}")));
    };
    let shape = [right, vec![1; trailing]].concat();
    ctx.emit(Op::Reshape { shape }, &[b])
}

/// The result has the base's type, whatever the exponent's.
pub(super) fn power(ctx: &mut Ctx) -> Result<(), Error> {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let b = legacy_broadcast(ctx, a, b)?;
    let f = Op::Binary(Binary::Pow);
    match (ctx.dtype(a), ctx.dtype(b)) {
        (DType::F32, DType::I64) => {
            let b = ctx.emit(Op::Cast { to: DType::F32 }, &[b])?;
            ctx.finish_with(f, &[a, b])
        }
        (DType::I64, DType::F32) => {
            let a = ctx.emit(Op::Cast { to: DType::F32 }, &[a])?;
            let y = ctx.emit(f, &[a, b])?;
            ctx.finish_with(Op::Cast { to: DType::I64 }, &[y])
        }
        _ => ctx.finish_with(f, &[a, b]),
    }
}

/// A chain of two-operand steps.
pub(super) fn variadic(ctx: &mut Ctx, f: Binary) -> Result<(), Error> {
    let mut sum = ctx.input(0)?;
    let last = ctx.operands() - 1;
    for i in 1..last {
        sum = ctx.emit(Op::Binary(f), &[sum, ctx.input(i)?])?;
    }
    match last {
        0 => ctx.bind(0, sum),
        _ => ctx.finish_with(Op::Binary(f), &[sum, ctx.input(last)?]),
    }
}

pub(super) fn mean(ctx: &mut Ctx) -> Result<(), Error> {
    let mut sum = ctx.input(0)?;
    for i in 1..ctx.operands() {
        sum = ctx.emit(Op::Binary(Binary::Add), &[sum, ctx.input(i)?])?;
    }
    let factor = Tensor::f32(vec![], vec![1.0 / ctx.operands() as f32])?;
    let factor = ctx.literal(factor)?;
    ctx.finish_with(Op::Binary(Binary::Mul), &[sum, factor])
}

pub(super) fn prelu(ctx: &mut Ctx) -> Result<(), Error> {
    let (x, mut slope) = (ctx.input(0)?, ctx.input(1)?);
    let (xs, ss) = (ctx.shape(x), ctx.shape(slope));
    // Before opset 7 a vector held one slope per channel.
    if ctx.opset < 7 && ss.len() == 1 && xs.len() > 1 && ss[0] != 1 {
        let shape = [ss, vec![1; xs.len() - 2]].concat();
        slope = ctx.emit(Op::Reshape { shape }, &[slope])?;
    }
    ctx.finish_with(Op::PRelu, &[x, slope])
}
