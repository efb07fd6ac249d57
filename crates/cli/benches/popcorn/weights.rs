//! Networks with fewer and smaller weights: what that saves, not what it costs in accuracy.

use super::loopback::{Case, Prepared, prepare};
use sordino::graph::fixed::{FixedModel, FixedOp};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    Dense,
    /// The smallest half of each layer's weights is zero.
    Pruned,
    /// And the rest of 4 bits.
    Quantised,
}

impl Variant {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("dense", Self::Dense), ("pruned", Self::Pruned), ("quantised", Self::Quantised)];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// A network and one of its inputs.
pub(super) fn prepared(case: &Case, variant: Variant) -> Option<Prepared> {
    let mut p = match variant {
        Variant::Quantised => prepare(&case.with_bits(8, 4), 1)?,
        _ => prepare(case, 1)?,
    };
    if variant != Variant::Dense {
        prune(&mut p.fixed);
    }
    Some(p)
}

fn prune(model: &mut FixedModel) {
    for node in &model.graph.nodes {
        let FixedOp::Linear { weights, .. } = node.op else { continue };
        let kernel = &mut model.weights.layers[weights.0 as usize].kernel;
        let mut order: Vec<usize> = (0..kernel.len()).collect();
        order.sort_by_key(|i| kernel[*i].unsigned_abs());
        for i in &order[..kernel.len() / 2] {
            kernel[*i] = 0;
        }
    }
}
