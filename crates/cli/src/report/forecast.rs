use serde::Serialize;
use sordino_engine::Error;
use sordino_engine::garbled::{Circuit, GarbledCost};
use sordino_engine::session::Wish;
use sordino_engine::twoparty::{CostModel, Settings};
use sordino_graph::fixed::FixedGraph;
use sordino_plan::{Cost, GarbledPlan, Part, Plan};
use sordino_wire::{Count, Phase, Role};

/// What a session with one inference, of one image or a batch, will send; what the client meters afterwards is equal to it,
/// byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Forecast {
    /// By the two-party backend.
    TwoParty(Plan),
    /// By the garbled backend.
    Garbled(GarbledPlan),
}

impl Forecast {
    /// Of the two-party backend, for so many images at once.
    ///
    /// # Errors
    /// When it cannot run the network, or not so many images.
    pub fn two_party(graph: &FixedGraph, wish: Wish, images: usize) -> Result<Self, Error> {
        let mut model = CostModel::new(graph, &Settings::from(wish), Role::Client)?;
        model.infer_batch(images)?;
        let counts = model.meter().counts().iter();
        let counts = counts.map(|(&(phase, layer), c)| (part(phase), layer, cost(c)));
        Ok(Self::TwoParty(Plan::new(graph, wish.supply, counts, |layer| model.linear(layer))))
    }

    /// Of the garbled backend, the circuit being garbled in the session.
    pub fn garbled(circuit: &Circuit) -> Self {
        let mut model = GarbledCost::new(circuit, Role::Client);
        model.prepare();
        model.infer();
        let counts = model.meter().counts().iter();
        let counts = counts.map(|(&(phase, _), c)| (part(phase), cost(c)));
        Self::Garbled(GarbledPlan::new(circuit, counts))
    }
}

fn part(phase: Phase) -> Part {
    match phase {
        Phase::Setup => Part::Setup,
        Phase::Offline => Part::Offline,
        Phase::Online => Part::Online,
    }
}

fn cost(c: &Count) -> Cost {
    Cost { up: c.up, down: c.down, messages: c.messages, rounds: c.rounds }
}
