use super::messages::{replay, sent};
use super::plan::{Exchange, Plan};
use super::schedule::{Event, schedule};
use crate::Error;
use crate::request::REQUEST_LEN;
use crate::session::{PopcornMode, Wish};
use crate::work::{Account, Unit, WorkLog, paillier};
use serde::Serialize;
use sordino_graph::fixed::FixedGraph;
use sordino_wire::{Dir, Meter, Phase, Role};
use std::collections::VecDeque;

/// Predicts the bytes, messages and rounds of a popcorn session after its handshake. Equal to what either party's lane
/// meters, layer by layer.
pub struct PopcornCost {
    plan: Plan,
    account: Account,
}

impl PopcornCost {
    /// A session as seen by `role`: the key up.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Config`] for a graph or a wish that the backend does not run.
    pub fn new(graph: &FixedGraph, wish: &Wish, role: Role) -> Result<Self, Error> {
        let plan = Plan::new(graph, wish)?;
        let mut account = Account::new(role);
        account.set(Phase::Setup, None);
        account.meter.message(Dir::Up, plan.strength.public_key_bytes());
        let units = paillier(plan.strength);
        account.work.add_both(Unit::Session, 1);
        account.work.add(Role::Client, units.key, 1);
        account.work.add(Role::Server, units.read, 1);
        plan.held(&mut account.work.held);
        Ok(Self { plan, account })
    }

    /// Adds one inference.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn infer(&mut self) -> Result<(), Error> {
        let Self { plan, account } = self;
        let size = plan.strength.ciphertext_bytes();
        account.set(Phase::Online, None);
        account.meter.message(Dir::Up, REQUEST_LEN);
        replay(&mut account.meter, Dir::Up, plan.input_len(), size);
        for layer in 0..plan.graph.nodes.len() as u32 {
            account.set(Phase::Online, Some(layer));
            for _ in 0..plan.signs_of_life(layer) {
                account.meter.message(Dir::Down, 0);
            }
            for exchange in plan.exchanges(layer) {
                replay_exchange(&mut account.meter, plan, exchange)?;
            }
            plan.layer_work(&mut account.work, layer)?;
        }
        account.set(Phase::Online, None);
        replay(&mut account.meter, Dir::Down, plan.output_len(), size);
        plan.frame_work(&mut account.work);
        Ok(())
    }

    /// What an inference tells the client about intermediate values; none in `paper`, which has no such bound.
    pub fn exposure(&self) -> Option<Exposure> {
        if self.plan.mode == PopcornMode::Paper {
            return None;
        }
        let mut exposure = Exposure::default();
        for (round, values) in self.plan.rounds() {
            let Some((tests, bits)) = round.blinded() else { continue };
            let (blinding, values) = (self.plan.blinding(bits), (values * tests) as u64);
            exposure.values += values;
            exposure.distance = exposure.distance.max(blinding.distance(f64::from(bits + 1)));
            exposure.bits += values as f64 * blinding.information();
        }
        Some(exposure)
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.account.meter
    }

    /// What both parties compute for what was predicted so far, if no weight is zero.
    pub fn work(&self) -> &WorkLog {
        &self.account.work
    }
}

/// What the blinded values of one inference in `affine` tell, at most, beside the output: about the model, together with
/// the client's own input. Proofs stand at [`crate::popcorn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Exposure {
    /// Blinded values that the client sees.
    pub values: u64,
    /// The statistical distance between the blinded values of any two values in range, for the values of most bits.
    pub distance: f64,
    /// Bits of information about intermediate values in all of an inference, whatever the client knows already. More of them
    /// than the weights have does not say that the weights are given away, only that this bound does not exclude it.
    pub bits: f64,
}

fn replay_exchange(meter: &mut Meter, plan: &Plan, exchange: &Exchange) -> Result<(), Error> {
    let size = plan.strength.ciphertext_bytes();
    let tiles = plan.tiles(exchange);
    let mut answers = VecDeque::new();
    for event in schedule(tiles.len(), exchange.rounds.len()) {
        match event {
            // The client answers at once, the server reads later.
            Event::Ask { tile, round } => {
                let (round, values) = (exchange.rounds[round], tiles[tile].len());
                for count in plan.question(round, values)? {
                    replay(meter, Dir::Down, count, size);
                }
                let answer = round.answers().into_iter();
                answers.extend(answer.map(|(_, each)| sent(meter, Dir::Up, each * values, size)));
            }
            Event::Read { round, .. } => {
                let kinds = exchange.rounds[round].answers().len();
                for message in answers.drain(..kinds).flatten() {
                    meter.receive(message);
                }
            }
        }
    }
    Ok(())
}
