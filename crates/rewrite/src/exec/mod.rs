//! One walk over the nodes of a graph, on tensors that may record what they did for derivatives.

mod args;
mod broadcast;
mod elementwise;
mod linear;
mod movement;
mod norm;
mod pool;
mod reduce;
mod select;

use crate::{Array, Error};
use args::Args;
use burn_tensor::Tensor;
use sordino_graph::ir::{Graph, Node, Op, ValueId};

/// Where batch normalisation takes mean and variance from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// From the graph, as in inference.
    Stored,
    /// From the samples at hand, as in training: those of a part of a step.
    Batch,
}

/// Mean and biased variance per channel that a batch normalisation saw.
pub(crate) struct Moments {
    /// Index of the node.
    pub(crate) node: usize,
    /// Mean, one entry per channel.
    pub(crate) mean: Tensor<1>,
    /// Variance, one entry per channel.
    pub(crate) variance: Tensor<1>,
}

/// What one walk needs besides its inputs.
pub(crate) struct Walk<'a> {
    pub(crate) graph: &'a Graph,
    /// Float constants by value.
    pub(crate) constants: &'a [Option<Tensor<1>>],
    pub(crate) statistics: Statistics,
}

impl Walk<'_> {
    /// Values of `wanted`, showing `observe` the results of every node. Arrays are dropped after
    /// their last use, as far as no derivative needs them.
    pub(crate) fn run(
        &self,
        inputs: &[Array],
        wanted: &[ValueId],
        moments: &mut Vec<Moments>,
        mut observe: impl FnMut(usize, &Array) -> Result<(), Error>,
    ) -> Result<Vec<Array>, Error> {
        let mut uses = vec![0usize; self.graph.values.len()];
        let operands = self.graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
        operands.chain(wanted).for_each(|id| uses[id.0] += 1);
        let mut live: Vec<Option<Array>> = vec![None; self.graph.values.len()];
        self.check(inputs)?;
        for (id, array) in self.graph.inputs.iter().zip(inputs) {
            live[id.0] = Some(array.clone());
        }
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let mut operands = Vec::with_capacity(node.inputs.len());
            for id in &node.inputs {
                operands.push(match id {
                    Some(id) => self.take(*id, &mut live, &mut uses),
                    None => None,
                });
            }
            if node.outputs.iter().all(|id| uses[id.0] == 0) {
                continue;
            }
            let args = Args { graph: self.graph, node, operands };
            let results = self.eval(index, &args, moments)?;
            for (id, array) in node.outputs.iter().zip(results) {
                observe(index, &array)?;
                if uses[id.0] > 0 {
                    live[id.0] = Some(array);
                }
            }
        }
        let missing = |id: ValueId| {
            let name = &self.graph.value(id).name;
            Error::Config(format!("'{name}' is no float value that the network computes"))
        };
        let found = wanted.iter();
        found.map(|&id| self.take(id, &mut live, &mut uses).ok_or_else(|| missing(id))).collect()
    }

    fn check(&self, inputs: &[Array]) -> Result<(), Error> {
        let (want, got) = (self.graph.inputs.len(), inputs.len());
        if want != got {
            return Err(Error::Data(format!("the network takes {want} inputs, {got} were given")));
        }
        for (id, array) in self.graph.inputs.iter().zip(inputs) {
            let value = self.graph.value(*id);
            if value.shape != array.shape() {
                let (name, want, got) = (&value.name, &value.shape, array.shape());
                let why = format!("input '{name}' has shape {want:?}, the data has {got:?}");
                return Err(Error::Data(why));
            }
        }
        Ok(())
    }

    fn take(&self, id: ValueId, live: &mut [Option<Array>], uses: &mut [usize]) -> Option<Array> {
        if let Some(flat) = &self.constants[id.0] {
            return Some(Array::constant(flat.clone(), &self.graph.value(id).shape));
        }
        uses[id.0] -= 1;
        if uses[id.0] == 0 { live[id.0].take() } else { live[id.0].clone() }
    }

    fn eval(
        &self,
        index: usize,
        args: &Args,
        moments: &mut Vec<Moments>,
    ) -> Result<Vec<Array>, Error> {
        let one = |array: Array| Ok(vec![array]);
        match &args.node.op {
            Op::Conv { window, groups } => one(linear::conv(args, window, *groups)?),
            Op::ConvTranspose { window, groups, output_padding } => {
                one(linear::transposed(args, window, *groups, output_padding)?)
            }
            Op::Gemm { alpha, beta, trans_a, trans_b } => {
                one(linear::gemm(args, [*alpha, *beta], [*trans_a, *trans_b])?)
            }
            Op::MatMul => one(linear::matmul(args)?),
            Op::BatchNorm { epsilon } => match self.statistics {
                Statistics::Stored => one(norm::stored(args, *epsilon)?),
                Statistics::Batch => {
                    let (array, mean, variance) = norm::batch(args, *epsilon)?;
                    moments.push(Moments { node: index, mean, variance });
                    one(array)
                }
            },
            Op::InstanceNorm { epsilon } => one(norm::instance(args, *epsilon)?),
            Op::LayerNorm { axis, epsilon } => one(norm::layer(args, *axis, *epsilon)?),
            Op::Lrn { size, alpha, beta, bias } => {
                one(norm::lrn(args, *size, [*alpha, *beta, *bias])?)
            }
            Op::Unary(f) => one(elementwise::unary(&args.array(0)?, f)),
            Op::PRelu => one(elementwise::prelu(&args.array(0)?, &args.array(1)?, args)?),
            Op::Binary(f) => one(elementwise::binary(args, *f)?),
            Op::MaxPool { window } => one(pool::max(args, window)?),
            Op::AveragePool { window, count_include_pad } => {
                one(pool::average(args, window, *count_include_pad)?)
            }
            Op::GlobalMaxPool => one(pool::global(args, |planes| planes.max_dim(2))?),
            Op::GlobalAveragePool => one(pool::global(args, |planes| planes.mean_dim(2))?),
            Op::Reduce { kind, axes, .. } => one(reduce::reduce(args, *kind, axes)?),
            Op::Softmax { axis, flatten, log } => {
                one(reduce::softmax(args, *axis, *flatten, *log)?)
            }
            Op::ArgMax { .. } => {
                let why = "an index has no derivative; train on the scores, its operand";
                Err(args.unsupported(why))
            }
            Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. } | Op::QLinearConv { .. } => {
                Err(args.unsupported(
                    "the network is quantised; rewrite the float network it came from",
                ))
            }
            op => movement::eval(args, op),
        }
    }
}

/// The layer a node belongs to, as errors name it.
pub(crate) fn describe(node: &Node) -> String {
    let op = format!("{:?}", node.op);
    let kind = op.split([' ', '(', '{']).next().unwrap_or_default();
    format!("in the result of node '{}' ({kind})", node.name)
}
