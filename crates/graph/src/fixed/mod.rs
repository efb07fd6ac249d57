//! The fixed-point graph: one integer meaning that every backend reproduces.
//!
//! A [`FixedGraph`] is public: both parties hold it, its hash is compared at the handshake, and it
//! carries the architecture, scales and bit widths but no weight. The model owner also holds the
//! matching [`Weights`].
//!
//! # Numbers
//!
//! A value on an edge is an integer `v` in the ring Z_2^ring read as a two's-complement number in
//! `[-2^(ring-1), 2^(ring-1))`; it stands for the real `v * 2^-frac / divisor`. Every operator is defined
//! modulo its output ring, wrap-around included, so that backends agree bit for bit even outside
//! the calibrated range. An operand may live in a larger ring than needed: reducing it is free.

mod calibrate;
mod codec;
mod io;
mod kernel_sums;
mod op;
mod quantise;
mod report;
pub mod residue;
pub mod semantics;
mod validate;

pub use calibrate::Calibration;
pub use io::{EncodedInput, decode, decode_output, encode_input};
pub use kernel_sums::{KernelSums, LineSum};
pub use op::*;
pub use quantise::{
    Fitted, Goal, MAX_ERROR, MAX_RISK, Quality, QuantiseOptions, fit, quality, quantise,
};
pub use report::{LayerReport, Overflow};
pub use validate::limits;

use serde::{Deserialize, Serialize};

/// Index of an edge in [`FixedGraph::edges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EdgeId(pub u32);

/// Index into [`Weights::layers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeightId(pub u32);

/// An integer tensor between two layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Name of the ONNX value it stands for, or a derived one.
    pub name: String,
    /// Shape, row-major, batch axis (of extent 1) included where the ONNX value has it.
    pub shape: Vec<u32>,
    /// Fraction bits; the real value is `v * 2^-frac / divisor`.
    pub frac: i32,
    /// Public divisor left over from average pools, 1 nearly everywhere: sums over windows stay
    /// sums until a linear layer absorbs the division or the output is decoded.
    pub divisor: u32,
    /// Bits of the ring that shares of this value live in, 2 to 64.
    pub ring: u32,
    /// Smallest integer seen in calibration, margin included.
    pub lo: i64,
    /// Largest integer seen in calibration, margin included.
    pub hi: i64,
}

impl Edge {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }

    /// Integers per real unit.
    pub fn unit(&self) -> f64 {
        f64::from(self.frac).exp2() * f64::from(self.divisor)
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedNode {
    /// Name of the ONNX node it comes from.
    pub name: String,
    /// What it does.
    pub op: FixedOp,
    /// Operands.
    pub inputs: Vec<EdgeId>,
    /// Result.
    pub output: EdgeId,
}

/// Public function applied to the revealed output by the data owner, in float, after decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// Logits as they are.
    None,
    /// Softmax over the last axis that is not 1.
    Softmax,
    /// Logarithm of softmax.
    LogSoftmax,
    /// Element-wise logistic function.
    Sigmoid,
    /// Element-wise hyperbolic tangent.
    Tanh,
}

/// The public part of a quantised network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedGraph {
    /// Name of the network.
    pub name: String,
    /// Every edge, indexed by [`EdgeId`].
    pub edges: Vec<Edge>,
    /// Layers in topological order.
    pub nodes: Vec<FixedNode>,
    /// The data owner's input.
    pub input: EdgeId,
    /// What is revealed.
    pub output: EdgeId,
    /// What the data owner does with it.
    pub finish: Finish,
}

/// Secret integers of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerWeights {
    /// For [`FixedOp::Linear`]: `[cout][cin/groups][kh][kw]`; empty for the others.
    pub kernel: Vec<i32>,
    /// For `Linear`: `cout` values (empty is zero) at the output's scale; for
    /// [`FixedOp::AddConst`]: one per element; for [`FixedOp::Activate`]: signs, one per element
    /// or per channel.
    pub bias: Vec<i64>,
}

/// The secret part of a quantised network: one entry per [`WeightId`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Indexed by [`WeightId`].
    pub layers: Vec<LayerWeights>,
}

/// A quantised network as its owner holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedModel {
    /// What both parties know.
    pub graph: FixedGraph,
    /// What only the model owner knows.
    pub weights: Weights,
}
