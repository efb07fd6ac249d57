//! Batch normalisation before a rectifier, without arithmetic on ciphertexts.
//!
//! `relu(g*x + b) = g * u * [g*u >= 0]` with `u = x + b/g`: the model owner adds `b/g`, keeps
//! positive `u` where `g > 0` and negative `u` where `g < 0`, and `g` multiplies the kernels of
//! the layers that read the result. Used where all of these are linear, possibly behind means.
//!
//! A small `g` would move `u` far away. But a channel whose `g*x + b` keeps its sign over the
//! calibrated range of `x`, and a quarter of its width beyond, needs no comparison to be right:
//! its threshold is moved to the end of that range, and what then is missing, a constant, goes to
//! the biases of the layers that read it. A channel that varies by no more than the rounding of
//! its edge counts as a constant: its large `g` would take the kernels' bits from all others.

use super::super::builder::RealLinear;
use super::plan::Plan;
use super::{Form, Lower, Range};
use crate::Error;
use crate::fixed::ConvShape;
use crate::ir::{Graph, Node, Op, Unary, ValueId};
use std::rc::Rc;

/// Part of a channel's range by which a threshold may lie beyond it.
const BEYOND: f64 = 0.25;

/// Steps of its edge that a channel varies by more than, unless it counts as a constant.
const VISIBLE: f64 = 2.0;

/// A normalised value before its rectifier: the sign and what remains to be done per channel.
#[derive(Clone)]
pub(super) struct Gate {
    flips: Vec<bool>,
    /// Of the rectified value.
    range: Range,
    gains: Rc<Gains>,
}

/// Per channel: the value is `factor * v + offset` of the `v` on its edge.
pub(super) struct Gains {
    factor: Vec<f64>,
    offset: Vec<f64>,
}

/// One channel of `relu(g*x + b)`, seen in `lo..=hi`.
struct Channel {
    threshold: f64,
    flip: bool,
    factor: f64,
    offset: f64,
}

impl Channel {
    /// On an edge whose values are multiples of `step`.
    fn new(g: f64, b: f64, Range { lo, hi }: Range, step: f64) -> Self {
        let beyond = BEYOND * (hi - lo);
        let (first, last) = (lo - beyond, hi + beyond);
        let flip = g < 0.0;
        if g == 0.0 || hi - lo <= VISIBLE * step {
            let (threshold, offset) = (if flip { first } else { last }, g * (lo + hi) / 2.0 + b);
            return Self { threshold, flip, factor: 0.0, offset: offset.max(0.0) };
        }
        let exact = -b / g;
        let threshold = exact.clamp(first, last);
        let (factor, offset) = if exact == threshold {
            (g, 0.0)
        } else if (exact < first) == flip {
            (0.0, 0.0)
        } else {
            (g, g * threshold + b)
        };
        Self { threshold, flip, factor, offset }
    }
}

/// Which normalisations are gates: those whose value goes to one rectifier, and from there to
/// linear layers only.
pub(super) fn gates(g: &Graph, plan: &Plan) -> Vec<bool> {
    let gate = |i: usize, n: &Node| {
        let relu = matches!(n.op, Op::BatchNorm { .. })
            .then(|| plan.only_user(n.outputs[0]))
            .flatten()
            .filter(|&j| g.nodes[j].op == Op::Unary(Unary::Relu) && plan.partner[j].is_none());
        !plan.skip[i] && relu.is_some_and(|j| absorbed(g, plan, g.nodes[j].outputs[0]))
    };
    g.nodes.iter().enumerate().map(|(i, n)| gate(i, n)).collect()
}

/// Whether every reader of a value can take a factor and offset per channel.
fn absorbed(g: &Graph, plan: &Plan, id: ValueId) -> bool {
    let shape = &g.value(id).shape;
    let first = |n: &Node| n.inputs.iter().flatten().filter(|x| **x == id).count() == 1;
    let users = &plan.users[id.0];
    shape.first() == Some(&1)
        && users.iter().all(|&i| {
            let Some(n) = g.nodes.get(i).filter(|n| first(n) && n.inputs[0] == Some(id)) else {
                return false;
            };
            let matrix = || n.inputs.get(1).copied().flatten().and_then(|w| g.constant(w));
            match &n.op {
                Op::Conv { .. } => shape.len() <= 4 && matrix().is_some(),
                Op::Gemm { trans_a: false, .. } => matrix().is_some(),
                Op::GlobalAveragePool => absorbed(g, plan, n.outputs[0]),
                Op::AveragePool { window, .. } if window.pads.iter().all(|&p| p == (0, 0)) => {
                    absorbed(g, plan, n.outputs[0])
                }
                Op::Reshape { .. } => {
                    g.value(n.outputs[0]).shape.get(..2) == shape.get(..2)
                        && absorbed(g, plan, n.outputs[0])
                }
                _ => false,
            }
        })
}

impl Lower<'_> {
    /// A normalisation that [`gates`] chose, `factor * x + offset` per channel. `false`, and
    /// nothing done, where it has to be computed.
    pub(super) fn gate(
        &mut self,
        index: usize,
        n: &Node,
        factor: &[f64],
        offset: &[f64],
    ) -> Result<bool, Error> {
        let x = self.id(n, 0)?;
        // Tables do the same for less.
        if !self.plan.gates[index] || self.b.curves.is_some() {
            return Ok(false);
        }
        let Some(seen) = self.calibration.channels(x).filter(|s| s.len() == factor.len()) else {
            return Ok(false);
        };
        let seen = seen.to_vec();
        let f = self.operand(n, 0)?;
        let f = self.plain(&n.name, f)?;
        let mut gate = Gate {
            flips: Vec::with_capacity(seen.len()),
            range: Range::new(0.0, 0.0),
            gains: Rc::new(Gains { factor: vec![], offset: vec![] }),
        };
        let (mut factors, mut offsets, mut moves) = (vec![], vec![], vec![]);
        let step = 1.0 / self.b.edge(f.edge).unit();
        let mut range: Option<Range> = None;
        for (c, &(lo, hi)) in seen.iter().enumerate() {
            let on_edge = Range::new(f64::from(lo), f64::from(hi)).affine(1.0 / f.scale, 0.0);
            let channel = Channel::new(factor[c] * f.scale, offset[c], on_edge, step);
            let u = on_edge.affine(1.0, -channel.threshold);
            range = Some(range.map_or(u, |r| r.union(u)));
            let kept = if channel.flip { u.affine(-1.0, 0.0) } else { u }.clipped(f64::INFINITY);
            let kept = if channel.flip { kept.affine(-1.0, 0.0) } else { kept };
            gate.range = gate.range.union(kept);
            gate.flips.push(channel.flip);
            factors.push(channel.factor);
            offsets.push(channel.offset);
            moves.push(-channel.threshold);
        }
        let from = self.b.edge(f.edge);
        let run = from.len() as usize / moves.len().max(1);
        let range = range.unwrap_or(from.range);
        let moves: Vec<f64> = moves.iter().flat_map(|&m| std::iter::repeat_n(m, run)).collect();
        let edge = self.b.add_const(&n.name, f.edge, &moves, range)?;
        gate.gains = Rc::new(Gains { factor: factors, offset: offsets });
        self.gates.insert(n.outputs[0], gate);
        self.set(n.outputs[0], Form::of(edge));
        Ok(true)
    }

    /// The rectifier behind a gate; `false` where there is none.
    pub(super) fn rectify_gate(&mut self, n: &Node) -> Result<bool, Error> {
        let Some(gate) = self.gates.remove(&self.id(n, 0)?) else { return Ok(false) };
        let x = self.operand(n, 0)?;
        let edge = self.b.gate(&n.name, x.edge, &gate.flips, gate.range);
        self.gains.insert(n.outputs[0], gate.gains);
        self.set(n.outputs[0], Form { edge, ..x });
        Ok(true)
    }

    /// Means and reshapes keep factors and offsets per channel.
    pub(super) fn follow_gains(&mut self, n: &Node) -> Result<(), Error> {
        let gains = self.gains.get(&self.id(n, 0)?).cloned();
        if let (Some(gains), Op::AveragePool { .. } | Op::GlobalAveragePool | Op::Reshape { .. }) =
            (gains, &n.op)
        {
            self.gains.insert(n.outputs[0], gains);
        }
        Ok(())
    }

    /// A mean's calibrated range, on its edge.
    pub(super) fn mean_range(&self, n: &Node, x: Form) -> Result<Range, Error> {
        match self.gains.contains_key(&self.id(n, 0)?) {
            true => Ok(self.b.edge(x.edge).range),
            false => Ok(self.range(n.outputs[0])?.affine(1.0 / x.scale, 0.0)),
        }
    }

    /// A linear layer over a value that may have factors and offsets per channel.
    pub(super) fn linear_of(
        &mut self,
        n: &Node,
        x: Form,
        l: RealLinear<'_>,
    ) -> Result<Form, Error> {
        let Some(gains) = self.gains.get(&self.id(n, 0)?).cloned() else {
            return self.linear(&n.name, x, l);
        };
        let conv = l.conv.clone();
        let (mut kernel, sums) = (l.kernel.to_vec(), offsets(&conv, l.kernel, &gains));
        scale(&conv, &mut kernel, &gains);
        let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
        if conv.pads == [0; 4] {
            let mut bias = l.bias.to_vec();
            bias.resize(conv.cout as usize, 0.0);
            bias.iter_mut().zip(sums.chunks(taps)).for_each(|(b, s)| *b += s.iter().sum::<f64>());
            return self.linear(&n.name, x, RealLinear { kernel: &kernel, bias: &bias, ..l });
        }
        // Padding is zero, not the offset: the constant depends on the position.
        let missing = at_positions(&conv, &sums);
        let name = format!("{}/padded", n.name);
        let end = |pick: fn(f64, f64) -> f64| missing.iter().copied().fold(0.0, pick);
        let range = l.range.sum(Range::new(-end(f64::max), -end(f64::min)));
        let (wanted, out) = (l.range, RealLinear { kernel: &kernel, range, ..l });
        let y = self.linear(&name, x, out)?;
        let edge = self.b.add_const(&n.name, y.edge, &missing, wanted)?;
        Ok(Form { edge, ..y })
    }
}

/// Channel of the operand that a kernel entry reads.
fn source(conv: &ConvShape, gains: &Gains, entry: usize) -> usize {
    let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
    let (cig, cog) = ((conv.cin / conv.groups) as usize, (conv.cout / conv.groups) as usize);
    let (output, input) = (entry / (cig * taps), entry / taps % cig);
    // A dense layer reads several elements per channel.
    (output / cog * cig + input) / (conv.cin as usize / gains.factor.len()).max(1)
}

fn scale(conv: &ConvShape, kernel: &mut [f64], gains: &Gains) {
    for (i, k) in kernel.iter_mut().enumerate() {
        *k *= gains.factor[source(conv, gains, i)];
    }
}

/// What the operand's offsets add to each output, per tap: `[cout][kh][kw]`.
fn offsets(conv: &ConvShape, kernel: &[f64], gains: &Gains) -> Vec<f64> {
    let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
    let per_output = (conv.cin / conv.groups) as usize * taps;
    let mut sums = vec![0.0; conv.cout as usize * taps];
    for (i, k) in kernel.iter().enumerate() {
        sums[i / per_output * taps + i % taps] += k * gains.offset[source(conv, gains, i)];
    }
    sums
}

/// Sums over the taps that do not read padding, at every element of the result.
fn at_positions(conv: &ConvShape, sums: &[f64]) -> Vec<f64> {
    let (oh, ow) = conv.output();
    let inside = |axis: usize, o: u32, k: u32| {
        let at = u64::from(o) * u64::from(conv.stride[axis])
            + u64::from(k) * u64::from(conv.dilation[axis]);
        let pad = u64::from(conv.pads[2 * axis]);
        (pad..pad + u64::from([conv.h, conv.w][axis])).contains(&at)
    };
    let [kh, kw] = conv.kernel;
    let mut out = Vec::with_capacity((conv.cout * oh * ow) as usize);
    for sums in sums.chunks((kh * kw) as usize) {
        for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            let rows = (0..kh).filter(|&k| inside(0, y, k));
            let taps = rows.flat_map(|ky| {
                (0..kw).filter(|&k| inside(1, x, k)).map(move |kx| (ky * kw + kx) as usize)
            });
            out.push(taps.map(|t| sums[t]).sum());
        }
    }
    out
}
