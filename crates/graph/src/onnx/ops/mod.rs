//! One function per ONNX operator: reads its attributes and constant operands and emits typed
//! operators.

mod activation;
mod arithmetic;
mod constants;
mod conv;
mod layout;
mod matrix;
mod norm;
mod pool;
mod quant;
mod reduce;
mod resize;
mod select;
mod window;

use super::node::Ctx;
use crate::Error;
use crate::ir::{Binary, Op, Reduce};

/// Emits everything `ctx`'s node means and checks that no attribute was left unread.
pub(super) fn lower(ctx: &mut Ctx, domain: &str) -> Result<(), Error> {
    if let Some(name) = ctx.attrs.subgraph() {
        return Err(ctx.unsupported(
            format!("control flow (subgraph '{name}') is not supported"),
            "export the model for one fixed path, without If or Loop",
        ));
    }
    match domain {
        "" | "ai.onnx" => standard(ctx)?,
        "com.microsoft" => quant::contributed(ctx)?,
        other => return Err(unknown(ctx, &format!("operator domain '{other}'"))),
    }
    match ctx.attrs.unread() {
        None => Ok(()),
        Some(name) => Err(ctx.unsupported(
            format!("attribute '{name}' is not understood at operator set {}", ctx.opset),
            "re-export the model without it",
        )),
    }
}

fn unknown(ctx: &Ctx, what: &str) -> Error {
    ctx.unsupported(
        format!("{what} is not supported"),
        "replace it by supported operators, or cut the graph before it",
    )
}

fn standard(ctx: &mut Ctx) -> Result<(), Error> {
    match ctx.op_type() {
        "Conv" => conv::conv(ctx),
        "ConvTranspose" => conv::conv_transpose(ctx),
        "Gemm" => matrix::gemm(ctx),
        "MatMul" => ctx.finish(Op::MatMul, ctx.all()),
        "BatchNormalization" => norm::batch(ctx),
        "InstanceNormalization" => norm::instance(ctx),
        "LayerNormalization" => norm::layer(ctx),
        "LRN" => norm::lrn(ctx),
        "MaxPool" => pool::max(ctx),
        "AveragePool" => pool::average(ctx),
        "GlobalMaxPool" => ctx.finish(Op::GlobalMaxPool, ctx.all()),
        "GlobalAveragePool" => ctx.finish(Op::GlobalAveragePool, ctx.all()),
        "Add" => arithmetic::binary(ctx, Binary::Add),
        "Sub" => arithmetic::binary(ctx, Binary::Sub),
        "Mul" => arithmetic::binary(ctx, Binary::Mul),
        "Div" => arithmetic::binary(ctx, Binary::Div),
        "Pow" => arithmetic::power(ctx),
        "Sum" => arithmetic::variadic(ctx, Binary::Add),
        "Max" => arithmetic::variadic(ctx, Binary::Max),
        "Min" => arithmetic::variadic(ctx, Binary::Min),
        "Mean" => arithmetic::mean(ctx),
        "PRelu" => arithmetic::prelu(ctx),
        "ReduceMean" => reduce::reduce(ctx, Reduce::Mean),
        "ReduceSum" => reduce::reduce(ctx, Reduce::Sum),
        "ReduceMax" => reduce::reduce(ctx, Reduce::Max),
        "ReduceMin" => reduce::reduce(ctx, Reduce::Min),
        "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => reduce::of_function(ctx),
        "ArgMax" => reduce::arg_max(ctx),
        "Softmax" => reduce::softmax(ctx, false),
        "LogSoftmax" => reduce::softmax(ctx, true),
        "Reshape" => layout::reshape(ctx),
        "Flatten" => layout::flatten(ctx),
        "Squeeze" => layout::squeeze(ctx),
        "Unsqueeze" => layout::unsqueeze(ctx),
        "Transpose" => layout::transpose(ctx),
        "Expand" => layout::expand(ctx),
        "Tile" => layout::tile(ctx),
        "Concat" => layout::concat(ctx),
        "DepthToSpace" => layout::depth_space(ctx, true),
        "SpaceToDepth" => layout::depth_space(ctx, false),
        "Identity" => ctx.bind(0, ctx.input(0)?),
        "Dropout" => layout::dropout(ctx),
        "Cast" => layout::cast(ctx),
        "Pad" => select::pad(ctx),
        "Slice" => select::slice(ctx),
        "Split" => select::split(ctx),
        "Gather" => select::gather(ctx),
        "Resize" => resize::resize(ctx),
        "Upsample" => resize::upsample(ctx),
        "Constant" => constants::constant(ctx),
        "ConstantOfShape" => constants::constant_of_shape(ctx),
        "Shape" => constants::shape(ctx),
        "Size" => constants::size(ctx),
        "QuantizeLinear" => quant::quantize(ctx),
        "DequantizeLinear" => quant::dequantize(ctx),
        "QLinearConv" => quant::conv(ctx),
        "QLinearMatMul" => quant::matmul(ctx),
        other if activation::known(other) => activation::lower(ctx),
        other => Err(unknown(ctx, &format!("operator {other}"))),
    }
}
