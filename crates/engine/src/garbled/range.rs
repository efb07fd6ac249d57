//! Worst-case values of every edge, by interval arithmetic over the integer weights.

use crate::Error;
use sordino_graph::fixed::semantics::{fill_value, windows};
use sordino_graph::fixed::{FixedModel, FixedNode, FixedOp, Function, LayerWeights, Rearrange};

/// The least and the largest value an edge can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) lo: i128,
    pub(super) hi: i128,
}

impl Interval {
    fn new(a: i128, b: i128) -> Self {
        Self { lo: a.min(b), hi: a.max(b) }
    }

    fn of(values: impl IntoIterator<Item = i64>) -> Option<Self> {
        values.into_iter().map(i128::from).map(|v| Self { lo: v, hi: v }).reduce(Self::union)
    }

    fn union(self, o: Self) -> Self {
        Self { lo: self.lo.min(o.lo), hi: self.hi.max(o.hi) }
    }

    fn add(self, o: Self) -> Self {
        Self { lo: self.lo.saturating_add(o.lo), hi: self.hi.saturating_add(o.hi) }
    }

    fn scale(self, c: i128) -> Self {
        Self::new(self.lo.saturating_mul(c), self.hi.saturating_mul(c))
    }

    fn zero_too(self) -> Self {
        self.union(Self { lo: 0, hi: 0 })
    }

    /// Number of values.
    pub(super) fn span(self) -> u128 {
        self.hi.saturating_sub(self.lo) as u128 + 1
    }

    /// The largest magnitude.
    pub(super) fn magnitude(self) -> u128 {
        self.lo.unsigned_abs().max(self.hi.unsigned_abs())
    }

    fn fits(self, ring: u32) -> bool {
        let half = 1i128 << (ring - 1);
        self.lo >= -half && self.hi < half
    }
}

/// Intervals of all edges, for inputs of the declared range.
///
/// # Errors
/// [`Error::Config`] when a value could leave its ring: residues would then not wrap as the ring
/// does.
pub(super) fn intervals(model: &FixedModel) -> Result<Vec<Interval>, Error> {
    let graph = &model.graph;
    let mut all = vec![Interval { lo: 0, hi: 0 }; graph.edges.len()];
    let input = &graph.edges[graph.input.0 as usize];
    all[graph.input.0 as usize] = Interval::new(input.lo.into(), input.hi.into());
    for node in &graph.nodes {
        let x: Vec<Interval> = node.inputs.iter().map(|e| all[e.0 as usize]).collect();
        let range = result(model, node, &x);
        let ring = graph.edges[node.output.0 as usize].ring;
        if !range.fits(ring) {
            return Err(Error::Config(format!(
                "layer '{}' can reach {}..={}, beyond its ring of {ring} bits; quantise the \
                 network for the garbled backend, or with a larger margin",
                node.name, range.lo, range.hi
            )));
        }
        all[node.output.0 as usize] = range;
    }
    Ok(all)
}

fn result(model: &FixedModel, node: &FixedNode, x: &[Interval]) -> Interval {
    match &node.op {
        FixedOp::Linear { conv, weights, .. } => {
            let weights = &model.weights.layers[weights.0 as usize];
            let x = if conv.pads == [0; 4] { x[0] } else { x[0].zero_too() };
            linear(weights, conv.cout as usize, x)
        }
        FixedOp::AddConst { weights } => {
            let bias = &model.weights.layers[weights.0 as usize].bias;
            Interval::of(bias.iter().copied()).map_or(x[0], |b| x[0].add(b))
        }
        FixedOp::Activate { shift, function, flips } => {
            let scale = 1i128 << shift;
            let round = |v: i128| (v + scale / 2).div_euclid(scale);
            let t = Interval::new(round(x[0].lo), round(x[0].hi));
            if flips.is_some() { t.zero_too() } else { apply(*function, t) }
        }
        FixedOp::Lookup { values, .. } => Interval::of(values.iter().copied()).unwrap_or(x[0]),
        FixedOp::Rescale { modulus, divisor, function } => {
            let half = i128::from(modulus / 2);
            let d = i128::from(*divisor);
            let x = if x[0].lo >= -half && x[0].hi <= half {
                x[0]
            } else {
                Interval { lo: -half, hi: half }
            };
            let round = |v: i128| (v + d / 2).div_euclid(d);
            apply(*function, Interval::new(round(x.lo), round(x.hi)))
        }
        FixedOp::SumPool(pool) => {
            let w = windows(pool);
            let sizes = (0..w.len()).map(|i| w.get(i).len() as i128);
            sizes.map(|n| x[0].scale(n)).reduce(Interval::union).unwrap_or(x[0])
        }
        FixedOp::MaxPool(_) => x[0].zero_too(),
        FixedOp::Add { shl, subtract } => {
            let sign = if *subtract { -1 } else { 1 };
            x[0].scale(1 << shl[0]).add(x[1].scale(sign << shl[1]))
        }
        FixedOp::Concat { shl, .. } => {
            let parts = x.iter().zip(shl).map(|(x, s)| x.scale(1 << s));
            parts.reduce(Interval::union).unwrap_or(x[0])
        }
        FixedOp::Mul => {
            let corners = [x[1].lo, x[1].hi].map(|c| x[0].scale(c));
            corners[0].union(corners[1])
        }
        FixedOp::Rearrange(r) => match r {
            Rearrange::Pad { .. } | Rearrange::Dilate { .. } => {
                let fill = i128::from(fill_value(r));
                x[0].union(Interval { lo: fill, hi: fill })
            }
            _ => x[0],
        },
        FixedOp::ArgMax => Interval { lo: 0, hi: i128::from(u32::MAX) },
    }
}

fn linear(weights: &LayerWeights, cout: usize, x: Interval) -> Interval {
    let taps = weights.kernel.len() / cout;
    let channel = |(i, kernel): (usize, &[i32])| {
        let bias = i128::from(weights.bias.get(i).copied().unwrap_or(0));
        // Padded positions see fewer taps, whose terms have both signs or are zero already.
        let (mut above, mut below) = (0, 0);
        for w in kernel.iter().copied().map(i64::from) {
            above += w.max(0);
            below += w.min(0);
        }
        let terms = x.scale(above.into()).add(x.scale(below.into()));
        terms.add(Interval { lo: bias, hi: bias })
    };
    weights
        .kernel
        .chunks_exact(taps.max(1))
        .enumerate()
        .map(channel)
        .reduce(Interval::union)
        .unwrap_or(Interval { lo: 0, hi: 0 })
}

fn apply(f: Function, x: Interval) -> Interval {
    match f {
        Function::Identity => x,
        Function::Relu => Interval { lo: x.lo.max(0), hi: x.hi.max(0) },
        Function::ReluMax { hi } => {
            let hi = i128::from(hi);
            Interval { lo: x.lo.clamp(0, hi), hi: x.hi.clamp(0, hi) }
        }
    }
}
