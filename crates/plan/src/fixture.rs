//! Pieces of small graphs to test with.

use sordino_graph::fixed::{Edge, EdgeId, FixedNode, FixedOp};

pub(crate) fn edge(name: &str, shape: &[u32], frac: i32, ring: u32) -> Edge {
    let (name, shape) = (name.into(), shape.to_vec());
    Edge { name, shape, frac, divisor: 1, ring, lo: -100, hi: 100 }
}

pub(crate) fn node(name: &str, op: FixedOp, input: u32, output: u32) -> FixedNode {
    FixedNode { name: name.into(), op, inputs: vec![EdgeId(input)], output: EdgeId(output) }
}
