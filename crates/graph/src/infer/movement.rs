use super::{MAX_ELEMENTS, Meta, Operands, axis_of, broadcast, shape_error};
use crate::Error;
use crate::ir::{DType, Op, PadMode};

/// Operators that move elements or change their type.
pub(super) fn outputs(op: &Op, ins: &Operands) -> Result<Vec<Meta>, Error> {
    if let Op::Concat { axis } = op {
        return concat(ins, *axis);
    }
    let x = ins.need(0)?;
    let same = |shape: Vec<usize>| Ok(vec![Meta::new(x.dtype, shape)]);
    match op {
        Op::Reshape { shape } => {
            super::check_size(shape)?;
            if shape.iter().product::<usize>() != x.len() {
                return shape_error(format!("cannot reshape {:?} to {shape:?}", x.shape));
            }
            same(shape.clone())
        }
        Op::Transpose { perm } => {
            let mut seen = perm.clone();
            seen.sort_unstable();
            if !seen.iter().copied().eq(0..x.shape.len()) {
                return shape_error(format!("permutation {perm:?} of {:?}", x.shape));
            }
            same(perm.iter().map(|&p| x.shape[p]).collect())
        }
        Op::Pad { pads, mode, .. } => same(pad(&x.shape, pads, *mode, x.dtype)?),
        Op::Slice { starts, steps, shape } => {
            slice(&x.shape, starts, steps, shape)?;
            same(shape.clone())
        }
        Op::Split { axis, sizes } => {
            let n = axis_of(&x.shape, *axis)?;
            if sizes.iter().try_fold(0usize, |a, &s| a.checked_add(s)) != Some(n) {
                return shape_error(format!("parts {sizes:?} of an axis of {n}"));
            }
            let part = |&size: &usize| {
                let mut shape = x.shape.clone();
                shape[*axis] = size;
                Meta::new(x.dtype, shape)
            };
            Ok(sizes.iter().map(part).collect())
        }
        Op::Gather { axis } => {
            axis_of(&x.shape, *axis)?;
            let indices = ins.int(1)?;
            let (before, after) = (&x.shape[..*axis], &x.shape[axis + 1..]);
            same([before, &indices.shape, after].concat())
        }
        Op::Expand { shape } => {
            if broadcast(&x.shape, shape)? != *shape {
                return shape_error(format!("cannot expand {:?} to {shape:?}", x.shape));
            }
            same(shape.clone())
        }
        Op::Tile { repeats } => {
            if repeats.len() != x.shape.len() {
                return shape_error(format!("repeats {repeats:?} for {:?}", x.shape));
            }
            same(x.shape.iter().zip(repeats).map(|(&d, &r)| d.saturating_mul(r)).collect())
        }
        Op::ResizeNearest { index } => {
            let fits = index.len() == x.shape.len()
                && index.iter().zip(&x.shape).all(|(ix, &d)| ix.iter().all(|&i| i < d));
            if !fits {
                return shape_error(format!("resampling indices outside {:?}", x.shape));
            }
            same(index.iter().map(Vec::len).collect())
        }
        Op::DepthSpace { block, to_space, .. } => same(depth_space(&x.shape, *block, *to_space)?),
        Op::Cast { to } => Ok(vec![Meta::new(*to, x.shape.clone())]),
        _ => shape_error(format!("{op:?} is not a movement")),
    }
}

fn concat(ins: &Operands, axis: usize) -> Result<Vec<Meta>, Error> {
    let first = ins.need(0)?;
    axis_of(&first.shape, axis)?;
    let mut shape = first.shape.clone();
    for i in 1..ins.0.len() {
        let next = ins.need(i)?;
        let mut aligned = next.shape.clone();
        if let Some(d) = aligned.get_mut(axis) {
            *d = first.shape[axis];
        }
        if aligned != first.shape || next.dtype != first.dtype {
            return shape_error(format!(
                "cannot join {:?} and {:?} along axis {axis}",
                first.shape, next.shape
            ));
        }
        shape[axis] = shape[axis].saturating_add(next.shape[axis]);
    }
    Ok(vec![Meta::new(first.dtype, shape)])
}

fn pad(
    x: &[usize],
    pads: &[(isize, isize)],
    mode: PadMode,
    dtype: DType,
) -> Result<Vec<usize>, Error> {
    let bad = || shape_error(format!("{mode:?} padding {pads:?} of {x:?}"));
    if pads.len() != x.len() || dtype == DType::Bool {
        return bad();
    }
    let mut shape = Vec::with_capacity(x.len());
    for (&d, &(a, b)) in x.iter().zip(pads) {
        let limit = MAX_ELEMENTS as isize;
        if a.abs() > limit || b.abs() > limit || d > MAX_ELEMENTS {
            return bad();
        }
        let n = d as isize + a + b;
        let room = match mode {
            PadMode::Constant => isize::MAX,
            PadMode::Reflect => d as isize - 1,
            PadMode::Edge if d == 0 => 0,
            PadMode::Edge => isize::MAX,
        };
        if n < 0 || a > room || b > room {
            return bad();
        }
        shape.push(n as usize);
    }
    Ok(shape)
}

fn slice(x: &[usize], starts: &[usize], steps: &[isize], shape: &[usize]) -> Result<(), Error> {
    let fits = [starts.len(), steps.len(), shape.len()] == [x.len(); 3]
        && (0..x.len()).all(|i| {
            shape[i] == 0 || {
                let last = (shape[i] as isize - 1)
                    .checked_mul(steps[i])
                    .and_then(|d| d.checked_add(starts[i] as isize));
                starts[i] < x[i] && last.is_some_and(|l| l >= 0 && (l as usize) < x[i])
            }
        });
    if fits { Ok(()) } else { shape_error(format!("slice {starts:?} step {steps:?} of {x:?}")) }
}

fn depth_space(x: &[usize], block: usize, to_space: bool) -> Result<Vec<usize>, Error> {
    let bad = || shape_error(format!("blocks of {block} in {x:?}"));
    let &[n, c, h, w] = x else { return bad() };
    let Some(area) = block.checked_mul(block).filter(|&a| a > 0) else { return bad() };
    if to_space {
        if c % area != 0 {
            return bad();
        }
        Ok(vec![n, c / area, h.saturating_mul(block), w.saturating_mul(block)])
    } else {
        if h % block != 0 || w % block != 0 {
            return bad();
        }
        Ok(vec![n, c.saturating_mul(area), h / block, w / block])
    }
}
