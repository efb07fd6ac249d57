//! The network as layers over reals, before units are chosen.

use crate::Error;
use crate::fixed::quantise::{Curve, CurveKind, Lowered};
use crate::fixed::{ConvShape, EdgeId, Finish, FixedNode, FixedOp, Function, PoolShape, Rearrange};
use std::collections::{HashMap, HashSet};

/// Index into [`Program::values`].
pub(super) type Value = usize;

/// What a value is made of, which decides what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The data owner's input.
    Input,
    /// Results of a table: few integers.
    Code,
    /// Sums over windows of codes or inputs.
    Sum,
    /// Sums of products, in the modulus of a base.
    Accumulator,
}

/// A layer over reals.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    Linear(Kernel),
    AddConst(Vec<f64>),
    /// A function of its operand.
    Table(Curve),
    /// Sums over windows, divided by a number.
    SumPool {
        pool: PoolShape,
        count: f64,
    },
    MaxPool(PoolShape),
    Add {
        subtract: bool,
    },
    Concat {
        axis: u32,
    },
    /// Movement; `fill` is what padding holds.
    Move {
        how: Rearrange,
        fill: f64,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) conv: ConvShape,
    pub(super) kernel: Vec<f64>,
    /// Per output channel, or empty.
    pub(super) bias: Vec<f64>,
    /// Whether it only carries a value to another unit.
    pub(super) unit: bool,
}

impl Kernel {
    pub(super) fn largest(&self) -> f64 {
        self.kernel.iter().fold(0.0, |m, k| m.max(k.abs()))
    }

    /// Kernel entries that an output meets.
    pub(super) fn taps(&self) -> usize {
        self.kernel.len() / self.conv.cout as usize
    }
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) layer: Layer,
    pub(super) inputs: Vec<Value>,
    pub(super) output: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) name: String,
    pub(super) shape: Vec<u32>,
    pub(super) class: Class,
    /// Values of one group have one unit.
    pub(super) group: usize,
}

impl Info {
    pub(super) fn len(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) finish: Finish,
    pub(super) values: Vec<Info>,
    pub(super) nodes: Vec<Node>,
    pub(super) input: Value,
    pub(super) output: Value,
}

impl Program {
    /// Groups that a node's operands and result belong to.
    pub(super) fn group(&self, v: Value) -> usize {
        self.values[v].group
    }

    /// Tables with their operands and results, in order.
    pub(super) fn tables(&self) -> impl Iterator<Item = (usize, &Curve, Value, Value)> {
        self.nodes.iter().enumerate().filter_map(|(i, n)| match &n.layer {
            Layer::Table(c) => Some((i, c, n.inputs[0], n.output)),
            _ => None,
        })
    }

    /// Linear layers with their operands and results, in order.
    pub(super) fn kernels(&self) -> impl Iterator<Item = (&Node, &Kernel, Value, Value)> {
        self.nodes.iter().filter_map(|n| match &n.layer {
            Layer::Linear(k) => Some((n, k, n.inputs[0], n.output)),
            _ => None,
        })
    }
}

/// A lowered network with reals for integers, its nodes still on the lowering's edges.
pub(super) struct Raw {
    pub(super) nodes: Vec<(String, Layer, Vec<EdgeId>, EdgeId)>,
    pub(super) output: EdgeId,
}

/// Reads the live layers of a lowered network. Roundings disappear.
pub(super) fn read(l: &Lowered) -> Result<Raw, Error> {
    let mut same: HashMap<EdgeId, EdgeId> = HashMap::new();
    let live = live(l);
    let mut nodes = Vec::new();
    for n in l.nodes.iter().filter(|n| live.contains(&n.output)) {
        let of = |e: &EdgeId| same.get(e).copied().unwrap_or(*e);
        let inputs: Vec<EdgeId> = n.inputs.iter().map(of).collect();
        match layer(l, n)? {
            Some(Layer::Table(mut c)) => {
                c.base = of(&c.base);
                nodes.push((n.name.clone(), Layer::Table(c), inputs, n.output));
            }
            Some(layer) => nodes.push((n.name.clone(), layer, inputs, n.output)),
            None => {
                same.insert(n.output, inputs[0]);
            }
        }
    }
    let output = same.get(&l.output).copied().unwrap_or(l.output);
    Ok(Raw { nodes, output })
}

fn live(l: &Lowered) -> HashSet<EdgeId> {
    let mut live = HashSet::from([l.output]);
    for n in l.nodes.iter().rev().filter(|n| !matches!(n.op, FixedOp::ArgMax)) {
        if live.contains(&n.output) {
            live.extend(n.inputs.iter().copied());
        }
    }
    live
}

/// None for a rounding.
fn layer(l: &Lowered, n: &FixedNode) -> Result<Option<Layer>, Error> {
    let edge = |e: EdgeId| &l.edges[e.0 as usize];
    let (x, y) = (edge(n.inputs[0]), edge(n.output));
    let secret = |id: crate::fixed::WeightId| &l.weights[id.0 as usize];
    Ok(Some(match &n.op {
        FixedOp::Linear { conv, weights, weight_frac, .. } => {
            let w = secret(*weights);
            let scale = f64::from(-weight_frac).exp2() * f64::from(x.divisor);
            let kernel = w.kernel.iter().map(|&k| f64::from(k) * scale).collect();
            let bias = w.bias.iter().map(|&b| b as f64 / y.unit()).collect();
            Layer::Linear(Kernel { conv: conv.clone(), kernel, bias, unit: false })
        }
        FixedOp::AddConst { weights } => {
            Layer::AddConst(secret(*weights).bias.iter().map(|&b| b as f64 / y.unit()).collect())
        }
        FixedOp::Activate { function, .. } => match (l.curves.get(&n.output), *function) {
            (Some(c), _) => Layer::Table(c.clone()),
            (None, Function::Identity) => return Ok(None),
            (None, Function::Relu) => Layer::Table(Curve::relu(n.inputs[0])),
            (None, Function::ReluMax { hi }) => {
                let hi = hi as f64 / y.unit();
                Layer::Table(Curve::clip(n.inputs[0], 0.0, hi))
            }
        },
        FixedOp::SumPool(pool) => Layer::SumPool { pool: pool.clone(), count: y.unit() / x.unit() },
        FixedOp::MaxPool(pool) => Layer::MaxPool(pool.clone()),
        FixedOp::Add { subtract, .. } => Layer::Add { subtract: *subtract },
        FixedOp::Concat { axis, .. } => Layer::Concat { axis: *axis },
        FixedOp::Rearrange(r) => {
            let fill = match r {
                Rearrange::Pad { value, .. } => *value as f64 / y.unit(),
                _ => 0.0,
            };
            Layer::Move { how: r.clone(), fill }
        }
        FixedOp::Mul => {
            return Err(refuse(
                n,
                "the product of two values that both depend on the input has no table",
                "a product of two functions of one value has; otherwise use the twoparty backend",
            ));
        }
        FixedOp::ArgMax | FixedOp::Lookup { .. } | FixedOp::Rescale { .. } => {
            return Err(refuse(
                n,
                "it is not computed on residues",
                "end the network before it; the data owner applies it to the output",
            ));
        }
    }))
}

fn refuse(n: &FixedNode, why: &str, hint: &str) -> Error {
    Error::Unsupported {
        node: n.name.clone(),
        op: n.op.name().into(),
        why: why.into(),
        hint: hint.into(),
    }
}

/// Whether the function is constant or of slope one everywhere, so that a table keeps the grid of
/// its operand.
pub(super) fn keeps_slope(c: &Curve) -> bool {
    c.kind != CurveKind::Other
}
