use super::super::node::Ctx;
use super::super::tensor::integer_range;
use super::window::{Spec, naturals};
use crate::Error;
use crate::ir::{Op, ValueId};

/// Range of the quantised type that operand `i` has in the file.
fn range(ctx: &Ctx, i: usize) -> Result<(i64, i64), Error> {
    let kind = ctx.opt(i).and_then(|id| ctx.builder.file_type(id));
    match kind.map(integer_range) {
        None => Ok((0, 255)),
        Some(Some(range)) => Ok(range),
        Some(None) => Err(ctx.unsupported("a zero point of this type", "use int8 or uint8")),
    }
}

/// The quantised axis, unless one scale serves the whole tensor.
fn axis(ctx: &Ctx) -> Result<Option<usize>, Error> {
    let rank = ctx.shape(ctx.input(0)?).len();
    let listed = if ctx.opset >= 13 { ctx.attrs.int_or("axis", 1)? } else { 1 };
    if ctx.opset >= 21 && ctx.attrs.int_or("block_size", 0)? != 0 {
        return Err(ctx.unsupported("blocked quantisation", "quantise per tensor or channel"));
    }
    let scale = ctx.shape(ctx.input(1)?);
    if scale.iter().product::<usize>() == 1 {
        return Ok(None);
    }
    ctx.axis(listed, rank).map(Some)
}

pub(super) fn quantize(ctx: &mut Ctx) -> Result<(), Error> {
    let axis = axis(ctx)?;
    let (mut lo, mut hi) = range(ctx, 2)?;
    if ctx.opset >= 21 {
        let wanted = ctx.attrs.int_or("output_dtype", 0)?;
        if wanted != 0 {
            (lo, hi) = integer_range(wanted as i32)
                .ok_or_else(|| ctx.unsupported("this output type", "use int8 or uint8"))?;
        }
    }
    if ctx.opset >= 19 {
        ctx.attrs.int("saturate")?;
        ctx.attrs.int("precision")?;
    }
    ctx.finish(Op::QuantizeLinear { axis, lo, hi }, ctx.all())
}

pub(super) fn dequantize(ctx: &mut Ctx) -> Result<(), Error> {
    let axis = axis(ctx)?;
    if ctx.opset >= 23 {
        ctx.attrs.int("output_dtype")?;
    }
    ctx.finish(Op::DequantizeLinear { axis }, ctx.all())
}

pub(super) fn conv(ctx: &mut Ctx) -> Result<(), Error> {
    let (x, w) = (ctx.shape(ctx.input(0)?), ctx.shape(ctx.input(3)?));
    let spec = Spec::read(ctx, x.len(), w.get(2..))?;
    let window = spec.resolve(&x[2..]);
    let groups = naturals("group", &[ctx.attrs.int_or("group", 1)?])?[0];
    let (lo, hi) = range(ctx, 7)?;
    ctx.finish(Op::QLinearConv { window, groups, lo, hi }, ctx.all())
}

/// Operand `i` with its scale and zero point, as reals.
fn real(ctx: &mut Ctx, i: usize) -> Result<ValueId, Error> {
    let operands = [ctx.input(i)?, ctx.input(i + 1)?, ctx.input(i + 2)?];
    let scale = ctx.shape(operands[1]);
    if scale.iter().product::<usize>() != 1 {
        return Err(ctx.unsupported("a scale per channel", "quantise per tensor"));
    }
    ctx.emit(Op::DequantizeLinear { axis: None }, &operands)
}

/// Quantises `y` with the scale and zero point at operand `i`.
fn requantise(ctx: &mut Ctx, y: ValueId, i: usize) -> Result<(), Error> {
    let (lo, hi) = range(ctx, i + 1)?;
    let op = Op::QuantizeLinear { axis: None, lo, hi };
    ctx.finish(op, vec![Some(y), Some(ctx.input(i)?), ctx.opt(i + 1)])
}

pub(super) fn matmul(ctx: &mut Ctx) -> Result<(), Error> {
    let (a, b) = (real(ctx, 0)?, real(ctx, 3)?);
    let y = ctx.emit(Op::MatMul, &[a, b])?;
    requantise(ctx, y, 6)
}

/// Quantised operators that onnxruntime's quantiser adds to the standard ones.
pub(super) fn contributed(ctx: &mut Ctx) -> Result<(), Error> {
    use crate::ir::Binary;
    match ctx.op_type() {
        "QLinearAdd" | "QLinearMul" => {
            let f = if ctx.op_type() == "QLinearAdd" { Binary::Add } else { Binary::Mul };
            let (a, b) = (real(ctx, 0)?, real(ctx, 3)?);
            let y = ctx.emit(Op::Binary(f), &[a, b])?;
            requantise(ctx, y, 6)
        }
        "QLinearGlobalAveragePool" => {
            if ctx.attrs.flag("channels_last", false)? {
                return Err(ctx.unsupported("channels_last", "use channels first"));
            }
            let x = real(ctx, 0)?;
            let y = ctx.emit(Op::GlobalAveragePool, &[x])?;
            requantise(ctx, y, 3)
        }
        other => Err(super::unknown(ctx, &format!("contributed operator {other}"))),
    }
}
