use super::super::node::Ctx;
use crate::Error;
use crate::ir::Op;

pub(super) fn batch(ctx: &mut Ctx) -> Result<(), Error> {
    let attrs = &ctx.attrs;
    let epsilon = attrs.float_or("epsilon", 1e-5)?;
    // The momentum of running statistics matters in training only.
    attrs.float("momentum")?;
    if ctx.opset < 9 && !attrs.flag("spatial", true)? {
        return Err(ctx.unsupported("statistics per position (spatial = 0)", "re-export the model"));
    }
    if ctx.opset >= 14 && attrs.flag("training_mode", false)? {
        return Err(ctx.unsupported("training mode", "export the model for inference (eval mode)"));
    }
    ctx.finish(Op::BatchNorm { epsilon }, ctx.all())
}

pub(super) fn instance(ctx: &mut Ctx) -> Result<(), Error> {
    let epsilon = ctx.attrs.float_or("epsilon", 1e-5)?;
    ctx.finish(Op::InstanceNorm { epsilon }, ctx.all())
}

pub(super) fn layer(ctx: &mut Ctx) -> Result<(), Error> {
    let rank = ctx.shape(ctx.input(0)?).len();
    let axis = ctx.axis(ctx.attrs.int_or("axis", -1)?, rank)?;
    let epsilon = ctx.attrs.float_or("epsilon", 1e-5)?;
    // Precision of the statistics; they are always computed in at least single precision here.
    ctx.attrs.int("stash_type")?;
    ctx.finish(Op::LayerNorm { axis, epsilon }, ctx.all())
}

pub(super) fn lrn(ctx: &mut Ctx) -> Result<(), Error> {
    let attrs = &ctx.attrs;
    let size = attrs.int("size")?.and_then(|v| u16::try_from(v).ok());
    let op = Op::Lrn {
        size: size.ok_or_else(|| Error::Invalid("size is missing or out of range".into()))?.into(),
        alpha: attrs.float_or("alpha", 1e-4)?,
        beta: attrs.float_or("beta", 0.75)?,
        bias: attrs.float_or("bias", 1.0)?,
    };
    ctx.finish(op, ctx.all())
}
