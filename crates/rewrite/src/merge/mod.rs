//! Linear layers with nothing left between them, as one.

mod conv;
mod dense;

use crate::Error;
use sordino_graph::ir::{Graph, Node, Op, Tensor, Value, ValueId};
use std::sync::Arc;

/// What a linear layer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Products of a weight and an operand.
    pub products: u64,
    /// Elements of the result, each of which is rounded and shared anew.
    pub elements: u64,
}

/// Merges a convolution with the convolution after it, and a dense layer with the dense layer after
/// it, wherever nothing else reads what is between them, the result is the same up to the rounding
/// of floats, and `cost` of the merged layer is less than that of both together. Returns how many
/// layers went. Ranges between layers are others afterwards: calibrate anew.
///
/// Convolutions are merged where they have as many groups, and the second has no padding or the
/// first is 1x1 with neither stride nor bias: else the second would see results of the first where
/// it must see zeros. Fold normalisations before ([`sordino_graph::passes::fold_batch_norms`]).
///
/// # Errors
/// [`Error::Graph`] when the graph is not consistent.
///
/// *Cost*: a product of the two matrices of weights for each pair that is merged.
pub fn merge_linear(graph: &mut Graph, cost: &dyn Fn(Work) -> f64) -> Result<usize, Error> {
    let mut merged = 0;
    let mut second = 0;
    while second < graph.nodes.len() {
        match merge(graph, second, cost)? {
            // The merged layer stands where the second was, and may go on with what is before it.
            Some(first) => {
                graph.nodes.remove(first);
                second -= 1;
                merged += 1;
            }
            None => second += 1,
        }
    }
    sordino_graph::passes::remove_dead(graph);
    Ok(merged)
}

/// Puts the merged layer in the place of `second`; the node that is no longer needed.
fn merge(
    graph: &mut Graph,
    second: usize,
    cost: &dyn Fn(Work) -> f64,
) -> Result<Option<usize>, Error> {
    let Some(first) = sole_source(graph, second) else { return Ok(None) };
    let Some(layer) = composed(graph, first, second, cost) else { return Ok(None) };
    let Node { name, outputs, .. } = graph.nodes[second].clone();
    let weight = constant(graph, &name, "weight", layer.weight)?;
    let mut inputs = vec![graph.nodes[first].inputs[0], Some(weight)];
    if let Some(bias) = layer.bias {
        inputs.push(Some(constant(graph, &name, "bias", (vec![bias.len()], bias))?));
    }
    graph.nodes[second] = Node { name, op: layer.op, inputs, outputs };
    Ok(Some(first))
}

/// Two layers as one, if that is possible and cheaper.
fn composed(
    graph: &Graph,
    first: usize,
    second: usize,
    cost: &dyn Fn(Work) -> f64,
) -> Option<Layer> {
    let plan = match (&graph.nodes[first].op, &graph.nodes[second].op) {
        (Op::Conv { .. }, Op::Conv { .. }) => conv::composed(graph, first, second),
        (Op::Gemm { .. }, Op::Gemm { .. }) => dense::composed(graph, first, second),
        _ => None,
    }?;
    let cheaper = cost(plan.work) < cost(work(graph, first)) + cost(work(graph, second));
    cheaper.then(|| (plan.layer)())
}

/// A merged layer whose weights are not computed yet.
struct Plan<'a> {
    work: Work,
    layer: Box<dyn FnOnce() -> Layer + 'a>,
}

/// Shape and elements.
type Array = (Vec<usize>, Vec<f32>);

struct Layer {
    op: Op,
    weight: Array,
    bias: Option<Vec<f32>>,
}

/// The node before a layer, if nothing else reads its result.
fn sole_source(graph: &Graph, layer: usize) -> Option<usize> {
    let between = (*graph.nodes[layer].inputs.first()?)?;
    let readers = graph.nodes.iter().flat_map(|n| &n.inputs).filter(|id| **id == Some(between));
    let sole = readers.count() == 1 && !graph.outputs.contains(&between);
    let source = graph.nodes[..layer].iter().position(|n| n.outputs == [between]);
    source.filter(|_| sole)
}

/// Operand `i` of a node, if it is of constant floats.
fn floats(graph: &Graph, node: usize, i: usize) -> Option<(&[usize], &[f32])> {
    let id = graph.nodes[node].inputs.get(i).copied().flatten()?;
    let tensor = graph.constant(id)?;
    Some((tensor.shape(), tensor.as_f32().ok()?))
}

/// What a layer adds to each of `channels`; `None` when that is no constant of each channel's own.
fn bias(graph: &Graph, node: usize, channels: usize) -> Option<Vec<f32>> {
    if graph.nodes[node].inputs.get(2).copied().flatten().is_none() {
        return Some(vec![0.0; channels]);
    }
    let (shape, values) = floats(graph, node, 2)?;
    match values.len() {
        1 => Some(vec![values[0]; channels]),
        n if n == channels && shape.last() == Some(&n) => Some(values.to_vec()),
        _ => None,
    }
}

/// `None` where all is zero.
fn unless_zero(bias: Vec<f32>) -> Option<Vec<f32>> {
    Some(bias).filter(|bias| bias.iter().any(|b| *b != 0.0))
}

fn work(graph: &Graph, layer: usize) -> Work {
    let node = &graph.nodes[layer];
    let size = |id: ValueId| graph.value(id).shape.iter().product::<usize>() as u64;
    let elements = size(node.outputs[0]);
    let weights = node.inputs[1].map_or(0, size);
    let channels = graph.value(node.outputs[0]).shape[1].max(1) as u64;
    Work { products: elements * weights / channels, elements }
}

fn constant(
    graph: &mut Graph,
    layer: &str,
    what: &str,
    (shape, elements): Array,
) -> Result<ValueId, Error> {
    let tensor = Tensor::f32(shape, elements)?;
    graph.values.push(Value {
        name: format!("{layer}@{what}"),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        constant: Some(Arc::new(tensor)),
    });
    Ok(ValueId(graph.values.len() - 1))
}
