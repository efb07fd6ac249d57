use super::evaluator::{Source, TwoParty};
use super::linear::{Plans, Secrets};
use super::outline::outline;
use super::prepared::{self, Prepared, Preparer};
use super::{CotPool, Tiles, batch};
use crate::request::{Request, Status};
use crate::session::{self, Ask, Terms, Wish};
use crate::walk::{Progress, walk_batch};
use crate::{Clock, Error};
use sordino_graph::fixed::FixedGraph;
use sordino_secret::{Client, Ledger, Ring, SecretRng, Share};
use sordino_store::{Entry, Id, Store};
use sordino_wire::{Lane, Meter, Phase, Role};
use std::marker::PhantomData;

/// Entries of the store that one inference gives up because the server lacks their other halves.
const MAX_LOST: u32 = 3;

/// The data owner's side of a session.
pub struct ClientSession<'a> {
    lane: Lane,
    terms: Terms,
    plans: Plans,
    tools: Option<Tools>,
    store: Option<&'a Store>,
    rng: SecretRng,
    tiles: Tiles,
    ledger: Ledger,
    clock: Clock,
}

/// What is set up when it is first needed.
struct Tools {
    pool: CotPool,
    keys: Secrets,
}

impl<'a> ClientSession<'a> {
    /// Handshake. `consent` sees the terms (graph, disclosures, card) before anything private
    /// happens and may refuse. Prepared material is kept in `store`.
    ///
    /// *Cost*: the graph and card down; then as [`super::CostModel`] predicts, request by request.
    pub fn connect<'c>(
        mut lane: Lane,
        ask: impl Into<Ask<'c>>,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let terms = session::greet(&mut lane, ask)?;
        Self::start(lane, terms, store, consent)
    }

    /// The same after the handshake.
    ///
    /// # Errors
    /// For a layer that does not fit, or what `consent` says.
    pub fn start(
        mut lane: Lane,
        mut terms: Terms,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        terms.images = batch::most(&terms.graph, terms.images as usize);
        let wish = terms.wish;
        // The graph was validated when it was decoded; layouts say whether every layer fits.
        let plans = Plans::new(&terms.graph, &wish.into())?;
        consent(&terms)?;
        *lane.meter_mut() = Meter::new(lane.role());
        let tiles = Tiles::new(wish.supply.into(), wish.truncation);
        Ok(Self {
            lane,
            terms,
            plans,
            tools: None,
            store,
            rng: SecretRng::from_os()?,
            tiles,
            ledger: Ledger::default(),
            clock: Clock::default(),
        })
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

    /// Inferences of this network and these settings for which material is stored, in batches of any size.
    pub fn prepared(&self) -> Result<usize, Error> {
        Ok(stored(self.store, &self.label()?)?.into_iter().map(|(_, images)| images).sum())
    }

    fn label(&self) -> Result<[u8; 32], Error> {
        session::material_label(&self.terms.graph, &self.terms.wish, &[])
    }

    /// Refuses a batch that the server would refuse, or that cannot be laid out.
    fn admit(&self, images: usize) -> Result<u32, Error> {
        let most = self.terms.images;
        match u32::try_from(images) {
            Ok(n) if (1..=most).contains(&n) => self.plans.fit(images).map(|()| n),
            _ => Err(Error::Config(format!(
                "a batch of {images} images: the server takes 1 to {most} at once; use a smaller \
                 --batch, or have its --max-batch raised"
            ))),
        }
    }

    /// Makes material for one inference: everything that does not need the input. The server has
    /// stored its half, durably, before this party stores its own, which it has when this returns.
    ///
    /// *Cost*: as [`super::CostModel::prepare`] predicts, exactly.
    ///
    /// *Errors*: [`Error::Config`] without a store on either side; [`Error::Unsupported`] for a
    /// network with tables on shares.
    pub fn prepare(&mut self, progress: &mut dyn Progress) -> Result<Id, Error> {
        self.prepare_batch(1, progress)
    }

    /// The same for so many images at once: it serves batches of just as many.
    ///
    /// *Cost*: as [`super::CostModel::prepare_batch`] predicts, exactly.
    ///
    /// *Errors*: as [`ClientSession::prepare`] and [`ClientSession::infer_batch`].
    pub fn prepare_batch(
        &mut self,
        images: usize,
        progress: &mut dyn Progress,
    ) -> Result<Id, Error> {
        let Some(store) = self.store else {
            return Err(Error::Config("material is prepared into a store; none was given".into()));
        };
        prepared::check(&self.terms.graph)?;
        let (label, number) = (self.label()?, self.admit(images)?);
        self.clock.enter(Phase::Setup, None);
        self.lane.meter_mut().set(Phase::Setup, None);
        let id = Id::random()?;
        Request::Prepare(id, number).send(&mut self.lane)?;
        Status::receive(&mut self.lane)?.expect_ok("prepare an inference")?;
        let Tools { pool, keys } = Tools::ready(
            &mut self.tools,
            &self.plans,
            self.terms.wish,
            &mut self.lane,
            &mut self.rng,
            &mut self.clock,
        )?;
        let mut preparer = Preparer::<Client> {
            lane: &mut self.lane,
            clock: &mut self.clock,
            pool,
            linear: self.plans.client(keys),
            rng: &mut self.rng,
            writer: store.create(id, &prepared::kind(Role::Client, images), label)?,
            party: PhantomData,
        };
        outline(&self.terms.graph, images, self.tiles, &mut preparer, progress)?;
        let Preparer { writer, .. } = preparer;
        self.clock.enter(Phase::Offline, None);
        self.lane.meter_mut().set(Phase::Offline, None);
        Status::receive(&mut self.lane)?.expect_ok("store its half")?;
        writer.commit()?;
        self.clock.stop();
        Ok(id)
    }

    /// One private inference: encoded input words in, output words out. Uses prepared material
    /// where there is some.
    ///
    /// *Cost*: as [`super::CostModel::infer`] or [`super::CostModel::infer_prepared`] predicts,
    /// exactly; a request and an answer more for each entry of the store that the server lacks.
    ///
    /// *Security*: an entry is claimed durably here before the server is asked for its half, which
    /// the server claims before it answers; it is lost when the session ends there.
    ///
    /// *Errors*: a wrong input length, or anything that goes wrong on the way; the session cannot
    /// be used after the latter.
    pub fn infer(&mut self, input: &[u64], progress: &mut dyn Progress) -> Result<Vec<u64>, Error> {
        let mut outputs = self.infer_batch(&[input], progress)?;
        outputs.pop().ok_or_else(|| Error::Config("one input gave no output".into()))
    }

    /// One private inference on several inputs at once, for less than as many inferences cost: rounds and
    /// the transforms of kernels are shared, and small tensors of several images share ciphertexts.
    /// Gives the outputs in the order of the inputs. Uses material that was prepared for just as many.
    ///
    /// *Cost*: as [`super::CostModel::infer_batch`] or [`super::CostModel::infer_batch_prepared`]
    /// predicts, exactly; the parties' memory grows with the number of images.
    ///
    /// *Security*: as [`ClientSession::infer`]. Nothing random serves two images; the server learns how many
    /// there are.
    ///
    /// *Errors*: as [`ClientSession::infer`]; [`Error::Config`] for no input, or more than
    /// [`Terms::images`].
    pub fn infer_batch<I: AsRef<[u64]>>(
        &mut self,
        inputs: &[I],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Vec<u64>>, Error> {
        let images = inputs.len();
        let number = self.admit(images)?;
        let edge = &self.terms.graph.edges[self.terms.graph.input.0 as usize];
        let mut words = Vec::with_capacity(images * edge.len());
        for input in inputs.iter().map(AsRef::as_ref) {
            if input.len() != edge.len() {
                return Err(Error::Config(format!(
                    "the network takes {} input values, {} were given",
                    edge.len(),
                    input.len()
                )));
            }
            words.extend_from_slice(input);
        }
        let input = Share::from_protocol(words, Ring::new(edge.ring));
        self.clock.enter(Phase::Setup, None);
        self.lane.meter_mut().set(Phase::Setup, None);
        let source = match self.claim(number)? {
            Some(entry) => Source::Prepared(Prepared(entry)),
            None => {
                Request::Infer(number).send(&mut self.lane)?;
                let Tools { pool, keys } = Tools::ready(
                    &mut self.tools,
                    &self.plans,
                    self.terms.wish,
                    &mut self.lane,
                    &mut self.rng,
                    &mut self.clock,
                )?;
                let linear = self.plans.client(keys);
                Source::Live { pool, linear }
            }
        };
        let mut party = TwoParty::<Client> {
            lane: &mut self.lane,
            clock: &mut self.clock,
            source,
            weights: None,
            rng: &mut self.rng,
            tiles: self.tiles,
            party: PhantomData,
        };
        let output = walk_batch(&self.terms.graph, images, &mut party, input, progress)?;
        let spent = party.source.into_entry();
        self.clock.enter(Phase::Online, None);
        self.lane.meter_mut().set(Phase::Online, None);
        let why = self.terms.wish.reveal.disclosure();
        let opened = output.open(&mut self.lane, why, &mut self.ledger)?;
        self.clock.stop();
        spent.map_or(Ok(()), Entry::finish)?;
        let opened =
            opened.ok_or_else(|| Error::Config("a client's share opened to nothing".into()))?;
        Ok(opened.chunks((opened.len() / images).max(1)).map(<[u64]>::to_vec).collect())
    }

    /// Material that the server has too: claimed on both sides.
    fn claim(&mut self, images: u32) -> Result<Option<Entry>, Error> {
        let Some(store) = self.store else { return Ok(None) };
        let stored = stored(self.store, &self.label()?)?.into_iter();
        let ours = stored.filter(|(_, serves)| *serves == images as usize);
        for (id, _) in ours.take(MAX_LOST as usize) {
            // First here, so that of several sessions only one asks for an entry.
            let entry = match store.claim(&id) {
                Err(sordino_store::Error::Consumed(_) | sordino_store::Error::Unknown(_)) => {
                    continue;
                }
                claimed => claimed?,
            };
            Request::Use(id, images).send(&mut self.lane)?;
            match Status::receive(&mut self.lane)? {
                Status::Absent => entry.finish()?,
                status => return status.expect_ok("use its half").map(|()| Some(entry)),
            }
        }
        Ok(None)
    }

    /// Says good-bye, so that the server does not take the end for a failure.
    pub fn finish(mut self) -> Result<Meter, Error> {
        let meter = self.lane.meter().clone();
        Request::Bye.send(&mut self.lane)?;
        Ok(meter)
    }
}

impl Tools {
    /// Set up, if they are not yet.
    fn ready<'t>(
        slot: &'t mut Option<Self>,
        plans: &Plans,
        wish: Wish,
        lane: &mut Lane,
        rng: &mut SecretRng,
        clock: &mut Clock,
    ) -> Result<&'t mut Self, Error> {
        let tools = match slot.take() {
            Some(tools) => tools,
            None => {
                lane.meter_mut().set(Phase::Setup, None);
                clock.enter(Phase::Setup, None);
                let pool = CotPool::setup::<Client>(lane, rng, wish.supply.into())?;
                Self { pool, keys: plans.send_keys(lane, rng)? }
            }
        };
        Ok(slot.insert(tools))
    }
}

/// Material in a store under this label, with the images that it serves.
fn stored(store: Option<&Store>, label: &[u8; 32]) -> Result<Vec<(Id, usize)>, Error> {
    let Some(store) = store else { return Ok(Vec::new()) };
    let list = store.list()?.into_iter().filter(|i| i.label == *label);
    let ours = list.map(|i| (i.id, prepared::images(Role::Client, &i.kind)));
    Ok(ours.filter(|(_, images)| *images > 0).collect())
}

/// Inferences on so many images, of a network with this wish, for which a client's store has material.
///
/// # Errors
/// Those of the store.
pub fn prepared_for(
    store: &Store,
    graph: &FixedGraph,
    wish: &Wish,
    images: usize,
) -> Result<usize, Error> {
    let label = session::material_label(graph, wish, &[])?;
    Ok(stored(Some(store), &label)?.into_iter().filter(|(_, n)| *n == images).count())
}
