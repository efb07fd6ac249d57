use super::evaluator::{Source, TwoParty};
use super::linear::lattice::{self, Kernels};
use super::linear::{LinearSide, Plans, Received};
use super::outline::outline;
use super::prepared::{self, Prepared, Preparer};
use super::{CostModel, CotPool, MAX_BATCH, Tiles, batch, with_label};
use crate::request::{Request, Status};
use crate::session::{
    self, BackendChoice, Host, LinearChoice, Offered, Refusal, Refused, Reveal, Way, Wish,
};
use crate::walk::{Progress, walk_batch};
use crate::{Clock, Error};
use sordino_graph::fixed::{FixedGraph, FixedModel, Weights};
use sordino_secret::{Ledger, Ring, SecretRng, Server, Share};
use sordino_store::{Entry, Id, Store};
use sordino_wire::{AbortCode, Lane, Meter, Phase, Role};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// A model made ready to be served: kernels encoded once, shared by all sessions.
pub struct ServerModel {
    logits: FixedGraph,
    label: FixedGraph,
    weights: Weights,
    lattice: Arc<lattice::Plans>,
    kernels: Kernels,
    /// Names the weights.
    digest: [u8; 32],
    /// Held while a session puts material into the store.
    committing: Mutex<()>,
}

impl ServerModel {
    /// Checks that every layer can run and encodes the kernels.
    pub fn new(model: FixedModel) -> Result<Self, Error> {
        model.validate()?;
        let lattice = Arc::new(lattice::Plans::new(&model.graph)?);
        let kernels = Kernels::new(&lattice, &model)?;
        let label = with_label(&model.graph);
        label.validate()?;
        let digest = digest(&model.weights);
        Ok(Self {
            logits: model.graph,
            label,
            weights: model.weights,
            lattice,
            kernels,
            digest,
            committing: Mutex::new(()),
        })
    }

    /// Inferences in a store that were prepared for this model, whatever the clients wished for.
    pub fn prepared(&self, store: &Store) -> Result<usize, Error> {
        let mut labels = Vec::new();
        for wish in Wish::all(BackendChoice::TwoParty) {
            let graph = self.graph(wish.reveal);
            labels.push(session::material_label(graph, &wish, &self.digest)?);
        }
        let list = store.list()?.into_iter().filter(|i| labels.contains(&i.label));
        Ok(list.map(|i| prepared::images(Role::Server, &i.kind)).sum())
    }

    fn linear<'a>(&'a self, plans: &'a Plans, keys: &'a Received) -> LinearSide<'a> {
        LinearSide::Server { plans, keys, kernels: &self.kernels, weights: &self.weights }
    }

    /// The graph for a choice of what is revealed.
    pub fn graph(&self, reveal: Reveal) -> &FixedGraph {
        match reveal {
            Reveal::Logits => &self.logits,
            Reveal::Label => &self.label,
        }
    }
}

fn digest(weights: &Weights) -> [u8; 32] {
    let mut h = blake3::Hasher::new_derive_key("sordino weights v1");
    for layer in &weights.layers {
        for len in [layer.kernel.len(), layer.bias.len()] {
            h.update(&(len as u64).to_le_bytes());
        }
        h.update(&layer.kernel.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
        h.update(&layer.bias.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<u8>>());
    }
    *h.finalize().as_bytes()
}

/// What a server offers to every client.
pub struct Offer<'a> {
    /// The model.
    pub model: &'a ServerModel,
    /// Sent to clients as it is: preprocessing, labels.
    pub card: &'a [u8],
    /// Refuse to reveal anything but labels.
    pub label_only: bool,
    /// Let clients choose Paillier's encryption for linear layers, which takes seconds to minutes of computing and, for
    /// each session, 24 bytes and more for each weight.
    pub paillier: bool,
    /// Inferences per session, a batch counting its images, and also preparations and unprepared inferences together.
    pub max_inferences: u64,
    /// Where prepared material is kept; without it clients cannot prepare.
    pub store: Option<&'a Store>,
    /// Prepared inferences in the store, of all clients; a batch counts its images.
    pub max_prepared: usize,
    /// Images at once; fewer where shares of so many would take too much memory.
    pub max_batch: usize,
}

impl<'a> Offer<'a> {
    /// Scores or labels as the client wishes, any number of inferences, nothing prepared.
    pub fn new(model: &'a ServerModel, card: &'a [u8]) -> Self {
        Self {
            model,
            card,
            label_only: false,
            paillier: true,
            max_inferences: u64::MAX,
            store: None,
            max_prepared: 0,
            max_batch: MAX_BATCH,
        }
    }
}

/// Told what happens in a session.
pub trait Observer: Progress {
    /// The handshake ended with these terms.
    fn agreed(&mut self, _wish: Wish) {}

    /// An inference or a batch of them ended; count and meter are the session's so far.
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
    let (_, wish) = session::agree(lane, &[offer], observer)?;
    Session::new(lane, offer, wish)?.run(observer)
}

impl Host for Offer<'_> {
    fn card(&self) -> &[u8] {
        self.card
    }

    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>> {
        let hidden = self.label_only && reveal == Reveal::Logits;
        if hidden { Vec::new() } else { vec![self.offered(reveal)] }
    }

    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused> {
        if wish.backend != BackendChoice::TwoParty {
            return Ok(None);
        }
        if self.label_only && wish.reveal == Reveal::Logits {
            return Err(session::labels_only());
        }
        if !self.paillier && matches!(wish.linear, LinearChoice::Paillier(_)) {
            let why =
                "the client asked for Paillier's encryption, which this server does not offer";
            return Err(Refused::new(Refusal::Paillier, why));
        }
        Ok(Some(self.offered(wish.reveal)))
    }

    fn plan(&self, wish: &Wish) -> Result<[u8; 32], Error> {
        let (model, settings) = (self.model, (*wish).into());
        let graph = model.graph(wish.reveal);
        let plans = Plans::with(Arc::clone(&model.lattice), graph, &settings)?;
        let mut model = CostModel::on(plans, graph, &settings, Role::Client);
        model.infer()?;
        Ok(session::plan_digest(model.meter(), model.methods()))
    }

    fn run(
        &self,
        lane: &mut Lane,
        wish: Wish,
        observer: &mut dyn Observer,
    ) -> Result<Meter, Error> {
        Session::new(lane, self, wish)?.run(observer).map(|(meter, _)| meter)
    }
}

impl Offer<'_> {
    fn offered(&self, reveal: Reveal) -> Offered<'_> {
        let graph = self.model.graph(reveal);
        let way = Way {
            backend: BackendChoice::TwoParty,
            graph: 0,
            images: batch::most(graph, self.max_batch),
            paillier: self.paillier,
            outline: None,
        };
        Offered { way, graph }
    }
}

struct Session<'a> {
    lane: &'a mut Lane,
    offer: &'a Offer<'a>,
    graph: &'a FixedGraph,
    /// Images at once.
    most: u32,
    wish: Wish,
    tiles: Tiles,
    rng: SecretRng,
    tools: Option<Tools>,
    ledger: Ledger,
    /// Inferences.
    count: u64,
    /// Times that the client was sent a network's lattice results: each tells a little of the weights' noise.
    evaluated: u64,
}

/// What is set up when it is first needed.
struct Tools {
    pool: CotPool,
    plans: Plans,
    /// The client's public keys.
    keys: Received,
}

impl Tools {
    /// Set up, if they are not yet.
    fn ready<'t>(
        slot: &'t mut Option<Self>,
        model: &ServerModel,
        wish: Wish,
        lane: &mut Lane,
        rng: &mut SecretRng,
    ) -> Result<&'t mut Self, Error> {
        let tools = match slot.take() {
            Some(tools) => tools,
            None => {
                lane.meter_mut().set(Phase::Setup, None);
                let pool = CotPool::setup::<Server>(lane, rng, wish.supply.into())?;
                let lattice = Arc::clone(&model.lattice);
                let graph = model.graph(wish.reveal);
                let plans = Plans::with(lattice, graph, &wish.into())?;
                let keys = plans.receive_keys(lane, graph, &model.weights)?;
                Self { pool, plans, keys }
            }
        };
        Ok(slot.insert(tools))
    }
}

impl<'a> Session<'a> {
    fn new(lane: &'a mut Lane, offer: &'a Offer<'a>, wish: Wish) -> Result<Self, Error> {
        let graph = offer.model.graph(wish.reveal);
        Ok(Self {
            lane,
            offer,
            graph,
            most: batch::most(graph, offer.max_batch),
            wish,
            tiles: Tiles::new(wish.supply.into(), wish.truncation),
            rng: SecretRng::from_os()?,
            tools: None,
            ledger: Ledger::default(),
            count: 0,
            evaluated: 0,
        })
    }

    fn run(mut self, observer: &mut dyn Observer) -> Result<(Meter, Ledger), Error> {
        loop {
            self.lane.meter_mut().set(Phase::Setup, None);
            let request = Request::receive(self.lane)?;
            let images = match request {
                Request::Bye => return Ok((self.lane.meter().clone(), self.ledger)),
                Request::Infer(n) | Request::Use(_, n) | Request::Prepare(_, n) => self.admit(n)?,
            };
            let exceeds = |n: u64| n.saturating_add(images as u64) > self.offer.max_inferences;
            let (spent, shown) = (exceeds(self.count), exceeds(self.evaluated));
            match request {
                Request::Bye => {}
                Request::Infer(_) if spent || shown => {
                    return Err(Error::Config(format!(
                        "the session has used its {} inferences",
                        self.offer.max_inferences
                    )));
                }
                Request::Infer(_) => self.infer(images, None, observer)?,
                Request::Use(..) if spent => Status::Spent.send(self.lane)?,
                Request::Use(id, _) => match self.claim(id, images)? {
                    None => Status::Absent.send(self.lane)?,
                    Some(entry) => {
                        Status::Ok.send(self.lane)?;
                        self.infer(images, Some(entry), observer)?;
                    }
                },
                Request::Prepare(..) if shown => Status::Spent.send(self.lane)?,
                Request::Prepare(id, _) => self.prepare(id, images, observer)?,
            }
        }
    }

    /// Images of a request.
    fn admit(&self, images: u32) -> Result<usize, Error> {
        if (1..=self.most).contains(&images) {
            return Ok(images as usize);
        }
        let most = self.most;
        Err(Error::Peer(format!("it asks for {images} images at once, 1 to {most} were offered")))
    }

    fn label(&self) -> Result<[u8; 32], Error> {
        session::material_label(self.graph, &self.wish, &self.offer.model.digest)
    }

    /// Makes one half of the material for an inference; it is on the disk before the client hears
    /// of it.
    fn prepare(&mut self, id: Id, images: usize, observer: &mut dyn Observer) -> Result<(), Error> {
        prepared::check(self.graph)?;
        let kind = prepared::kind(Role::Server, images);
        let Some(store) = self.offer.store else { return Status::Full.send(self.lane) };
        let full = || -> Result<bool, Error> {
            let list = store.list()?;
            let held: usize = list.iter().map(|i| prepared::images(Role::Server, &i.kind)).sum();
            Ok(held.saturating_add(images) > self.offer.max_prepared)
        };
        if full()? {
            return Status::Full.send(self.lane);
        }
        let writer = store.create(id, &kind, self.label()?)?;
        Status::Ok.send(self.lane)?;
        let model = self.offer.model;
        let tools = Tools::ready(&mut self.tools, model, self.wish, self.lane, &mut self.rng)?;
        let linear = model.linear(&tools.plans, &tools.keys);
        linear.fit(images)?;
        let mut preparer = Preparer::<Server> {
            lane: self.lane,
            clock: &mut Clock::default(),
            pool: &mut tools.pool,
            linear,
            rng: &mut self.rng,
            writer,
            party: PhantomData,
        };
        outline(self.graph, images, self.tiles, &mut preparer, observer)?;
        let Preparer { writer, .. } = preparer;
        self.evaluated += images as u64;
        self.lane.meter_mut().set(Phase::Offline, None);
        // Of sessions that prepare at once, the last may find the store full.
        let _alone = model.committing.lock().unwrap_or_else(PoisonError::into_inner);
        if full()? {
            return Status::Full.send(self.lane);
        }
        writer.commit()?;
        Status::Ok.send(self.lane)
    }

    /// Takes material out for good. From here on no other session can use it.
    fn claim(&self, id: Id, images: usize) -> Result<Option<Entry>, Error> {
        let Some(store) = self.offer.store else { return Ok(None) };
        match store.claim(&id) {
            Ok(entry) if entry.info().kind != prepared::kind(Role::Server, images) => Ok(None),
            Ok(entry) if entry.info().label != self.label()? => Ok(None),
            Ok(entry) => Ok(Some(entry)),
            Err(sordino_store::Error::Consumed(_) | sordino_store::Error::Unknown(_)) => Ok(None),
            Err(e) => {
                // Or the client would ask for what is damaged in every session.
                if matches!(e, sordino_store::Error::Corrupt { .. }) {
                    store.remove(&id)?;
                }
                Err(e.into())
            }
        }
    }

    fn infer(
        &mut self,
        images: usize,
        entry: Option<Entry>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let model = self.offer.model;
        self.evaluated += if entry.is_none() { images as u64 } else { 0 };
        let source = match entry {
            Some(entry) => Source::Prepared(Prepared(entry)),
            None => {
                let tools =
                    Tools::ready(&mut self.tools, model, self.wish, self.lane, &mut self.rng)?;
                let linear = model.linear(&tools.plans, &tools.keys);
                linear.fit(images)?;
                Source::Live { pool: &mut tools.pool, linear }
            }
        };
        let mut party = TwoParty::<Server> {
            lane: self.lane,
            clock: &mut Clock::default(),
            source,
            weights: Some(&model.weights),
            rng: &mut self.rng,
            tiles: self.tiles,
            party: PhantomData,
        };
        let edge = &self.graph.edges[self.graph.input.0 as usize];
        let input = Share::zero(images * edge.len(), Ring::new(edge.ring));
        let output = walk_batch(self.graph, images, &mut party, input, observer)?;
        let spent = party.source.into_entry();
        self.lane.meter_mut().set(Phase::Online, None);
        output.open(self.lane, self.wish.reveal.disclosure(), &mut self.ledger)?;
        self.count += images as u64;
        observer.inferred(self.count, self.lane.meter());
        Ok(spent.map_or(Ok(()), Entry::finish)?)
    }
}
