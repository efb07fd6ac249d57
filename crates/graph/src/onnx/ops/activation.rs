use super::super::node::Ctx;
use crate::Error;
use crate::ir::{Op, Unary};

/// Element-wise functions of one operand.
pub(super) fn known(op: &str) -> bool {
    const KNOWN: &[&str] = &[
        "Relu",
        "LeakyRelu",
        "Clip",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Elu",
        "Selu",
        "Gelu",
        "Softplus",
        "Softsign",
        "Mish",
        "Swish",
        "Exp",
        "Log",
        "Sqrt",
        "Reciprocal",
        "Neg",
        "Abs",
    ];
    KNOWN.contains(&op)
}

pub(super) fn lower(ctx: &mut Ctx) -> Result<(), Error> {
    let attrs = &ctx.attrs;
    let f = match ctx.op_type() {
        "Relu" => Unary::Relu,
        "LeakyRelu" => Unary::LeakyRelu { slope: attrs.float_or("alpha", 0.01)? },
        "Clip" => clip(ctx)?,
        "Sigmoid" => Unary::Sigmoid,
        "HardSigmoid" => Unary::HardSigmoid {
            alpha: attrs.float_or("alpha", 0.2)?,
            beta: attrs.float_or("beta", 0.5)?,
        },
        "HardSwish" => Unary::HardSwish,
        "Tanh" => Unary::Tanh,
        "Elu" => Unary::Elu { alpha: attrs.float_or("alpha", 1.0)? },
        "Selu" => selu(ctx)?,
        "Gelu" => match attrs.string("approximate")?.unwrap_or("none") {
            "none" => Unary::Gelu { tanh: false },
            "tanh" => Unary::Gelu { tanh: true },
            other => return Err(ctx.unsupported(format!("approximation '{other}'"), "use tanh")),
        },
        "Softplus" => Unary::Softplus,
        "Softsign" => Unary::Softsign,
        "Mish" => Unary::Mish,
        "Swish" => Unary::Swish { alpha: attrs.float_or("alpha", 1.0)? },
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Neg" => Unary::Neg,
        _ => Unary::Abs,
    };
    ctx.finish_with(Op::Unary(f), &[ctx.input(0)?])
}

fn clip(ctx: &Ctx) -> Result<Unary, Error> {
    let (lo, hi) = if ctx.opset < 11 {
        (ctx.attrs.float("min")?, ctx.attrs.float("max")?)
    } else {
        (ctx.number(1)?, ctx.number(2)?)
    };
    let (lo, hi) = (lo.unwrap_or(f32::NEG_INFINITY), hi.unwrap_or(f32::INFINITY));
    if lo.is_nan() || hi.is_nan() {
        return Err(Error::Invalid(format!("limits {lo} and {hi}")));
    }
    Ok(Unary::Clip { lo, hi })
}

fn selu(ctx: &Ctx) -> Result<Unary, Error> {
    // The constants of opset 6, and the rounder ones that opset 1 gave as defaults.
    let (alpha, gamma) = if ctx.opset >= 6 { (1.673_263_2, 1.050_701) } else { (1.6732, 1.0507) };
    Ok(Unary::Selu {
        alpha: ctx.attrs.float_or("alpha", alpha)?,
        gamma: ctx.attrs.float_or("gamma", gamma)?,
    })
}
