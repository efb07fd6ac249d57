use super::node::fits;
use super::{ensure, invalid};
use crate::Error;
use crate::fixed::{Edge, Rearrange};

/// A rearrangement against the shapes of its edges.
pub(super) fn check(r: &Rearrange, x: &Edge, y: &Edge) -> Result<(), Error> {
    let (from, to) = (&x.shape[..], &y.shape[..]);
    let ok = match r {
        Rearrange::Reshape => x.len() == y.len(),
        Rearrange::Transpose { perm } => transpose(perm, from)? == to,
        Rearrange::Pad { pads, value } => {
            ensure(fits(*value, y.ring), || {
                format!("padding with {value} in a ring of {} bits", y.ring)
            })?;
            pad(pads, from)? == to
        }
        Rearrange::Slice { starts, steps } => slice(starts, steps, from, to)?,
        Rearrange::Take { axis, indices } => take(*axis as usize, indices, from)? == to,
        Rearrange::Dilate { step } => dilate(*step, from)? == to,
    };
    ensure(ok, || format!("shape {from:?} cannot become {to:?} this way"))
}

fn axes(n: usize, x: &[u32]) -> Result<(), Error> {
    ensure(n == x.len(), || format!("attributes of {n} axes for a tensor of {}", x.len()))
}

fn transpose(perm: &[u32], x: &[u32]) -> Result<Vec<u32>, Error> {
    axes(perm.len(), x)?;
    let mut seen = vec![false; x.len()];
    for &p in perm {
        match seen.get_mut(p as usize) {
            Some(s) if !*s => *s = true,
            _ => return Err(invalid(format!("{perm:?} is not a permutation"))),
        }
    }
    Ok(perm.iter().map(|&p| x[p as usize]).collect())
}

fn pad(pads: &[(i32, i32)], x: &[u32]) -> Result<Vec<u32>, Error> {
    axes(pads.len(), x)?;
    let padded = |(&d, &(a, b)): (&u32, &(i32, i32))| {
        let n = i64::from(d) + i64::from(a) + i64::from(b);
        u32::try_from(n).map_err(|_| invalid(format!("padding ({a}, {b}) of an axis of {d}")))
    };
    x.iter().zip(pads).map(padded).collect()
}

/// Whether every index stays inside the operand.
fn slice(starts: &[u32], steps: &[i32], x: &[u32], y: &[u32]) -> Result<bool, Error> {
    axes(starts.len(), x)?;
    axes(steps.len(), x)?;
    axes(y.len(), x)?;
    Ok((0..x.len()).all(|a| {
        let first = i64::from(starts[a]);
        let last = first + i64::from(y[a] - 1) * i64::from(steps[a]);
        let inside = 0..i64::from(x[a]);
        inside.contains(&first) && inside.contains(&last)
    }))
}

fn take(axis: usize, indices: &[u32], x: &[u32]) -> Result<Vec<u32>, Error> {
    ensure(axis < x.len(), || format!("axis {axis} of a tensor of {} axes", x.len()))?;
    ensure(indices.iter().all(|&i| i < x[axis]), || {
        format!("an index beyond the {} along axis {axis}", x[axis])
    })?;
    let mut shape = x.to_vec();
    shape[axis] = indices.len() as u32;
    Ok(shape)
}

fn dilate(step: [u32; 2], x: &[u32]) -> Result<Vec<u32>, Error> {
    ensure(x.len() >= 2 && !step.contains(&0), || {
        format!("dilation by {step:?} of a tensor of {} axes", x.len())
    })?;
    let mut shape = x.to_vec();
    let first = x.len() - 2;
    for (d, &s) in shape[first..].iter_mut().zip(&step) {
        let n = u64::from(*d - 1) * u64::from(s) + 1;
        *d = u32::try_from(n).map_err(|_| invalid(format!("dilation of an axis of {d} by {s}")))?;
    }
    Ok(shape)
}
