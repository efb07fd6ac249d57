use crate::Error;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Node, Op, Tensor, Value, ValueId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is added to a variance before its root is taken.
const EPSILON: f32 = 1e-5;

/// Puts a batch normalisation after every convolution with a bias that has none: there it was
/// folded away. Its statistics are measured on `inputs` and its scale and shift undo them, so that
/// the graph still computes what it did; training then sees a normalised layer. Returns how many
/// were put in.
///
/// # Errors
/// [`Error::Data`] without inputs, [`Error::Graph`] when they do not fit.
pub fn unfold_batch_norms(graph: &mut Graph, inputs: &[Tensor]) -> Result<usize, Error> {
    if inputs.is_empty() {
        let why = "there is no input to measure means and variances on; give at least one";
        return Err(Error::Data(why.into()));
    }
    let folded: Vec<usize> = (0..graph.nodes.len()).filter(|&i| is_folded(graph, i)).collect();
    let results = folded.iter().map(|&i| graph.nodes[i].outputs[0]);
    let mut sums: BTreeMap<ValueId, Sums> =
        results.map(|id| (id, Sums::new(graph.value(id).shape[1]))).collect();
    for input in inputs {
        float::run_with(graph, std::slice::from_ref(input), |id, tensor| {
            if let (Some(sums), Ok(values)) = (sums.get_mut(&id), tensor.as_f32()) {
                sums.add(values, tensor.shape());
            }
        })?;
    }
    for (done, &at) in folded.iter().enumerate() {
        let sums = &sums[&graph.nodes[at + done].outputs[0]];
        insert(graph, at + done, &sums.moments())?;
    }
    Ok(folded.len())
}

/// Whether a node is a convolution with a constant bias and no normalisation after it.
fn is_folded(graph: &Graph, node: usize) -> bool {
    let node = &graph.nodes[node];
    let bias = node.inputs.get(2).copied().flatten();
    let has_bias = bias.is_some_and(|id| graph.constant(id).is_some());
    let result = node.outputs[0];
    let normalised = graph
        .nodes
        .iter()
        .any(|n| matches!(n.op, Op::BatchNorm { .. }) && n.inputs[0] == Some(result));
    matches!(node.op, Op::Conv { .. }) && has_bias && !normalised
}

/// Sums over everything but the channel, in double precision.
struct Sums {
    count: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Sums {
    fn new(channels: usize) -> Self {
        Self { count: 0.0, first: vec![0.0; channels], second: vec![0.0; channels] }
    }

    fn add(&mut self, values: &[f32], shape: &[usize]) {
        let area = shape[2..].iter().product::<usize>().max(1);
        for (i, plane) in values.chunks(area).enumerate() {
            let channel = i % self.first.len();
            for v in plane.iter().map(|&v| f64::from(v)) {
                self.first[channel] += v;
                self.second[channel] += v * v;
            }
        }
        self.count += (values.len() / self.first.len()) as f64;
    }

    fn moments(&self) -> Vec<(f64, f64)> {
        let of = |(first, second): (&f64, &f64)| {
            let mean = first / self.count;
            (mean, (second / self.count - mean * mean).max(0.0))
        };
        self.first.iter().zip(&self.second).map(of).collect()
    }
}

/// Puts a normalisation after a convolution, whose bias moves into it.
fn insert(graph: &mut Graph, at: usize, moments: &[(f64, f64)]) -> Result<(), Error> {
    let bias = graph.nodes[at].inputs.pop().flatten();
    let bias = bias.and_then(|id| graph.constant(id)).map(|b| b.as_f32().map(<[f32]>::to_vec));
    let bias = bias.transpose()?.unwrap_or_else(|| vec![0.0; moments.len()]);
    let node = &graph.nodes[at];
    let (name, result) = (node.name.clone(), node.outputs[0]);
    let all = |f: &dyn Fn(usize) -> f64| (0..moments.len()).map(|c| f(c) as f32).collect();
    let parameters = [
        ("scale", all(&|c| (moments[c].1 + f64::from(EPSILON)).sqrt())),
        ("shift", all(&|c| moments[c].0)),
        ("mean", all(&|c| moments[c].0 - f64::from(bias[c]))),
        ("variance", all(&|c| moments[c].1)),
    ];
    let plain = graph.value(result).clone();
    let inner = push(graph, Value { name: format!("{}@linear", plain.name), ..plain });
    graph.nodes[at].outputs[0] = inner;
    let mut inputs = vec![Some(inner)];
    for (what, values) in parameters {
        let tensor: Vec<f32> = values;
        let tensor = Tensor::f32(vec![moments.len()], tensor)?;
        inputs.push(Some(push(
            graph,
            Value {
                name: format!("{name}@{what}"),
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
                constant: Some(Arc::new(tensor)),
            },
        )));
    }
    let op = Op::BatchNorm { epsilon: EPSILON };
    let node = Node { name: format!("{name}@norm"), op, inputs, outputs: vec![result] };
    graph.nodes.insert(at + 1, node);
    Ok(())
}

fn push(graph: &mut Graph, value: Value) -> ValueId {
    graph.values.push(value);
    ValueId(graph.values.len() - 1)
}
