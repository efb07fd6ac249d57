//! Real intervals that no input can leave.

use super::program::{Class, Kernel, Layer, Program};
use crate::fixed::quantise::Range;

/// What a value can become at worst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worst {
    pub(super) range: Range,
    /// Integers by which rounded kernels, biases and units may exceed the range.
    pub(super) slack: f64,
}

/// Worst cases by interval arithmetic. `known` gives the interval and largest integer of values
/// that are bounded by construction.
pub(super) fn worst(p: &Program, known: impl Fn(usize) -> Option<(Range, f64)>) -> Vec<Worst> {
    let none = Worst { range: Range::new(0.0, 0.0), slack: 0.0 };
    let mut of = vec![none; p.values.len()];
    // Largest integer of values that linear layers read.
    let mut top = vec![0.0; p.values.len()];
    let set = |v: usize, of: &mut Vec<Worst>, top: &mut Vec<f64>| match known(v) {
        Some((range, integer)) => {
            of[v] = Worst { range, slack: 0.0 };
            top[v] = integer;
            true
        }
        None => false,
    };
    set(p.input, &mut of, &mut top);
    for n in &p.nodes {
        if set(n.output, &mut of, &mut top) {
            continue;
        }
        let x = of[n.inputs[0]];
        top[n.output] = top[n.inputs[0]];
        of[n.output] = match &n.layer {
            Layer::Linear(k) => {
                let slack = 0.5 * k.taps() as f64 * top[n.inputs[0]] + 1.0;
                Worst { range: linear(k, x.range), slack }
            }
            Layer::AddConst(c) => {
                let ends = c.iter().map(|&c| Range::new(c, c));
                let ends = ends.reduce(Range::union).unwrap_or(none.range);
                Worst { range: x.range.sum(ends), slack: x.slack + 1.0 }
            }
            Layer::Table(c) => {
                // Only monotone functions have tables whose results are not known beforehand.
                let (a, b) = ((c.f)(x.range.lo), (c.f)(x.range.hi));
                Worst { range: Range::new(a.min(b), a.max(b)), slack: 0.0 }
            }
            Layer::SumPool { pool, count } => {
                let taps = f64::from(pool.kernel[0]) * f64::from(pool.kernel[1]);
                top[n.output] = top[n.inputs[0]] * taps;
                let full = x.range.affine(taps / count, 0.0);
                Worst { range: full.union(none.range), slack: x.slack * taps }
            }
            Layer::MaxPool(_) => x,
            Layer::Add { subtract } => {
                let y = of[n.inputs[1]];
                let sign = if *subtract { -1.0 } else { 1.0 };
                Worst { range: x.range.sum(y.range.affine(sign, 0.0)), slack: x.slack + y.slack }
            }
            Layer::Concat { .. } => {
                let all = n.inputs.iter().map(|&v| of[v]);
                all.reduce(|a, b| Worst {
                    range: a.range.union(b.range),
                    slack: a.slack.max(b.slack),
                })
                .unwrap_or(none)
            }
            Layer::Move { fill, .. } if p.values[n.output].class != Class::Input => {
                Worst { range: x.range.union(Range::new(*fill, *fill)), slack: x.slack + 1.0 }
            }
            Layer::Move { .. } => x,
        };
        if let Layer::Concat { .. } = n.layer {
            top[n.output] = n.inputs.iter().map(|&v| top[v]).fold(0.0, f64::max);
        }
    }
    of
}

/// Over all channels, the padding counting as zero.
fn linear(k: &Kernel, x: Range) -> Range {
    let x = if k.conv.pads == [0; 4] { x } else { x.union(Range::new(0.0, 0.0)) };
    let channel = |(c, kernel): (usize, &[f64])| {
        let bias = k.bias.get(c).copied().unwrap_or(0.0);
        let sum = kernel.iter().map(|&w| x.affine(w, 0.0)).reduce(Range::sum);
        sum.unwrap_or(Range::new(0.0, 0.0)).affine(1.0, bias)
    };
    k.kernel
        .chunks_exact(k.taps())
        .enumerate()
        .map(channel)
        .reduce(Range::union)
        .unwrap_or(Range::new(0.0, 0.0))
}
