//! The weights as both parties hold them, on the wire.

use crate::Error;
use sordino_graph::fixed::{FixedGraph, FixedModel, FixedOp, LayerWeights, Weights};

/// Entries of a weight tensor.
struct Size {
    kernel: usize,
    /// Bytes of an entry of the kernel, as few as its bits fit in.
    bytes: usize,
    biases: usize,
}

impl Size {
    fn len(&self) -> usize {
        self.bytes * self.kernel + BIAS * self.biases
    }
}

/// Bytes of a bias.
const BIAS: usize = 8;

/// Of every weight tensor, in its order.
fn sizes(graph: &FixedGraph) -> Vec<Size> {
    graph
        .nodes
        .iter()
        .filter_map(|n| match &n.op {
            FixedOp::Linear { conv, weight_bits, .. } => Some(Size {
                kernel: conv.kernel_len(),
                bytes: weight_bits.div_ceil(8).clamp(1, 4) as usize,
                biases: conv.cout as usize,
            }),
            FixedOp::AddConst { .. } => {
                let biases = graph.edges[n.output.0 as usize].len();
                Some(Size { kernel: 0, bytes: 1, biases })
            }
            _ => None,
        })
        .collect()
}

/// Bytes of all weights of a graph.
pub(super) fn len(graph: &FixedGraph) -> usize {
    sizes(graph).iter().map(Size::len).sum()
}

/// All weights, layer by layer; a bias that is not there is sent as zeros.
pub(super) fn to_bytes(model: &FixedModel) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len(&model.graph));
    for (layer, size) in ordered(model).zip(sizes(&model.graph)) {
        layer.kernel.iter().for_each(|w| bytes.extend(&w.to_le_bytes()[..size.bytes]));
        let bias = layer.bias.iter().copied().chain(std::iter::repeat(0));
        bias.take(size.biases).for_each(|b| bytes.extend(b.to_le_bytes()));
    }
    bytes
}

fn ordered(model: &FixedModel) -> impl Iterator<Item = &LayerWeights> {
    model.graph.nodes.iter().filter_map(|n| Some(&model.weights.layers[n.op.weights()?.0 as usize]))
}

/// The number of so many low bytes, which has its sign in the last.
fn extended(bytes: &[u8]) -> i32 {
    let mut top = [0; 4];
    top[4 - bytes.len()..].copy_from_slice(bytes);
    i32::from_le_bytes(top) >> (8 * (4 - bytes.len()))
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
    for (size, id) in sizes(&graph).into_iter().zip(ids) {
        let (own, tail) = rest.split_at(size.len());
        let (k, b) = own.split_at(size.bytes * size.kernel);
        rest = tail;
        let slot = layers
            .get_mut(id as usize)
            .ok_or_else(|| Error::Peer("its graph numbers its weights out of order".into()))?;
        *slot = LayerWeights {
            kernel: k.chunks_exact(size.bytes).map(extended).collect(),
            bias: b.as_chunks().0.iter().map(|c| i64::from_le_bytes(*c)).collect(),
        };
    }
    let model = FixedModel { graph, weights: Weights { layers } };
    model.validate()?;
    Ok(model)
}
