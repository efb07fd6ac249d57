use super::plan::exchanges;
use crate::session::{PopcornMode, Truncation};
use crate::{Backend, Error, Threat};
use sordino_graph::fixed::{FixedGraph, FixedNode};

/// The backend on Paillier's encryption alone, in one of its modes.
pub struct PopcornBackend(pub PopcornMode);

impl Backend for PopcornBackend {
    fn name(&self) -> &'static str {
        match self.0 {
            PopcornMode::Affine => "popcorn",
            PopcornMode::Paper => "popcorn-paper",
        }
    }

    fn threat(&self) -> Threat {
        let client_learns = match self.0 {
            PopcornMode::Affine => {
                "the architecture, scales and bit widths, the output, and a little about the size of intermediate \
                 values: each is told from another with an advantage of some per cent (a statistical distance of at \
                 most (ratio in bits + 1.2) / 192 + 0.4 %), and gives less than half a bit away; both add up over values \
                 and inferences"
            }
            PopcornMode::Paper => {
                "the architecture, scales and bit widths, the output, and of the intermediate values of a layer, out of \
                 order: which are zero, how many are positive, their size to about a bit, and multiples of them. Enough \
                 to extract the model: for comparison with the literature only"
            }
        };
        Threat {
            model: "two parties, semi-honest: each follows the protocol and may try to learn from it",
            client_learns,
            server_learns: "that an inference took place",
        }
    }

    fn supports(&self, graph: &FixedGraph) -> Result<(), Error> {
        graph.validate()?;
        let check = |node| exchanges(graph, node, Truncation::Exact).map(drop);
        graph.nodes.iter().try_for_each(check)
    }
}

/// An error for a layer that has no meaning here.
pub(super) fn refuse(node: &FixedNode, why: &str) -> Error {
    Error::Unsupported {
        node: node.name.clone(),
        op: node.op.name().into(),
        why: why.into(),
        hint:
            "use --backend twoparty for this network, with --linear paillier where that is wanted"
                .into(),
    }
}
