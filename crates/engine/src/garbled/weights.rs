//! The weights as both parties hold them, on the wire.

use crate::Error;
use sordino_graph::fixed::{FixedGraph, FixedModel, FixedOp, LayerWeights, Weights};

/// Kernel entries and biases of every weight tensor, in its order.
fn sizes(graph: &FixedGraph) -> Vec<(usize, usize)> {
    graph
        .nodes
        .iter()
        .filter_map(|n| match &n.op {
            FixedOp::Linear { conv, .. } => Some((conv.kernel_len(), conv.cout as usize)),
            FixedOp::AddConst { .. } => Some((0, graph.edges[n.output.0 as usize].len())),
            _ => None,
        })
        .collect()
}

/// Bytes of all weights of a graph.
pub(super) fn len(graph: &FixedGraph) -> usize {
    sizes(graph).iter().map(|(k, b)| 4 * k + 8 * b).sum()
}

/// All weights, layer by layer; a bias that is not there is sent as zeros.
pub(super) fn to_bytes(model: &FixedModel) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len(&model.graph));
    for (layer, (_, biases)) in ordered(model).zip(sizes(&model.graph)) {
        layer.kernel.iter().for_each(|w| bytes.extend(w.to_le_bytes()));
        let bias = layer.bias.iter().copied().chain(std::iter::repeat(0));
        bias.take(biases).for_each(|b| bytes.extend(b.to_le_bytes()));
    }
    bytes
}

fn ordered(model: &FixedModel) -> impl Iterator<Item = &LayerWeights> {
    model.graph.nodes.iter().filter_map(|n| Some(&model.weights.layers[n.op.weights()?.0 as usize]))
}

/// The model of a graph and its weights.
///
/// # Errors
/// [`Error::Graph`] when the weights break the graph's bounds, [`Error::Peer`] when they have another size.
pub(super) fn from_bytes(graph: FixedGraph, bytes: &[u8]) -> Result<FixedModel, Error> {
    if bytes.len() != len(&graph) {
        return Err(Error::Peer("its weights are not those of its graph".into()));
    }
    let mut layers = vec![LayerWeights::default(); sizes(&graph).len()];
    let ids = graph.nodes.iter().filter_map(|n| Some(n.op.weights()?.0));
    let mut rest = bytes;
    for ((kernel, bias), id) in sizes(&graph).into_iter().zip(ids) {
        let (k, tail) = rest.split_at(4 * kernel);
        let (b, tail) = tail.split_at(8 * bias);
        rest = tail;
        let slot = layers
            .get_mut(id as usize)
            .ok_or_else(|| Error::Peer("its graph numbers its weights out of order".into()))?;
        *slot = LayerWeights {
            kernel: k.as_chunks().0.iter().map(|c| i32::from_le_bytes(*c)).collect(),
            bias: b.as_chunks().0.iter().map(|c| i64::from_le_bytes(*c)).collect(),
        };
    }
    let model = FixedModel { graph, weights: Weights { layers } };
    model.validate()?;
    Ok(model)
}
