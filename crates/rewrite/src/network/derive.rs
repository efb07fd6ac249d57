use super::Network;
use crate::array::{download, upload};
use crate::exec::Statistics;
use crate::{Array, Error};
use sordino_graph::ir::ValueId;

/// How a weighted sum of the output's entries depends on everything.
pub struct Sensitivities {
    /// The output, sample after sample.
    pub output: Vec<f32>,
    /// Derivative by each entry of the input.
    pub input: Vec<f32>,
    /// Derivative by each entry of each trained parameter.
    pub parameters: Vec<(ValueId, Vec<f32>)>,
}

impl Network {
    /// Derivatives of the sum of the output's entries times `weights`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming a node that has no derivative, [`Error::Config`] when there
    /// are not as many weights as entries.
    pub fn sensitivities(
        &self,
        input: &Array,
        weights: &[f32],
        statistics: Statistics,
    ) -> Result<Sensitivities, Error> {
        let leaf = input.flat().autodiff().require_grad();
        let tracked = Array::of(leaf.clone(), input.lead(), input.shape());
        let (constants, leaves) = self.leaves();
        let walk = self.walk(&constants, statistics);
        let wanted = [self.graph.outputs[0]];
        let found = walk.run(&[tracked], &wanted, &mut Vec::new(), |_, _| Ok(()))?;
        let output = found[0].flat();
        if output.dims() != [weights.len()] {
            let (want, got) = (output.dims()[0], weights.len());
            return Err(Error::Config(format!("{got} weights for an output of {want} entries")));
        }
        let mut gradients =
            (output.clone() * upload(weights.to_vec(), &self.device)).sum().backward();
        let mut of = |leaf: &burn_tensor::Tensor<1>| match leaf.grad_remove(&mut gradients) {
            Some(gradient) => download(gradient),
            None => Ok(vec![0.0; leaf.dims()[0]]),
        };
        let input = of(&leaf)?;
        let parameters = self
            .trained()
            .zip(&leaves)
            .map(|(p, leaf)| Ok((p.value, of(leaf)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Sensitivities { output: download(output.inner())?, input, parameters })
    }
}
