use super::affine::{PerChannel, rescale};
use super::links::{Links, constant_f32, is_linear, sweep};
use crate::Error;
use crate::ir::{Graph, Op};

/// Folds an inference-mode batch normalisation into the convolution or dense layer before it, also
/// through a mean without padding.
///
/// # Errors
/// Only when the graph was inconsistent before.
pub fn fold_batch_norms(graph: &mut Graph) -> Result<bool, Error> {
    let mut links = Links::new(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Op::BatchNorm { epsilon } = graph.nodes[i].op else { continue };
        let Some(source) = links.sole_source(graph, i, 0) else { continue };
        let linear = if is_mean(&graph.nodes[source].op) {
            links.sole_source(graph, source, 0)
        } else {
            Some(source)
        };
        let Some(linear) = linear.filter(|&s| is_linear(&graph.nodes[s].op)) else { continue };
        let Some(by) = coefficients(graph, i, epsilon) else { continue };
        if rescale(graph, linear, &by)? {
            links.absorb(graph, source, i);
            changed = true;
        }
    }
    sweep(graph);
    Ok(changed)
}

/// Means commute with factors and offsets unless padding takes part.
fn is_mean(op: &Op) -> bool {
    match op {
        Op::AveragePool { window, .. } => window.pads.iter().all(|&p| p == (0, 0)),
        Op::GlobalAveragePool => true,
        _ => false,
    }
}

/// The normalisation as `scale * x + shift` per channel, when its parameters are constants.
fn coefficients(graph: &Graph, node: usize, epsilon: f32) -> Option<PerChannel> {
    let vector = |i: usize| constant_f32(graph, node, i)?.as_f32().ok();
    let (gamma, beta, mean, var) = (vector(1)?, vector(2)?, vector(3)?, vector(4)?);
    // In double precision, so that tiny variances do not cost accuracy.
    let factor = |c: usize| f64::from(gamma[c]) / (f64::from(var[c]) + f64::from(epsilon)).sqrt();
    let channels = 0..gamma.len();
    let scale = channels.clone().map(|c| factor(c) as f32).collect();
    let shift = channels.map(|c| (f64::from(beta[c]) - f64::from(mean[c]) * factor(c)) as f32);
    Some(PerChannel { scale, shift: shift.collect() })
}
