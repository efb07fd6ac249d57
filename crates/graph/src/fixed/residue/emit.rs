//! From reals and units to integers in rings that nothing ever wraps around in.

use super::plan::Plan;
use super::program::{Kernel, Layer, Node, Program};
use super::unit::Unit;
use crate::Error;
use crate::fixed::{
    ConvShape, Edge, EdgeId, FixedGraph, FixedModel, FixedNode, FixedOp, KernelSums, LayerWeights,
    PoolShape, Rearrange, WeightId, Weights,
};

/// Bits that no value of the graph may exceed.
const MAX_RING: u32 = 62;

/// A closed interval of integers.
pub(super) type Interval = (i128, i128);

/// Layers as integers, with what every value can become at worst.
#[derive(Clone)]
pub(super) struct Integers {
    ops: Vec<FixedOp>,
    weights: Weights,
    /// Per value.
    pub(super) intervals: Vec<Interval>,
}

/// Rounds kernels and constants to their units.
pub(super) fn integers(p: &Program, plan: &Plan) -> Result<Integers, Error> {
    let mut of = Integers {
        ops: Vec::new(),
        weights: Weights::default(),
        intervals: vec![(0, 0); p.values.len()],
    };
    of.intervals[p.input] = (plan.input.0.into(), plan.input.1.into());
    for (i, n) in p.nodes.iter().enumerate() {
        let op = match plan.tables.get(&i) {
            Some(op) => op.clone(),
            None => of.op(plan, n)?,
        };
        of.intervals[n.output] = interval(&op, &of, n);
        of.ops.push(op);
    }
    Ok(of)
}

impl Integers {
    /// The same layers with other weights.
    pub(super) fn with(mut self, p: &Program, weights: Weights) -> Self {
        self.weights = weights;
        for (i, n) in p.nodes.iter().enumerate() {
            self.intervals[n.output] = interval(&self.ops[i], &self, n);
        }
        self
    }

    fn op(&mut self, plan: &Plan, n: &Node) -> Result<FixedOp, Error> {
        let unit = |v: usize| plan.units[v];
        let (x, y) = (unit(n.inputs[0]), unit(n.output));
        Ok(match &n.layer {
            Layer::Linear(k) => self.linear(&n.name, k, x, y)?,
            Layer::AddConst(c) => {
                let bias = rounded(&n.name, c, y.value())?;
                FixedOp::AddConst { weights: self.secret(LayerWeights { kernel: vec![], bias }) }
            }
            Layer::Table(_) => return Err(Error::Invalid(format!("'{}' has no table", n.name))),
            Layer::SumPool { pool, .. } => FixedOp::SumPool(pool.clone()),
            Layer::MaxPool(pool) => FixedOp::MaxPool(pool.clone()),
            Layer::Add { subtract } => FixedOp::Add { shl: [0, 0], subtract: *subtract },
            Layer::Concat { axis } => FixedOp::Concat { axis: *axis, shl: vec![0; n.inputs.len()] },
            Layer::Move { how, fill } => FixedOp::Rearrange(match how {
                Rearrange::Pad { pads, .. } => {
                    Rearrange::Pad { pads: pads.clone(), value: (fill * y.value()).round() as i64 }
                }
                other => other.clone(),
            }),
        })
    }

    fn linear(&mut self, name: &str, k: &Kernel, x: Unit, y: Unit) -> Result<FixedOp, Error> {
        let kernel: Vec<i32> = rounded(name, &k.kernel, y.value() / x.value())?
            .into_iter()
            .map(i32::try_from)
            .collect::<Result<_, _>>()
            .map_err(|_| {
                Error::Limit(format!("layer '{name}' needs weights of more than 32 bits"))
            })?;
        let bias = rounded(name, &k.bias, y.value())?;
        let top = kernel.iter().map(|&w| if w < 0 { !w } else { w }).max().unwrap_or(0);
        let weight_bits = 33 - top.leading_zeros();
        let sums = KernelSums::published(&k.conv, &kernel, weight_bits);
        let weights = self.secret(LayerWeights { kernel, bias });
        let weight_frac = y.frac - x.frac;
        Ok(FixedOp::Linear { conv: k.conv.clone(), weights, weight_bits, weight_frac, sums })
    }

    fn secret(&mut self, layer: LayerWeights) -> WeightId {
        self.weights.layers.push(layer);
        WeightId(self.weights.layers.len() as u32 - 1)
    }

    /// The model, its rings wide enough for the worst case.
    pub(super) fn model(self, p: &Program, plan: &Plan) -> Result<FixedModel, Error> {
        let rings = self.rings(p)?;
        let mut used = vec![false; p.values.len()];
        used[p.input] = true;
        p.nodes.iter().for_each(|n| used[n.output] = true);
        let mut number = vec![EdgeId(0); p.values.len()];
        let mut edges = Vec::new();
        for v in (0..p.values.len()).filter(|&v| used[v]) {
            number[v] = EdgeId(edges.len() as u32);
            let (mut lo, mut hi) = self.intervals[v];
            if let Some((a, b)) = plan.admitted[v] {
                (lo, hi) = (lo.max(a.into()).min(hi), hi.min(b.into()).max(lo));
            }
            edges.push(Edge {
                name: p.values[v].name.clone(),
                shape: p.values[v].shape.clone(),
                frac: plan.units[v].frac,
                divisor: plan.units[v].divisor,
                ring: rings[v],
                lo: lo as i64,
                hi: hi as i64,
            });
        }
        let node = |(n, op): (&Node, FixedOp)| FixedNode {
            name: n.name.clone(),
            op,
            inputs: n.inputs.iter().map(|&v| number[v]).collect(),
            output: number[n.output],
        };
        let nodes = p.nodes.iter().zip(self.ops).map(node).collect();
        let graph = FixedGraph {
            name: p.name.clone(),
            edges,
            nodes,
            input: number[p.input],
            output: number[p.output],
            finish: p.finish,
        };
        let model = FixedModel { graph, weights: self.weights };
        model.validate()?;
        Ok(model)
    }

    /// Checks that no input drives a value out of the window of the table that reads it.
    ///
    /// # Errors
    /// [`Error::Limit`] naming the first value that could leave.
    pub(super) fn proven(&self, p: &Program) -> Result<(), Error> {
        for (n, op) in p.nodes.iter().zip(&self.ops) {
            let (lo, hi) = self.intervals[n.inputs[0]];
            if let Some((a, b)) = op.window()
                && (lo < a.into() || hi > b.into())
            {
                return Err(Error::Limit(format!(
                    "'{}' could leave its window; use the calibrated range or a larger modulus",
                    p.values[n.inputs[0]].name
                )));
            }
        }
        Ok(())
    }

    /// Ring bits of every value.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond 62.
    pub(super) fn rings(&self, p: &Program) -> Result<Vec<u32>, Error> {
        let mut rings: Vec<u32> = self.intervals.iter().map(|&i| bits(i)).collect();
        for (n, op) in p.nodes.iter().zip(&self.ops).rev() {
            let (x, y) = (n.inputs[0], n.output);
            match op {
                FixedOp::Lookup { .. } => continue,
                FixedOp::Rescale { modulus, divisor, .. } => {
                    let top = i128::from(modulus / 2 / divisor + 1);
                    rings[y] = rings[y].max(bits((-top, top)));
                    continue;
                }
                FixedOp::MaxPool(_) => {
                    let (lo, hi) = self.intervals[x];
                    rings[x] = rings[x].max(bits((lo - hi, hi - lo)));
                }
                _ => {}
            }
            for &x in &n.inputs {
                rings[x] = rings[x].max(rings[y]);
            }
        }
        match rings.iter().position(|&r| r > MAX_RING) {
            None => Ok(rings),
            Some(v) => Err(Error::Limit(format!(
                "'{}' could reach {} bits at worst, at most {MAX_RING} allowed; use fewer weight bits or a smaller modulus",
                p.values[v].name, rings[v]
            ))),
        }
    }
}

fn rounded(name: &str, values: &[f64], unit: f64) -> Result<Vec<i64>, Error> {
    let one = |v: &f64| {
        let q = (v * unit).round();
        if q.abs() < 2f64.powi(61) {
            return Ok(q as i64);
        }
        Err(Error::Limit(format!("layer '{name}' has a constant beyond 61 bits at its scale")))
    };
    values.iter().map(one).collect()
}

/// Two's-complement bits, 2 at least.
fn bits((lo, hi): Interval) -> u32 {
    let one = |v: i128| 129 - if v < 0 { !v } else { v }.leading_zeros();
    one(lo).max(one(hi)).max(2)
}

fn interval(op: &FixedOp, of: &Integers, n: &Node) -> Interval {
    let x = of.intervals[n.inputs[0]];
    let with = |(lo, hi): Interval, v: i128| (lo.min(v), hi.max(v));
    match op {
        FixedOp::Linear { conv, weights, .. } => {
            let layer = &of.weights.layers[weights.0 as usize];
            linear(conv, &layer.kernel, &layer.bias, x)
        }
        FixedOp::AddConst { weights } => {
            let c = of.weights.layers[weights.0 as usize].bias.iter().map(|&c| i128::from(c));
            let (lo, hi) = c.fold((i128::MAX, i128::MIN), with);
            (x.0 + lo, x.1 + hi)
        }
        FixedOp::Lookup { values, .. } => {
            let ends = values.iter().map(|&v| i128::from(v));
            ends.fold((i128::MAX, i128::MIN), with)
        }
        FixedOp::Rescale { modulus, divisor, function } => {
            let half = i128::from(modulus / 2);
            let (lo, hi) = if -half <= x.0 && x.1 <= half { x } else { (-half, half) };
            let d = i128::from(*divisor);
            let of = |c: i128| i128::from(function.apply((c + d / 2).div_euclid(d) as i64));
            (of(lo), of(hi))
        }
        FixedOp::SumPool(PoolShape { kernel, .. }) => {
            let taps = i128::from(kernel[0]) * i128::from(kernel[1]);
            with((x.0 * taps, x.1 * taps), 0)
        }
        FixedOp::Add { subtract, .. } => {
            let y = of.intervals[n.inputs[1]];
            if *subtract { (x.0 - y.1, x.1 - y.0) } else { (x.0 + y.0, x.1 + y.1) }
        }
        FixedOp::Concat { .. } => {
            n.inputs.iter().map(|&v| of.intervals[v]).fold(x, |a, (lo, hi)| with(with(a, lo), hi))
        }
        FixedOp::Rearrange(Rearrange::Pad { value, .. }) => with(x, i128::from(*value)),
        FixedOp::Rearrange(Rearrange::Dilate { .. }) => with(x, 0),
        FixedOp::Rearrange(_)
        | FixedOp::MaxPool(_)
        | FixedOp::Activate { .. }
        | FixedOp::Mul
        | FixedOp::ArgMax => x,
    }
}

fn linear(conv: &ConvShape, kernel: &[i32], bias: &[i64], (lo, hi): Interval) -> Interval {
    let (lo, hi) = if conv.pads == [0; 4] { (lo, hi) } else { (lo.min(0), hi.max(0)) };
    let channel = |(c, k): (usize, &[i32])| {
        let b = i128::from(bias.get(c).copied().unwrap_or(0));
        k.iter().fold((b, b), |(a, z), &w| {
            let w = i128::from(w);
            let ends = (w * lo, w * hi);
            (a + ends.0.min(ends.1), z + ends.0.max(ends.1))
        })
    };
    let taps = (kernel.len() / conv.cout as usize).max(1);
    let all = kernel.chunks_exact(taps).enumerate().map(channel);
    all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
}
