use super::linear;
use crate::Error;
use crate::backend::{Backend, Threat};
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
        linear::Plans::new(graph).map(drop)
    }
}

/// An error for a layer that works on residues instead of words.
pub(super) fn garbled_only(node: &FixedNode) -> Error {
    Error::Unsupported {
        node: node.name.clone(),
        op: node.op.name().into(),
        why: "only the garbled backend computes it".into(),
        hint: "quantise the network for twoparty, or run it with the garbled backend".into(),
    }
}

/// Refuses a graph that was quantised for the garbled backend.
pub(super) fn in_words(graph: &FixedGraph) -> Result<(), Error> {
    let residues =
        |n: &&FixedNode| matches!(n.op, FixedOp::Lookup { .. } | FixedOp::Rescale { .. });
    graph.nodes.iter().find(residues).map_or(Ok(()), |n| Err(garbled_only(n)))
}
