use super::{Graph, Node, Op, ValueId};

/// The constant weights of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Which operand they are.
    pub operand: usize,
    /// Their value, of floats.
    pub value: ValueId,
    /// The axis that output channels are counted along, within their group.
    pub axis: usize,
}

impl Graph {
    /// The weights of a convolution or matrix product that has one operand of constant floats.
    pub fn weight(&self, node: &Node) -> Option<Weight> {
        let constant = |operand: usize| {
            let value = node.inputs.get(operand).copied().flatten()?;
            let floats = self.constant(value)?.as_f32().ok()?;
            let rank = self.value(value).shape.len();
            (!floats.is_empty() && rank >= 2).then_some((operand, value, rank))
        };
        let (first, second) = (constant(0), constant(1));
        let at = |found: Option<(usize, ValueId, usize)>, axis: fn(usize) -> usize| {
            found.map(|(operand, value, rank)| Weight { operand, value, axis: axis(rank) })
        };
        match (&node.op, first, second) {
            (Op::Conv { .. }, None, w) => at(w, |_| 0),
            (Op::ConvTranspose { .. }, None, w) => at(w, |_| 1),
            (Op::Gemm { trans_b: true, .. }, None, w) => at(w, |_| 0),
            (Op::Gemm { trans_b: false, .. } | Op::MatMul, None, w) => at(w, |rank| rank - 1),
            (Op::Gemm { trans_a: true, .. }, w, None) => at(w, |_| 1),
            (Op::Gemm { trans_a: false, .. } | Op::MatMul, w, None) => at(w, |rank| rank - 2),
            _ => None,
        }
    }
}
