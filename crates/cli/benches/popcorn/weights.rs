//! Networks with fewer and smaller weights: what that saves, not what it costs in accuracy.

use super::loopback::{Case, Prepared, prepare_changed};
use sordino::rewrite::compress::{Method, Scale, Scope, Settings, compress};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    Dense,
    /// The smallest half of each layer's weights is zero.
    Pruned,
    /// And the rest has 4 bits.
    Quantised,
}

impl Variant {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("dense", Self::Dense), ("pruned", Self::Pruned), ("quantised", Self::Quantised)];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn methods(self) -> &'static [Method] {
        static METHODS: [Method; 2] = [
            Method::Prune { sparsity: 0.5, scope: Scope::Layer, keep_floats: false },
            Method::Quantise { bits: 4, scale: Scale::Layer },
        ];
        &METHODS[..self as usize]
    }
}

/// A network and one of its inputs.
pub(super) fn prepared(case: &Case, variant: Variant) -> Option<Prepared> {
    prepare_changed(case, 1, |graph| {
        for method in variant.methods() {
            compress(graph, &Settings::new(method.clone())).unwrap();
        }
    })
}
