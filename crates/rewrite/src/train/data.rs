use crate::{Array, Error, Network};
use burn_tensor::Device;

/// Labelled inputs, held in memory.
#[derive(Clone, Debug)]
pub struct Samples {
    shape: Vec<usize>,
    inputs: Vec<f32>,
    labels: Vec<usize>,
}

impl Samples {
    /// None yet, for a network whose input has `shape`.
    pub fn new(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), inputs: Vec::new(), labels: Vec::new() }
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`Error::Data`] when it has not as many values as an input, or one that is not finite.
    pub fn push(&mut self, input: &[f32], label: usize) -> Result<(), Error> {
        let want = self.shape.iter().product::<usize>();
        if input.len() != want {
            let (at, got) = (self.labels.len(), input.len());
            let shape = &self.shape;
            return Err(Error::Data(format!(
                "sample {at} has {got} values, an input of shape {shape:?} has {want}"
            )));
        }
        if let Some(position) = input.iter().position(|v| !v.is_finite()) {
            let at = self.labels.len();
            let why = "is no finite number; leave the sample out";
            return Err(Error::Data(format!("value {position} of sample {at} {why}")));
        }
        self.inputs.extend_from_slice(input);
        self.labels.push(label);
        Ok(())
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of one input.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values of one input.
    pub fn input(&self, index: usize) -> &[f32] {
        let n = self.shape.iter().product::<usize>();
        &self.inputs[index * n..(index + 1) * n]
    }

    /// The class of one input.
    pub fn label(&self, index: usize) -> usize {
        self.labels[index]
    }

    /// Whether a network can train or be measured on them.
    ///
    /// # Errors
    /// [`Error::Data`] for labels that the network has no score for, inputs of another shape, and
    /// an empty set.
    pub fn check(&self, network: &Network) -> Result<(), Error> {
        let (graph, classes) = (network.graph(), network.classes());
        let (got, want) = (&self.shape, &graph.value(graph.inputs[0]).shape);
        if self.is_empty() {
            return Err(Error::Data("there is no sample; give at least one".into()));
        }
        if got != want {
            return Err(Error::Data(format!(
                "the samples are inputs of shape {got:?}, the network takes {want:?}"
            )));
        }
        match self.labels.iter().position(|&l| l >= classes) {
            None => Ok(()),
            Some(at) => {
                let label = self.labels[at];
                Err(Error::Data(format!(
                    "sample {at} is of class {label}, the network has {classes} classes, counted \
                     from 0; are these its labels?"
                )))
            }
        }
    }

    /// Several inputs as one array, each changed by `change`.
    pub(crate) fn batch(
        &self,
        indices: &[usize],
        device: &Device,
        change: impl Fn(usize, &mut [f32]),
    ) -> Result<Array, Error> {
        let n = self.shape.iter().product::<usize>();
        let mut values = Vec::with_capacity(indices.len() * n);
        for &index in indices {
            values.extend_from_slice(self.input(index));
            let start = values.len() - n;
            change(index, &mut values[start..]);
        }
        Array::from_values(values, indices.len(), &self.shape, device)
    }

    /// Labels of several inputs.
    pub(crate) fn labels(&self, indices: &[usize]) -> Vec<usize> {
        indices.iter().map(|&i| self.labels[i]).collect()
    }
}
