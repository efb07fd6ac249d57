use super::{conv, elementwise, matmul, movement, norm, pool, quant, reduce, transposed};
use crate::Error;
use crate::infer::{self, Meta};
use crate::ir::{Op, Tensor};

/// Computes everything `op` can produce from its operands, in the order of its outputs.
///
/// # Errors
/// [`Error::Shape`] when the operands do not fit the operator.
pub fn eval(op: &Op, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Error> {
    let metas: Vec<Option<Meta>> =
        inputs.iter().map(|t| t.map(|t| Meta::new(t.dtype(), t.shape().to_vec()))).collect();
    let refs: Vec<Option<&Meta>> = metas.iter().map(Option::as_ref).collect();
    let outs = infer::outputs(op, &refs)?;
    let args = Args { inputs, outs: &outs };
    match op {
        Op::Conv { window, groups } => conv::conv(&args, window, *groups),
        Op::ConvTranspose { window, groups, .. } => transposed::conv(&args, window, *groups),
        Op::Gemm { alpha, beta, trans_a, trans_b } => {
            matmul::gemm(&args, *alpha, *beta, *trans_a, *trans_b)
        }
        Op::MatMul => matmul::matmul(&args),
        Op::BatchNorm { epsilon } => norm::batch(&args, *epsilon),
        Op::InstanceNorm { epsilon } => norm::instance(&args, *epsilon),
        Op::LayerNorm { axis, epsilon } => norm::layer(&args, *axis, *epsilon),
        Op::Lrn { size, alpha, beta, bias } => norm::lrn(&args, *size, *alpha, *beta, *bias),
        Op::Unary(f) => elementwise::unary(&args, f),
        Op::PRelu => elementwise::prelu(&args),
        Op::Binary(f) => elementwise::binary(&args, *f),
        Op::MaxPool { window } => pool::max(&args, window),
        Op::AveragePool { window, count_include_pad } => {
            pool::average(&args, window, *count_include_pad)
        }
        Op::GlobalMaxPool => {
            pool::global(&args, |v| v.iter().copied().fold(f32::NEG_INFINITY, f32::max))
        }
        Op::GlobalAveragePool => pool::global(&args, |v| reduce::mean(v.iter().copied())),
        Op::Reduce { kind, axes, .. } => reduce::reduce(&args, *kind, axes),
        Op::ArgMax { axis, select_last, .. } => reduce::arg_max(&args, *axis, *select_last),
        Op::Softmax { axis, flatten, log } => reduce::softmax(&args, *axis, *flatten, *log),
        Op::QuantizeLinear { axis, lo, hi } => quant::quantize(&args, *axis, *lo, *hi),
        Op::DequantizeLinear { axis } => quant::dequantize(&args, *axis),
        Op::QLinearConv { window, groups, lo, hi } => {
            quant::qlinear_conv(&args, window, *groups, *lo, *hi)
        }
        _ => movement::eval(&args, op),
    }
}

/// Checked operands and the inferred results of one operator.
pub(super) struct Args<'a> {
    pub(super) inputs: &'a [Option<&'a Tensor>],
    pub(super) outs: &'a [Meta],
}

impl<'a> Args<'a> {
    pub(super) fn opt(&self, i: usize) -> Option<&'a Tensor> {
        self.inputs.get(i).copied().flatten()
    }

    pub(super) fn tensor(&self, i: usize) -> Result<&'a Tensor, Error> {
        self.opt(i).ok_or_else(|| Error::Shape(format!("operand {i} is missing")))
    }

    pub(super) fn f32(&self, i: usize) -> Result<&'a [f32], Error> {
        self.tensor(i)?.as_f32()
    }

    pub(super) fn i64(&self, i: usize) -> Result<&'a [i64], Error> {
        self.tensor(i)?.as_i64()
    }

    pub(super) fn opt_f32(&self, i: usize) -> Result<Option<&'a [f32]>, Error> {
        self.opt(i).map(Tensor::as_f32).transpose()
    }

    pub(super) fn shape(&self, i: usize) -> Result<&'a [usize], Error> {
        Ok(self.tensor(i)?.shape())
    }

    /// Shape of the first result.
    pub(super) fn out(&self) -> &'a [usize] {
        &self.outs[0].shape
    }

    pub(super) fn floats(&self, data: Vec<f32>) -> Result<Vec<Tensor>, Error> {
        Ok(vec![Tensor::f32(self.out().to_vec(), data)?])
    }
}
