use sordino_engine::Error;
use sordino_engine::session::Wish;
use sordino_engine::twoparty::{CostModel, Settings};
use sordino_graph::fixed::FixedGraph;
use sordino_plan::{Cost, Part, Plan};
use sordino_wire::{Phase, Role};

/// What a two-party session with one inference will send; what the client meters afterwards is
/// equal to it, byte for byte.
///
/// # Errors
/// When the two-party backend cannot run the network.
pub fn predict(graph: &FixedGraph, wish: Wish) -> Result<Plan, Error> {
    let mut model = CostModel::new(graph, &Settings::from(wish), Role::Client)?;
    model.infer()?;
    let counts = model.meter().counts().iter().map(|(&(phase, layer), c)| {
        let part = match phase {
            Phase::Setup => Part::Setup,
            Phase::Offline => Part::Offline,
            Phase::Online => Part::Online,
        };
        let cost = Cost { up: c.up, down: c.down, messages: c.messages, rounds: c.rounds };
        (part, layer, cost)
    });
    Ok(Plan::new(graph, counts))
}
