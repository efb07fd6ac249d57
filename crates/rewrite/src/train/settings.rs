use super::{Augment, Distillation, Rule, Schedule};
use crate::Error;

/// Everything that decides the outcome of a training besides network and data.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Passes over the data.
    pub epochs: u64,
    /// Samples per step; the last step of a pass has what is left.
    pub batch: usize,
    /// Samples that a core takes at a time, at most: a step is split into as few parts of equal size as
    /// that allows, and they are spread over the cores. Batch normalisation takes its statistics over
    /// a part ("ghost batch normalisation": Hoffer, Hubara and Soudry, NIPS 2017, who find that it
    /// generalises better than statistics of large batches).
    pub part: usize,
    /// Learning rate at its highest.
    pub rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// How parameters follow their derivatives.
    pub rule: Rule,
    /// Weight decay, on weights only (not on offsets, normalisations and slopes).
    pub decay: f64,
    /// Label smoothing.
    pub smoothing: f32,
    /// Learning from the original network, where one is given.
    pub distillation: Option<Distillation>,
    /// Changes of the inputs.
    pub augment: Augment,
    /// Share of the stored means and variances that a step keeps.
    pub statistics_momentum: f32,
    /// Keeps the stored means and variances, and normalises with them.
    pub frozen_statistics: bool,
    /// Largest norm of all derivatives together; longer ones are scaled down.
    pub clip: Option<f32>,
    /// Where all random choices come from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 64,
            part: 32,
            rate: 0.05,
            schedule: Schedule::Cosine { warmup: 0 },
            rule: Rule::Sgd { momentum: 0.9 },
            decay: 5e-4,
            smoothing: 0.0,
            distillation: None,
            augment: Augment::default(),
            statistics_momentum: 0.9,
            frozen_statistics: false,
            clip: None,
            seed: 0,
        }
    }
}

impl Settings {
    /// Refuses values that make no sense, naming them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let unit = 0.0..1.0f32;
        let rule = match self.rule {
            Rule::Sgd { momentum } => unit.contains(&momentum),
            Rule::Adam { beta1, beta2, epsilon } => {
                unit.contains(&beta1) && unit.contains(&beta2) && epsilon > 0.0
            }
        };
        let teacher = self.distillation.is_none_or(|d| {
            d.temperature > 0.0 && d.temperature.is_finite() && (0.0..=1.0).contains(&d.weight)
        });
        let checks = [
            (self.epochs > 0, "there must be at least one pass over the data (epochs)"),
            (self.batch > 0, "a batch must have at least one sample"),
            (self.part > 0, "a part of a batch must have at least one sample"),
            (
                self.rate > 0.0 && self.rate.is_finite(),
                "the learning rate must be a positive number",
            ),
            (self.decay >= 0.0 && self.decay.is_finite(), "weight decay must not be negative"),
            (unit.contains(&self.smoothing), "label smoothing must be in 0..1"),
            (
                unit.contains(&self.statistics_momentum),
                "the share of statistics that is kept must be in 0..1",
            ),
            (self.clip.is_none_or(|c| c > 0.0), "the norm to clip at must be positive"),
            (rule, "momentum and betas must be in 0..1, epsilon positive"),
            (teacher, "the temperature must be positive, the teacher's weight in 0..=1"),
        ];
        match checks.into_iter().find(|(ok, _)| !ok) {
            Some((_, why)) => Err(Error::Config(why.into())),
            None => Ok(()),
        }
    }
}
