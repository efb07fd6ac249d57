//! Bias correction: takes the mean error that rounding leaves on each channel of a linear layer
//! out of its bias, layer by layer, so that later layers see corrected values.

use super::program::{Layer, Program};
use super::run;
use crate::Error;
use crate::fixed::semantics::{apply, wrap};
use crate::fixed::{FixedModel, FixedOp, encode_input};
use crate::ir::Tensor;
use rayon::prelude::*;

/// Samples that errors are averaged over.
const SAMPLES: usize = 48;

/// Values of one sample while layers go by: reals, and words of 64-bit rings.
struct Lane {
    real: Vec<Vec<f32>>,
    words: Vec<Vec<u64>>,
}

/// Corrects the biases of a model whose nodes are the program's.
pub(super) fn correct(
    p: &Program,
    model: &mut FixedModel,
    samples: &[Tensor],
) -> Result<(), Error> {
    let mut wide = model.graph.clone();
    wide.edges.iter_mut().for_each(|e| e.ring = 64);
    let input = &model.graph.edges[model.graph.input.0 as usize];
    let mut lanes: Vec<Lane> = samples
        .iter()
        .take(SAMPLES)
        .map(|x| {
            let x = x.as_f32()?;
            let words = encode_input(input, x)?.words;
            let mut lane = Lane {
                real: vec![Vec::new(); p.values.len()],
                words: vec![Vec::new(); p.values.len()],
            };
            lane.words[p.input] = words.iter().map(|&w| wrap(w, input.ring) as u64).collect();
            lane.real[p.input] = x.to_vec();
            Ok(lane)
        })
        .collect::<Result<_, Error>>()?;
    let mut uses = vec![0usize; p.values.len()];
    p.nodes.iter().flat_map(|n| &n.inputs).for_each(|&x| uses[x] += 1);
    for (n, node) in p.nodes.iter().zip(&wide.nodes) {
        let weights = &model.weights;
        lanes.par_iter_mut().try_for_each(|lane| -> Result<(), Error> {
            let xs: Vec<&[u64]> = n.inputs.iter().map(|&x| &lane.words[x][..]).collect();
            let words = apply(&wide, node, weights, &xs);
            let real = run::apply(p, n, &lane.real)?;
            (lane.words[n.output], lane.real[n.output]) = (words, real);
            Ok(())
        })?;
        if let (Layer::Linear(k), FixedOp::Linear { weights: id, .. }) = (&n.layer, &node.op)
            && !k.unit
        {
            let unit = wide.edges[node.output.0 as usize].unit();
            let errors = means(&lanes, n.output, k.conv.cout as usize, unit);
            let bias = &mut model.weights.layers[id.0 as usize].bias;
            bias.resize(errors.len(), 0);
            bias.iter_mut().zip(&errors).for_each(|(b, e)| *b -= e);
            lanes.iter_mut().for_each(|lane| subtract(&mut lane.words[n.output], &errors));
        }
        for &x in &n.inputs {
            uses[x] -= 1;
            if uses[x] == 0 {
                for lane in &mut lanes {
                    (lane.real[x], lane.words[x]) = (Vec::new(), Vec::new());
                }
            }
        }
    }
    Ok(())
}

fn subtract(words: &mut [u64], errors: &[i64]) {
    let plane = words.len() / errors.len();
    for (channel, &e) in words.chunks_exact_mut(plane).zip(errors) {
        channel.iter_mut().for_each(|w| *w = w.wrapping_sub(e as u64));
    }
}

/// Mean error per channel in integers.
fn means(lanes: &[Lane], v: usize, channels: usize, unit: f64) -> Vec<i64> {
    let mut sums = vec![0.0; channels];
    let mut count = 0;
    for lane in lanes {
        let plane = lane.words[v].len() / channels;
        count += plane;
        let both = lane.words[v].chunks_exact(plane).zip(lane.real[v].chunks_exact(plane));
        for (sum, (words, reals)) in sums.iter_mut().zip(both) {
            let errors =
                words.iter().zip(reals).map(|(&w, &r)| w as i64 as f64 - f64::from(r) * unit);
            *sum += errors.sum::<f64>();
        }
    }
    sums.into_iter().map(|s| (s / count.max(1) as f64).round() as i64).collect()
}
