use super::eval::Args;
use super::movement::strides_for;
use crate::Error;
use crate::ir::{Binary, Tensor, TensorData, Unary};

pub(super) fn unary(args: &Args, f: &Unary) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    if let TensorData::I64(v) = x.data() {
        let v = v.iter().map(|&v| match f {
            Unary::Neg => v.wrapping_neg(),
            _ => v.wrapping_abs(),
        });
        return Ok(vec![Tensor::i64(x.shape().to_vec(), v.collect())?]);
    }
    let x = x.as_f32()?;
    args.floats(match *f {
        Unary::Relu => x.iter().map(|&v| v.max(0.0)).collect(),
        Unary::Clip { lo, hi } => x.iter().map(|&v| v.max(lo).min(hi)).collect(),
        ref f => x.iter().map(|&v| scalar(f, v)).collect(),
    })
}

/// The function of one number.
pub(crate) fn scalar(f: &Unary, x: f32) -> f32 {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f32| if x > 20.0 { x } else { x.exp().ln_1p() };
    match *f {
        Unary::Relu => x.max(0.0),
        Unary::LeakyRelu { slope } => {
            if x >= 0.0 {
                x
            } else {
                slope * x
            }
        }
        Unary::Clip { lo, hi } => x.max(lo).min(hi),
        Unary::Sigmoid => sigmoid(x),
        Unary::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
        Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Unary::Tanh => x.tanh(),
        Unary::Elu { alpha } => {
            if x >= 0.0 {
                x
            } else {
                alpha * x.exp_m1()
            }
        }
        Unary::Selu { alpha, gamma } => gamma * if x > 0.0 { x } else { alpha * x.exp_m1() },
        Unary::Gelu { tanh: false } => 0.5 * x * (1.0 + erf(x / std::f32::consts::SQRT_2)),
        Unary::Gelu { tanh: true } => {
            let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        }
        Unary::Softplus => softplus(x),
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Mish => x * softplus(x).tanh(),
        Unary::Swish { alpha } => x * sigmoid(alpha * x),
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
    }
}

/// Error function by Abramowitz and Stegun 7.1.26 in double precision (absolute error 1.5e-7).
fn erf(x: f32) -> f32 {
    let a = f64::from(x).abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let poly = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .iter()
        .fold(0.0, |sum, c| sum * t + c);
    ((1.0 - poly * t * (-a * a).exp()) as f32).copysign(x)
}

pub(super) fn prelu(args: &Args) -> Result<Vec<Tensor>, Error> {
    let (x, slope) = (Operand::new(args, 0)?, Operand::new(args, 1)?);
    let f = |x: f32, slope: f32| if x >= 0.0 { x } else { slope * x };
    args.floats(zip(args.f32(0)?, args.f32(1)?, args.out(), x, slope, f))
}

pub(super) fn binary(args: &Args, f: Binary) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (Operand::new(args, 0)?, Operand::new(args, 1)?);
    let shape = args.out();
    if let TensorData::I64(x) = args.tensor(0)?.data() {
        let y = args.i64(1)?;
        if f == Binary::Div && y.contains(&0) {
            return Err(Error::Invalid("integer division by zero".into()));
        }
        let v = zip(x, y, shape, a, b, |x, y| integer(f, x, y));
        return Ok(vec![Tensor::i64(shape.to_vec(), v)?]);
    }
    let (x, y) = (args.f32(0)?, args.f32(1)?);
    args.floats(match f {
        Binary::Add => zip(x, y, shape, a, b, |x, y| x + y),
        Binary::Sub => zip(x, y, shape, a, b, |x, y| x - y),
        Binary::Mul => zip(x, y, shape, a, b, |x, y| x * y),
        Binary::Div => zip(x, y, shape, a, b, |x, y| x / y),
        Binary::Pow => zip(x, y, shape, a, b, f32::powf),
        Binary::Max => zip(x, y, shape, a, b, f32::max),
        Binary::Min => zip(x, y, shape, a, b, f32::min),
    })
}

fn integer(f: Binary, x: i64, y: i64) -> i64 {
    match f {
        Binary::Add => x.wrapping_add(y),
        Binary::Sub => x.wrapping_sub(y),
        Binary::Mul => x.wrapping_mul(y),
        Binary::Div => x.wrapping_div(y),
        Binary::Pow => u32::try_from(y).map_or(0, |y| x.wrapping_pow(y)),
        Binary::Max => x.max(y),
        Binary::Min => x.min(y),
    }
}

/// Strides of an operand over the result's axes, zero where it is broadcast.
struct Operand(Vec<usize>);

impl Operand {
    fn new(args: &Args, i: usize) -> Result<Self, Error> {
        Ok(Self(strides_for(args.shape(i)?, args.out())))
    }
}

/// Element-wise `f` with broadcasting; neighbouring axes that both operands walk alike are merged
/// so that the inner loop is as long as can be.
fn zip<A: Copy, T>(
    x: &[A],
    y: &[A],
    shape: &[usize],
    Operand(sx): Operand,
    Operand(sy): Operand,
    f: impl Fn(A, A) -> T,
) -> Vec<T> {
    let mut axes: Vec<(usize, usize, usize)> = Vec::new();
    for i in 0..shape.len() {
        match axes.last_mut() {
            Some((n, a, b)) if *a == sx[i] * shape[i] && *b == sy[i] * shape[i] => {
                (*n, *a, *b) = (*n * shape[i], sx[i], sy[i]);
            }
            _ => axes.push((shape[i], sx[i], sy[i])),
        }
    }
    let total = shape.iter().product();
    let mut out = Vec::with_capacity(total);
    let (n, a, b) = axes.pop().unwrap_or((1, 0, 0));
    let mut index = vec![0; axes.len()];
    let (mut at, mut bt) = (0, 0);
    while out.len() < total {
        match (a, b) {
            (1, 1) => out.extend(x[at..at + n].iter().zip(&y[bt..bt + n]).map(|(&x, &y)| f(x, y))),
            (1, 0) => out.extend(x[at..at + n].iter().map(|&x| f(x, y[bt]))),
            _ => out.extend((0..n).map(|i| f(x[at + i * a], y[bt + i * b]))),
        }
        for (axis, &(extent, a, b)) in axes.iter().enumerate().rev() {
            index[axis] += 1;
            (at, bt) = (at + a, bt + b);
            if index[axis] < extent {
                break;
            }
            (at, bt) = (at - extent * a, bt - extent * b);
            index[axis] = 0;
        }
    }
    out
}
