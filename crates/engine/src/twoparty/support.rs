use super::linear::lattice;
use super::nonlinear::garbled::GarbledTable;
use crate::backend::{Backend, Threat};
use crate::{Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedNode, FixedOp};

/// The two-party backend's entry in the registry.
pub struct TwoPartyBackend;

impl Backend for TwoPartyBackend {
    fn name(&self) -> &'static str {
        "twoparty"
    }

    fn threat(&self) -> Threat {
        Threat {
            model: "two parties, semi-honest: each follows the protocol and may try to learn from it",
            client_learns: "the architecture, scales and bit widths, and the disclosed output",
            server_learns: "that an inference took place",
        }
    }

    fn supports(&self, graph: &FixedGraph) -> Result<(), Error> {
        graph.validate()?;
        lattice::Plans::new(graph).map(drop)
    }
}

/// An error for a layer that has no meaning on shares.
pub(super) fn garbled_only(node: &FixedNode) -> Error {
    Error::Unsupported {
        node: node.name.clone(),
        op: node.op.name().into(),
        why: "only the garbled backend computes it".into(),
        hint: "quantise the network for twoparty, or run it with the garbled backend".into(),
    }
}

/// Refuses a graph with layers that have no meaning on shares, or tables without room in their
/// rings.
pub(super) fn on_shares(graph: &FixedGraph) -> Result<(), Error> {
    for (i, node) in graph.nodes.iter().enumerate() {
        match &node.op {
            FixedOp::Lookup { divisor, first, values } => {
                let layer = Layer { index: i as u32, graph, node, images: 1 };
                GarbledTable::new(&layer, *divisor, *first, values)?;
            }
            FixedOp::Rescale { .. } => return Err(garbled_only(node)),
            _ => {}
        }
    }
    Ok(())
}
