//! What the samples show of every value.

use super::program::{Layer, Program};
use super::run::run;
use crate::Error;
use crate::fixed::quantise::Range;
use crate::ir::Tensor;
use rayon::prelude::*;

/// Values of a table's operand kept per sample.
const KEPT: usize = 1024;
/// Bins of a distribution.
const BINS: usize = 4096;

/// Seen over all samples.
pub(super) struct Seen {
    /// Per value.
    pub(super) ranges: Vec<Range>,
    /// Per value, for operands of tables: centres of bins and how often they occurred.
    pub(super) spread: Vec<Vec<(f64, f64)>>,
    /// Whether every element of the input was a whole number.
    pub(super) whole: bool,
}

type One = (Vec<Range>, Vec<Vec<f32>>, bool);

/// Runs the layers on every sample.
pub(super) fn observe(p: &Program, samples: &[Tensor]) -> Result<Seen, Error> {
    let mut kept = vec![false; p.values.len()];
    for n in &p.nodes {
        if let Layer::Table(_) = n.layer {
            kept[n.inputs[0]] = true;
        }
    }
    let one = |x: &Tensor| -> Result<One, Error> {
        let mut ranges = vec![Range::new(0.0, 0.0); p.values.len()];
        let mut values = vec![Vec::new(); p.values.len()];
        let x = x.as_f32()?;
        run(p, x, |v, t| {
            let ends = t.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &x| {
                (if x >= lo { lo } else { x }, if x <= hi { hi } else { x })
            });
            ranges[v] = Range::new(f64::from(ends.0), f64::from(ends.1));
            if kept[v] {
                // An odd step visits every channel and position over the samples.
                let step = (t.len() / KEPT) | 1;
                values[v] = t.iter().copied().step_by(step).collect();
            }
        })?;
        Ok((ranges, values, x.iter().all(|v| v.fract() == 0.0)))
    };
    let all: Vec<One> = samples.par_iter().map(one).collect::<Result<_, _>>()?;
    let Some(first) = all.first() else {
        return Err(Error::Config("quantising needs at least one sample input".into()));
    };
    let mut ranges = first.0.clone();
    for (seen, ..) in &all {
        for (v, (a, b)) in ranges.iter_mut().zip(seen).enumerate() {
            if !b.lo.is_finite() || !b.hi.is_finite() {
                let name = &p.values[v].name;
                return Err(Error::Invalid(format!("'{name}' became NaN or infinite on a sample")));
            }
            *a = a.union(*b);
        }
    }
    let spread = (0..p.values.len())
        .map(|v| if kept[v] { bins(ranges[v], all.iter().map(|(_, t, _)| &t[v])) } else { vec![] })
        .collect();
    Ok(Seen { ranges, spread, whole: all.iter().all(|(.., whole)| *whole) })
}

fn bins<'a>(r: Range, samples: impl Iterator<Item = &'a Vec<f32>>) -> Vec<(f64, f64)> {
    let width = ((r.hi - r.lo) / BINS as f64).max(f64::MIN_POSITIVE);
    let mut sums = vec![(0.0, 0.0); BINS];
    for &v in samples.flatten() {
        let v = f64::from(v);
        let bin = &mut sums[(((v - r.lo) / width) as usize).min(BINS - 1)];
        *bin = (bin.0 + v, bin.1 + 1.0);
    }
    sums.into_iter().filter(|b| b.1 > 0.0).map(|(sum, n)| (sum / n, n)).collect()
}
