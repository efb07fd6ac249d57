//! Rewrites of a [`Graph`] that keep what it computes, up to the rounding of floats.
//!
//! Each is a function on its own that says whether it changed anything; [`simplify`] runs them
//! all until none does.

mod affine;
mod arithmetic;
mod batch_norm;
mod dead;
mod links;
mod matmul;
mod movement;
mod no_op;
mod pad;
mod pool_order;

pub use arithmetic::fold_arithmetic;
pub use batch_norm::fold_batch_norms;
pub use dead::remove_dead;
pub use matmul::products_to_gemm;
pub use movement::merge_movements;
pub use no_op::remove_no_ops;
pub use pad::fold_pads;
pub use pool_order::pool_before_relu;

use crate::Error;
use crate::ir::Graph;

/// One rewrite; `Ok(true)` when it changed the graph.
pub type Pass = fn(&mut Graph) -> Result<bool, Error>;

/// Every rewrite, in the order in which [`simplify`] applies them.
pub const PASSES: &[(&str, Pass)] = &[
    ("remove_no_ops", remove_no_ops),
    ("merge_movements", merge_movements),
    ("products_to_gemm", products_to_gemm),
    ("fold_pads", fold_pads),
    ("fold_batch_norms", fold_batch_norms),
    ("fold_arithmetic", fold_arithmetic),
    ("pool_before_relu", pool_before_relu),
];

/// Applies all of [`PASSES`] until nothing changes, then removes what became unused.
///
/// # Errors
/// Only when the graph was inconsistent before.
pub fn simplify(graph: &mut Graph) -> Result<(), Error> {
    // Every rewrite removes a node or moves a pooling forward, so this many rounds suffice.
    for _ in 0..=graph.nodes.len() {
        let mut changed = false;
        for (_, pass) in PASSES {
            changed |= pass(graph)?;
        }
        remove_dead(graph);
        if !changed {
            break;
        }
    }
    Ok(())
}
