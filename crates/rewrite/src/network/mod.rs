mod derive;
mod initial;
mod roles;

pub use derive::Sensitivities;
pub use roles::Role;

use crate::array::{download, upload};
use crate::exec::{Moments, Statistics, Walk};
use crate::{Array, Error};
use burn_tensor::{Device, Tensor};
use sordino_graph::ir::{Graph, Op, Tensor as Constant, ValueId};
use std::sync::Arc;

/// A constant of the graph that training may change.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The constant.
    pub value: ValueId,
    /// What it is to the nodes that read it.
    pub role: Role,
    /// Whether training changes it.
    pub trained: bool,
}

/// A graph with its float constants on a device.
#[derive(Clone)]
pub struct Network {
    graph: Graph,
    constants: Vec<Option<Tensor<1>>>,
    parameters: Vec<Parameter>,
    device: Device,
}

impl Network {
    /// Puts the constants of a graph on a device. Weights, biases, and scales and shifts of
    /// normalisations are parameters; factors that prepare the input are not.
    ///
    /// # Errors
    /// [`Error::Config`] when the graph has not exactly one float output and input, or the output
    /// does not depend on the input.
    pub fn new(graph: Graph, device: &Device) -> Result<Self, Error> {
        if graph.inputs.len() != 1 || graph.outputs.len() != 1 {
            let (i, o) = (graph.inputs.len(), graph.outputs.len());
            let why =
                format!("the network has {i} inputs and {o} outputs; export it with one each");
            return Err(Error::Config(why));
        }
        if !depends(&graph, graph.inputs[0])[graph.outputs[0].0] {
            let why = "the network's output does not depend on its input: there is nothing to \
                       train or rewrite; is it the right file?";
            return Err(Error::Config(why.into()));
        }
        let upload = |constant: &Constant| {
            let floats = constant.as_f32().ok().filter(|v| !v.is_empty())?;
            Some(upload(floats.to_vec(), device))
        };
        let constants =
            graph.values.iter().map(|v| v.constant.as_deref().and_then(upload)).collect();
        let parameters = roles::find(&graph);
        Ok(Self { graph, constants, parameters, device: device.clone() })
    }

    /// The graph. Its constants are those of the start; [`Self::to_graph`] has the current ones.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where the constants are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Every parameter, in the order of the graph's values.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Decides which parameters training changes.
    pub fn train_only(&mut self, choose: impl Fn(&Parameter) -> bool) {
        for parameter in &mut self.parameters {
            parameter.trained = choose(parameter);
        }
    }

    /// The value whose entries are the classes' scores: the output, or what it is the softmax of.
    pub fn logits(&self) -> ValueId {
        let output = self.graph.outputs[0];
        let source = self.graph.nodes.iter().find(|n| n.outputs.contains(&output));
        match source.map(|n| (&n.op, n.inputs.first())) {
            Some((Op::Softmax { log: false, .. }, Some(Some(scores)))) => *scores,
            _ => output,
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.graph.value(self.logits()).shape.iter().product()
    }

    /// The network's output for a batch of inputs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the node that cannot be executed.
    pub fn infer(&self, input: &Array) -> Result<Array, Error> {
        self.value_of(self.graph.outputs[0], input)
    }

    /// Any value for a batch of inputs, with the stored statistics.
    ///
    /// # Errors
    /// As [`Self::infer`].
    pub fn value_of(&self, wanted: ValueId, input: &Array) -> Result<Array, Error> {
        let walk = self.walk(&self.constants, Statistics::Stored);
        let found =
            walk.run(std::slice::from_ref(input), &[wanted], &mut Vec::new(), |_, _| Ok(()))?;
        found.into_iter().next().ok_or_else(|| Error::Config("the graph has no output".into()))
    }

    pub(crate) fn walk<'a>(
        &'a self,
        constants: &'a [Option<Tensor<1>>],
        statistics: Statistics,
    ) -> Walk<'a> {
        Walk { graph: &self.graph, constants, statistics }
    }

    /// All constants, trained parameters as leaves whose derivatives are recorded; and the leaves.
    pub(crate) fn leaves(&self) -> (Vec<Option<Tensor<1>>>, Vec<Tensor<1>>) {
        let mut constants = self.constants.clone();
        let mut leaves = Vec::new();
        for parameter in self.trained() {
            let slot = &mut constants[parameter.value.0];
            if let Some(tensor) = slot.take() {
                let leaf = tensor.autodiff().require_grad();
                leaves.push(leaf.clone());
                *slot = Some(leaf);
            }
        }
        (constants, leaves)
    }

    /// Parameters that training changes.
    pub(crate) fn trained(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.trained)
    }

    /// The elements of a float constant.
    ///
    /// # Errors
    /// [`Error::Config`] when the value is no float constant.
    pub fn read(&self, value: ValueId) -> Result<Vec<f32>, Error> {
        download(self.tensor(value)?)
    }

    pub(crate) fn tensor(&self, value: ValueId) -> Result<Tensor<1>, Error> {
        let name = || format!("'{}' is no float constant", self.graph.value(value).name);
        self.constants[value.0].clone().ok_or_else(|| Error::Config(name()))
    }

    /// Replaces the elements of a float constant.
    ///
    /// # Errors
    /// [`Error::Config`] when the value is no float constant of that many elements.
    pub fn write(&mut self, value: ValueId, elements: Vec<f32>) -> Result<(), Error> {
        let want = self.tensor(value)?.dims()[0];
        if want != elements.len() {
            let (name, got) = (&self.graph.value(value).name, elements.len());
            return Err(Error::Config(format!("'{name}' has {want} elements, {got} were given")));
        }
        self.constants[value.0] = Some(upload(elements, &self.device));
        Ok(())
    }

    pub(crate) fn set(&mut self, value: ValueId, tensor: Tensor<1>) {
        self.constants[value.0] = Some(tensor);
    }

    /// Makes a constant a parameter.
    pub(crate) fn train_also(&mut self, value: ValueId, role: Role) -> Result<(), Error> {
        let name = || format!("'{}' is no float constant", self.graph.value(value).name);
        self.constants[value.0].as_ref().ok_or_else(|| Error::Config(name()))?;
        let at = self.parameters.partition_point(|p| p.value < value);
        if self.parameters.get(at).is_none_or(|p| p.value != value) {
            self.parameters.insert(at, Parameter { value, role, trained: true });
        }
        Ok(())
    }

    /// Whether the scores depend on a parameter that is trained.
    pub(crate) fn is_trainable(&self) -> bool {
        let logits = self.logits().0;
        self.trained().any(|p| depends(&self.graph, p.value)[logits])
    }

    /// What batch normalisations saw of `lead` samples, weighted with `share`. Variances are taken
    /// without bias, as inference expects them.
    pub(crate) fn contribution(
        &self,
        moments: Vec<Moments>,
        lead: usize,
        share: f64,
    ) -> Vec<Moments> {
        let weighted = |seen: Moments| {
            let shape = &self.graph.value(self.graph.nodes[seen.node].outputs[0]).shape;
            let count = lead * shape.iter().product::<usize>() / shape[1].max(1);
            let unbiased = count as f64 / (count.max(2) - 1) as f64;
            Moments {
                node: seen.node,
                mean: seen.mean.mul_scalar(share),
                variance: seen.variance.mul_scalar(share * unbiased),
            }
        };
        moments.into_iter().map(weighted).collect()
    }

    /// Moves stored means and variances towards those of a step: `momentum` of the old is kept.
    pub(crate) fn follow(&mut self, moments: &[Moments], momentum: f32) {
        for seen in moments {
            let node = &self.graph.nodes[seen.node];
            for (value, tensor) in [(node.inputs[3], &seen.mean), (node.inputs[4], &seen.variance)]
            {
                let slot = value.map(|id| &mut self.constants[id.0]);
                if let Some(Some(old)) = slot {
                    let fresh = tensor.clone().mul_scalar(1.0 - momentum);
                    *old = old.clone().mul_scalar(momentum) + fresh;
                }
            }
        }
    }

    /// Constants that a step of training can change: parameters and stored statistics.
    pub(crate) fn state(&self) -> Vec<ValueId> {
        let statistics = self.graph.nodes.iter().filter_map(|n| match n.op {
            Op::BatchNorm { .. } => Some([n.inputs[3]?, n.inputs[4]?]),
            _ => None,
        });
        let parameters = self.parameters.iter().map(|p| p.value);
        let mut state: Vec<ValueId> = parameters.chain(statistics.flatten()).collect();
        state.sort_unstable();
        state.dedup();
        state
    }

    /// The graph with the current constants.
    ///
    /// # Errors
    /// [`Error::Device`] when they cannot be read.
    pub fn to_graph(&self) -> Result<Graph, Error> {
        let mut graph = self.graph.clone();
        for id in self.state() {
            let shape = graph.value(id).shape.clone();
            let constant = Constant::f32(shape, self.read(id)?)?;
            graph.values[id.0].constant = Some(Arc::new(constant));
        }
        Ok(graph)
    }

    /// The network as an ONNX file, batch normalisations folded where they can be.
    ///
    /// # Errors
    /// As [`sordino_graph::onnx::export`].
    pub fn to_onnx(&self) -> Result<Vec<u8>, Error> {
        let mut graph = self.to_graph()?;
        sordino_graph::passes::fold_batch_norms(&mut graph)?;
        sordino_graph::passes::remove_dead(&mut graph);
        Ok(sordino_graph::onnx::export(&graph)?)
    }
}

/// By value, whether it is computed from `source`.
fn depends(graph: &Graph, source: ValueId) -> Vec<bool> {
    let mut found = vec![false; graph.values.len()];
    found[source.0] = true;
    for node in &graph.nodes {
        if node.inputs.iter().flatten().any(|id| found[id.0]) {
            node.outputs.iter().for_each(|id| found[id.0] = true);
        }
    }
    found
}
