//! The exact integer meaning of every operator, on ring words.
//!
//! A tensor is a slice of `u64` words, row-major, each reduced modulo `2^ring` of its edge. These
//! functions are the definition that every backend is tested against. They assume a graph that
//! passed [`FixedGraph::validate`](super::FixedGraph::validate) and tensors of the edges' sizes;
//! they panic on other sizes, never on values.

mod activate;
mod arg_max;
mod concat;
mod elementwise;
mod linear;
mod lookup;
mod pool;
mod rearrange;
mod rescale;
mod tournament;
mod word;

pub use activate::{activate, gate};
pub use arg_max::arg_max;
pub use concat::concat;
pub use elementwise::{add, add_const, mul};
pub use linear::linear;
pub use lookup::lookup;
pub use pool::{Windows, max_pool, sum_pool, windows};
pub use rearrange::{fill_value, index_map, rearrange};
pub use rescale::rescale;
pub use tournament::{Level, Next, Tournament};
pub use word::{encode, mask, reduce, wrap};

use super::{EdgeId, FixedGraph, FixedNode, FixedOp, Weights};

/// Applies one node to its operands' words and returns the result's words.
pub fn apply(graph: &FixedGraph, node: &FixedNode, weights: &Weights, xs: &[&[u64]]) -> Vec<u64> {
    let input = |i: usize| &graph.edges[node.inputs[i].0 as usize];
    let out = &graph.edges[node.output.0 as usize];
    let secret = |id: super::WeightId| &weights.layers[id.0 as usize];
    match &node.op {
        FixedOp::Linear { conv, weights, .. } => {
            let layer = secret(*weights);
            linear(conv, &layer.kernel, &layer.bias, xs[0], out.ring)
        }
        FixedOp::AddConst { weights } => add_const(xs[0], &secret(*weights).bias, out.ring),
        FixedOp::Activate { shift, function, flips: None } => {
            activate(xs[0], input(0).ring, *shift, *function, out.ring)
        }
        FixedOp::Activate { shift, flips: Some(flips), .. } => {
            gate(xs[0], input(0).ring, *shift, &secret(*flips).bias, out.ring)
        }
        FixedOp::SumPool(pool) => sum_pool(pool, xs[0], out.ring),
        FixedOp::MaxPool(pool) => max_pool(pool, xs[0], input(0).ring, out.ring),
        FixedOp::Add { shl, subtract } => add(xs[0], xs[1], *shl, *subtract, out.ring),
        FixedOp::Mul => mul(xs[0], xs[1], out.ring),
        FixedOp::Concat { axis, shl } => {
            let shapes: Vec<&[u32]> = (0..xs.len()).map(|i| &input(i).shape[..]).collect();
            concat(*axis, shl, &shapes, xs, out.ring)
        }
        FixedOp::Rearrange(r) => rearrange(r, &input(0).shape, &out.shape, xs[0], out.ring),
        FixedOp::ArgMax => vec![arg_max(xs[0], input(0).ring)],
        FixedOp::Lookup { divisor, first, values } => {
            lookup(xs[0], input(0).ring, *divisor, *first, values, out.ring)
        }
        FixedOp::Rescale { modulus, divisor, function } => {
            rescale(xs[0], input(0).ring, *modulus, *divisor, *function, out.ring)
        }
    }
}

/// Runs a whole graph on the input's words and returns the output's words. Tensors are freed
/// after their last use.
pub fn run(graph: &FixedGraph, weights: &Weights, input: Vec<u64>) -> Vec<u64> {
    run_with(graph, weights, input, |_, _| {})
}

/// As [`run`], showing `observe` every edge's words as soon as they are known.
pub fn run_with(
    graph: &FixedGraph,
    weights: &Weights,
    input: Vec<u64>,
    mut observe: impl FnMut(EdgeId, &[u64]),
) -> Vec<u64> {
    let mut uses = vec![0usize; graph.edges.len()];
    let read = graph.nodes.iter().flat_map(|n| &n.inputs);
    read.chain([&graph.output]).for_each(|e| uses[e.0 as usize] += 1);
    let mut live: Vec<Vec<u64>> = vec![Vec::new(); graph.edges.len()];
    observe(graph.input, &input);
    live[graph.input.0 as usize] = input;
    for node in &graph.nodes {
        let xs: Vec<&[u64]> = node.inputs.iter().map(|e| &live[e.0 as usize][..]).collect();
        let y = apply(graph, node, weights, &xs);
        observe(node.output, &y);
        for e in &node.inputs {
            uses[e.0 as usize] -= 1;
            if uses[e.0 as usize] == 0 {
                live[e.0 as usize] = Vec::new();
            }
        }
        live[node.output.0 as usize] = y;
    }
    std::mem::take(&mut live[graph.output.0 as usize])
}
