use super::super::node::Ctx;
use crate::Error;
use crate::ir::Op;

pub(super) fn gemm(ctx: &mut Ctx) -> Result<(), Error> {
    let attrs = &ctx.attrs;
    let op = Op::Gemm {
        alpha: attrs.float_or("alpha", 1.0)?,
        beta: attrs.float_or("beta", 1.0)?,
        trans_a: attrs.flag("transA", false)?,
        trans_b: attrs.flag("transB", false)?,
    };
    if ctx.opset < 7 {
        // Allowed broadcasting of the addend, which the shape rules do anyway.
        attrs.flag("broadcast", false)?;
    }
    ctx.finish(op, ctx.all())
}
