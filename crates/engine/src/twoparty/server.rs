use super::evaluator::TwoParty;
use super::linear::{Kernels, LinearSide, Plans};
use super::{BYE, CotPool, INFER, REQUEST, Tiles, with_label};
use crate::session::{self, BackendChoice, Refusal, Reveal, Wish};
use crate::walk::{Progress, walk};
use crate::{Clock, Error};
use sordino_graph::fixed::{FixedGraph, FixedModel, Weights};
use sordino_secret::{Ledger, Ring, SecretRng, Server, Share};
use sordino_wire::{AbortCode, Lane, Meter, Phase};
use std::marker::PhantomData;

/// A model made ready to be served: kernels encoded once, shared by all sessions.
pub struct ServerModel {
    logits: FixedGraph,
    label: FixedGraph,
    weights: Weights,
    plans: Plans,
    kernels: Kernels,
}

impl ServerModel {
    /// Checks that every layer can run and encodes the kernels.
    pub fn new(model: FixedModel) -> Result<Self, Error> {
        model.validate()?;
        let plans = Plans::new(&model.graph)?;
        let kernels = Kernels::new(&plans, &model)?;
        let label = with_label(&model.graph);
        label.validate()?;
        Ok(Self { logits: model.graph, label, weights: model.weights, plans, kernels })
    }

    /// The graph for a choice of what is revealed.
    pub fn graph(&self, reveal: Reveal) -> &FixedGraph {
        match reveal {
            Reveal::Logits => &self.logits,
            Reveal::Label => &self.label,
        }
    }
}

/// What a server offers to every client.
pub struct Offer<'a> {
    /// The model.
    pub model: &'a ServerModel,
    /// Sent to clients as it is: preprocessing, labels.
    pub card: &'a [u8],
    /// Refuse to reveal anything but labels.
    pub label_only: bool,
    /// Inferences per session.
    pub max_inferences: u64,
}

/// Told what happens in a session.
pub trait Observer: Progress {
    /// The handshake ended with these terms.
    fn agreed(&mut self, _wish: Wish) {}

    /// An inference ended; the meter is the session's so far.
    fn inferred(&mut self, _count: u64, _meter: &Meter) {}
}

/// Observes nothing.
pub struct Unobserved;

impl Progress for Unobserved {
    fn layer(&mut self, _: usize, _: usize, _: &str) {}
}

impl Observer for Unobserved {}

/// Serves one client until it says good-bye. Returns the session's meter and disclosures.
///
/// *Errors*: anything the peer or the link does wrong; the peer is then told of a uniform abort
/// that does not say why.
pub fn serve(
    lane: &mut Lane,
    offer: &Offer<'_>,
    observer: &mut dyn Observer,
) -> Result<(Meter, Ledger), Error> {
    let result = session(lane, offer, observer);
    if result.is_err() {
        lane.abort(AbortCode::Protocol);
    }
    result
}

fn session(
    lane: &mut Lane,
    offer: &Offer<'_>,
    observer: &mut dyn Observer,
) -> Result<(Meter, Ledger), Error> {
    let wish = session::listen(lane)?;
    if wish.backend != BackendChoice::TwoParty {
        session::refuse(lane, Refusal::Backend)?;
        return Err(Error::Config("the client asked for another backend".into()));
    }
    if offer.label_only && wish.reveal == Reveal::Logits {
        session::refuse(lane, Refusal::LabelOnly)?;
        return Err(Error::Config(
            "the client asked for scores; this server reveals labels only".into(),
        ));
    }
    let graph = offer.model.graph(wish.reveal);
    session::welcome(lane, graph, offer.card, wish)?;
    observer.agreed(wish);

    *lane.meter_mut() = Meter::new(lane.role());
    lane.meter_mut().set(Phase::Setup, None);
    let supply = wish.supply.into();
    let mut rng = SecretRng::from_os()?;
    let mut pool = CotPool::setup::<Server>(lane, &mut rng, supply)?;
    let keys = offer.model.plans.receive_keys(lane)?;
    let mut ledger = Ledger::default();
    let mut count = 0;
    loop {
        lane.meter_mut().set(Phase::Online, None);
        match lane.recv(REQUEST, super::REQUEST_LEN)?[..] {
            [BYE] => return Ok((lane.meter().clone(), ledger)),
            [INFER] if count < offer.max_inferences => {}
            [INFER] => {
                return Err(Error::Config(format!(
                    "the session has used its {} inferences",
                    offer.max_inferences
                )));
            }
            _ => return Err(Error::Peer("it sent an unknown request".into())),
        }
        let mut party = TwoParty::<Server> {
            lane,
            clock: &mut Clock::default(),
            pool: &mut pool,
            linear: LinearSide::Server {
                plans: &offer.model.plans,
                kernels: &offer.model.kernels,
                keys: keys.as_ref(),
            },
            weights: Some(&offer.model.weights),
            rng: &mut rng,
            tiles: Tiles::new(supply, wish.truncation),
            party: PhantomData,
        };
        let edge = &graph.edges[graph.input.0 as usize];
        let input = Share::zero(edge.len(), Ring::new(edge.ring));
        let output = walk(graph, &mut party, input, observer)?;
        lane.meter_mut().set(Phase::Online, None);
        output.open(lane, wish.reveal.disclosure(), &mut ledger)?;
        count += 1;
        observer.inferred(count, lane.meter());
    }
}
