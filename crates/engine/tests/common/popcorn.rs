//! The backend on Paillier's encryption alone, under test.

use super::{Counts, Deployed, Report};
use sordino_engine::popcorn::{PopcornCost, PopcornModel, PopcornOffer, PopcornSession, serve};
use sordino_engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::Unobserved;
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::FixedModel;
use sordino_wire::{Dir, Lane, Meter, Phase, Role};
use std::sync::Arc;

/// Keys of 2048 bits are made faster; those of 3072 take the same code.
pub const WISH: Wish = Wish {
    backend: BackendChoice::Popcorn(PopcornMode::Affine),
    supply: SupplyChoice::SoftSpoken(8),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Paillier(PaillierBits::N2048),
    winograd: true,
};
pub const PAPER: Wish = Wish { backend: BackendChoice::Popcorn(PopcornMode::Paper), ..WISH };
/// Bytes of the good-bye that ends a session.
const BYE: usize = 21;

pub struct Popcorn {
    model: PopcornModel,
    plain: FixedModel,
    wish: Wish,
}

impl Popcorn {
    pub fn new(model: &FixedModel, wish: Wish) -> Result<Self, Error> {
        Ok(Self { model: PopcornModel::new(model.clone())?, plain: model.clone(), wish })
    }
}

impl Deployed for Popcorn {
    fn fresh(self: Arc<Self>) -> Arc<dyn Deployed> {
        self
    }

    fn reference(&self, input: &[u64]) -> Vec<u64> {
        run_clear(&self.plain, input).unwrap()
    }

    fn client(&self, lane: Lane, inputs: &[Vec<u64>]) -> Result<Report, Error> {
        let mut session = PopcornSession::connect(lane, self.wish, |_| Ok(()))?;
        let infer = |x: &Vec<u64>| session.infer(x, &mut Silent);
        let outputs = inputs.iter().map(infer).collect::<Result<_, _>>()?;
        let disclosed = session.ledger().entries().map(|(d, n)| (d.describe(), n)).collect();
        Ok(Report { outputs, disclosed, meter: session.finish()? })
    }

    fn server(&self, lane: &mut Lane) -> Result<Meter, Error> {
        let BackendChoice::Popcorn(mode) = self.wish.backend else { unreachable!() };
        let offer = PopcornOffer {
            model: &self.model,
            card: b"card",
            modes: &[mode],
            max_inferences: u64::MAX,
        };
        serve(lane, &offer, &mut Unobserved)
    }

    fn predicted(&self, role: Role, inferences: usize) -> Counts {
        let mut cost = PopcornCost::new(&self.plain.graph, &self.wish, role).unwrap();
        for _ in 0..inferences {
            cost.infer().unwrap();
        }
        let mut meter = cost.meter().clone();
        if role == Role::Server {
            meter.set(Phase::Online, None);
            meter.message(Dir::Up, BYE);
        }
        meter.counts().clone()
    }
}

pub fn refusals(model: &FixedModel) -> [Option<Error>; 2] {
    [
        PopcornModel::new(model.clone()).err(),
        PopcornCost::new(&model.graph, &WISH, Role::Client).err(),
    ]
}
