//! Weights chosen so that a layer's results, not its weights, change least.
//!
//! Weights of an output channel are fixed one after the other; what fixing one does wrong on the
//! samples, those that are still open make up for (Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ",
//! ICLR 2023, section 3; for zeros Frantar, Alistarh, "SparseGPT", ICML 2023). What they are to
//! come near to are not the original weights but those with which the layer's inputs in the
//! compressed network give what the original layer gave: so layers make up for those before them.
//! Offsets are left to the bias, so that second moments are about the mean.

use super::layers::Codebook;
use sordino_graph::ir::{Node, Op, Tensor};

/// Positions of windows that are looked at, of all samples together.
const POSITIONS: usize = 4096;

/// Weights of an output channel up to which a layer is refitted: the square of it is held.
pub(crate) const TAPS: usize = 2304;

/// Part of the mean variance that is added to every input's.
const DAMPING: f64 = 0.01;

/// Where the operand of each weight of a channel lies, for windows that move.
struct Windows {
    channels: usize,
    extent: [usize; 2],
    out: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: [usize; 2],
}

/// The two-dimensional window of a layer whose weights are rows of taps, or `None` for other
/// layers.
fn windows(node: &Node, x: &[usize], y: &[usize], groups: usize) -> Option<Windows> {
    let pair = |v: &[usize], one: usize| match *v {
        [a] => Some([one, a]),
        [a, b] => Some([a, b]),
        _ => None,
    };
    match &node.op {
        Op::Conv { window, .. } => {
            let before: Vec<usize> = window.pads.iter().map(|p| p.0).collect();
            Some(Windows {
                channels: x.get(1)? / groups,
                extent: pair(x.get(2..)?, 1)?,
                out: pair(y.get(2..)?, 1)?,
                kernel: pair(&window.kernel, 1)?,
                stride: pair(&window.stride, 1)?,
                dilation: pair(&window.dilation, 1)?,
                pads: pair(&before, 0)?,
            })
        }
        Op::Gemm { trans_a: false, .. } if x.first() == Some(&1) => Some(Windows {
            channels: *x.get(1)?,
            extent: [1; 2],
            out: [1; 2],
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pads: [0; 2],
        }),
        _ => None,
    }
}

impl Windows {
    fn taps(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// The operands at one position, zero in the padding.
    fn gather(&self, x: &[f32], first: usize, position: usize, into: &mut [f64]) {
        let [h, w] = self.extent;
        let at = [position / self.out[1], position % self.out[1]];
        let place = |axis: usize, k: usize| {
            let p = at[axis] * self.stride[axis] + k * self.dilation[axis];
            p.checked_sub(self.pads[axis]).filter(|&p| p < self.extent[axis])
        };
        let mut slots = into.iter_mut();
        for channel in first..first + self.channels {
            for ky in 0..self.kernel[0] {
                for kx in 0..self.kernel[1] {
                    let read = |(y, z)| f64::from(x[(channel * h + y) * w + z]);
                    let value = place(0, ky).zip(place(1, kx)).map_or(0.0, read);
                    if let Some(slot) = slots.next() {
                        *slot = value;
                    }
                }
            }
        }
    }

    /// Statistics of a group's operands and of `outputs` results from the `first` channel on.
    fn moments(
        &self,
        samples: &[&[f32]],
        results: &[&[f32]],
        group: usize,
        [first, outputs]: [usize; 2],
    ) -> Moments {
        let (n, area) = (self.taps(), self.out[0] * self.out[1]);
        let step = stride_over(samples.len() * area, POSITIONS, self.out[1]);
        let mut moments = vec![0.0; n * n];
        let (mut sums, mut taps, mut count) = (vec![0.0; n], vec![0.0; n], 0.0);
        let (mut with, mut totals) = (vec![0.0; outputs * n], vec![0.0; outputs]);
        for at in (0..samples.len() * area).step_by(step) {
            self.gather(samples[at / area], group * self.channels, at % area, &mut taps);
            count += 1.0;
            for (o, row) in with.chunks_exact_mut(n).enumerate() {
                let y = f64::from(results[at / area][(first + o) * area + at % area]);
                totals[o] += y;
                row.iter_mut().zip(&taps).for_each(|(c, t)| *c += y * t);
            }
            for i in 0..n {
                let t = taps[i];
                sums[i] += t;
                if t != 0.0 {
                    let row = &mut moments[i * n + i..(i + 1) * n];
                    row.iter_mut().zip(&taps[i..]).for_each(|(m, u)| *m += t * u);
                }
            }
        }
        for i in 0..n {
            for j in i..n {
                moments[i * n + j] = (moments[i * n + j] - sums[i] * sums[j] / count) / count;
            }
        }
        for (row, total) in with.chunks_exact_mut(n).zip(totals) {
            row.iter_mut().zip(&sums).for_each(|(c, s)| *c = (*c - total * s / count) / count);
        }
        let mean = (0..n).map(|i| moments[i * n + i]).sum::<f64>() / n as f64;
        let damping = DAMPING * mean + f64::MIN_POSITIVE.sqrt();
        (0..n).for_each(|i| moments[i * n + i] += damping);
        Moments { taps: n, own: moments, with, damping }
    }
}

/// Covariances.
struct Moments {
    taps: usize,
    /// Of operands, damped, row-major; the lower half is empty.
    own: Vec<f64>,
    /// Of each result with the operands.
    with: Vec<f64>,
    damping: f64,
}

impl Moments {
    /// Moves a channel's weights to where its results are nearest to the wanted ones, held by the
    /// damping to where they were.
    fn improve(&self, weights: &mut [f64], root: &[f64], output: usize) {
        let n = self.taps;
        let mut gap = self.with[output * n..(output + 1) * n].to_vec();
        for i in 0..n {
            gap[i] += (self.damping - self.own[i * n + i]) * weights[i];
            for j in i + 1..n {
                gap[i] -= self.own[i * n + j] * weights[j];
                gap[j] -= self.own[i * n + j] * weights[i];
            }
        }
        for (i, row) in root.chunks_exact(n).enumerate() {
            let factor: f64 = row[i..].iter().zip(&gap[i..]).map(|(r, g)| r * g).sum();
            weights[i..].iter_mut().zip(&row[i..]).for_each(|(w, r)| *w += factor * r);
        }
    }
}

/// The upper triangle U of which the inverse of a positive matrix is U'U, from the matrix's own
/// upper triangle. `None` where rounding made it not positive.
fn inverse_root(mut m: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    // First R with RR' the matrix, from its last column on.
    for j in (0..n).rev() {
        let (above, own) = m.split_at_mut(j * n);
        let own = &mut own[..n];
        let rest: f64 = own[j + 1..].iter().map(|v| v * v).sum();
        let root = (own[j] - rest).sqrt();
        if root.is_nan() || root <= 0.0 {
            return None;
        }
        own[j] = root;
        for row in above.chunks_exact_mut(n) {
            let dot: f64 = row[j + 1..].iter().zip(&own[j + 1..]).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - dot) / root;
        }
    }
    // Then its inverse, from the last row on.
    for i in (0..n).rev() {
        let (upper, below) = m.split_at_mut((i + 1) * n);
        let row = &mut upper[i * n..];
        let factors: Vec<f64> = row[i..].to_vec();
        row[i..].fill(0.0);
        row[i] = 1.0;
        for (k, factor) in factors.iter().enumerate().skip(1).filter(|(_, f)| **f != 0.0) {
            let at = i + k;
            let from = &below[(k - 1) * n + at..k * n];
            row[at..].iter_mut().zip(from).for_each(|(r, u)| *r -= factor * u);
        }
        row[i..].iter_mut().for_each(|r| *r /= factors[0]);
    }
    Some(m)
}

/// A step through `all` positions of planes of this width that meets about `wanted` of them, and every column.
pub(crate) fn stride_over(all: usize, wanted: usize, width: usize) -> usize {
    let common = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let mut step = all.div_ceil(wanted).max(1);
    while common(step, width.max(1)) > 1 {
        step += 1;
    }
    step
}

/// New weights for a layer instead of `all`, or `None` where it is not of a kind that is refitted.
/// `samples` are its operands in the compressed network, `results` what the original gave.
pub(super) fn refit(
    node: &Node,
    all: &[f32],
    book: &Codebook,
    samples: &[&Tensor],
    results: &[&Tensor],
) -> Option<Vec<f32>> {
    fit(node, all, &|i, channel, weight| book.nearest(i, channel, weight), samples, results)
}

/// The weights of a layer with which its results are nearest to the wanted ones on the samples, in mean squares and up to
/// a bias, held a little to `all`; `None` as for `refit`.
pub(crate) fn least_squares(
    node: &Node,
    all: &[f32],
    samples: &[&Tensor],
    results: &[&Tensor],
) -> Option<Vec<f32>> {
    fit(node, all, &|_, _, weight| weight, samples, results)
}

/// `nearest` says what the weight at an index of a channel may be.
fn fit(
    node: &Node,
    all: &[f32],
    nearest: &dyn Fn(usize, usize, f64) -> f64,
    samples: &[&Tensor],
    results: &[&Tensor],
) -> Option<Vec<f32>> {
    let (groups, by_row) = match node.op {
        Op::Conv { groups, .. } => (groups, true),
        Op::Gemm { trans_b, .. } => (1, trans_b),
        _ => return None,
    };
    let windows = windows(node, samples.first()?.shape(), results.first()?.shape(), groups)?;
    let taps = windows.taps();
    if taps > TAPS || taps == 0 || !all.len().is_multiple_of(taps) {
        return None;
    }
    let operands: Vec<&[f32]> = samples.iter().map(|s| s.as_f32().ok()).collect::<Option<_>>()?;
    let results: Vec<&[f32]> = results.iter().map(|s| s.as_f32().ok()).collect::<Option<_>>()?;
    let outputs = all.len() / taps;
    let index = |channel: usize, tap: usize| {
        if by_row { channel * taps + tap } else { tap * outputs + channel }
    };
    let mut new = all.to_vec();
    let mut open = vec![0.0; taps];
    for group in 0..groups {
        let (first, own) = (group * outputs / groups, outputs / groups);
        let moments = windows.moments(&operands, &results, group, [first, own]);
        let root = inverse_root(moments.own.clone(), taps)?;
        for channel in first..first + own {
            (0..taps).for_each(|t| open[t] = f64::from(all[index(channel, t)]));
            moments.improve(&mut open, &root, channel - first);
            for t in 0..taps {
                let i = index(channel, t);
                let fixed = nearest(i, channel, open[t]);
                new[i] = fixed as f32;
                let row = &root[t * taps + t..(t + 1) * taps];
                let wrong = (open[t] - fixed) / row[0];
                if wrong != 0.0 {
                    open[t..].iter_mut().zip(row).for_each(|(o, r)| *o -= wrong * r);
                }
            }
        }
    }
    Some(new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn steps_meet_every_column() {
        for (all, width) in [(32 * 784, 28), (32 * 400, 20), (10, 7), (1 << 20, 112), (5, 1)] {
            let step = stride_over(all, 4096, width);
            let mut columns: Vec<usize> = (0..all).step_by(step).map(|at| at % width).collect();
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), width.min(all), "{all} {width} {step}");
        }
    }

    #[test]
    fn root_gives_the_inverse() {
        let n = 6;
        let value = |i: usize, j: usize| ((i * 7 + j * 3) as f64).sin() + f64::from(i == j) * 3.0;
        let product = |i: usize, j: usize| (0..n).map(|k| value(i, k) * value(j, k)).sum::<f64>();
        let upper = |i: usize, j: usize| if j >= i { product(i, j) } else { 0.0 };
        let u = inverse_root((0..n * n).map(|at| upper(at / n, at % n)).collect(), n).unwrap();
        let inverse =
            |i: usize, j: usize| (0..=i.min(j)).map(|k| u[k * n + i] * u[k * n + j]).sum::<f64>();
        for i in 0..n {
            for j in 0..n {
                let one: f64 = (0..n).map(|k| product(i, k) * inverse(k, j)).sum();
                assert!((one - f64::from(i == j)).abs() < 1e-9, "{i} {j} {one}");
            }
        }
        assert_eq!(inverse_root(vec![1.0, 2.0, 0.0, 1.0], 2), None);
    }
}
