use super::{Network, Role};
use crate::Error;
use crate::train::Random;
use sordino_graph::ir::{Op, ValueId};

impl Network {
    /// Forgets what was learnt: weights uniform with the variance that keeps that of rectified
    /// values (He et al., "Delving Deep into Rectifiers", ICCV 2015), offsets 0, normalisations
    /// the identity, slopes as they are. The same seed gives the same network.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn initialise(&mut self, seed: u64) -> Result<(), Error> {
        for (index, parameter) in self.parameters.clone().into_iter().enumerate() {
            let n = self.tensor(parameter.value)?.dims()[0];
            let values = match parameter.role {
                Role::Weight => {
                    let bound = (6.0 / self.fan_in(parameter.value) as f32).sqrt();
                    let mut random = Random::new(seed, "weights", index as u64, 0);
                    (0..n).map(|_| bound * random.signed_unit()).collect()
                }
                Role::Bias | Role::Shift => vec![0.0; n],
                Role::Scale => vec![1.0; n],
                Role::Slope | Role::Coefficient => continue,
            };
            self.write(parameter.value, values)?;
        }
        let nodes: Vec<_> =
            self.graph.nodes.iter().map(|n| (n.op.clone(), n.inputs.clone())).collect();
        for (op, inputs) in nodes {
            if let (Op::BatchNorm { .. }, &[_, _, _, Some(mean), Some(variance)]) =
                (op, &inputs[..])
            {
                let n = self.tensor(mean)?.dims()[0];
                self.write(mean, vec![0.0; n])?;
                self.write(variance, vec![1.0; n])?;
            }
        }
        Ok(())
    }

    /// Products that an entry of the result is the sum of.
    fn fan_in(&self, weight: ValueId) -> usize {
        let shape = &self.graph.value(weight).shape;
        let reader = self.graph.nodes.iter().find(|n| n.inputs.contains(&Some(weight)));
        let by_row = |shape: &[usize]| shape[1..].iter().product::<usize>();
        let n = match reader.map(|n| &n.op) {
            Some(Op::Gemm { trans_b: false, .. } | Op::MatMul) => shape[0],
            Some(Op::ConvTranspose { window, groups, .. }) => {
                let steps: usize = window.stride.iter().product();
                shape[0] / groups * shape[2..].iter().product::<usize>() / steps.max(1)
            }
            _ if shape.len() > 1 => by_row(shape),
            _ => shape.first().copied().unwrap_or(1),
        };
        n.max(1)
    }
}
