use crate::Error;
use crate::session::PopcornMode;
use sordino_graph::fixed::FixedGraph;

/// Who is protected from whom, in words that a report prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threat {
    /// The adversary.
    pub model: &'static str,
    /// What the data owner learns besides its own input.
    pub client_learns: &'static str,
    /// What the model owner learns.
    pub server_learns: &'static str,
}

/// A way to run a graph.
pub trait Backend: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;

    /// Its threat model.
    fn threat(&self) -> Threat;

    /// Whether it can run every layer, or which one it cannot, why, and what to do.
    fn supports(&self, graph: &FixedGraph) -> Result<(), Error>;
}

/// The reference on plain integers: no protection at all.
struct ClearBackend;

impl Backend for ClearBackend {
    fn name(&self) -> &'static str {
        "clear"
    }

    fn threat(&self) -> Threat {
        Threat {
            model: "none: one process computes on plain integers",
            client_learns: "everything",
            server_learns: "everything",
        }
    }

    fn supports(&self, graph: &FixedGraph) -> Result<(), Error> {
        Ok(graph.validate()?)
    }
}

/// Every backend of this crate.
pub const BACKENDS: &[&dyn Backend] = &[
    &ClearBackend,
    &crate::twoparty::TwoPartyBackend,
    &crate::garbled::GarbledBackend,
    &crate::popcorn::PopcornBackend(PopcornMode::Affine),
    &crate::popcorn::PopcornBackend(PopcornMode::Paper),
];

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend, Error> {
    BACKENDS.iter().copied().find(|b| b.name() == name).ok_or_else(|| {
        let names: Vec<_> = BACKENDS.iter().map(|b| b.name()).collect();
        Error::Config(format!("no backend '{name}'; there are {}", names.join(", ")))
    })
}
