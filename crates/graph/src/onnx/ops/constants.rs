use super::super::node::Ctx;
use super::super::tensor::tensor_from_proto;
use super::window::naturals;
use crate::Error;
use crate::infer::check_size;
use crate::ir::{Tensor, TensorData};

pub(super) fn constant(ctx: &mut Ctx) -> Result<(), Error> {
    let a = &ctx.attrs;
    let tensor = if let Some(t) = a.tensor("value")? {
        let id = ctx.literal(tensor_from_proto(t)?)?;
        ctx.builder.set_file_type(id, t.data_type());
        return ctx.bind(0, id);
    } else if let Some(v) = a.float("value_float")? {
        Tensor::f32(vec![], vec![v])?
    } else if let Some(v) = a.int("value_int")? {
        Tensor::i64(vec![], vec![v])?
    } else if let Some(v) = a.floats("value_floats")? {
        Tensor::f32(vec![v.len()], v.to_vec())?
    } else if let Some(v) = a.ints("value_ints")? {
        Tensor::i64(vec![v.len()], v.to_vec())?
    } else {
        return Err(ctx.unsupported(
            "a sparse, text or missing value",
            "only dense numeric constants are supported",
        ));
    };
    bind(ctx, tensor)
}

fn bind(ctx: &mut Ctx, tensor: Tensor) -> Result<(), Error> {
    let id = ctx.literal(tensor)?;
    ctx.bind(0, id)
}

pub(super) fn constant_of_shape(ctx: &mut Ctx) -> Result<(), Error> {
    let shape = ctx.ints(0)?.ok_or_else(|| Error::Invalid("the shape is missing".into()))?;
    let shape = naturals("shape", &shape)?;
    check_size(&shape)?;
    let n = shape.iter().product();
    let value = ctx.attrs.tensor("value")?.map(tensor_from_proto).transpose()?;
    let data = match value.as_ref().map(Tensor::data) {
        None => TensorData::F32(vec![0.0; n]),
        Some(TensorData::F32(v)) if v.len() == 1 => TensorData::F32(vec![v[0]; n]),
        Some(TensorData::I64(v)) if v.len() == 1 => TensorData::I64(vec![v[0]; n]),
        Some(TensorData::Bool(v)) if v.len() == 1 => TensorData::Bool(vec![v[0]; n]),
        Some(_) => return Err(Error::Invalid("value must have one element".into())),
    };
    bind(ctx, Tensor::new(shape, data)?)
}

pub(super) fn shape(ctx: &mut Ctx) -> Result<(), Error> {
    let shape = ctx.shape(ctx.input(0)?);
    let rank = shape.len() as i64;
    let clamp = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
    let start = clamp(ctx.attrs.int_or("start", 0)?);
    let end = clamp(ctx.attrs.int_or("end", rank)?).max(start);
    let dims: Vec<i64> = shape[start..end].iter().map(|&d| d as i64).collect();
    bind(ctx, Tensor::i64(vec![dims.len()], dims)?)
}

pub(super) fn size(ctx: &mut Ctx) -> Result<(), Error> {
    let n = ctx.shape(ctx.input(0)?).iter().product::<usize>();
    bind(ctx, Tensor::i64(vec![], vec![n as i64])?)
}
