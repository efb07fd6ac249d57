use super::linear;
use crate::Error;
use crate::backend::{Backend, Threat};
use sordino_graph::fixed::FixedGraph;

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
