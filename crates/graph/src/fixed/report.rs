//! What `check` and `plan` print about a quantised network.

use super::semantics::{Tournament, run_with, windows, wrap};
use super::{Edge, FixedGraph, FixedModel, FixedNode, FixedOp, Rearrange};

/// One layer of a network in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Operator.
    pub op: &'static str,
    /// Shape of the result.
    pub shape: Vec<u32>,
    /// Elements of the result.
    pub elements: u64,
    /// Ring bits of the (first) operand, in which comparisons run.
    pub ring_in: u32,
    /// Ring bits of the result.
    pub ring: u32,
    /// Signed bits of the result's calibrated range, margin included.
    pub bits: u32,
    /// Fraction bits of the result.
    pub frac: i32,
    /// Calibrated real range of the result, margin included.
    pub range: (f64, f64),
    /// Multiply-accumulates with the owner's kernel.
    pub macs: u64,
    /// Values compared with each other or with a bound.
    pub comparisons: u64,
}

/// An edge whose values left the calibrated range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Name of the edge.
    pub edge: String,
    /// How many of its values did.
    pub values: usize,
}

impl FixedGraph {
    /// Weights of all kernels.
    pub fn kernel_len(&self) -> usize {
        let of = |n: &FixedNode| match &n.op {
            FixedOp::Linear { conv, .. } => conv.kernel_len(),
            _ => 0,
        };
        self.nodes.iter().map(of).sum()
    }

    /// Every layer in order.
    pub fn report(&self) -> Vec<LayerReport> {
        self.nodes.iter().map(|n| self.layer(n)).collect()
    }

    fn layer(&self, n: &FixedNode) -> LayerReport {
        let x = &self.edges[n.inputs[0].0 as usize];
        let y = &self.edges[n.output.0 as usize];
        let unit = y.unit();
        LayerReport {
            name: n.name.clone(),
            op: n.op.name(),
            shape: y.shape.clone(),
            elements: y.len() as u64,
            ring_in: x.ring,
            ring: y.ring,
            bits: signed_bits(y),
            frac: y.frac,
            range: (y.lo as f64 / unit, y.hi as f64 / unit),
            macs: n.op.macs(y.len() as u64),
            comparisons: n.op.comparisons(x.len() as u64),
        }
    }
}

impl FixedModel {
    /// Runs the network without wrap-around on an encoded input and lists the edges that left
    /// their calibrated range, or the window of a lookup or rescaling that reads them: there the
    /// network as deployed may wrap and be wrong.
    pub fn overflows(&self, input: &[u64]) -> Vec<Overflow> {
        let mut wide = self.graph.clone();
        let ring = self.graph.edges[self.graph.input.0 as usize].ring;
        let words = input.iter().map(|&v| wrap(v, ring) as u64).collect();
        wide.edges.iter_mut().for_each(|e| e.ring = 64);
        for n in &self.graph.nodes {
            if let Some((lo, hi)) = n.op.window() {
                let e = &mut wide.edges[n.inputs[0].0 as usize];
                (e.lo, e.hi) = (e.lo.max(lo), e.hi.min(hi));
            }
        }
        let mut found = Vec::new();
        run_with(&wide, &self.weights, words, |id, words| {
            let e = &wide.edges[id.0 as usize];
            let values = words.iter().filter(|&&v| !(e.lo..=e.hi).contains(&(v as i64))).count();
            if values > 0 {
                found.push(Overflow { edge: e.name.clone(), values });
            }
        });
        found
    }
}

impl FixedOp {
    /// Name of the operator.
    pub fn name(&self) -> &'static str {
        match self {
            FixedOp::Linear { .. } => "Linear",
            FixedOp::AddConst { .. } => "AddConst",
            FixedOp::Activate { .. } => "Activate",
            FixedOp::SumPool(_) => "SumPool",
            FixedOp::MaxPool(_) => "MaxPool",
            FixedOp::Add { .. } => "Add",
            FixedOp::Mul => "Mul",
            FixedOp::Concat { .. } => "Concat",
            FixedOp::Rearrange(r) => match r {
                Rearrange::Reshape => "Reshape",
                Rearrange::Transpose { .. } => "Transpose",
                Rearrange::Pad { .. } => "Pad",
                Rearrange::Slice { .. } => "Slice",
                Rearrange::Take { .. } => "Take",
                Rearrange::Dilate { .. } => "Dilate",
            },
            FixedOp::ArgMax => "ArgMax",
            FixedOp::Lookup { .. } => "Lookup",
            FixedOp::Rescale { .. } => "Rescale",
        }
    }

    /// Multiply-accumulates with the owner's kernel for a result of `outputs` elements.
    pub fn macs(&self, outputs: u64) -> u64 {
        match self {
            FixedOp::Linear { conv: c, .. } => {
                let taps = u64::from(c.cin / c.groups) * u64::from(c.kernel[0] * c.kernel[1]);
                outputs * taps
            }
            _ => 0,
        }
    }

    /// The smallest and largest operand that do not wrap around the period of a lookup or the
    /// modulus of a rescaling; none for operators that wrap in their rings alone.
    pub fn window(&self) -> Option<(i64, i64)> {
        match self {
            FixedOp::Lookup { divisor, first, values } => {
                let d = *divisor as i64;
                let lo = first * d - d / 2;
                Some((lo, lo + d * values.len() as i64 - 1))
            }
            FixedOp::Rescale { modulus, .. } => {
                let half = (modulus / 2) as i64;
                Some((-half, half))
            }
            _ => None,
        }
    }

    /// Values compared for an operand of `inputs` elements.
    pub fn comparisons(&self, inputs: u64) -> u64 {
        match self {
            FixedOp::Activate { .. } | FixedOp::Lookup { .. } | FixedOp::Rescale { .. } => inputs,
            FixedOp::MaxPool(p) => {
                Tournament::new(&windows(p)).comparisons() as u64 * u64::from(p.channels)
            }
            FixedOp::ArgMax => inputs.saturating_sub(1),
            _ => 0,
        }
    }
}

/// Signed bits that hold `lo..=hi`.
fn signed_bits(e: &Edge) -> u32 {
    let magnitude = |v: i64| 65 - if v < 0 { !v } else { v }.leading_zeros();
    magnitude(e.lo).max(magnitude(e.hi))
}
