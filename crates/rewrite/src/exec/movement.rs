use super::args::Args;
use super::broadcast::zip;
use super::select::along;
use crate::{Array, Error};
use burn_tensor::Tensor;
use sordino_graph::ir::{DType, Op, PadMode};

/// Operators that only move elements.
pub(super) fn eval(args: &Args, op: &Op) -> Result<Vec<Array>, Error> {
    let one = |array: Array| Ok(vec![array]);
    let each = |positions: &dyn Fn(usize, usize) -> Vec<usize>| {
        let x = args.array(0)?;
        let extents = x.shape().to_vec();
        let moved = extents.iter().enumerate();
        one(moved.fold(x, |x, (axis, &extent)| along(&x, axis, &positions(axis, extent))))
    };
    match op {
        Op::Concat { axis } => one(concat(args, *axis)?),
        Op::Reshape { .. } => {
            let x = args.array(0)?;
            one(Array::of(x.flat(), x.lead(), args.out()))
        }
        Op::Transpose { perm } => one(transpose(args, &args.array(0)?, perm)?),
        Op::Pad { pads, mode: PadMode::Constant, value } => one(pad(args, pads, *value)?),
        Op::Pad { pads, mode, .. } => each(&|axis, extent| {
            let (before, after) = pads[axis];
            (-before..extent as isize + after).map(|at| inside(at, extent, *mode)).collect()
        }),
        Op::Slice { starts, steps, shape } => each(&|axis, _| {
            let at = |i: usize| starts[axis] as isize + i as isize * steps[axis];
            (0..shape[axis]).map(|i| at(i) as usize).collect()
        }),
        Op::Split { axis, sizes } => {
            let x = args.array(0)?;
            let mut start = 0;
            let parts = sizes.iter().map(|&size| {
                let positions: Vec<usize> = (start..start + size).collect();
                start += size;
                along(&x, *axis, &positions)
            });
            Ok(parts.collect())
        }
        Op::Gather { axis } => one(gather(args, *axis)?),
        Op::Expand { .. } => {
            let x = args.array(0)?;
            let n = args.out().iter().product::<usize>();
            let ones = Tensor::<1>::ones([n], &x.flat().device().inner());
            one(zip(&x, &Array::constant(ones, args.out()), |x, ones| x * ones)?)
        }
        Op::Tile { repeats } => {
            each(&|axis, extent| (0..extent * repeats[axis]).map(|i| i % extent).collect())
        }
        Op::ResizeNearest { index } => {
            let lead = args.array(0)?.shape().len() - index.len();
            each(&|axis, extent| match axis.checked_sub(lead) {
                Some(i) => index[i].clone(),
                None => (0..extent).collect(),
            })
        }
        Op::DepthSpace { block, to_space, column_row } => {
            one(depth_space(args, *block, *to_space, *column_row)?)
        }
        Op::Cast { to: DType::F32 } => one(args.array(0)?),
        _ => Err(args.unsupported("no derivative is known for this operator")),
    }
}

/// Where padding takes its value from.
fn inside(at: isize, extent: usize, mode: PadMode) -> usize {
    let last = extent as isize - 1;
    let at = match mode {
        PadMode::Reflect if last > 0 => {
            let turn = at.rem_euclid(2 * last);
            if turn > last { 2 * last - turn } else { turn }
        }
        _ => at.clamp(0, last),
    };
    at as usize
}

fn concat(args: &Args, axis: usize) -> Result<Array, Error> {
    let count = args.node.inputs.len();
    let arrays = (0..count).map(|i| args.array(i)).collect::<Result<Vec<_>, _>>()?;
    let lead = arrays.iter().map(Array::lead).max().unwrap_or(1);
    let parts = arrays.iter().map(|x| {
        let outer = x.shape()[..axis].iter().product::<usize>();
        let inner = x.shape()[axis..].iter().product::<usize>();
        let part = x.view([x.lead(), outer, inner]);
        if x.lead() == lead { part } else { part.expand([lead, outer, inner]) }
    });
    Ok(Array::of(Tensor::cat(parts.collect(), 2), lead, args.out()))
}

fn transpose(args: &Args, x: &Array, perm: &[usize]) -> Result<Array, Error> {
    const AXES: usize = 7;
    let missing = (AXES - 1)
        .checked_sub(perm.len())
        .ok_or_else(|| args.unsupported(&format!("a transposition of {} axes", perm.len())))?;
    let (mut dims, mut axes) = ([1; AXES], [0; AXES]);
    dims[0] = x.lead();
    dims[1 + missing..].copy_from_slice(x.shape());
    for (i, axis) in axes.iter_mut().enumerate() {
        *axis = i.checked_sub(1 + missing).map_or(i, |k| perm[k] + 1 + missing);
    }
    let shape: Vec<usize> = perm.iter().map(|&p| x.shape()[p]).collect();
    Ok(Array::of(x.view(dims).permute(axes), x.lead(), &shape))
}

fn pad(args: &Args, pads: &[(isize, isize)], value: f32) -> Result<Array, Error> {
    let mut x = args.array(0)?;
    for (axis, &(before, after)) in pads.iter().enumerate() {
        let extent = x.shape()[axis] as isize;
        let kept: Vec<usize> =
            ((-before).max(0)..extent + after.min(0)).map(|at| at as usize).collect();
        x = along(&x, axis, &kept);
        let view = x.around(axis);
        let [outer, extent, inner] = view.dims();
        let device = view.device().inner();
        let fill = |n: isize| {
            let n = usize::try_from(n).ok().filter(|&n| n > 0)?;
            Some(Tensor::<3>::full([outer, n, inner], value, &device))
        };
        let parts: Vec<_> = [fill(before), Some(view), fill(after)].into_iter().flatten().collect();
        let mut shape = x.shape().to_vec();
        shape[axis] = extent + before.max(0) as usize + after.max(0) as usize;
        x = Array::of(Tensor::cat(parts, 1), x.lead(), &shape);
    }
    Ok(x)
}

fn gather(args: &Args, axis: usize) -> Result<Array, Error> {
    let x = args.array(0)?;
    let indices = args.node.inputs.get(1).copied().flatten();
    let indices = indices.and_then(|id| args.graph.constant(id));
    let Some(indices) = indices else {
        return Err(args.unsupported("the indices depend on the network's input"));
    };
    let extent = x.shape()[axis] as i64;
    let positions: Vec<usize> =
        indices.as_i64()?.iter().map(|&i| if i < 0 { i + extent } else { i } as usize).collect();
    if positions.iter().any(|&p| p >= extent as usize) {
        return Err(args.unsupported("an index is outside the axis"));
    }
    Ok(Array::of(along(&x, axis, &positions).flat(), x.lead(), args.out()))
}

fn depth_space(args: &Args, block: usize, to_space: bool, crd: bool) -> Result<Array, Error> {
    let x = args.array(0)?;
    let &[batch, channels, height, width] = x.shape() else {
        return Err(args.unsupported("an operand that is no picture"));
    };
    let (shape, perm) = if !to_space {
        let shape = vec![batch, channels, height / block, block, width / block, block];
        (shape, [0, 3, 5, 1, 2, 4])
    } else if crd {
        (vec![batch, channels / (block * block), block, block, height, width], [0, 1, 4, 2, 5, 3])
    } else {
        (vec![batch, block, block, channels / (block * block), height, width], [0, 3, 4, 1, 5, 2])
    };
    let blocks = Array::of(x.flat(), x.lead(), &shape);
    let moved = transpose(args, &blocks, &perm)?;
    Ok(Array::of(moved.flat(), x.lead(), args.out()))
}
