use super::super::node::Ctx;
use super::super::tensor::element;
use super::window::naturals;
use crate::Error;
use crate::infer::broadcast;
use crate::ir::{DType, Op, Tensor, TensorData};

/// Emits a reshape, or nothing when the shape stays.
fn to_shape(ctx: &mut Ctx, shape: Vec<usize>) -> Result<(), Error> {
    let x = ctx.input(0)?;
    if ctx.shape(x) == shape {
        return ctx.bind(0, x);
    }
    ctx.finish_with(Op::Reshape { shape }, &[x])
}

pub(super) fn reshape(ctx: &mut Ctx) -> Result<(), Error> {
    let from = ctx.shape(ctx.input(0)?);
    let wanted = ctx
        .ints_by_opset("shape", 1, 5)?
        .ok_or_else(|| Error::Invalid("the shape is missing".into()))?;
    let allow_zero = ctx.opset >= 14 && ctx.attrs.flag("allowzero", false)?;
    let bad = || Error::Shape(format!("cannot reshape {from:?} to {wanted:?}"));
    let mut shape = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (i, &d) in wanted.iter().enumerate() {
        shape.push(match d {
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            0 if !allow_zero => *from.get(i).ok_or_else(bad)?,
            d => u32::try_from(d).map_err(|_| bad())? as usize,
        });
    }
    if let Some(i) = open {
        let known = shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).ok_or_else(bad)?;
        let total: usize = from.iter().product();
        shape[i] = total.checked_div(known).filter(|d| d * known == total).ok_or_else(bad)?;
    }
    to_shape(ctx, shape)
}

pub(super) fn flatten(ctx: &mut Ctx) -> Result<(), Error> {
    let shape = ctx.shape(ctx.input(0)?);
    let axis = ctx.attrs.int_or("axis", 1)?;
    let axis = if axis == shape.len() as i64 { shape.len() } else { ctx.axis(axis, shape.len())? };
    let (a, b) = shape.split_at(axis);
    to_shape(ctx, vec![a.iter().product(), b.iter().product()])
}

pub(super) fn squeeze(ctx: &mut Ctx) -> Result<(), Error> {
    let shape = ctx.shape(ctx.input(0)?);
    let axes: Vec<usize> = match ctx.ints_by_opset("axes", 1, 13)? {
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
        Some(list) => list.iter().map(|&a| ctx.axis(a, shape.len())).collect::<Result<_, _>>()?,
    };
    if let Some(a) = axes.iter().find(|&&a| shape[a] != 1) {
        return Err(Error::Shape(format!("axis {a} of {shape:?} is not 1")));
    }
    let kept = (0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]);
    let kept = kept.collect();
    to_shape(ctx, kept)
}

pub(super) fn unsqueeze(ctx: &mut Ctx) -> Result<(), Error> {
    let shape = ctx.shape(ctx.input(0)?);
    let list = ctx
        .ints_by_opset("axes", 1, 13)?
        .ok_or_else(|| Error::Invalid("the axes are missing".into()))?;
    let rank = shape.len() + list.len();
    let axes = list.iter().map(|&a| ctx.axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut rest = shape.iter();
    let mut wide = Vec::with_capacity(rank);
    for i in 0..rank {
        wide.push(if axes.contains(&i) {
            1
        } else {
            *rest.next().ok_or_else(|| Error::Invalid(format!("repeated axes {list:?}")))?
        });
    }
    if rest.next().is_some() {
        return Err(Error::Invalid(format!("repeated axes {list:?}")));
    }
    to_shape(ctx, wide)
}

pub(super) fn transpose(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let perm = match ctx.attrs.ints("perm")? {
        Some(perm) => naturals("perm", perm)?,
        None => (0..ctx.shape(x).len()).rev().collect(),
    };
    ctx.finish_with(Op::Transpose { perm }, &[x])
}

pub(super) fn expand(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let wanted = ctx.ints(1)?.ok_or_else(|| Error::Invalid("the shape is missing".into()))?;
    let shape = broadcast(&ctx.shape(x), &naturals("shape", &wanted)?)?;
    if ctx.shape(x) == shape {
        return ctx.bind(0, x);
    }
    ctx.finish_with(Op::Expand { shape }, &[x])
}

pub(super) fn tile(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    if ctx.opset < 6 {
        return Err(ctx.unsupported("Tile of operator set 1", "convert the model to opset 7"));
    }
    let repeats = ctx.ints(1)?.ok_or_else(|| Error::Invalid("the repeats are missing".into()))?;
    let repeats = naturals("repeats", &repeats)?;
    ctx.finish_with(Op::Tile { repeats }, &[x])
}

pub(super) fn concat(ctx: &mut Ctx) -> Result<(), Error> {
    let rank = ctx.shape(ctx.input(0)?).len();
    let axis = match ctx.attrs.int("axis")? {
        Some(axis) => axis,
        None if ctx.opset < 4 => 1,
        None => return Err(Error::Invalid("axis is missing".into())),
    };
    let axis = ctx.axis(axis, rank)?;
    match ctx.operands() {
        1 => ctx.bind(0, ctx.input(0)?),
        _ => ctx.finish(Op::Concat { axis }, ctx.all()),
    }
}

fn block(ctx: &Ctx) -> Result<usize, Error> {
    let b = ctx.attrs.int("blocksize")?.unwrap_or(0);
    u16::try_from(b)
        .ok()
        .filter(|&b| b > 0)
        .map(usize::from)
        .ok_or_else(|| Error::Invalid(format!("blocksize {b}")))
}

/// Depth-column-row or column-row-depth order of a block's elements.
pub(super) fn depth_space(ctx: &mut Ctx, to_space: bool) -> Result<(), Error> {
    let block = block(ctx)?;
    let column_row = match ctx.attrs.string("mode")?.unwrap_or("DCR") {
        "DCR" => false,
        "CRD" => true,
        other => return Err(Error::Invalid(format!("mode '{other}'"))),
    };
    ctx.finish(Op::DepthSpace { block, to_space, column_row }, ctx.all())
}

/// In inference nothing is dropped and the mask keeps everything.
pub(super) fn dropout(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    ctx.attrs.float("ratio")?;
    ctx.attrs.int("seed")?;
    if let Some(mode) = ctx.constant(2)?
        && mode.as_bool()?.iter().any(|&b| b)
    {
        return Err(ctx.unsupported("training mode", "export for inference (eval mode)"));
    }
    if ctx.wants(1) {
        let shape = ctx.shape(x);
        let n = shape.iter().product();
        let mask = match ctx.opset {
            ..10 => TensorData::F32(vec![1.0; n]),
            _ => TensorData::Bool(vec![true; n]),
        };
        let mask = ctx.literal(Tensor::new(shape, mask)?)?;
        ctx.bind(1, mask)?;
    }
    ctx.bind(0, x)
}

pub(super) fn cast(ctx: &mut Ctx) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let to = if ctx.opset < 6 {
        match ctx.attrs.string("to")? {
            Some("FLOAT" | "FLOAT16" | "DOUBLE") => DType::F32,
            Some("BOOL") => DType::Bool,
            Some("INT8" | "INT16" | "INT32" | "INT64" | "UINT8") => DType::I64,
            other => return Err(ctx.unsupported(format!("type {other:?}"), "cast to float")),
        }
    } else {
        let to = ctx.attrs.int_or("to", 0)?;
        // Rounding of 8-bit floats, which are refused anyway.
        ctx.attrs.int("saturate")?;
        ctx.attrs.string("round_mode")?;
        element(i32::try_from(to).unwrap_or(-1))?
    };
    if ctx.dtype(x) == to {
        return ctx.bind(0, x);
    }
    ctx.finish_with(Op::Cast { to }, &[x])
}
