//! Which version of ONNX a graph's operators, as this exporter writes them, take.

use crate::ir::{Graph, Node, Op, Unary};

/// The oldest operator set, from 13 on, that knows every operator.
pub(super) fn opset(graph: &Graph) -> i64 {
    graph.nodes.iter().map(of).max().unwrap_or(13)
}

fn of(node: &Node) -> i64 {
    match &node.op {
        Op::Unary(Unary::HardSwish) => 14,
        // Before, an extent of 0 was the operand's extent there.
        Op::Reshape { shape } if shape.contains(&0) => 14,
        Op::LayerNorm { .. } => 17,
        Op::Unary(Unary::Mish) => 18,
        Op::AveragePool { window, .. } if window.dilation.iter().any(|&d| d != 1) => 19,
        Op::Unary(Unary::Gelu { .. }) => 20,
        // The mode came late.
        Op::DepthSpace { to_space: false, column_row: true, .. } => 28,
        _ => 13,
    }
}

/// The version of the file format that came with an operator set, of those that runtimes know:
/// newer ones have nothing that is written here.
pub(super) fn ir(opset: i64) -> i64 {
    match opset {
        ..=18 => 8,
        19 | 20 => 9,
        _ => 10,
    }
}
