//! From a network's operators to protocols.

use super::compare::{DIGIT, divide, larger_with_index, relu, truncate};
use super::product::{Convolution, Held, Matrices};
use super::{Baseline, BatchNorms, CryptFlow2, LayerPrice, Price};
use sordino_graph::Error;
use sordino_graph::ir::{Binary, Graph, Node, Op, Reduce, Unary, ValueId};

pub(super) fn price(deployment: &CryptFlow2, graph: &Graph) -> Result<Baseline, Error> {
    let mut walk = Walk::new(deployment, graph);
    for at in 0..graph.nodes.len() {
        walk.node(at)?;
    }
    let layers = walk.layers.into_iter().filter(|l| l.bytes() > 0 || l.macs > 0).collect();
    Ok(Baseline { deployment: *deployment, layers })
}

struct Walk<'a> {
    deployment: &'a CryptFlow2,
    graph: &'a Graph,
    /// One for every node.
    layers: Vec<LayerPrice>,
    /// For every value: whether its fraction bits are those of a product.
    product: Vec<bool>,
    /// The node that makes each value.
    maker: Vec<Option<usize>>,
    /// How often each value is read, the reveal included.
    reads: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn new(deployment: &'a CryptFlow2, graph: &'a Graph) -> Self {
        let mut maker = vec![None; graph.values.len()];
        let mut reads = vec![0; graph.values.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            node.outputs.iter().for_each(|id| maker[id.0] = Some(i));
            node.inputs.iter().flatten().for_each(|id| reads[id.0] += 1);
        }
        graph.outputs.iter().for_each(|id| reads[id.0] += 1);
        let layer = |n: &Node| LayerPrice { name: n.name.clone(), ..LayerPrice::default() };
        Self {
            deployment,
            graph,
            layers: graph.nodes.iter().map(layer).collect(),
            product: vec![false; graph.values.len()],
            maker,
            reads,
        }
    }

    fn size(&self, id: ValueId) -> u64 {
        extent(&self.graph.value(id).shape)
    }

    fn secret(&self, id: ValueId) -> bool {
        self.graph.constant(id).is_none()
    }

    /// Lets a value be read with the fraction bits of an activation.
    fn truncated(&mut self, id: ValueId) {
        if std::mem::take(&mut self.product[id.0]) {
            let d = self.deployment;
            let price = truncate(d.ring_bits, d.scale, false, DIGIT).times(self.size(id).into());
            if let Some(layer) = self.maker[id.0].map(|i| &mut self.layers[i]) {
                layer.truncation = layer.truncation.saturating_add(price.bytes());
                layer.rounds = layer.rounds.saturating_add(price.rounds);
            }
        }
    }

    fn node(&mut self, at: usize) -> Result<(), Error> {
        let graph = self.graph;
        let node = &graph.nodes[at];
        let secrets: Vec<ValueId> =
            node.inputs.iter().flatten().copied().filter(|&id| self.secret(id)).collect();
        let (Some(&x), Some(&y)) = (secrets.first(), node.outputs.first()) else {
            return Ok(());
        };
        let outputs = self.size(y);
        let doubled = self.product[x.0];
        match &node.op {
            Op::Conv { .. } | Op::Gemm { .. } | Op::MatMul => {
                secrets.iter().for_each(|&id| self.truncated(id));
                self.linear(at, secrets.len() > 1)?;
                self.product[y.0] = true;
            }
            Op::BatchNorm { .. } => {
                if self.folds(x) {
                    self.product[y.0] = doubled;
                } else {
                    self.truncated(x);
                    self.scaled(at, "scaling", outputs, self.deployment.weights);
                    self.product[y.0] = true;
                }
            }
            Op::Unary(function) => self.unary(at, function, [x, y])?,
            Op::Binary(Binary::Add | Binary::Sub) => {
                // The other operand is scaled up.
                self.product[y.0] = secrets.iter().any(|id| self.product[id.0]);
            }
            Op::Binary(Binary::Mul | Binary::Div) if secrets.len() == 1 => {
                if matches!(node.op, Op::Binary(Binary::Div)) && node.inputs[1] == Some(x) {
                    return Err(refusal(node, "division by a secret"));
                }
                self.truncated(x);
                self.scaled(at, "scaling", outputs, self.deployment.weights);
                self.product[y.0] = true;
            }
            Op::Binary(Binary::Mul) => {
                secrets.iter().for_each(|&id| self.truncated(id));
                self.scaled(at, "product", outputs, Held::InShares);
                self.product[y.0] = true;
            }
            Op::Binary(Binary::Max | Binary::Min) => {
                self.product[y.0] = secrets.iter().any(|id| self.product[id.0]);
                self.rectify(at, "max", outputs, 1);
            }
            Op::MaxPool { window } => {
                self.maximum(at, outputs, extent(&window.kernel));
                self.product[y.0] = doubled;
            }
            Op::GlobalMaxPool | Op::Reduce { kind: Reduce::Max | Reduce::Min, .. } => {
                self.maximum(at, outputs, self.size(x) / outputs.max(1));
                self.product[y.0] = doubled;
            }
            Op::AveragePool { window, .. } => {
                self.average(at, outputs, extent(&window.kernel));
                self.product[y.0] = doubled;
            }
            Op::GlobalAveragePool | Op::Reduce { kind: Reduce::Mean, .. } => {
                self.average(at, outputs, self.size(x) / outputs.max(1));
                self.product[y.0] = doubled;
            }
            Op::ArgMax { .. } => {
                let n = self.size(x) / outputs.max(1);
                let node = larger_with_index(self.deployment.ring_bits, DIGIT);
                let levels = u64::from(n.next_power_of_two().trailing_zeros());
                let price = Price {
                    bits: node.times((n.saturating_sub(1) * outputs).into()).bits,
                    rounds: node.rounds * levels,
                };
                self.charge(at, "argmax", price, |l| &mut l.pool);
            }
            Op::Concat { .. } => {
                // Parts of one tensor have one scale; those that are read again anyway stay as they are.
                if !secrets.iter().all(|id| self.product[id.0]) {
                    secrets.iter().for_each(|&id| self.truncated(id));
                }
                self.product[y.0] = self.product[x.0];
            }
            Op::Softmax { .. } => self.last(node, y)?,
            Op::Reduce { kind: Reduce::Sum, .. }
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Split { .. }
            | Op::Gather { .. }
            | Op::Expand { .. }
            | Op::Tile { .. }
            | Op::ResizeNearest { .. }
            | Op::DepthSpace { .. }
            | Op::Cast { .. } => node.outputs.iter().for_each(|y| self.product[y.0] = doubled),
            _ => return Err(refusal(node, "it has no published protocol for this operator")),
        }
        Ok(())
    }

    /// Whether a batch normalisation of this value goes into the linear layer that makes it.
    fn folds(&self, x: ValueId) -> bool {
        let maker = self.maker[x.0].map(|i| &self.graph.nodes[i].op);
        self.deployment.batch_norms == BatchNorms::Folded
            && self.reads[x.0] == 1
            && matches!(maker, Some(Op::Conv { .. } | Op::Gemm { .. } | Op::MatMul))
    }

    fn linear(&mut self, at: usize, both_secret: bool) -> Result<(), Error> {
        let graph = self.graph;
        let node = &graph.nodes[at];
        let d = self.deployment;
        let shape = |operand: usize| {
            let id = node.inputs.get(operand).copied().flatten();
            id.map_or(&[][..], |id| &graph.value(id).shape)
        };
        let outputs = self.size(node.outputs[0]);
        let (price, tile, macs) = match &node.op {
            Op::Conv { window, groups } => {
                let (kernel, y) = (shape(1), &graph.value(node.outputs[0]).shape);
                let [cout, cin, taps @ ..] = kernel else {
                    return Err(refusal(node, "a kernel has at least two axes"));
                };
                let groups = (*groups).max(1) as u64;
                let rows = y.get(2).map_or(1, |&h| h as u64);
                let conv = Convolution {
                    groups,
                    outputs: *cout as u64 / groups,
                    inputs: *cin as u64,
                    taps: extent(taps),
                    area: [rows, extent(y.get(3..).unwrap_or_default())],
                    winograd: taps == [3, 3]
                        && window.stride.iter().chain(&window.dilation).all(|&n| n == 1),
                };
                let held = if both_secret { Held::InShares } else { d.weights };
                let (price, tile) = conv.price(d.ring_bits, held, d.receiver, d.winograd);
                (price, tile, conv.macs())
            }
            op => {
                let (a, b) = (shape(0), shape(1));
                let transposed = matches!(op, Op::Gemm { trans_a: true, .. });
                let inner = a.iter().rev().nth(usize::from(transposed)).map_or(1, |&k| k as u64);
                let columns = graph.value(node.outputs[0]).shape.last().map_or(1, |&n| n as u64);
                let rows = outputs / columns.max(1);
                // Batches of both operands are products of their own.
                let batch = if both_secret { extent(&b[..b.len().saturating_sub(2)]) } else { 1 };
                let product = Matrices { rows: rows / batch.max(1), inner, columns };
                let held = if both_secret { Held::InShares } else { d.weights };
                let price = product.price(d.ring_bits, held, d.receiver).times(batch.into());
                (price, None, product.macs().saturating_mul(batch.into()))
            }
        };
        self.charge(at, "linear", price, |l| &mut l.linear);
        let layer = &mut self.layers[at];
        layer.tile = tile;
        layer.macs = u64::try_from(macs).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Every element times one other.
    fn scaled(&mut self, at: usize, kind: &'static str, elements: u64, held: Held) {
        let one = Matrices { rows: 1, inner: 1, columns: 1 };
        let price = one.price(self.deployment.ring_bits, held, self.deployment.receiver);
        self.charge(at, kind, price.times(elements.into()), |l| &mut l.linear);
    }

    fn unary(&mut self, at: usize, function: &Unary, [x, y]: [ValueId; 2]) -> Result<(), Error> {
        let node = &self.graph.nodes[at];
        let n = self.size(y);
        match function {
            Unary::Relu => {
                self.rectify(at, "relu", n, 1);
                self.drop_below_known_sign(at, self.product[x.0], n);
            }
            Unary::Clip { lo, hi } => {
                let bounds = u64::from(lo.is_finite()) + u64::from(hi.is_finite());
                self.rectify(at, "clip", n, bounds);
                if *lo >= 0.0 {
                    self.drop_below_known_sign(at, self.product[x.0], n);
                } else {
                    self.product[y.0] = self.product[x.0];
                }
            }
            // A public factor, two bounds, and the fraction bits of the factor.
            Unary::HardSigmoid { .. } => {
                self.truncated(x);
                self.rectify(at, "hard sigmoid", n, 2);
                self.drop_below_known_sign(at, true, n);
            }
            Unary::HardSwish => {
                self.truncated(x);
                self.rectify(at, "hard swish", n, 2);
                self.drop_below_known_sign(at, true, n);
                self.scaled(at, "hard swish", n, Held::InShares);
                self.product[y.0] = true;
            }
            Unary::Neg => self.product[y.0] = self.product[x.0],
            Unary::Abs => {
                let d = self.deployment.ring_bits;
                let price = relu(d, DIGIT).times(n.into());
                self.charge(at, "abs", price, |l| &mut l.activation);
                self.product[y.0] = self.product[x.0];
            }
            Unary::Sigmoid | Unary::Tanh => self.last(node, y)?,
            _ => return Err(refusal(node, "it has no published protocol for this function")),
        }
        Ok(())
    }

    /// So many ReLUs of every element, one after the other.
    fn rectify(&mut self, at: usize, kind: &'static str, elements: u64, each: u64) {
        let price = relu(self.deployment.ring_bits, DIGIT).times(elements.into()).repeated(each);
        self.charge(at, kind, price, |l| &mut l.activation);
        self.layers[at].rectifiers = elements.saturating_mul(each);
    }

    /// Drops the fraction bits of a product that is known to be at least 0.
    fn drop_below_known_sign(&mut self, at: usize, product: bool, elements: u64) {
        if product {
            let d = self.deployment;
            let price = truncate(d.ring_bits, d.scale, true, DIGIT).times(elements.into());
            let kind = self.layers[at].kind;
            self.charge(at, kind, price, |l| &mut l.truncation);
        }
    }

    /// The largest of so many, for each output: one comparison after the other.
    fn maximum(&mut self, at: usize, outputs: u64, compared: u64) {
        let each = relu(self.deployment.ring_bits, DIGIT).times(outputs.into());
        let price = each.repeated(compared.saturating_sub(1));
        self.charge(at, "max pool", price, |l| &mut l.pool);
    }

    fn average(&mut self, at: usize, outputs: u64, divisor: u64) {
        let price = divide(self.deployment.ring_bits, divisor, DIGIT).times(outputs.into());
        self.charge(at, "average pool", price, |l| &mut l.pool);
    }

    fn charge(
        &mut self,
        at: usize,
        kind: &'static str,
        price: Price,
        to: impl Fn(&mut LayerPrice) -> &mut u64,
    ) {
        let layer = &mut self.layers[at];
        layer.kind = kind;
        let bytes = to(layer);
        *bytes = bytes.saturating_add(price.bytes());
        layer.rounds = layer.rounds.saturating_add(price.rounds);
    }

    /// A function that the client applies to what is revealed.
    fn last(&self, node: &Node, y: ValueId) -> Result<(), Error> {
        if self.graph.outputs.contains(&y) && self.reads[y.0] == 1 {
            return Ok(());
        }
        Err(refusal(node, "only as a network's last function, which the client computes"))
    }
}

/// Elements of a shape.
fn extent(axes: &[usize]) -> u64 {
    axes.iter().fold(1, |n, &axis| n.saturating_mul(axis as u64))
}

fn refusal(node: &Node, why: &str) -> Error {
    let op = match &node.op {
        Op::Unary(function) => format!("{function:?}"),
        op => format!("{op:?}"),
    };
    let end = op.find([' ', '(']).unwrap_or(op.len());
    Error::Unsupported {
        node: node.name.clone(),
        op: op[..end].to_owned(),
        why: format!("CrypTFlow2: {why}"),
        hint: "compare a network without it".into(),
    }
}
