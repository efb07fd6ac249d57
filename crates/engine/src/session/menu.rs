//! What a server has on offer, and how a client chooses.

use super::{BackendChoice, Wish};
use crate::Error;
use crate::garbled::Outline;
use serde::{Deserialize, Serialize};
use sordino_graph::fixed::FixedGraph;
use sordino_wire::Network;

/// One way in which a server runs its network; the settings that belong to it are the client's to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The backend.
    pub backend: BackendChoice,
    /// Its graph, of those that are sent: they differ where backends differ in the integers that they compute with.
    pub graph: u32,
    /// Images that it takes at once, at most.
    pub images: u32,
    /// Whether linear layers may run on Paillier's encryption, where that is a choice.
    pub paillier: bool,
    /// What a garbled circuit takes, which depends on weights that the client does not have yet. A client that has chosen it
    /// compares it with the circuit.
    pub outline: Option<Outline>,
}

/// Everything that a server offers to a client that has left the choice open.
#[derive(Clone, Debug, PartialEq)]
pub struct Menu {
    /// Public graphs.
    pub graphs: Vec<FixedGraph>,
    /// The ways, each with one of these graphs.
    pub ways: Vec<Way>,
}

/// What a client settles on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// One of the ways.
    pub way: usize,
    /// What is wished of it.
    pub wish: Wish,
}

/// Picks from what is offered, given the wish so far and the link between the parties.
pub type Choose<'a> = dyn Fn(&Menu, &Wish, &Network) -> Result<Pick, Error> + 'a;

/// What a client asks for, and how it settles what it leaves open.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The wish. What of it is left open holds for nothing.
    pub wish: Wish,
    /// What is open.
    pub open: Option<LeftOpen<'a>>,
}

/// What is chosen once network and link are known.
#[derive(Clone, Copy)]
pub struct LeftOpen<'a> {
    /// How much.
    pub what: Open,
    /// By whom.
    pub choose: &'a Choose<'a>,
}

/// How much of a wish is left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Open {
    /// The source of transfers.
    Supply,
    /// All but what is revealed, the backend too.
    All,
}

impl Open {
    /// Whether a wish may become this one.
    pub(super) fn allows(self, wish: &Wish, settled: &Wish) -> bool {
        match self {
            Self::Supply => Wish { supply: settled.supply, ..*wish } == *settled,
            Self::All => wish.reveal == settled.reveal,
        }
    }
}

impl From<Wish> for Ask<'_> {
    fn from(wish: Wish) -> Self {
        Self { wish, open: None }
    }
}
