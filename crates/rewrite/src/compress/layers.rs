use super::grid::Grid;
use super::levels::Levels;
use crate::Error;
use sordino_graph::ir::{Graph, Op, Tensor, ValueId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the weights of a layer may be.
#[derive(Clone, Debug)]
pub(super) struct Codebook {
    pub(super) values: Values,
    /// Weights that stay zero.
    pub(super) zeros: Vec<bool>,
}

/// The values of weights that do not stay zero.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Any,
    Grid(Grid),
    /// These, in order; at least one.
    Of(Vec<f64>),
    /// With one scale or one per output channel.
    Levels(Levels, Vec<f64>),
}

impl Codebook {
    /// The possible value of a weight that is nearest to a number.
    pub(super) fn nearest(&self, weight: usize, channel: usize, number: f64) -> f64 {
        if self.zeros[weight] {
            return 0.0;
        }
        match &self.values {
            Values::Any => number,
            Values::Grid(grid) => grid.round(number) + 0.0,
            Values::Of(values) => {
                let above = values.partition_point(|v| *v < number).min(values.len() - 1);
                let below = above.saturating_sub(1);
                let nearer = number - values[below] < values[above] - number;
                values[if nearer { below } else { above }]
            }
            Values::Levels(levels, scales) => levels.round(number, scales[channel % scales.len()]),
        }
    }
}

/// The weights of a linear layer, or of several that share them.
pub(super) struct Layer {
    pub(super) value: ValueId,
    pub(super) weights: Vec<f64>,
    pub(super) channels: usize,
    /// Weights in a row that belong to one channel.
    run: usize,
}

impl Layer {
    /// The output channel of a weight.
    pub(super) fn channel(&self, weight: usize) -> usize {
        weight / self.run % self.channels
    }

    #[cfg(test)]
    pub(super) fn of(weights: &[f64], channels: usize) -> Self {
        let run = weights.len() / channels;
        Self { value: ValueId(0), weights: weights.to_vec(), channels, run }
    }
}

/// The layers to compress, in the graph's order. A factor that a layer has beside its weights goes
/// into them. Where something else reads them too, the layers get weights of their own.
pub(super) fn find(graph: &mut Graph, except: &[String]) -> Result<Vec<Layer>, Error> {
    let names = || -> Vec<&str> {
        let linear = graph.nodes.iter().filter(|n| graph.weight(n).is_some());
        linear.map(|n| n.name.as_str()).collect()
    };
    if let Some(unknown) = except.iter().find(|e| !names().contains(&e.as_str())) {
        let text = format!("no layer '{unknown}' with weights; there are: {}", names().join(", "));
        return Err(Error::Config(text));
    }
    let mut kept = Vec::new();
    let mut found = BTreeMap::new();
    let mut readers: BTreeMap<ValueId, Vec<usize>> = BTreeMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let Some(weight) = graph.weight(node) else { continue };
        if except.contains(&node.name) {
            kept.push(weight.value);
            continue;
        }
        readers.entry(weight.value).or_default().push(i);
        found.entry(weight.value).or_insert((i, weight.axis));
    }
    // A layer left as it is keeps the weights it shares.
    found.retain(|value, _| !kept.contains(value));
    if found.is_empty() {
        let text = if kept.is_empty() {
            "the network has no linear layer with constant weights: there is nothing to compress"
        } else {
            "every layer with weights is excepted: there is nothing to compress"
        };
        return Err(Error::Config(text.into()));
    }
    let mut order: Vec<_> = found.into_iter().collect();
    order.sort_by_key(|(_, (node, _))| *node);
    let mut layers = Vec::with_capacity(order.len());
    for (value, (node, axis)) in order {
        let nodes = &readers[&value];
        let value = own_weights(graph, value, nodes);
        let factor = absorb_factor(graph, nodes);
        let Some(tensor) = graph.constant(value) else { continue };
        let weights: Vec<f64> = tensor.as_f32()?.iter().map(|&w| f64::from(w * factor)).collect();
        if weights.iter().any(|w| !w.is_finite()) {
            let name = &graph.nodes[node].name;
            return Err(Error::Data(format!("layer '{name}' has a weight that is no number")));
        }
        let run = tensor.shape()[axis + 1..].iter().product();
        layers.push(Layer { value, weights, channels: tensor.shape()[axis], run });
    }
    Ok(layers)
}

/// Gives layers a copy of weights that something else reads as well, be it another node, the same
/// one as another operand, or the caller. Returns what the layers have then.
fn own_weights(graph: &mut Graph, value: ValueId, layers: &[usize]) -> ValueId {
    let reads = graph.nodes.iter().flat_map(|n| &n.inputs).filter(|id| **id == Some(value)).count();
    if reads == layers.len() && !graph.outputs.contains(&value) {
        return value;
    }
    let copy = ValueId(graph.values.len());
    graph.values.push(graph.value(value).clone());
    for &layer in layers {
        let node = &graph.nodes[layer];
        let operand = graph.weight(node).map(|w| w.operand);
        if let Some(operand) = operand {
            graph.nodes[layer].inputs[operand] = Some(copy);
        }
    }
    copy
}

/// Takes the factor of matrix products out of them, if it is the same for all that share the
/// weights.
fn absorb_factor(graph: &mut Graph, nodes: &[usize]) -> f32 {
    let factor = |i: &usize| match graph.nodes[*i].op {
        Op::Gemm { alpha, .. } => alpha,
        _ => 1.0,
    };
    let first = nodes.first().map_or(1.0, factor);
    if nodes.iter().any(|i| factor(i) != first) {
        return 1.0;
    }
    for &i in nodes {
        if let Op::Gemm { alpha, .. } = &mut graph.nodes[i].op {
            *alpha = 1.0;
        }
    }
    first
}

/// Puts compressed weights into the graph.
pub(super) fn put(graph: &mut Graph, layers: Vec<Layer>) -> Result<(), Error> {
    for layer in layers {
        let weights = layer.weights.iter().map(|&w| w as f32).collect();
        let value = &mut graph.values[layer.value.0];
        value.constant = Some(Arc::new(Tensor::f32(value.shape.clone(), weights)?));
    }
    Ok(())
}
