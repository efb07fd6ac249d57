use super::evaluator::Server;
use super::exchange::Asker;
use super::messages::{INPUT, OUTPUT, PUBLIC_KEY, receive};
use super::plan::{Plan, shape, steps, sum_shape};
use crate::Error;
use crate::request::Request;
use crate::session::{self, BackendChoice, PopcornMode, Refusal, Wish};
use crate::twoparty::Observer;
use crate::walk::walk;
use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_he::paillier::{Layout, Linear, PublicKey};
use sordino_secret::SecretRng;
use sordino_wire::{AbortCode, Lane, Meter, Phase};
use std::collections::BTreeMap;

/// A model made ready to be served.
pub struct PopcornModel {
    model: FixedModel,
    kernels: Kernels,
}

/// Weights sorted by layer number.
pub(super) struct Kernels(BTreeMap<u32, Linear>);

impl Kernels {
    fn new(model: &FixedModel) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        for (i, node) in model.graph.nodes.iter().enumerate() {
            let kernel = match &node.op {
                FixedOp::Linear { conv, weights, .. } => {
                    let kernel = &model.weights.layers[weights.0 as usize].kernel;
                    Linear::new(&Layout::elements(&shape(conv))?, kernel)?
                }
                FixedOp::SumPool(pool) => {
                    let shape = sum_shape(pool);
                    Linear::new(&Layout::elements(&shape)?, &vec![1; shape.kernel_len()])?
                }
                _ => continue,
            };
            kernels.insert(i as u32, kernel);
        }
        Ok(Self(kernels))
    }

    pub(super) fn layer(&self, layer: u32) -> Option<&Linear> {
        self.0.get(&layer)
    }
}

impl PopcornModel {
    /// Checks that every layer can be run and sorts the weights.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the layer that cannot.
    pub fn new(model: FixedModel) -> Result<Self, Error> {
        model.validate()?;
        for node in &model.graph.nodes {
            steps(&model.graph, node)?;
        }
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
    let result = session(lane, offer, observer);
    if result.is_err() {
        lane.abort(AbortCode::Protocol);
    }
    result
}

fn session(
    lane: &mut Lane,
    offer: &PopcornOffer<'_>,
    observer: &mut dyn Observer,
) -> Result<Meter, Error> {
    let graph = &offer.model.model.graph;
    let hello = session::listen(lane)?;
    let accepted = |wish: &Wish| match wish.backend {
        BackendChoice::Popcorn(mode) => offer.modes.contains(&mode),
        _ => false,
    };
    if !accepted(&hello.wish) {
        session::refuse(lane, Refusal::Backend)?;
        return Err(Error::Config("the client asked for another backend or mode".into()));
    }
    let plan = match Plan::new(graph, &hello.wish) {
        Ok(plan) => plan,
        Err(e) => {
            session::refuse(lane, Refusal::Wish)?;
            return Err(e);
        }
    };
    let wish = session::welcome(lane, graph, offer.card, 1, hello)?;
    observer.agreed(wish);
    *lane.meter_mut() = Meter::new(lane.role());
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
    let input = receive(lane, INPUT, key, plan.input_len())?.computed();
    let asker = Asker { lane, plan, key, rng };
    let mut server = Server { asker, kernels, weights: &model.weights };
    let output = walk(&plan.graph, &mut server, input, observer)?;
    let Server { mut asker, .. } = server;
    asker.lane.meter_mut().set(Phase::Online, None);
    asker.send(OUTPUT, &output)?;
    Ok(asker.lane.flush()?)
}
