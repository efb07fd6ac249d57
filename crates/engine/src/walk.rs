use crate::evaluator::Linear;
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::{FixedGraph, FixedOp};

/// Told about each layer as a walk proceeds.
pub trait Progress {
    /// Layer `index` of `of` begins.
    fn layer(&mut self, index: usize, of: usize, name: &str);

    /// So many of its parts are done. Only backends whose layers take long say so.
    fn part(&mut self, _done: usize, _of: usize) {}
}

/// Reports nothing.
pub struct Silent;

impl Progress for Silent {
    fn layer(&mut self, _: usize, _: usize, _: &str) {}
}

/// Runs `graph` on `input` with one evaluator and returns the output edge's tensor.
///
/// The graph must be valid (`FixedGraph::validate`). A tensor is dropped right after its last
/// use, so the peak is the widest cut of the graph.
pub fn walk<E: Evaluator>(
    graph: &FixedGraph,
    evaluator: &mut E,
    input: E::Tensor,
    progress: &mut dyn Progress,
) -> Result<E::Tensor, Error> {
    walk_batch(graph, 1, evaluator, input, progress)
}

/// [`walk`] for tensors of so many images.
pub(crate) fn walk_batch<E: Evaluator>(
    graph: &FixedGraph,
    images: usize,
    evaluator: &mut E,
    input: E::Tensor,
    progress: &mut dyn Progress,
) -> Result<E::Tensor, Error> {
    let last = last_uses(graph);
    let mut tensors: Vec<Option<E::Tensor>> = graph.edges.iter().map(|_| None).collect();
    tensors[graph.input.0 as usize] = Some(input);
    for (i, node) in graph.nodes.iter().enumerate() {
        progress.layer(i, graph.nodes.len(), &node.name);
        let layer = Layer { index: i as u32, graph, node, images };
        evaluator.begin(&layer)?;
        let out = {
            let mut xs = Vec::with_capacity(node.inputs.len());
            for e in &node.inputs {
                xs.push(tensors[e.0 as usize].as_ref().ok_or_else(|| undefined(graph, e.0))?);
            }
            apply(evaluator, &layer, &xs)?
        };
        tensors[node.output.0 as usize] = Some(out);
        for e in &node.inputs {
            if last[e.0 as usize] == Some(i) {
                tensors[e.0 as usize] = None;
            }
        }
    }
    tensors[graph.output.0 as usize].take().ok_or_else(|| undefined(graph, graph.output.0))
}

fn apply<E: Evaluator>(e: &mut E, l: &Layer<'_>, xs: &[&E::Tensor]) -> Result<E::Tensor, Error> {
    match &l.node.op {
        FixedOp::Linear { conv, weights, weight_bits, .. } => {
            e.linear(l, Linear { conv, weights: *weights, weight_bits: *weight_bits }, xs[0])
        }
        FixedOp::AddConst { weights } => e.add_const(l, *weights, xs[0]),
        FixedOp::Activate { shift, function, .. } => e.activate(l, *shift, *function, xs[0]),
        FixedOp::SumPool(pool) => e.sum_pool(l, pool, xs[0]),
        FixedOp::MaxPool(pool) => e.max_pool(l, pool, xs[0]),
        FixedOp::Add { shl, subtract } => e.add(l, *shl, *subtract, xs[0], xs[1]),
        FixedOp::Mul => e.mul(l, xs[0], xs[1]),
        FixedOp::Concat { axis, shl } => e.concat(l, *axis, shl, xs),
        FixedOp::Rearrange(r) => e.rearrange(l, r, xs[0]),
        FixedOp::ArgMax => e.arg_max(l, xs[0]),
        FixedOp::Lookup { divisor, first, values } => e.lookup(l, *divisor, *first, values, xs[0]),
        FixedOp::Rescale { modulus, divisor, function } => {
            e.rescale(l, *modulus, *divisor, *function, xs[0])
        }
    }
}

/// For every edge the last node that reads it; the output is never freed.
fn last_uses(graph: &FixedGraph) -> Vec<Option<usize>> {
    let mut last = vec![None; graph.edges.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        for e in &node.inputs {
            last[e.0 as usize] = Some(i);
        }
    }
    last[graph.output.0 as usize] = None;
    last
}

fn undefined(graph: &FixedGraph, edge: u32) -> Error {
    Error::Config(format!(
        "edge '{}' is read before it is written",
        graph.edges[edge as usize].name
    ))
}
