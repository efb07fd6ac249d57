use crate::ir::{Graph, Op, Tensor, Value, ValueId};
use std::sync::Arc;

/// Who computes each value and how often it is used, kept while nodes are rewritten.
pub(super) struct Links {
    producer: Vec<Option<usize>>,
    uses: Vec<usize>,
}

impl Links {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut links =
            Self { producer: vec![None; graph.values.len()], uses: vec![0; graph.values.len()] };
        for (i, node) in graph.nodes.iter().enumerate() {
            for id in &node.outputs {
                links.producer[id.0] = Some(i);
            }
            for id in node.inputs.iter().flatten() {
                links.uses[id.0] += 1;
            }
        }
        for id in &graph.outputs {
            links.uses[id.0] += 1;
        }
        links
    }

    /// The node computing operand `operand` of node `user`, when nothing else needs its result.
    pub(super) fn sole_source(&self, graph: &Graph, user: usize, operand: usize) -> Option<usize> {
        let id = (*graph.nodes[user].inputs.get(operand)?)?;
        let source = self.producer.get(id.0).copied().flatten()?;
        let sole = self.uses[id.0] == 1 && graph.nodes[source].outputs.len() == 1;
        sole.then_some(source)
    }

    /// The node computing a value.
    pub(super) fn source(&self, id: ValueId) -> Option<usize> {
        self.producer.get(id.0).copied().flatten()
    }

    /// Lets node `earlier` produce the result of node `later`, which disappears.
    pub(super) fn absorb(&mut self, graph: &mut Graph, earlier: usize, later: usize) {
        let outputs = std::mem::take(&mut graph.nodes[later].outputs);
        for id in &outputs {
            self.producer[id.0] = Some(earlier);
        }
        for id in std::mem::take(&mut graph.nodes[later].inputs).into_iter().flatten() {
            self.uses[id.0] -= 1;
        }
        graph.nodes[earlier].outputs = outputs;
    }
}

/// Removes the nodes left without a result.
pub(super) fn sweep(graph: &mut Graph) {
    graph.nodes.retain(|n| !n.outputs.is_empty());
}

/// Adds a constant named after `base`.
pub(super) fn add_constant(graph: &mut Graph, base: &str, tensor: Tensor) -> ValueId {
    let id = ValueId(graph.values.len());
    graph.values.push(Value {
        name: format!("{base}#{}", id.0),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        constant: Some(Arc::new(tensor)),
    });
    id
}

/// Operand `i` of a node as constant floats.
pub(super) fn constant_f32(graph: &Graph, node: usize, i: usize) -> Option<&Tensor> {
    let id = (*graph.nodes[node].inputs.get(i)?)?;
    graph.constant(id).filter(|t| t.as_f32().is_ok())
}

/// The only result of a node.
pub(super) fn result_shape(graph: &Graph, node: usize) -> &[usize] {
    graph.nodes[node].outputs.first().map_or(&[], |id| &graph.value(*id).shape)
}

/// Whether a node is a linear layer whose channels can be scaled.
pub(super) fn is_linear(op: &Op) -> bool {
    matches!(op, Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Gemm { .. })
}
