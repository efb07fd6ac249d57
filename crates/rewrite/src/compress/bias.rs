//! Biases that make up for what compression did to the means.

use crate::Error;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Node, Op, Tensor, TensorData, Value, ValueId};
use std::sync::Arc;

/// Moves the bias of every compressed convolution and dense layer so that the mean of each of its channels over
/// the samples is what it was in the original. Layers go in order: the inputs of a later one are
/// those that the earlier, corrected ones give it (Nagel, van Baalen, Blankevoort, Welling, "Data-free
/// quantization through weight equalization and bias correction", ICCV 2019, appendix D). Returns how
/// many layers were corrected.
///
/// # Errors
/// [`Error::Config`] when the graphs differ in more than their weights, [`Error::Data`] without
/// samples, [`Error::Graph`] when these do not fit.
///
/// *Cost*: two runs of the network per sample; the values of all samples between two layers are
/// held at once.
pub fn correct_biases(
    graph: &mut Graph,
    original: &Graph,
    samples: &[Tensor],
) -> Result<usize, Error> {
    let same = |a: &Node, b: &Node| a.name == b.name && a.outputs == b.outputs;
    let nodes = graph.nodes.iter().zip(&original.nodes);
    if graph.nodes.len() != original.nodes.len() || !nodes.into_iter().all(|(a, b)| same(a, b)) {
        let text = "biases can be corrected only against the network that was compressed";
        return Err(Error::Config(text.into()));
    }
    if samples.is_empty() {
        return Err(Error::Data("no sample to correct biases with".into()));
    }
    let (mut before, mut after) = (Values::new(original, samples)?, Values::new(graph, samples)?);
    let mut corrected = 0;
    for i in 0..graph.nodes.len() {
        let wanted = before.compute(original, i)?;
        let mut found = after.compute(graph, i)?;
        if is_changed(original, graph, i) {
            let shift = mean_difference(&wanted, &found)?;
            if add_to_bias(graph, i, &shift)? {
                found = found.into_iter().map(|f| shifted(f, &shift)).collect::<Result<_, _>>()?;
                corrected += 1;
            }
        }
        before.keep(original, i, wanted);
        after.keep(graph, i, found);
    }
    Ok(corrected)
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
            let text = format!("the network has {} inputs, one is needed", graph.inputs.len());
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
