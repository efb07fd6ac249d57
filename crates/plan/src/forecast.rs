use crate::{Cost, GarbledPlan, Part, Plan, PopcornPlan, Profile, Timing, TwoPartyPlan};
use serde::Serialize;
use sordino_engine::garbled::{GarbledCost, Outline};
use sordino_engine::popcorn::PopcornCost;
use sordino_engine::session::{BackendChoice, Reveal, Terms, Wish};
use sordino_engine::twoparty::{CostModel, LinearPlan, Method, Settings, with_label};
use sordino_engine::work::Memory;
use sordino_engine::{Count, Error, Meter, Network, Phase, Role};
use sordino_graph::fixed::{FixedGraph, FixedOp};

/// What a session with one inference, of one image or a batch, will send; what the client meters afterwards is equal to it,
/// byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Forecast {
    /// By the two-party backend.
    TwoParty(TwoPartyPlan),
    /// By the garbled backend.
    Garbled(GarbledPlan),
    /// By the popcorn backend, in either mode.
    Popcorn(PopcornPlan),
}

impl Forecast {
    /// Of the backend that is wished for, for so many images at once; the garbled one needs to know what its circuit takes.
    ///
    /// # Errors
    /// When it cannot run the network, not so many images, or needs an outline and has none.
    pub fn new(
        graph: &FixedGraph,
        outline: Option<&Outline>,
        wish: Wish,
        images: usize,
    ) -> Result<Self, Error> {
        match (wish.backend, outline) {
            (BackendChoice::TwoParty, _) => Self::two_party(graph, wish, images),
            (BackendChoice::Popcorn(_), _) => Self::popcorn(graph, wish),
            (BackendChoice::Garbled, Some(outline)) => Ok(Self::garbled(graph, outline)),
            (BackendChoice::Garbled, None) => {
                Err(Error::Config("tables of a garbled circuit depend on its weights".into()))
            }
        }
    }

    /// Of what was agreed with a server.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn agreed(terms: &Terms, images: usize) -> Result<Self, Error> {
        Self::new(&terms.graph, terms.outline.as_ref(), terms.wish, images)
    }

    /// Of the popcorn backend, for one image.
    ///
    /// # Errors
    /// When it cannot run the network.
    pub fn popcorn(graph: &FixedGraph, wish: Wish) -> Result<Self, Error> {
        let mut model = PopcornCost::new(graph, &wish, Role::Client)?;
        model.infer()?;
        let linear = |layer: u32| {
            let node = graph.nodes.get(layer as usize)?;
            let outputs = graph.edges[node.output.0 as usize].len() as u64;
            let linear = matches!(node.op, FixedOp::Linear { .. });
            let products = node.op.macs(outputs);
            linear.then_some(LinearPlan { method: Method::Paillier, products })
        };
        let plan = Plan::new(graph, counts(model.meter()), linear).with_work(model.work());
        Ok(Self::Popcorn(PopcornPlan::new(&wish, plan, model.exposure())))
    }

    /// Of the two-party backend, for so many images at once. What is revealed is part of the graph: it is added where
    /// the graph lacks it.
    ///
    /// # Errors
    /// When it cannot run the network, or not so many images.
    pub fn two_party(graph: &FixedGraph, wish: Wish, images: usize) -> Result<Self, Error> {
        let graph = &revealing(graph, wish.reveal);
        let mut model = CostModel::new(graph, &Settings::from(wish), Role::Client)?;
        model.infer_batch(images)?;
        Ok(Self::metered(graph, &wish, &model))
    }

    /// Of the two-party backend, what a model of its costs was made to count.
    pub(crate) fn metered(graph: &FixedGraph, wish: &Wish, model: &CostModel<'_>) -> Self {
        let plan = Plan::new(graph, counts(model.meter()), |layer| model.linear(layer));
        let plan = plan.with_work(model.work());
        Self::TwoParty(TwoPartyPlan::new(wish, plan))
    }

    /// Of the garbled backend, the circuit being garbled in the session.
    pub fn garbled(graph: &FixedGraph, outline: &Outline) -> Self {
        let mut model = GarbledCost::new(graph, outline, Role::Client);
        model.prepare();
        model.infer();
        let counts = counts(model.meter()).map(|(part, _, cost)| (part, cost));
        Self::Garbled(GarbledPlan::new(graph, outline, counts).with_work(model.work()))
    }

    /// How long a session takes machines with this profile over this link.
    pub fn time(&self, profile: &Profile, link: &Network) -> Timing {
        match self {
            Self::TwoParty(TwoPartyPlan { plan, .. }) | Self::Popcorn(PopcornPlan { plan, .. }) => {
                plan.time(profile, link)
            }
            Self::Garbled(plan) => plan.time(profile, link),
        }
    }

    /// What each party's process holds at most.
    pub fn memory(&self) -> Memory {
        match self {
            Self::TwoParty(TwoPartyPlan { plan, .. }) | Self::Popcorn(PopcornPlan { plan, .. }) => {
                plan.memory
            }
            Self::Garbled(plan) => plan.memory,
        }
    }

    /// What is sent in each part of the session.
    pub fn totals(&self) -> Totals {
        match self {
            Self::TwoParty(TwoPartyPlan { plan, .. }) | Self::Popcorn(PopcornPlan { plan, .. }) => {
                plan.totals()
            }
            Self::Garbled(plan) => {
                Totals { setup: plan.setup, offline: plan.offline, online: plan.online }
            }
        }
    }
}

/// What is sent in each part of a session with one inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Once per session.
    pub setup: Cost,
    /// Per inference, without the input.
    pub offline: Cost,
    /// Per inference, with it.
    pub online: Cost,
}

impl Totals {
    /// Everything.
    pub fn session(&self) -> Cost {
        let mut sum = self.setup;
        sum += self.offline;
        sum += self.online;
        sum
    }
}

/// The graph of a session that reveals so much.
pub(crate) fn revealing(graph: &FixedGraph, reveal: Reveal) -> FixedGraph {
    match reveal {
        Reveal::Logits => graph.clone(),
        Reveal::Label => with_label(graph),
    }
}

/// What is sent in each part of a session and each layer.
fn counts(meter: &Meter) -> impl Iterator<Item = (Part, Option<u32>, Cost)> {
    let delays = |phase, layer| meter.delays(phase, layer);
    let at = move |(&(phase, layer), c): (&(Phase, Option<u32>), &Count)| {
        (part(phase), layer, cost(c, delays(phase, layer)))
    };
    meter.counts().iter().map(at)
}

fn part(phase: Phase) -> Part {
    match phase {
        Phase::Setup => Part::Setup,
        Phase::Offline => Part::Offline,
        Phase::Online => Part::Online,
    }
}

fn cost(c: &Count, delays: u64) -> Cost {
    Cost { up: c.up, down: c.down, messages: c.messages, rounds: c.rounds, delays }
}
