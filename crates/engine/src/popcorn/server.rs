use super::ask::Asker;
use super::blocks::{Block, blocks};
use super::evaluator::Server;
use super::messages::{BATCH, INPUT, OUTPUT, PUBLIC_KEY, pieces, receive};
use super::plan::{Plan, layers};
use super::supply::Supply;
use crate::Error;
use crate::request::Request;
use crate::session::{
    self, BackendChoice, Host, Offered, PopcornMode, Refusal, Refused, Reveal, Truncation, Way,
    Wish,
};
use crate::twoparty::Observer;
use crate::walk::{Silent, walk};
use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_he::paillier::{Computed, Linear, Pool, PublicKey};
use sordino_secret::SecretRng;
use sordino_wire::{Lane, Meter, Phase};
use std::collections::BTreeMap;
use std::ops::Range;

/// A model made ready to be served.
pub struct PopcornModel {
    model: FixedModel,
    kernels: Kernels,
}

/// Weights sorted by layer number, in blocks with the inputs that they read.
pub(super) struct Kernels(BTreeMap<u32, Vec<(Range<usize>, Linear)>>);

impl Kernels {
    fn new(model: &FixedModel) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        for (i, node) in model.graph.nodes.iter().enumerate() {
            let sort = |block: Block| {
                let taps = block.taps();
                let linear = match &node.op {
                    FixedOp::Linear { weights, .. } => {
                        let kernel = &model.weights.layers[weights.0 as usize].kernel;
                        let own = block.channels.start * taps..block.channels.end * taps;
                        Linear::new(&block.layout()?, &kernel[own])?
                    }
                    _ => Linear::new(&block.layout()?, &vec![1; block.channels.len() * taps])?,
                };
                Ok((block.inputs, linear))
            };
            let blocks = blocks(&node.op).into_iter().map(sort);
            kernels.insert(i as u32, blocks.collect::<Result<_, Error>>()?);
        }
        Ok(Self(kernels))
    }

    pub(super) fn layer(&self, layer: u32) -> &[(Range<usize>, Linear)] {
        self.0.get(&layer).map_or(&[], |blocks| blocks)
    }
}

impl PopcornModel {
    /// Checks that every layer can be run and sorts the weights.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the layer that cannot, [`Error::Config`] for a model that is too large.
    pub fn new(model: FixedModel) -> Result<Self, Error> {
        model.validate()?;
        // With the fewer questions: what is refused here no client could run.
        layers(&model.graph, Truncation::OneLsb)?;
        let kernels = Kernels::new(&model)?;
        Ok(Self { model, kernels })
    }
}

/// What a server offers to every client.
pub struct PopcornOffer<'a> {
    /// The model.
    pub model: &'a PopcornModel,
    /// Sent to clients as it is: preprocessing, labels.
    pub card: &'a [u8],
    /// The modes that the owner accepts: each says what clients learn about the model.
    pub modes: &'a [PopcornMode],
    /// Inferences per session.
    pub max_inferences: u64,
}

/// Serves one client until it says good-bye. Returns the session's meter.
///
/// # Errors
/// Anything the peer or the link does wrong; the peer is then told of a uniform abort.
pub fn serve(
    lane: &mut Lane,
    offer: &PopcornOffer<'_>,
    observer: &mut dyn Observer,
) -> Result<Meter, Error> {
    session::serve(lane, &[offer], observer)
}

impl Host for PopcornOffer<'_> {
    fn card(&self) -> &[u8] {
        self.card
    }

    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>> {
        let modes = if reveal == Reveal::Logits { self.modes } else { &[] };
        modes.iter().map(|mode| self.offered(*mode)).collect()
    }

    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused> {
        let BackendChoice::Popcorn(mode) = wish.backend else { return Ok(None) };
        if !self.modes.contains(&mode) {
            return Ok(None);
        }
        match Plan::new(&self.model.model.graph, wish) {
            Ok(_) => Ok(Some(self.offered(mode))),
            Err(why) => Err(Refused { tell: Refusal::Wish, why }),
        }
    }

    fn run(
        &self,
        lane: &mut Lane,
        wish: Wish,
        observer: &mut dyn Observer,
    ) -> Result<Meter, Error> {
        session(lane, self, &wish, observer)
    }
}

impl PopcornOffer<'_> {
    fn offered(&self, mode: PopcornMode) -> Offered<'_> {
        let way = Way {
            backend: BackendChoice::Popcorn(mode),
            graph: 0,
            images: 1,
            paillier: true,
            outline: None,
        };
        Offered { way, graph: &self.model.model.graph }
    }
}

fn session(
    lane: &mut Lane,
    offer: &PopcornOffer<'_>,
    wish: &Wish,
    observer: &mut dyn Observer,
) -> Result<Meter, Error> {
    let plan = Plan::new(&offer.model.model.graph, wish)?;
    lane.meter_mut().set(Phase::Setup, None);
    let bytes = lane.recv(PUBLIC_KEY, plan.strength.public_key_bytes())?;
    let key = PublicKey::from_bytes(plan.strength, &bytes)?;
    let mut rng = SecretRng::from_os()?;
    let mut count = 0;
    loop {
        lane.meter_mut().set(Phase::Online, None);
        match Request::receive(lane)? {
            Request::Bye => return Ok(lane.meter().clone()),
            Request::Infer(1) if count < offer.max_inferences => {
                infer(lane, offer.model, &plan, &key, &mut rng, observer)?;
                count += 1;
                observer.inferred(count, lane.meter());
            }
            Request::Infer(1) => {
                return Err(Error::Config(format!(
                    "the session has used its {} inferences",
                    offer.max_inferences
                )));
            }
            _ => {
                return Err(Error::Peer(
                    "it asks for what this backend does not do: batches or preparations".into(),
                ));
            }
        }
    }
}

fn infer(
    lane: &mut Lane,
    PopcornModel { model, kernels }: &PopcornModel,
    plan: &Plan,
    key: &PublicKey,
    rng: &mut SecretRng,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    let fill = |pool: &mut Pool, count, rng: &mut SecretRng| {
        pool.fill(count, rng);
        Ok(())
    };
    let [ciphertexts, _] = plan.ciphertexts()?;
    Supply::run(key, ciphertexts, fill, |zeros| {
        let input = pieces(plan.input_len(), BATCH)
            .map(|piece| Ok(receive(lane, INPUT, key, piece.len())?.computed()))
            .collect::<Result<Vec<_>, Error>>()?;
        let input = Computed::chain(&input.iter().collect::<Vec<_>>())?;
        let asker = Asker { lane, plan, key, rng, zeros, observer };
        let mut server = Server { asker, kernels, weights: &model.weights };
        let output = walk(&plan.graph, &mut server, input, &mut Silent)?;
        let Server { mut asker, .. } = server;
        asker.lane.meter_mut().set(Phase::Online, None);
        for piece in pieces(output.len(), BATCH) {
            asker.send(OUTPUT, &output.range(piece)?)?;
            asker.lane.flush()?;
        }
        Ok(())
    })
}
