use super::Parameter;
use sordino_graph::ir::{Binary, Graph, Op, ValueId};
use std::collections::BTreeMap;

/// What a parameter is to the nodes that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Kernel of a convolution, matrix of a dense layer; weight decay is for these.
    Weight,
    /// Offset of a linear layer.
    Bias,
    /// Factor of a normalisation.
    Scale,
    /// Offset of a normalisation.
    Shift,
    /// Slopes of a parametric rectifier for negative operands.
    Slope,
    /// Coefficient of a polynomial.
    Coefficient,
}

/// The parameters of a graph. A constant that several nodes read has the first one's role. All are trained but binary masks.
pub(super) fn find(graph: &Graph) -> Vec<Parameter> {
    let mut found = BTreeMap::new();
    for node in &graph.nodes {
        for (operand, role) in operands(graph, &node.op, &node.inputs) {
            let Some(value) = node.inputs.get(operand).copied().flatten() else { continue };
            let Some(Ok(numbers)) = graph.constant(value).map(|c| c.as_f32()) else { continue };
            if !numbers.is_empty() {
                // Slopes that choose between rectifier and identity are a mask, which is architecture.
                let mask = role == Role::Slope && numbers.iter().all(|s| [0.0, 1.0].contains(s));
                found.entry(value).or_insert(Parameter { value, role, trained: !mask });
            }
        }
    }
    found.into_values().collect()
}

fn operands(graph: &Graph, op: &Op, inputs: &[Option<ValueId>]) -> Vec<(usize, Role)> {
    match op {
        Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Gemm { .. } => {
            vec![(1, Role::Weight), (2, Role::Bias)]
        }
        Op::MatMul => vec![(0, Role::Weight), (1, Role::Weight)],
        Op::BatchNorm { .. } | Op::InstanceNorm { .. } | Op::LayerNorm { .. } => {
            vec![(1, Role::Scale), (2, Role::Shift)]
        }
        Op::PRelu => vec![(1, Role::Slope)],
        // A dense layer is often written as a product and a sum.
        Op::Binary(Binary::Add) => {
            let of_layer = |i: usize| {
                let source =
                    |n: &&sordino_graph::ir::Node| n.outputs.iter().any(|&o| Some(o) == inputs[i]);
                let source = graph.nodes.iter().find(source);
                source
                    .is_some_and(|n| matches!(n.op, Op::MatMul | Op::Conv { .. } | Op::Gemm { .. }))
            };
            [(0, 1), (1, 0)]
                .into_iter()
                .filter(|&(_, other)| of_layer(other))
                .map(|(i, _)| (i, Role::Bias))
                .collect()
        }
        _ => Vec::new(),
    }
}
