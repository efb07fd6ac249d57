//! Weights and biases that make up for what compression does, by samples.

use super::{Codebooks, refit};
use crate::Error;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Node, Op, Tensor, TensorData, Value, ValueId};
use std::sync::Arc;

/// How many layers were adapted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adapted {
    /// Whose weights were chosen anew.
    pub weights: usize,
    /// Whose biases were.
    pub biases: usize,
}

/// Adapts compressed layers to samples, in their order, each to what the ones before it, already
/// adapted, give it:
///
/// * The weights of convolutions and dense layers of at most 2304 weights per output channel are
///   chosen anew among those that their codebook allows, so that results come near to the
///   original's. Without their codebook they stay.
/// * Biases are moved so that the mean of each channel is what it was in the original (Nagel, van
///   Baalen, Blankevoort, Welling, "Data-free quantization through weight equalization and bias
///   correction", ICCV 2019, appendix D).
///
/// # Errors
/// [`Error::Config`] when the graphs differ in more than their weights, [`Error::Data`] without
/// samples, [`Error::Graph`] when these do not fit.
///
/// *Cost*: two runs of the network per sample, and for a layer with n weights per output channel
/// some thousand times n^2 operations, and n^2 for each channel. The values of all samples
/// between two layers are held at once.
pub fn adapt(
    graph: &mut Graph,
    original: &Graph,
    samples: &[Tensor],
    books: &Codebooks,
) -> Result<Adapted, Error> {
    let same = |a: &Node, b: &Node| a.name == b.name && a.outputs == b.outputs;
    let nodes = graph.nodes.iter().zip(&original.nodes);
    if graph.nodes.len() != original.nodes.len() || !nodes.into_iter().all(|(a, b)| same(a, b)) {
        let text = "a network can be adapted only to the one that it was compressed from";
        return Err(Error::Config(text.into()));
    }
    if samples.is_empty() {
        return Err(Error::Data("there is no sample to adapt to; give at least one".into()));
    }
    let (mut before, mut after) = (Values::new(original, samples)?, Values::new(graph, samples)?);
    let mut adapted = Adapted::default();
    for i in 0..graph.nodes.len() {
        let wanted = before.compute(original, i)?;
        let changed = is_changed(original, graph, i);
        if changed && choose_weights(graph, original, i, &after, &wanted, books)? {
            adapted.weights += 1;
        }
        let mut found = after.compute(graph, i)?;
        if changed {
            let shift = mean_difference(&wanted, &found)?;
            if add_to_bias(graph, i, &shift)? {
                found = found.into_iter().map(|f| shifted(f, &shift)).collect::<Result<_, _>>()?;
                adapted.biases += 1;
            }
        }
        before.keep(original, i, wanted);
        after.keep(graph, i, found);
    }
    Ok(adapted)
}

/// `false` for layers that are not refitted.
fn choose_weights(
    graph: &mut Graph,
    original: &Graph,
    node: usize,
    values: &Values,
    wanted: &[Vec<Tensor>],
    books: &Codebooks,
) -> Result<bool, Error> {
    let layer = &graph.nodes[node];
    let Some(weight) = graph.weight(layer) else { return Ok(false) };
    let readers = graph.nodes.iter().filter(|n| n.inputs.contains(&Some(weight.value))).count();
    let (Some(book), Some(x), 1) = (books.0.get(&weight.value), layer.inputs[0], readers) else {
        return Ok(false);
    };
    let source = original.weight(&original.nodes[node]).and_then(|w| original.constant(w.value));
    let operands: Vec<&Tensor> = values.held[x.0].iter().map(Arc::as_ref).collect();
    let results: Vec<&Tensor> = wanted.iter().map(|w| &w[0]).collect();
    let Some(source) = source else { return Ok(false) };
    // Compression took a factor beside the weights into them.
    let factor = factor(&original.nodes[node]) / factor(layer);
    let source: Vec<f32> = source.as_f32()?.iter().map(|w| w * factor).collect();
    let Some(new) = refit::refit(layer, &source, book, &operands, &results) else {
        return Ok(false);
    };
    let value = &mut graph.values[weight.value.0];
    value.constant = Some(Arc::new(Tensor::f32(value.shape.clone(), new)?));
    Ok(true)
}

fn factor(node: &Node) -> f32 {
    match node.op {
        Op::Gemm { alpha, .. } => alpha,
        _ => 1.0,
    }
}

/// What later nodes need of every sample.
struct Values {
    /// By value, then by sample.
    held: Vec<Vec<Arc<Tensor>>>,
    uses: Vec<usize>,
}

impl Values {
    fn new(graph: &Graph, samples: &[Tensor]) -> Result<Self, Error> {
        let &[input] = &graph.inputs[..] else {
            let n = graph.inputs.len();
            let text =
                format!("the network has {n} inputs; one with a single input can be adapted");
            return Err(Error::Config(text));
        };
        let shape = &graph.value(input).shape;
        if let Some(odd) = samples.iter().find(|s| s.shape() != shape) {
            let text = format!("a sample of shape {:?} for an input of {shape:?}", odd.shape());
            return Err(Error::Data(text));
        }
        let mut uses = vec![0; graph.values.len()];
        for id in graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten()) {
            uses[id.0] += 1;
        }
        let mut held = vec![Vec::new(); graph.values.len()];
        held[input.0] = samples.iter().cloned().map(Arc::new).collect();
        Ok(Self { held, uses })
    }

    /// The results of a node, by sample and then by output.
    fn compute(&self, graph: &Graph, node: usize) -> Result<Vec<Vec<Tensor>>, Error> {
        let node = &graph.nodes[node];
        let samples = self.held.iter().map(Vec::len).max().unwrap_or(0);
        let one = |sample: usize| {
            let operand = |id: &Option<ValueId>| {
                let id = (*id)?;
                graph.constant(id).or_else(|| self.held[id.0].get(sample).map(Arc::as_ref))
            };
            let operands: Vec<_> = node.inputs.iter().map(operand).collect();
            Ok(float::eval(&node.op, &operands)?)
        };
        (0..samples).map(one).collect()
    }

    /// Keeps the results of a node that are used, and drops operands that are no more.
    fn keep(&mut self, graph: &Graph, node: usize, results: Vec<Vec<Tensor>>) {
        let node = &graph.nodes[node];
        for tensors in results {
            for (id, tensor) in node.outputs.iter().zip(tensors) {
                self.held[id.0].push(Arc::new(tensor));
            }
        }
        // The input stays to the end: it says how many samples there are.
        let stays = |id: ValueId| graph.inputs.contains(&id) || graph.constant(id).is_some();
        for id in node.inputs.iter().flatten().filter(|id| !stays(**id)) {
            self.uses[id.0] = self.uses[id.0].saturating_sub(1);
            if self.uses[id.0] == 0 {
                self.held[id.0] = Vec::new();
            }
        }
    }
}

/// Whether a layer with channels along axis 1 of its result has other weights than it had.
fn is_changed(original: &Graph, graph: &Graph, node: usize) -> bool {
    let weights = |graph: &Graph| {
        let weight = graph.weight(&graph.nodes[node]).filter(|w| w.operand == 1)?;
        graph.values[weight.value.0].constant.clone()
    };
    let channelled = matches!(
        graph.nodes[node].op,
        Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Gemm { .. }
    );
    channelled && weights(original) != weights(graph)
}

/// Per channel, over all samples and positions.
fn mean_difference(wanted: &[Vec<Tensor>], found: &[Vec<Tensor>]) -> Result<Vec<f64>, Error> {
    let shape = wanted[0][0].shape();
    let mut sums = vec![0.0; shape[1]];
    for (w, f) in wanted.iter().zip(found) {
        let differences = w[0].as_f32()?.iter().zip(f[0].as_f32()?);
        for (i, (w, f)) in differences.enumerate() {
            sums[channel(shape, i)] += f64::from(*w) - f64::from(*f);
        }
    }
    let each = wanted.len() * wanted[0][0].len() / sums.len().max(1);
    Ok(sums.into_iter().map(|s| s / each.max(1) as f64).collect())
}

fn channel(shape: &[usize], element: usize) -> usize {
    element / shape[2..].iter().product::<usize>().max(1) % shape[1]
}

fn shifted(mut results: Vec<Tensor>, shift: &[f64]) -> Result<Vec<Tensor>, Error> {
    let tensor = results.swap_remove(0);
    let shape = tensor.shape().to_vec();
    let values = tensor.as_f32()?.iter().enumerate();
    let moved = values.map(|(i, v)| v + shift[channel(&shape, i)] as f32).collect();
    Ok(vec![Tensor::f32(shape, moved)?])
}

/// `false` where the bias is not one number per channel.
fn add_to_bias(graph: &mut Graph, node: usize, shift: &[f64]) -> Result<bool, Error> {
    let n = shift.len();
    let beta = match graph.nodes[node].op {
        Op::Gemm { beta, .. } => f64::from(beta),
        _ => 1.0,
    };
    let old = match graph.nodes[node].inputs.get(2).copied().flatten() {
        None => vec![0.0; n],
        Some(id) => match graph.constant(id).map(Tensor::data) {
            Some(TensorData::F32(v)) if v.len() == n => v.clone(),
            Some(TensorData::F32(v)) if v.len() == 1 => vec![v[0]; n],
            _ => return Ok(false),
        },
    };
    if beta == 0.0 {
        return Ok(false);
    }
    let new = old.iter().zip(shift).map(|(b, s)| (f64::from(*b) + s / beta) as f32).collect();
    let tensor = Tensor::f32(vec![n], new)?;
    let id = ValueId(graph.values.len());
    let mut name = format!("{}@bias", graph.nodes[node].name);
    while graph.values.iter().any(|v| v.name == name) {
        name.push('+');
    }
    let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
    graph.values.push(Value { name, dtype, shape, constant: Some(Arc::new(tensor)) });
    let inputs = &mut graph.nodes[node].inputs;
    inputs.resize(3, None);
    inputs[2] = Some(id);
    Ok(true)
}
