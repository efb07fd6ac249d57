use super::answer::Answerer;
use super::messages::{BATCH, INPUT, OUTPUT, PUBLIC_KEY, WORKING, pieces};
use super::plan::Plan;
use super::supply::Supply;
use crate::request::Request;
use crate::session::{self, Terms, Wish};
use crate::walk::Progress;
use crate::{Clock, Error};
use sordino_graph::fixed::semantics::{encode, wrap};
use sordino_he::paillier::{Pool, SecretKey};
use sordino_secret::{Disclosure, Ledger, SecretRng};
use sordino_wire::{AbortCode, Lane, Meter, Phase, Public};
use zeroize::Zeroizing;

/// The data owner's side of a popcorn session.
pub struct PopcornSession {
    lane: Lane,
    terms: Terms,
    plan: Plan,
    key: SecretKey,
    ledger: Ledger,
    clock: Clock,
}

impl PopcornSession {
    /// Handshake; `consent` sees the terms (graph, mode, card) before anything private happens and may refuse. Then makes a
    /// key and sends the public one.
    ///
    /// *Cost*: the graph and card down, then what [`super::PopcornCost::new`] predicts; some hundred milliseconds for the
    /// key.
    ///
    /// # Errors
    /// [`Error::Config`] for a wish that is not this backend's, or what the server refuses; [`Error::Unsupported`] for a
    /// layer that cannot be run.
    pub fn connect(
        mut lane: Lane,
        wish: Wish,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let terms = session::greet(&mut lane, wish)?;
        Self::start(lane, terms, consent)
    }

    /// The same after the handshake.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a layer that cannot be run; what `consent` says.
    pub fn start(
        mut lane: Lane,
        terms: Terms,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let plan = Plan::new(&terms.graph, &terms.wish)?;
        consent(&terms)?;
        *lane.meter_mut() = Meter::new(lane.role());
        let mut clock = Clock::default();
        clock.enter(Phase::Setup, None);
        lane.meter_mut().set(Phase::Setup, None);
        let mut rng = SecretRng::from_os()?;
        let key = SecretKey::generate(plan.strength, &mut rng);
        lane.send(PUBLIC_KEY, Public::new(&key.public().to_bytes()))?;
        lane.flush()?;
        clock.stop();
        Ok(Self { lane, terms, plan, key, ledger: Ledger::default(), clock })
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
    /// *Cost*: as [`super::PopcornCost::infer`] predicts.
    ///
    /// # Errors
    /// [`Error::Config`] for an input of another length, which costs nothing. After any other error, which is what the peer or
    /// the link does wrong, the server is told that this party gives up, and the session is unusable.
    pub fn infer(&mut self, input: &[u64], progress: &mut dyn Progress) -> Result<Vec<u64>, Error> {
        let graph = &self.plan.graph;
        let edge = &graph.edges[graph.input.0 as usize];
        if input.len() != edge.len() {
            return Err(Error::Config(format!(
                "the network takes {} input values, {} were given",
                edge.len(),
                input.len()
            )));
        }
        let values: Zeroizing<Vec<i128>> =
            Zeroizing::new(input.iter().map(|w| wrap(*w, edge.ring).into()).collect());
        let Self { lane, plan, key, ledger, clock, .. } = self;
        let fill = |pool: &mut Pool, count, rng: &mut SecretRng| Ok(key.fill(pool, count, rng)?);
        let [_, ciphertexts] = plan.ciphertexts()?;
        let scores = Supply::run(key.public(), ciphertexts, fill, |zeros| {
            let party = Answerer { lane: &mut *lane, plan, key, zeros };
            answer_all(party, &values, clock, progress)
        });
        let scores = scores.inspect_err(|_| lane.abort(AbortCode::Protocol))?;
        ledger.note(Disclosure::Logits, scores.len() as u64);
        clock.stop();
        let ring = plan.graph.edges[plan.graph.output.0 as usize].ring;
        Ok(scores.iter().map(|v| encode(*v as i64, ring)).collect())
    }

    /// Says good-bye, so that the server does not take the end for a failure.
    pub fn finish(mut self) -> Result<Meter, Error> {
        let meter = self.lane.meter().clone();
        Request::Bye.send(&mut self.lane)?;
        Ok(meter)
    }
}

/// An inference: the input up, all questions answered, the scores down.
fn answer_all(
    mut party: Answerer<'_>,
    input: &[i128],
    clock: &mut Clock,
    progress: &mut dyn Progress,
) -> Result<Zeroizing<Vec<i128>>, Error> {
    let plan = party.plan;
    clock.enter(Phase::Online, None);
    party.lane.meter_mut().set(Phase::Online, None);
    Request::Infer(1).send(party.lane)?;
    party.send(INPUT, input, BATCH)?;
    for (i, node) in plan.graph.nodes.iter().enumerate() {
        progress.layer(i, plan.graph.nodes.len(), &node.name);
        let layer = i as u32;
        clock.enter(Phase::Online, Some(layer));
        party.lane.meter_mut().set(Phase::Online, Some(layer));
        let signs = plan.signs_of_life(layer);
        for sign in 0..signs {
            party.lane.recv(WORKING, 0)?;
            progress.part(sign + 1, signs + 1);
        }
        for exchange in plan.exchanges(layer) {
            party.run(exchange, progress)?;
        }
    }
    clock.enter(Phase::Online, None);
    party.lane.meter_mut().set(Phase::Online, None);
    let mut scores = Zeroizing::new(Vec::with_capacity(plan.output_len()));
    for piece in pieces(plan.output_len(), BATCH) {
        let scored = party.receive(OUTPUT, piece.len())?;
        scores.extend(scored.to_signed(party.key.public())?.iter());
    }
    Ok(scores)
}
