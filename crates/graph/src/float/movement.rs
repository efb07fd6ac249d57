use super::eval::Args;
use crate::Error;
use crate::ir::{DType, Op, PadMode, Tensor, TensorData};

/// Where an element of a result comes from when it is padding.
const PADDING: usize = usize::MAX;

/// Row-major strides.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        out[i - 1] = out[i] * shape[i].max(1);
    }
    out
}

/// Strides of a tensor of shape `from` over the axes of `to`, zero where it is broadcast.
pub(super) fn strides_for(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let lead = to.len() - from.len();
    (0..to.len())
        .map(|i| i.checked_sub(lead).filter(|&k| from[k] != 1).map_or(0, |k| own[k]))
        .collect()
}

/// `x` with its axes permuted.
pub(super) fn transposed(x: &[f32], shape: &[usize], perm: &[usize]) -> Vec<f32> {
    if perm.iter().copied().eq(0..shape.len()) {
        return x.to_vec();
    }
    let own = strides(shape);
    let axes: Vec<Vec<usize>> =
        perm.iter().map(|&p| (0..shape[p]).map(|i| i * own[p]).collect()).collect();
    grid(&axes).into_iter().map(|i| x[i]).collect()
}

/// Sums of one offset per axis, in row-major order; any [`PADDING`] makes the sum so.
fn grid(axes: &[Vec<usize>]) -> Vec<usize> {
    let mut out = vec![0];
    for axis in axes {
        let mut next = Vec::with_capacity(out.len() * axis.len());
        for &base in &out {
            next.extend(axis.iter().map(|&i| match (base, i) {
                (PADDING, _) | (_, PADDING) => PADDING,
                (base, i) => base + i,
            }));
        }
        out = next;
    }
    out
}

fn pick<T: Copy>(x: &[T], index: &[usize], fill: T) -> Vec<T> {
    index.iter().map(|&i| if i == PADDING { fill } else { x[i] }).collect()
}

/// Source index along each axis, per output index.
fn select(x: &Tensor, index: &[Vec<usize>], fill: f32) -> Result<Vec<Tensor>, Error> {
    let own = strides(x.shape());
    let axes: Vec<Vec<usize>> = index
        .iter()
        .zip(&own)
        .map(|(ix, s)| ix.iter().map(|&i| if i == PADDING { i } else { i * s }).collect())
        .collect();
    let flat = grid(&axes);
    let data = match x.data() {
        TensorData::F32(v) => TensorData::F32(pick(v, &flat, fill)),
        TensorData::I64(v) => TensorData::I64(pick(v, &flat, fill as i64)),
        TensorData::Bool(v) => TensorData::Bool(pick(v, &flat, false)),
    };
    Ok(vec![Tensor::new(index.iter().map(Vec::len).collect(), data)?])
}

/// Operators that move elements or change their type.
pub(super) fn eval(args: &Args, op: &Op) -> Result<Vec<Tensor>, Error> {
    if let Op::Concat { axis } = op {
        return concat(args, *axis);
    }
    let x = args.tensor(0)?;
    let whole = || x.shape().iter().map(|&d| (0..d).collect::<Vec<_>>());
    let index: Vec<Vec<usize>> = match op {
        Op::Reshape { shape } => return Ok(vec![x.clone().reshaped(shape.clone())?]),
        Op::Cast { to } => return cast(x, *to),
        Op::Transpose { perm } => return transpose(x, perm),
        Op::DepthSpace { block, to_space, column_row } => {
            return depth_space(x, *block, *to_space, *column_row);
        }
        Op::Split { axis, sizes } => return split(x, *axis, sizes),
        Op::Gather { axis } => return gather(args, x, *axis),
        Op::Pad { pads, mode, value } => {
            let index: Vec<_> =
                x.shape().iter().zip(pads).map(|(&d, &p)| pad_axis(d, p, *mode)).collect();
            return select(x, &index, *value);
        }
        Op::Slice { starts, steps, shape } => (0..shape.len())
            .map(|i| {
                (0..shape[i])
                    .map(|k| starts[i].wrapping_add_signed(k as isize * steps[i]))
                    .collect()
            })
            .collect(),
        Op::Expand { shape } => {
            let lead = shape.len() - x.shape().len();
            let wide =
                vec![1; lead].into_iter().chain(x.shape().iter().copied()).collect::<Vec<_>>();
            let index: Vec<Vec<usize>> = wide
                .iter()
                .zip(shape)
                .map(|(&d, &n)| (0..n).map(|i| if d == 1 { 0 } else { i }).collect())
                .collect();
            return select(&x.clone().reshaped(wide)?, &index, 0.0);
        }
        Op::Tile { repeats } => whole().zip(repeats).map(|(axis, &n)| axis.repeat(n)).collect(),
        Op::ResizeNearest { index } => index.clone(),
        _ => return Err(Error::Shape(format!("{op:?} cannot be executed"))),
    };
    select(x, &index, 0.0)
}

fn pad_axis(d: usize, (before, after): (isize, isize), mode: PadMode) -> Vec<usize> {
    let d = d as isize;
    (-before..d + after)
        .map(|i| match mode {
            PadMode::Constant if i < 0 || i >= d => PADDING,
            PadMode::Constant => i as usize,
            PadMode::Edge => i.clamp(0, d - 1) as usize,
            PadMode::Reflect => {
                let i = i.abs();
                (if i >= d { 2 * (d - 1) - i } else { i }) as usize
            }
        })
        .collect()
}

fn transpose(x: &Tensor, perm: &[usize]) -> Result<Vec<Tensor>, Error> {
    let own = strides(x.shape());
    let axes: Vec<Vec<usize>> =
        perm.iter().map(|&p| (0..x.shape()[p]).map(|i| i * own[p]).collect()).collect();
    let flat = grid(&axes);
    let data = match x.data() {
        TensorData::F32(v) => TensorData::F32(pick(v, &flat, 0.0)),
        TensorData::I64(v) => TensorData::I64(pick(v, &flat, 0)),
        TensorData::Bool(v) => TensorData::Bool(pick(v, &flat, false)),
    };
    Ok(vec![Tensor::new(perm.iter().map(|&p| x.shape()[p]).collect(), data)?])
}

fn depth_space(
    x: &Tensor,
    b: usize,
    to_space: bool,
    column_row: bool,
) -> Result<Vec<Tensor>, Error> {
    let &[n, c, h, w] = x.shape() else {
        return Err(Error::Shape(format!("{:?} has no height and width", x.shape())));
    };
    let (split, perm, merged) = match (to_space, column_row) {
        (true, false) => {
            let d = c / (b * b);
            ([n, b, b, d, h, w], [0, 3, 4, 1, 5, 2], [n, d, h * b, w * b])
        }
        (true, true) => {
            let d = c / (b * b);
            ([n, d, b, b, h, w], [0, 1, 4, 2, 5, 3], [n, d, h * b, w * b])
        }
        (false, column_row) => {
            let (h, w) = (h / b, w / b);
            let perm = if column_row { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
            ([n, c, h, b, w, b], perm, [n, c * b * b, h, w])
        }
    };
    let moved = transpose(&x.clone().reshaped(split.to_vec())?, &perm)?;
    moved.into_iter().map(|t| t.reshaped(merged.to_vec())).collect()
}

fn split(x: &Tensor, axis: usize, sizes: &[usize]) -> Result<Vec<Tensor>, Error> {
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let index: Vec<Vec<usize>> = x
            .shape()
            .iter()
            .enumerate()
            .map(
                |(i, &d)| {
                    if i == axis { (start..start + size).collect() } else { (0..d).collect() }
                },
            )
            .collect();
        parts.extend(select(x, &index, 0.0)?);
        start += size;
    }
    Ok(parts)
}

fn gather(args: &Args, x: &Tensor, axis: usize) -> Result<Vec<Tensor>, Error> {
    let d = x.shape()[axis] as i64;
    let wanted = args.i64(1)?.iter().map(|&i| {
        let at = if i < 0 { i.saturating_add(d) } else { i };
        if (0..d).contains(&at) {
            Ok(at as usize)
        } else {
            Err(Error::Invalid(format!("index {i} outside an axis of {d}")))
        }
    });
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let mut index: Vec<Vec<usize>> = x.shape().iter().map(|&d| (0..d).collect()).collect();
    index[axis] = wanted;
    let picked = select(x, &index, 0.0)?;
    picked.into_iter().map(|t| t.reshaped(args.out().to_vec())).collect()
}

fn concat(args: &Args, axis: usize) -> Result<Vec<Tensor>, Error> {
    let parts = (0..args.inputs.len()).map(|i| args.tensor(i)).collect::<Result<Vec<_>, _>>()?;
    fn join<T: Copy>(parts: &[(&[T], usize)], outer: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(parts.iter().map(|p| p.0.len()).sum());
        for o in 0..outer {
            for (data, run) in parts {
                out.extend_from_slice(&data[o * run..(o + 1) * run]);
            }
        }
        out
    }
    let outer: usize = args.out()[..axis].iter().product();
    let run = |t: &Tensor| t.shape()[axis..].iter().product::<usize>();
    macro_rules! joined {
        ($kind:ident, $get:ident) => {{
            let parts =
                parts.iter().map(|t| Ok((t.$get()?, run(t)))).collect::<Result<Vec<_>, Error>>()?;
            TensorData::$kind(join(&parts, outer))
        }};
    }
    let data = match args.outs[0].dtype {
        DType::F32 => joined!(F32, as_f32),
        DType::I64 => joined!(I64, as_i64),
        DType::Bool => joined!(Bool, as_bool),
    };
    Ok(vec![Tensor::new(args.out().to_vec(), data)?])
}

fn cast(x: &Tensor, to: DType) -> Result<Vec<Tensor>, Error> {
    let data = match (x.data(), to) {
        (TensorData::F32(v), DType::I64) => TensorData::I64(v.iter().map(|&v| v as i64).collect()),
        (TensorData::F32(v), DType::Bool) => {
            TensorData::Bool(v.iter().map(|&v| v != 0.0).collect())
        }
        (TensorData::I64(v), DType::F32) => TensorData::F32(v.iter().map(|&v| v as f32).collect()),
        (TensorData::I64(v), DType::Bool) => TensorData::Bool(v.iter().map(|&v| v != 0).collect()),
        (TensorData::Bool(v), DType::F32) => {
            TensorData::F32(v.iter().map(|&v| f32::from(u8::from(v))).collect())
        }
        (TensorData::Bool(v), DType::I64) => {
            TensorData::I64(v.iter().map(|&v| i64::from(v)).collect())
        }
        (same, _) => same.clone(),
    };
    Ok(vec![Tensor::new(x.shape().to_vec(), data)?])
}
