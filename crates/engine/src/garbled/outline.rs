//! What garbling and evaluating a network takes, without its weights.

use super::Circuit;
use crate::Error;
use serde::{Deserialize, Serialize};
use sordino_graph::fixed::FixedGraph;

/// Rows, gates, products, digits and labels that a client believes a circuit to have: 16 TB of tables.
const MOST: u64 = 1 << 40;

/// What one layer takes to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerOutline {
    /// Table rows of 16 bytes that the garbler writes.
    pub rows: u64,
    /// Gates that the evaluator opens.
    pub gates: u64,
    /// Products of digits of labels by weights.
    pub products: u64,
    /// Digits of labels that are read and written.
    pub digits: u64,
}

/// What follows from a circuit and is needed to say what it costs. Ranges of values, and with them moduli and tables, follow
/// from the weights: what is here tells a little of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// One per node of the graph, in its order.
    pub layers: Vec<LayerOutline>,
    /// Labels of the input: its elements times its moduli.
    pub input_labels: u64,
    /// Labels of the output.
    pub output_labels: u64,
    /// The smallest entropy of an offset in use, in bits.
    pub lambda: f64,
    /// Names network, weights and format: circuits of equal fingerprints are interchangeable.
    pub fingerprint: [u8; 32],
}

impl Outline {
    /// Table rows of the whole circuit.
    pub fn rows(&self) -> u64 {
        self.layers.iter().map(|layer| layer.rows).sum()
    }

    /// Refuses a peer's that no circuit of this graph could have, or that could not be computed with.
    pub(crate) fn check(&self, graph: &FixedGraph) -> Result<(), Error> {
        let of = |l: &LayerOutline| [l.rows, l.gates, l.products, l.digits];
        let numbers = self.layers.iter().flat_map(of);
        let mut numbers = numbers.chain([self.input_labels, self.output_labels]);
        let sum = numbers.try_fold(0u64, u64::checked_add);
        let bits = self.lambda.is_finite() && self.lambda >= 0.0;
        if self.layers.len() == graph.nodes.len() && sum.is_some_and(|sum| sum <= MOST) && bits {
            return Ok(());
        }
        Err(Error::Peer("it describes a circuit that its graph cannot have".into()))
    }
}

impl Circuit {
    /// What it takes.
    pub fn outline(&self) -> Outline {
        Outline {
            layers: self.layer_work(),
            input_labels: self.input_labels() as u64,
            output_labels: self.output_labels() as u64,
            lambda: self.lambda(),
            fingerprint: *self.fingerprint(),
        }
    }
}
