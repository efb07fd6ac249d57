use crate::Error;
use crate::array::{download, upload};
use burn_tensor::{Device, Tensor};

/// How a parameter follows its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent with (heavy-ball) momentum. Weight decay is part of the
    /// derivative.
    Sgd {
        /// Share of the last step that is kept.
        momentum: f32,
    },
    /// Adam (Kingma and Ba, ICLR 2015) with weight decay apart from the derivative (Loshchilov and
    /// Hutter, ICLR 2019).
    Adam {
        /// Decay of the mean of derivatives.
        beta1: f32,
        /// Decay of the mean of their squares.
        beta2: f32,
        /// Added to the root of the latter.
        epsilon: f32,
    },
}

impl Rule {
    /// Adam with the values of its paper.
    pub fn adam() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// Tensors of the parameter's size that it remembers.
    fn memory(self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// What is remembered of each parameter from step to step.
pub(crate) struct Optimiser {
    rule: Rule,
    slots: Vec<Vec<Tensor<1>>>,
}

impl Optimiser {
    /// For parameters of these sizes, nothing seen yet.
    pub(crate) fn new(rule: Rule, sizes: &[usize], device: &Device) -> Self {
        let zeros = |&n: &usize| (0..rule.memory()).map(|_| Tensor::zeros([n], device)).collect();
        Self { rule, slots: sizes.iter().map(zeros).collect() }
    }

    /// The parameter `index` after one step. `step` counts from 0.
    pub(crate) fn step(
        &mut self,
        index: usize,
        parameter: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        decay: f64,
        step: u64,
    ) -> Tensor<1> {
        let slot = &mut self.slots[index];
        match self.rule {
            Rule::Sgd { momentum } => {
                let gradient = match decay {
                    0.0 => gradient,
                    _ => gradient + parameter.clone().mul_scalar(decay),
                };
                slot[0] = slot[0].clone().mul_scalar(momentum) + gradient;
                parameter - slot[0].clone().mul_scalar(rate)
            }
            Rule::Adam { beta1, beta2, epsilon } => {
                let square = gradient.clone() * gradient.clone();
                slot[0] = slot[0].clone().mul_scalar(beta1) + gradient.mul_scalar(1.0 - beta1);
                slot[1] = slot[1].clone().mul_scalar(beta2) + square.mul_scalar(1.0 - beta2);
                let steps = (step + 1).min(1 << 30) as i32;
                let seen = |beta: f32| 1.0 - f64::from(beta).powi(steps);
                let mean = slot[0].clone().div_scalar(seen(beta1));
                let root = slot[1].clone().div_scalar(seen(beta2)).sqrt().add_scalar(epsilon);
                let kept = parameter.mul_scalar(1.0 - rate * decay);
                kept - (mean / root).mul_scalar(rate)
            }
        }
    }

    /// Everything remembered, for a checkpoint.
    pub(crate) fn save(&self) -> Result<Vec<Vec<f32>>, Error> {
        self.slots.iter().flatten().map(|t| download(t.clone())).collect()
    }

    /// What [`Self::save`] gave; `None` when it is of other sizes.
    pub(crate) fn restore(&mut self, saved: Vec<Vec<f32>>, device: &Device) -> Option<()> {
        let fits = self.slots.iter().flatten().map(|t| t.dims()[0]).eq(saved.iter().map(Vec::len));
        let mut saved = saved.into_iter();
        for slot in fits.then_some(&mut self.slots)?.iter_mut().flatten() {
            *slot = upload(saved.next()?, device);
        }
        Some(())
    }
}
