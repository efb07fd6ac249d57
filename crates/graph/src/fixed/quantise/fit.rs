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

/// Quantises with the fewest bits that keep the output within `max_error` ([`MAX_ERROR`] unless
/// there is a reason) of the float network's on the samples. `options` gives margin, largest
/// ring, and the fewest bits to try. When no width is accurate enough the
/// widest is returned: compare [`Quality::error`] with `max_error`.
///
/// # Errors
/// As [`quantise`]; [`Error::Config`] when `options` exceeds every width or there is no sample.
pub fn fit(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: &QuantiseOptions,
    max_error: f64,
) -> Result<Fitted, Error> {
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
        if quality.error <= max_error {
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
    let one = |(x, want): (&Tensor, &Vec<f32>)| -> Result<(bool, f64), Error> {
        let words = encode_input(input, x.as_f32()?)?.words;
        let got = decode(output, &semantics::run(g, &model.weights, words));
        let n = want.len().max(1) as f64;
        let mean = want.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        let noise = want.iter().zip(&got).map(|(w, g)| f64::from(w - g).powi(2)).sum::<f64>();
        let signal = want.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>();
        let error = if noise == 0.0 { 0.0 } else { (noise / signal).sqrt() };
        Ok((largest(want) == largest(&got), error))
    };
    let all: Vec<_> = samples.par_iter().zip(wanted).map(one).collect::<Result<_, _>>()?;
    let mut errors: Vec<f64> = all.iter().map(|r| r.1).collect();
    errors.sort_by(f64::total_cmp);
    Ok(Quality {
        samples: all.len(),
        agreement: all.iter().filter(|r| r.0).count() as f64 / all.len() as f64,
        error: errors[errors.len() / 2],
    })
}

fn largest(v: &[f32]) -> Option<usize> {
    (0..v.len()).reduce(|a, b| if v[b] > v[a] { b } else { a })
}
