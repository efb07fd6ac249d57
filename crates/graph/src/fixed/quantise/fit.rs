//! Choosing bit widths per network.

use super::lower::revealed;
use super::{QuantiseOptions, quantise};
use crate::fixed::{Calibration, FixedModel, decode, encode_input, semantics};
use crate::ir::{Graph, Tensor};
use crate::{Error, float};
use rayon::prelude::*;

/// How far the integer network is from the float network on sample inputs, before any final
/// Softmax or the like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Inputs compared.
    pub samples: usize,
    /// Share of inputs with the same largest element.
    pub agreement: f64,
    /// Median over the inputs of the root-mean-square error of the output over its standard
    /// deviation.
    pub error: f64,
    /// Share of inputs whose largest element is expected to change: see [`Goal::Class`].
    pub risk: f64,
}

/// When an integer network counts as accurate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// [`Quality::error`] is at most this: the output itself matters.
    Output(f64),
    /// [`Quality::risk`] is at most this and no sample changes its class: only the largest element
    /// matters. The risk of a sample follows from the distance of every other element to its
    /// largest and from the noise seen in its output, taken as Gaussian and twice over, since the
    /// samples may be easier than other inputs. It asks for fewer bits than an error where the
    /// scores of the best classes are far apart, as they are among a thousand.
    ///
    /// It speaks of inputs like the samples: a network is more certain of images that it was
    /// trained on. CIFAR-10 ResNet-20 in 8-bit activations and 7-bit weights has no risk on
    /// training images; of 500 test images it decides 8 differently, and 2 more rightly.
    Class(f64),
}

/// An error of the output.
impl From<f64> for Goal {
    fn from(error: f64) -> Self {
        Goal::Output(error)
    }
}

impl Goal {
    /// Whether a network is accurate enough.
    pub fn met(self, quality: &Quality) -> bool {
        match self {
            Goal::Output(error) => quality.error <= error,
            Goal::Class(risk) => quality.risk <= risk && quality.agreement == 1.0,
        }
    }
}

/// What [`fit`] chose.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The quantised network.
    pub model: FixedModel,
    /// With these widths.
    pub options: QuantiseOptions,
    /// On the samples.
    pub quality: Quality,
}

/// Activation and weight bits, from cheap to accurate.
const LADDER: [(u32, u32); 11] = [
    (8, 8),
    (9, 8),
    (9, 9),
    (10, 9),
    (10, 10),
    (11, 10),
    (11, 11),
    (12, 11),
    (12, 12),
    (14, 13),
    (16, 14),
];

/// The output error up to which a network counts as unchanged: about one top-1 decision in five
/// hundred differs, in either direction, on the networks of the test data.
pub const MAX_ERROR: f64 = 0.008;

/// The share of changed classes up to which a network counts as unchanged.
pub const MAX_RISK: f64 = 0.002;

/// Factor on the noise seen on samples.
const CAUTION: f64 = 2.0;

/// Quantises with the fewest bits that meet the goal on the samples: [`MAX_ERROR`] or [`MAX_RISK`]
/// unless there is a reason. `options` gives margin, largest ring, and the fewest bits to try.
/// When no width is accurate enough the widest is returned: ask [`Goal::met`].
///
/// # Errors
/// As [`quantise`]; [`Error::Config`] when `options` exceeds every width or there is no sample.
pub fn fit(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: &QuantiseOptions,
    goal: impl Into<Goal>,
) -> Result<Fitted, Error> {
    let goal = goal.into();
    options.validate()?;
    let wanted = wanted(graph, samples)?;
    let mut best = None;
    for (act_bits, weight_bits) in LADDER {
        if act_bits < options.act_bits || weight_bits < options.weight_bits {
            continue;
        }
        let o = QuantiseOptions { act_bits, weight_bits, ..options.clone() };
        let model = quantise(graph, calibration, &o)?;
        let quality = compare(&model, samples, &wanted)?;
        best = Some((model, o, quality));
        if goal.met(&quality) {
            break;
        }
    }
    let Some((model, options, quality)) = best else {
        return Err(Error::Config(
            "act_bits or weight_bits exceed every width that fitting tries".into(),
        ));
    };
    Ok(Fitted { model, options, quality })
}

/// Measures a quantised network.
///
/// # Errors
/// Those of the float executor; [`Error::Config`] without a sample.
pub fn quality(graph: &Graph, model: &FixedModel, samples: &[Tensor]) -> Result<Quality, Error> {
    compare(model, samples, &wanted(graph, samples)?)
}

/// The float network's values where the integer network ends.
fn wanted(graph: &Graph, samples: &[Tensor]) -> Result<Vec<Vec<f32>>, Error> {
    let (id, _) = revealed(graph)?;
    let one = |x| {
        let mut out = Vec::new();
        float::run_with(graph, std::slice::from_ref(x), |v, t| {
            if v == id {
                out = t.as_f32().map(<[f32]>::to_vec).unwrap_or_default();
            }
        })?;
        Ok(out)
    };
    samples.par_iter().map(one).collect()
}

fn compare(model: &FixedModel, samples: &[Tensor], wanted: &[Vec<f32>]) -> Result<Quality, Error> {
    if samples.is_empty() {
        return Err(Error::Config("measuring quality needs at least one sample input".into()));
    }
    let g = &model.graph;
    let (input, output) = (&g.edges[g.input.0 as usize], &g.edges[g.output.0 as usize]);
    let one = |(x, want): (&Tensor, &Vec<f32>)| -> Result<(bool, f64, f64), Error> {
        let words = encode_input(input, x.as_f32()?)?.words;
        let got = decode(output, &semantics::run(g, &model.weights, words));
        let n = want.len().max(1) as f64;
        let mean = want.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        let noise = want.iter().zip(&got).map(|(w, g)| f64::from(w - g).powi(2)).sum::<f64>();
        let signal = want.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>();
        let error = if noise == 0.0 { 0.0 } else { (noise / signal).sqrt() };
        Ok((largest(want) == largest(&got), error, risk(want, &got)))
    };
    let all: Vec<_> = samples.par_iter().zip(wanted).map(one).collect::<Result<_, _>>()?;
    let mut errors: Vec<f64> = all.iter().map(|r| r.1).collect();
    errors.sort_by(f64::total_cmp);
    Ok(Quality {
        samples: all.len(),
        agreement: all.iter().filter(|r| r.0).count() as f64 / all.len() as f64,
        error: errors[errors.len() / 2],
        risk: all.iter().map(|r| r.2).sum::<f64>() / all.len() as f64,
    })
}

/// A bound on the probability that noise as strong as that of `got` moves `want`'s largest
/// element: a sum over the others, each by Chernoff's bound. Noise common to all does not count.
fn risk(want: &[f32], got: &[f32]) -> f64 {
    let Some(top) = largest(want) else { return 0.0 };
    let n = want.len() as f64;
    let noise: Vec<f64> = want.iter().zip(got).map(|(w, g)| f64::from(g - w)).collect();
    let mean = noise.iter().sum::<f64>() / n;
    let variance = noise.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n;
    // Of the difference of two elements.
    let variance = 2.0 * variance * CAUTION * CAUTION;
    if variance == 0.0 {
        return 0.0;
    }
    let others = want.iter().enumerate().filter(|&(i, _)| i != top);
    let overtakes =
        |(_, &w): (usize, &f32)| 0.5 * (-f64::from(want[top] - w).powi(2) / (2.0 * variance)).exp();
    others.map(overtakes).sum::<f64>().min(1.0)
}

fn largest(v: &[f32]) -> Option<usize> {
    (0..v.len()).reduce(|a, b| if v[b] > v[a] { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_follows_from_distance_and_noise() {
        let want = [5.0, 1.0, 0.0, 0.5];
        let noisy = |size: f32| {
            let mut got = want;
            got.iter_mut().zip([1.0, -1.0, 1.0, -1.0]).for_each(|(g, e)| *g += size * e);
            risk(&want, &got)
        };
        assert_eq!(noisy(0.0), 0.0);
        assert!(noisy(0.2) < 1e-9);
        assert!(noisy(0.5) < noisy(1.0) && noisy(1.0) < noisy(100.0));
        assert!(noisy(0.7) > 0.005 && noisy(100.0) <= 1.5);
        // A shift of all changes no decision.
        assert_eq!(risk(&want, &want.map(|w| w + 3.0)), 0.0);
        // Nor does anything change in one element.
        assert_eq!(risk(&[1.0], &[2.0]), 0.0);
    }
}
