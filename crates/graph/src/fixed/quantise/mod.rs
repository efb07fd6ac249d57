//! From a float network to integers.
//!
//! # Policy
//!
//! Requantisation is lazy. Every value carries its fraction bits and calibrated range; a value is
//! rounded to `act_bits` only where a linear layer, product or window of comparisons would pay for
//! its surplus bits, and then once for all who read it. A linear layer's result stays at the
//! accumulator's scale, residual sums happen there (aligning scales is a free left shift), and
//! the rectifier that follows drops the surplus bits in the same step as it compares.
//!
//! Scalar factors and offsets stay symbolic until they are absorbed by a kernel; a polynomial of
//! degree two takes one product. Window sums stay sums, their divisor is absorbed or applied by
//! the data owner. Rings are assigned backwards, each the least its consumers need.
//!
//! Networks quantised by their trainer run in this fixed point too; see `lower::quantised`.
//!
//! # What the data owner learns from the public graph
//!
//! The architecture, and per layer a power of two for the largest weight (`weight_frac`), the bits of
//! weights that are integers of fewer bits than allowed (`weight_bits`), powers of two for the largest sums of weights in 3x3
//! filters that move by one pixel, where 32 or more are not zero (`sums`, see [`KernelSums`](super::KernelSums)), and one for the calibrated range (`ring`, `lo`, `hi`, `frac`). Slopes, offsets and factors given as
//! constants of the network count as weights; bounds of `Clip` are public.

mod builder;
mod curve;
mod fit;
mod form;
mod lower;
mod options;
mod range;
mod rings;

pub use fit::{Fitted, Goal, MAX_ERROR, MAX_RISK, Quality, fit, quality};
pub use options::QuantiseOptions;

pub(super) use builder::Draft;
pub(super) use curve::{Curve, CurveKind};
pub(super) use range::Range;

use super::{Calibration, EdgeId, Finish, FixedModel, FixedNode, LayerWeights};
use crate::Error;
use crate::ir::Graph;
use std::collections::HashMap;

/// Quantises a network whose ranges were calibrated. Run `passes::simplify` on the graph first: batch
/// normalisations and arithmetic that it folds would cost linear layers of their own.
///
/// # Errors
/// [`Error::Unsupported`] naming the first node that cannot be computed privately, why, and what
/// to do; [`Error::Limit`] when a ring beyond `max_ring` would be needed; [`Error::Config`] for
/// settings out of bounds.
pub fn quantise(
    graph: &Graph,
    calibration: &Calibration,
    options: &QuantiseOptions,
) -> Result<FixedModel, Error> {
    options.validate()?;
    lower::Lower::new(graph, calibration, options)?.run()
}

/// A network lowered to layers, before rings are assigned.
pub(super) struct Lowered {
    pub(super) edges: Vec<Draft>,
    pub(super) nodes: Vec<FixedNode>,
    pub(super) weights: Vec<LayerWeights>,
    /// Functions by the edge of their results; their nodes are identities.
    pub(super) curves: HashMap<EdgeId, Curve>,
    pub(super) input: EdgeId,
    pub(super) output: EdgeId,
    pub(super) finish: Finish,
}

/// Lowers a network with every function of one value as a table still to be made.
///
/// # Errors
/// As [`quantise`].
pub(super) fn lower(
    graph: &Graph,
    calibration: &Calibration,
    options: &QuantiseOptions,
) -> Result<Lowered, Error> {
    options.validate()?;
    lower::Lower::new(graph, calibration, options)?.tables().lowered()
}
