//! What a private run will cost, who is protected from whom, and what is disclosed: everything a
//! party should see before it agrees.
#![forbid(unsafe_code)]

mod candidates;
pub mod cryptflow2;
#[cfg(test)]
mod fixture;
mod forecast;
mod garbled;
mod group;
mod offers;
mod popcorn;
mod profile;
mod supply;
mod time;
mod twoparty;

pub use candidates::{
    Adversary, Aim, Candidate, Candidates, Concession, Estimate, Objective, OnCandidate, Ranking,
    Refused, Settings, Wanted, rank,
};
pub use forecast::{Forecast, Totals};
pub use garbled::{GarbledPlan, LayerTables};
pub use group::Group;
pub use offers::Offers;
pub use popcorn::PopcornPlan;
pub use profile::{Machine, Observation, Profile, ProfileError, fit};
pub use supply::supply;
pub use time::{LayerTime, Seconds, Span, Timing};
pub use twoparty::TwoPartyPlan;

use serde::Serialize;
use sordino_engine::session::{Reveal, Terms};
use sordino_engine::twoparty::LinearPlan;
use sordino_engine::work::{Memory, Work, WorkLog};
use sordino_engine::{BACKENDS, Backend, Phase};
use sordino_graph::fixed::{FixedGraph, FixedNode};
use std::ops::AddAssign;

/// Messages, in the units a lane meters them: bytes include frame headers, not TLS, TCP or IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Bytes from client to server.
    pub up: u64,
    /// Bytes from server to client.
    pub down: u64,
    /// Messages both ways.
    pub messages: u64,
    /// Waits of one party for the other.
    pub rounds: u64,
    /// One-way delays that go by, one after the other: two in most rounds, one where both parties send before they receive.
    pub delays: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.messages += other.messages;
        self.rounds += other.rounds;
        self.delays += other.delays;
    }
}

/// Which part of a session a cost belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Once per session: keys and base transfers.
    Setup,
    /// Per inference, does not need the input.
    Offline,
    /// Per inference, needs the input.
    Online,
}

/// Cost of one layer in one inference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerCost {
    /// Name of the layer.
    pub name: String,
    /// Name of its operator.
    pub kind: &'static str,
    /// What it is for.
    pub group: Group,
    /// How a linear layer is computed.
    pub method: Option<String>,
    /// Products of a linear layer: of ciphertexts by kernel polynomials, of ring elements by weights, or of
    /// ciphertexts by ciphertexts with no weight of zero.
    pub products: u64,
    /// Without the input.
    pub offline: Cost,
    /// With it.
    pub online: Cost,
    /// What is computed without the input.
    #[serde(skip)]
    pub offline_work: Work,
    /// With it.
    #[serde(skip)]
    pub online_work: Work,
}

/// Threat model and disclosures in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// Name of the backend.
    pub backend: &'static str,
    /// The adversary it withstands.
    pub threat: &'static str,
    /// What the data owner learns besides its own input.
    pub client_learns: &'static str,
    /// What the model owner learns.
    pub server_learns: &'static str,
    /// What is revealed on purpose.
    pub disclosed: &'static str,
}

impl Promise {
    /// Of a session with these terms.
    pub fn of(terms: &Terms) -> Self {
        Self::new(terms.wish.backend.backend(), terms.wish.reveal)
    }

    /// Of a backend that reveals so much.
    pub fn new(backend: &dyn Backend, reveal: Reveal) -> Self {
        let threat = backend.threat();
        Self {
            backend: backend.name(),
            threat: threat.model,
            client_learns: threat.client_learns,
            server_learns: threat.server_learns,
            disclosed: reveal.disclosure().describe(),
        }
    }
}

/// Whether a backend can run a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Support {
    /// Name of the backend.
    pub backend: &'static str,
    /// Why not, naming the layer and what to do; none if it can.
    pub refusal: Option<String>,
}

/// Which backends can run `graph`, and why the others cannot.
pub fn support(graph: &FixedGraph) -> Vec<Support> {
    let refusal = |b: &dyn Backend| b.supports(graph).err().map(|e| e.to_string());
    BACKENDS.iter().map(|b| Support { backend: b.name(), refusal: refusal(*b) }).collect()
}

/// What one session with one inference sends, layer by layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Once per session.
    pub setup: Cost,
    /// Per inference, outside layers: the request and the result.
    pub frame: Cost,
    /// Per inference, by layer.
    pub layers: Vec<LayerCost>,
    /// What each party's process holds at most.
    pub memory: Memory,
    /// What is computed once per session.
    #[serde(skip)]
    pub setup_work: Work,
    /// What is computed per inference, outside layers.
    #[serde(skip)]
    pub frame_work: Work,
}

impl Plan {
    /// Sorts predicted counts by layer of `graph`: for each part of a session, and each layer of
    /// it where there is one, what is sent there. Counts of layers that the graph does not have
    /// are taken as outside layers. `linear` says how a linear layer is computed.
    pub fn new(
        graph: &FixedGraph,
        counts: impl IntoIterator<Item = (Part, Option<u32>, Cost)>,
        linear: impl Fn(u32) -> Option<LinearPlan>,
    ) -> Self {
        let none = |(i, node): (usize, &FixedNode)| {
            let linear = linear(i as u32);
            LayerCost {
                name: node.name.clone(),
                kind: node.op.name(),
                group: Group::of(&node.op),
                method: linear.map(|l| l.method.to_string()),
                products: linear.map_or(0, |l| l.products),
                offline: Cost::default(),
                online: Cost::default(),
                offline_work: Work::default(),
                online_work: Work::default(),
            }
        };
        let mut plan = Self {
            setup: Cost::default(),
            frame: Cost::default(),
            layers: graph.nodes.iter().enumerate().map(none).collect(),
            memory: Memory::default(),
            setup_work: Work::default(),
            frame_work: Work::default(),
        };
        for (part, layer, cost) in counts {
            let layer = layer.and_then(|l| plan.layers.get_mut(l as usize));
            match (part, layer) {
                (Part::Setup, _) => plan.setup += cost,
                (Part::Offline, Some(layer)) => layer.offline += cost,
                (Part::Online, Some(layer)) => layer.online += cost,
                (_, None) => plan.frame += cost,
            }
        }
        plan
    }

    /// Adds what is computed, sorted as counts are, so that [`Self::time`] can say how long it takes, and what is held in memory.
    #[must_use]
    pub fn with_work(mut self, work: &WorkLog) -> Self {
        self.memory = work.memory();
        for ((phase, layer), work) in work.works() {
            let layer = layer.and_then(|l| self.layers.get_mut(l as usize));
            *match (phase, layer) {
                (Phase::Setup, _) => &mut self.setup_work,
                (Phase::Offline, Some(layer)) => &mut layer.offline_work,
                (Phase::Online, Some(layer)) => &mut layer.online_work,
                (_, None) => &mut self.frame_work,
            } += work;
        }
        self
    }

    /// What is sent in each part of a session with one inference; request and result need the input.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { setup: self.setup, offline: Cost::default(), online: self.frame };
        for layer in &self.layers {
            totals.offline += layer.offline;
            totals.online += layer.online;
        }
        totals
    }

    /// One inference, set-up left out.
    pub fn inference(&self) -> Cost {
        let Totals { mut online, offline, .. } = self.totals();
        online += offline;
        online
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixture::{edge, node};
    use sordino_engine::garbled::Circuit;
    use sordino_engine::twoparty::Method;
    use sordino_graph::fixed::{EdgeId, Finish, FixedModel, FixedOp, Function, Rearrange, Weights};

    fn graph() -> FixedGraph {
        let edge = |name, ring| edge(name, &[1, 4], 4, ring);
        let relu = FixedOp::Activate { shift: 0, function: Function::Relu, flips: None };
        FixedGraph {
            name: "g".into(),
            edges: vec![edge("x", 8), edge("r", 8), edge("y", 8)],
            nodes: vec![
                node("relu", relu, 0, 1),
                node("move", FixedOp::Rearrange(Rearrange::Reshape), 1, 2),
            ],
            input: EdgeId(0),
            output: EdgeId(2),
            finish: Finish::None,
        }
    }

    /// A table, and a movement that is free.
    fn tables() -> FixedModel {
        let mut graph = graph();
        graph.edges.iter_mut().for_each(|e| e.ring = 20);
        let values = (0..29).map(|t| (t - 14i64).clamp(0, 12)).collect();
        graph.nodes[0].name = "table".into();
        graph.nodes[0].op = FixedOp::Lookup { divisor: 13, first: -14, values };
        FixedModel { graph, weights: Weights::default() }
    }

    #[test]
    fn counts_are_sorted_and_summed() {
        let cost = |up| Cost { up, down: 2 * up, messages: 1, rounds: 1, delays: 2 };
        let plan = Plan::new(
            &graph(),
            [
                (Part::Setup, None, cost(100)),
                (Part::Online, None, cost(1)),
                (Part::Offline, Some(0), cost(10)),
                (Part::Online, Some(0), cost(20)),
                (Part::Online, Some(0), cost(30)),
                (Part::Online, Some(9), cost(2)),
            ],
            |i| (i == 1).then_some(LinearPlan { method: Method::Winograd(4), products: 7 }),
        );
        let relu = &plan.layers[0];
        assert_eq!((relu.kind, relu.method.as_deref(), relu.products), ("Activate", None, 0));
        assert_eq!(plan.layers[1].method.as_deref(), Some("ot winograd 4x4"));
        assert_eq!(plan.layers[1].products, 7);
        assert_eq!(plan.setup, cost(100));
        assert_eq!(plan.layers[0].online.up, 50);
        assert_eq!(plan.frame.up, 3);
        let all = plan.inference();
        assert_eq!((all.up, all.down, all.messages, all.rounds), (63, 126, 5, 5));
    }

    #[test]
    fn each_backend_runs_its_kind_of_integers() {
        let refusal = |graph: &FixedGraph, name: &str| {
            let found = support(graph).into_iter().find(|s| s.backend == name);
            found.and_then(|s| s.refusal)
        };
        let rings = graph();
        for name in ["twoparty", "popcorn", "popcorn-paper"] {
            assert_eq!(refusal(&rings, name), None);
        }
        assert!(refusal(&rings, "garbled").is_some_and(|why| why.contains("relu")));
        let residues = tables();
        assert_eq!(refusal(&residues.graph, "garbled"), None);
        assert_eq!(refusal(&residues.graph, "clear"), None);
        for name in ["twoparty", "popcorn", "popcorn-paper"] {
            assert!(refusal(&residues.graph, name).is_some_and(|why| why.contains("table")));
        }
    }

    #[test]
    fn tables_are_planned_by_layer() {
        let circuit = Circuit::new(&tables()).unwrap();
        let cost = |up| Cost { up, down: 1, messages: 1, rounds: 1, delays: 2 };
        let counts = [(Part::Offline, cost(7)), (Part::Online, cost(1)), (Part::Offline, cost(2))];
        let plan = GarbledPlan::new(circuit.graph(), &circuit.outline(), counts);
        assert_eq!((plan.offline.up, plan.online.up, plan.setup.up), (9, 1, 0));
        let [layer] = &plan.layers[..] else { panic!("{:?}", plan.layers) };
        assert_eq!(layer.name, "table");
        assert!(layer.rows > 0 && layer.rows.is_multiple_of(4));
        assert_eq!((plan.rows, plan.table_bytes), (layer.rows, 16 * layer.rows));
        assert!(plan.lambda >= 112.0);
    }

    #[test]
    fn promises_name_what_is_disclosed() {
        for backend in BACKENDS {
            let promise = Promise::new(*backend, Reveal::Label);
            assert!(promise.disclosed.contains("best class"));
            assert!(!promise.threat.is_empty());
        }
    }
}
