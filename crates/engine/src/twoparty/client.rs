use super::evaluator::TwoParty;
use super::linear::{LinearSide, Plans};
use super::{BYE, CotPool, INFER, REQUEST, Tiles};
use crate::session::{self, Terms, Wish};
use crate::walk::{Progress, walk};
use crate::{Clock, Error};
use sordino_he::ClientKeys;
use sordino_secret::{Client, Ledger, Ring, SecretRng, Share};
use sordino_wire::{Lane, Meter, Phase, Public};
use std::marker::PhantomData;

/// The data owner's side of a session.
pub struct ClientSession {
    lane: Lane,
    terms: Terms,
    plans: Plans,
    keys: Option<ClientKeys>,
    pool: CotPool,
    rng: SecretRng,
    tiles: Tiles,
    ledger: Ledger,
    clock: Clock,
}

impl ClientSession {
    /// Handshake and set-up. `consent` sees the terms (graph, disclosures, card) before anything
    /// private happens and may refuse.
    ///
    /// *Cost*: the graph and card down, then the set-up that [`super::CostModel::new`] predicts.
    pub fn connect(
        mut lane: Lane,
        wish: Wish,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let terms = session::greet(&mut lane, wish)?;
        // The graph was validated when it was decoded; layouts say whether every layer fits.
        let plans = Plans::new(&terms.graph)?;
        consent(&terms)?;
        *lane.meter_mut() = Meter::new(lane.role());
        lane.meter_mut().set(Phase::Setup, None);
        let mut clock = Clock::default();
        clock.enter(Phase::Setup, None);
        let supply = wish.supply.into();
        let mut rng = SecretRng::from_os()?;
        let pool = CotPool::setup::<Client>(&mut lane, &mut rng, supply)?;
        let keys = plans.send_keys(&mut lane, &mut rng)?;
        clock.stop();
        let (tiles, ledger) = (Tiles::new(supply, wish.truncation), Ledger::default());
        Ok(Self { lane, terms, plans, keys, pool, rng, tiles, ledger, clock })
    }

    /// What was agreed.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Bytes and rounds since the handshake.
    pub fn meter(&self) -> &Meter {
        self.lane.meter()
    }

    /// Wall time since the handshake, by phase and layer.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was revealed so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// One private inference: encoded input words in, output words out.
    ///
    /// *Cost*: as [`super::CostModel::infer`] predicts, exactly.
    /// *Errors*: a wrong input length, or anything that goes wrong on the way; the session cannot
    /// be used after the latter.
    pub fn infer(&mut self, input: &[u64], progress: &mut dyn Progress) -> Result<Vec<u64>, Error> {
        let graph = &self.terms.graph;
        let edge = &graph.edges[graph.input.0 as usize];
        if input.len() != edge.len() {
            return Err(Error::Config(format!(
                "the network takes {} input values, {} were given",
                edge.len(),
                input.len()
            )));
        }
        self.lane.meter_mut().set(Phase::Online, None);
        self.lane.send(REQUEST, Public::new(&[INFER]))?;
        self.lane.flush()?;
        let mut party = TwoParty::<Client> {
            lane: &mut self.lane,
            clock: &mut self.clock,
            pool: &mut self.pool,
            linear: LinearSide::Client { plans: &self.plans, keys: self.keys.as_ref() },
            weights: None,
            rng: &mut self.rng,
            tiles: self.tiles,
            party: PhantomData,
        };
        let input = Share::from_protocol(input.to_vec(), Ring::new(edge.ring));
        let output = walk(graph, &mut party, input, progress)?;
        self.clock.enter(Phase::Online, None);
        self.lane.meter_mut().set(Phase::Online, None);
        let why = self.terms.wish.reveal.disclosure();
        let opened = output.open(&mut self.lane, why, &mut self.ledger)?;
        self.clock.stop();
        opened.ok_or_else(|| Error::Config("a client's share opened to nothing".into()))
    }

    /// Says good-bye, so that the server does not take the end for a failure.
    pub fn finish(mut self) -> Result<Meter, Error> {
        let meter = self.lane.meter().clone();
        self.lane.send(REQUEST, Public::new(&[BYE]))?;
        self.lane.flush()?;
        Ok(meter)
    }
}
