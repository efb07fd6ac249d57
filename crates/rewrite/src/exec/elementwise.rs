use super::args::Args;
use super::broadcast::zip;
use crate::{Array, Error};
use burn_tensor::{Tensor, activation};
use sordino_graph::ir::{Binary, Unary};

pub(super) fn unary(x: &Array, f: &Unary) -> Array {
    x.map(|x| apply(f, x))
}

fn apply(f: &Unary, x: Tensor<1>) -> Tensor<1> {
    match *f {
        Unary::Relu => activation::relu(x),
        Unary::LeakyRelu { slope } => {
            activation::relu(x.clone()) - activation::relu(x.neg()).mul_scalar(slope)
        }
        Unary::Clip { lo, hi } => {
            let x = if lo > f32::NEG_INFINITY { x.clamp_min(lo) } else { x };
            if hi < f32::INFINITY { x.clamp_max(hi) } else { x }
        }
        Unary::Sigmoid => activation::sigmoid(x),
        Unary::HardSigmoid { alpha, beta } => hard_sigmoid(x, alpha, beta),
        Unary::HardSwish => x.clone() * hard_sigmoid(x, 1.0 / 6.0, 0.5),
        Unary::Tanh => x.tanh(),
        Unary::Elu { alpha } => elu(x, alpha),
        Unary::Selu { alpha, gamma } => elu(x, alpha).mul_scalar(gamma),
        Unary::Gelu { tanh: false } => {
            let inner = x.clone().mul_scalar(std::f32::consts::FRAC_1_SQRT_2).erf();
            x.mul_scalar(0.5) * inner.add_scalar(1.0)
        }
        Unary::Gelu { tanh: true } => {
            let cube = x.clone() * x.clone() * x.clone();
            let inner = (x.clone() + cube.mul_scalar(0.044_715))
                .mul_scalar((2.0 / std::f32::consts::PI).sqrt())
                .tanh();
            x.mul_scalar(0.5) * inner.add_scalar(1.0)
        }
        Unary::Softplus => softplus(x),
        Unary::Softsign => x.clone() / x.abs().add_scalar(1.0),
        Unary::Mish => x.clone() * softplus(x).tanh(),
        Unary::Swish { alpha } => x.clone() * activation::sigmoid(x.mul_scalar(alpha)),
        Unary::Exp => x.exp(),
        Unary::Log => x.log(),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => x.recip(),
        Unary::Neg => x.neg(),
        Unary::Abs => x.abs(),
    }
}

fn hard_sigmoid(x: Tensor<1>, alpha: f32, beta: f32) -> Tensor<1> {
    x.mul_scalar(alpha).add_scalar(beta).clamp(0.0, 1.0)
}

/// The exponential sees negative numbers only: it would overflow elsewhere, and an infinity times
/// the zero of a mask is not a number.
fn elu(x: Tensor<1>, alpha: f32) -> Tensor<1> {
    let below = x.clone().clamp_max(0.0).exp().sub_scalar(1.0).mul_scalar(alpha);
    activation::relu(x) + below
}

fn softplus(x: Tensor<1>) -> Tensor<1> {
    activation::relu(x.clone()) + x.abs().neg().exp().log1p()
}

/// `x` where positive, else `slope * x`.
pub(super) fn prelu(x: &Array, slope: &Array, args: &Args) -> Result<Array, Error> {
    let below = x.map(|x| activation::relu(x.neg()));
    let below = zip(&below, slope, |x, slope| x * slope)?;
    if below.shape() != args.out() {
        return Err(args.unsupported("the slope does not broadcast to the operand"));
    }
    Ok(x.map(|x| activation::relu(x) - below.flat()))
}

pub(super) fn binary(args: &Args, f: Binary) -> Result<Array, Error> {
    let (a, b) = (args.array(0)?, args.array(1)?);
    zip(&a, &b, |a, b| match f {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Max => a.max_pair(b),
        Binary::Min => a.min_pair(b),
    })
}
