//! What garbling and evaluating a network takes, without its weights.

use super::Circuit;
use crate::Error;
use serde::{Deserialize, Serialize};
use sordino_graph::fixed::FixedGraph;

/// Rows of tables and labels that a client believes a circuit to have: a terabyte of each.
const MOST: u64 = 1 << 36;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// One per node of the graph, in its order.
    pub layers: Vec<LayerOutline>,
    /// Labels of the input: its elements times its moduli.
    pub input_labels: u64,
    /// Labels of the output.
    pub output_labels: u64,
    /// The smallest entropy of an offset in use, in whole bits.
    pub lambda: u32,
    /// Names network, weights and format: circuits of equal fingerprints are interchangeable.
    pub fingerprint: [u8; 32],
}

impl Outline {
    /// Table rows of the whole circuit.
    pub fn rows(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| layer.rows.saturating_add(sum))
    }

    /// Refuses a peer's that no circuit of this graph could have, or that could not be computed with.
    pub(crate) fn check(&self, graph: &FixedGraph) -> Result<(), Error> {
        let of = |l: &LayerOutline| [l.rows, l.gates, l.products, l.digits];
        let mut numbers = self.layers.iter().flat_map(of);
        let countable = numbers.try_fold(0u64, u64::checked_add).is_some();
        let sent = [self.rows(), self.input_labels, self.output_labels];
        if self.layers.len() == graph.nodes.len() && countable && sent.iter().all(|n| *n <= MOST) {
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
            lambda: self.lambda() as u32,
            fingerprint: *self.fingerprint(),
        }
    }
}
