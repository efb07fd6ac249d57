//! Shapes and element types of an operator's results, and whether its operands fit it at all.
//!
//! The importer asks before it adds a node, the executor before it computes: a kernel of the
//! executor may therefore rely on everything checked here.

mod movement;
mod quant;
mod reduce;
mod window;
mod work;

pub use work::work;

use crate::Error;
use crate::ir::{Binary, DType, Op, Unary};

/// Largest number of elements of one tensor.
pub const MAX_ELEMENTS: usize = 1 << 28;
/// Largest number of axes of a tensor.
pub const MAX_RANK: usize = 12;

/// Element type and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Element type.
    pub dtype: DType,
    /// Static shape.
    pub shape: Vec<usize>,
}

impl Meta {
    /// A description from its two parts.
    pub fn new(dtype: DType, shape: Vec<usize>) -> Self {
        Self { dtype, shape }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The operands as an operator sees them.
pub(crate) struct Operands<'a>(pub &'a [Option<&'a Meta>]);

impl<'a> Operands<'a> {
    pub(crate) fn get(&self, i: usize) -> Option<&'a Meta> {
        self.0.get(i).copied().flatten()
    }

    pub(crate) fn need(&self, i: usize) -> Result<&'a Meta, Error> {
        self.get(i).ok_or_else(|| Error::Shape(format!("operand {i} is missing")))
    }

    pub(crate) fn float(&self, i: usize) -> Result<&'a Meta, Error> {
        self.typed(i, DType::F32)
    }

    pub(crate) fn int(&self, i: usize) -> Result<&'a Meta, Error> {
        self.typed(i, DType::I64)
    }

    fn typed(&self, i: usize, dtype: DType) -> Result<&'a Meta, Error> {
        let m = self.need(i)?;
        if m.dtype == dtype {
            Ok(m)
        } else {
            Err(Error::Shape(format!("operand {i} holds {:?}, expected {dtype:?}", m.dtype)))
        }
    }

    /// Operand `i`, when present, must be a float vector of `n` elements.
    pub(crate) fn vector(&self, i: usize, n: usize, optional: bool) -> Result<(), Error> {
        if optional && self.get(i).is_none() {
            return Ok(());
        }
        let m = self.float(i)?;
        if m.shape == [n] {
            return Ok(());
        }
        Err(Error::Shape(format!("operand {i} has shape {:?}, expected [{n}]", m.shape)))
    }
}

pub(crate) fn shape_error<T>(text: String) -> Result<T, Error> {
    Err(Error::Shape(text))
}

/// Refuses shapes that are too large to compute with.
pub fn check_size(shape: &[usize]) -> Result<(), Error> {
    if shape.len() > MAX_RANK {
        return Err(Error::Limit(format!("{} axes, at most {MAX_RANK}", shape.len())));
    }
    // Axes are multiplied without the zeros, so that an empty tensor cannot hide a huge axis.
    let n = shape.iter().filter(|&&d| d != 0).try_fold(1usize, |a, &d| a.checked_mul(d));
    match n {
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(Error::Limit(format!(
            "a tensor of shape {shape:?}, at most {MAX_ELEMENTS} elements"
        ))),
    }
}

/// Numpy broadcasting of two shapes.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |k| s[k]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => shape_error(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// Types and shapes of everything `op` can produce; a node may use only the first few.
pub fn outputs(op: &Op, inputs: &[Option<&Meta>]) -> Result<Vec<Meta>, Error> {
    let outs = dispatch(op, &Operands(inputs))?;
    for out in &outs {
        check_size(&out.shape)?;
    }
    Ok(outs)
}

fn dispatch(op: &Op, ins: &Operands) -> Result<Vec<Meta>, Error> {
    let float = |shape: Vec<usize>| Ok(vec![Meta::new(DType::F32, shape)]);
    match op {
        Op::Conv { window, groups } => float(window::conv(ins, window, *groups)?),
        Op::ConvTranspose { window, groups, output_padding } => {
            float(window::conv_transpose(ins, window, *groups, output_padding)?)
        }
        Op::Gemm { trans_a, trans_b, .. } => float(gemm(ins, *trans_a, *trans_b)?),
        Op::MatMul => float(matmul(&ins.float(0)?.shape, &ins.float(1)?.shape)?),
        Op::BatchNorm { .. } => float(channel_norm(ins, 2, 4)?),
        Op::InstanceNorm { .. } => float(channel_norm(ins, 3, 2)?),
        Op::LayerNorm { axis, .. } => layer_norm(ins, *axis),
        Op::Lrn { size, .. } => {
            let x = ins.float(0)?;
            if x.shape.len() < 2 || *size == 0 {
                return shape_error(format!("shape {:?}, size {size}", x.shape));
            }
            float(x.shape.clone())
        }
        Op::Unary(f) => {
            let x = ins.need(0)?;
            let integer = matches!(f, Unary::Neg | Unary::Abs) && x.dtype == DType::I64;
            if x.dtype != DType::F32 && !integer {
                return shape_error(format!("{f:?} of {:?} elements", x.dtype));
            }
            Ok(vec![x.clone()])
        }
        Op::PRelu => {
            let (x, slope) = (ins.float(0)?, ins.float(1)?);
            if broadcast(&x.shape, &slope.shape)? != x.shape {
                return shape_error(format!("slope {:?} for {:?}", slope.shape, x.shape));
            }
            float(x.shape.clone())
        }
        Op::Binary(f) => binary(ins, *f),
        Op::MaxPool { window } | Op::AveragePool { window, .. } => {
            float(window::pool(ins.float(0)?, window)?)
        }
        Op::GlobalMaxPool | Op::GlobalAveragePool => {
            let x = ins.float(0)?;
            if x.shape.len() < 3 {
                return shape_error(format!("no spatial axis in {:?}", x.shape));
            }
            let mut shape = x.shape[..2].to_vec();
            shape.resize(x.shape.len(), 1);
            float(shape)
        }
        Op::Reduce { axes, keep_dims, .. } => {
            float(reduce::shape(&ins.float(0)?.shape, axes, *keep_dims)?)
        }
        Op::ArgMax { axis, keep_dims, .. } => {
            let x = ins.float(0)?;
            if x.shape.get(*axis) == Some(&0) {
                return shape_error(format!("no element along axis {axis} of {:?}", x.shape));
            }
            let shape = reduce::shape(&x.shape, &[*axis], *keep_dims)?;
            Ok(vec![Meta::new(DType::I64, shape)])
        }
        Op::Softmax { axis, .. } => {
            let x = ins.float(0)?;
            axis_of(&x.shape, *axis)?;
            float(x.shape.clone())
        }
        Op::QuantizeLinear { axis, lo, hi } => quant::quantize(ins, *axis, *lo, *hi),
        Op::DequantizeLinear { axis } => quant::dequantize(ins, *axis),
        Op::QLinearConv { window, groups, lo, hi } => {
            quant::qlinear_conv(ins, window, *groups, *lo, *hi)
        }
        _ => movement::outputs(op, ins),
    }
}

pub(crate) fn axis_of(shape: &[usize], axis: usize) -> Result<usize, Error> {
    shape
        .get(axis)
        .copied()
        .ok_or_else(|| Error::Shape(format!("axis {axis} of a tensor of shape {shape:?}")))
}

fn binary(ins: &Operands, f: Binary) -> Result<Vec<Meta>, Error> {
    let (a, b) = (ins.need(0)?, ins.need(1)?);
    if a.dtype != b.dtype || a.dtype == DType::Bool {
        return shape_error(format!("{f:?} of {:?} and {:?} elements", a.dtype, b.dtype));
    }
    Ok(vec![Meta::new(a.dtype, broadcast(&a.shape, &b.shape)?)])
}

fn gemm(ins: &Operands, trans_a: bool, trans_b: bool) -> Result<Vec<usize>, Error> {
    let (a, b) = (&ins.float(0)?.shape, &ins.float(1)?.shape);
    let (&[a0, a1], &[b0, b1]) = (a.as_slice(), b.as_slice()) else {
        return shape_error(format!("operands {a:?} and {b:?} are not matrices"));
    };
    let (m, k) = if trans_a { (a1, a0) } else { (a0, a1) };
    let (kb, n) = if trans_b { (b1, b0) } else { (b0, b1) };
    if k != kb {
        return shape_error(format!("inner extents {k} and {kb} differ"));
    }
    if ins.get(2).is_some() {
        let c = &ins.float(2)?.shape;
        if broadcast(c, &[m, n])? != [m, n] {
            return shape_error(format!("addend {c:?} for a result of [{m}, {n}]"));
        }
    }
    Ok(vec![m, n])
}

fn matmul(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    if a.is_empty() || b.is_empty() {
        return shape_error("a matrix product of a scalar".into());
    }
    let (a_rows, k) = (a.len().checked_sub(2).map(|i| a[i]), a[a.len() - 1]);
    let (b_cols, kb) =
        if b.len() == 1 { (None, b[0]) } else { (Some(b[b.len() - 1]), b[b.len() - 2]) };
    if k != kb {
        return shape_error(format!("inner extents of {a:?} and {b:?} differ"));
    }
    let lead = |s: &[usize]| s[..s.len().saturating_sub(2)].to_vec();
    let mut shape = broadcast(&lead(a), &lead(b))?;
    shape.extend(a_rows);
    shape.extend(b_cols);
    Ok(shape)
}

fn channel_norm(ins: &Operands, min_rank: usize, vectors: usize) -> Result<Vec<usize>, Error> {
    let x = ins.float(0)?;
    if x.shape.len() < min_rank {
        return shape_error(format!("no channel axis in {:?}", x.shape));
    }
    for i in 1..=vectors {
        ins.vector(i, x.shape[1], false)?;
    }
    Ok(x.shape.clone())
}

fn layer_norm(ins: &Operands, axis: usize) -> Result<Vec<Meta>, Error> {
    let x = ins.float(0)?;
    axis_of(&x.shape, axis)?;
    for i in 1..=2 {
        if i == 1 || ins.get(i).is_some() {
            let m = ins.float(i)?;
            if broadcast(&m.shape, &x.shape)? != x.shape {
                return shape_error(format!("operand {i} of {:?} for {:?}", m.shape, x.shape));
            }
        }
    }
    let mut moments = x.shape.clone();
    moments[axis..].fill(1);
    let moments = Meta::new(DType::F32, moments);
    Ok(vec![x.clone(), moments.clone(), moments])
}
