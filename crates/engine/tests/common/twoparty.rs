//! The two-party backend under test.

use super::{Counts, Deployed, Report};
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::{
    ClientSession, CostModel, Offer, ServerModel, Unobserved, serve, with_label,
};
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::FixedModel;
use sordino_wire::{Dir, Lane, Meter, Phase, Role};
use std::sync::Arc;

pub const WISH: Wish = Wish {
    backend: BackendChoice::TwoParty,
    supply: SupplyChoice::SoftSpoken(4),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Lattice,
    winograd: true,
};
/// Bytes of the good-bye that ends a session.
const BYE: usize = 21;

pub struct TwoParty {
    model: ServerModel,
    revealed: FixedModel,
    wish: Wish,
    max_inferences: u64,
}

impl TwoParty {
    pub fn new(model: &FixedModel, wish: Wish, max_inferences: u64) -> Result<Self, Error> {
        let graph = match wish.reveal {
            Reveal::Logits => model.graph.clone(),
            Reveal::Label => with_label(&model.graph),
        };
        let revealed = FixedModel { graph, weights: model.weights.clone() };
        Ok(Self { model: ServerModel::new(model.clone())?, revealed, wish, max_inferences })
    }
}

impl Deployed for TwoParty {
    fn fresh(self: Arc<Self>) -> Arc<dyn Deployed> {
        self
    }

    fn reference(&self, input: &[u64]) -> Vec<u64> {
        run_clear(&self.revealed, input).unwrap()
    }

    fn client(&self, lane: Lane, inputs: &[Vec<u64>]) -> Result<Report, Error> {
        let mut session = ClientSession::connect(lane, self.wish, None, |_| Ok(()))?;
        let infer = |x: &Vec<u64>| session.infer(x, &mut Silent);
        let outputs = inputs.iter().map(infer).collect::<Result<_, _>>()?;
        let disclosed = session.ledger().entries().map(|(d, n)| (d.describe(), n)).collect();
        Ok(Report { outputs, disclosed, meter: session.finish()? })
    }

    fn server(&self, lane: &mut Lane) -> Result<Meter, Error> {
        let offer = Offer {
            label_only: self.wish.reveal == Reveal::Label,
            max_inferences: self.max_inferences,
            ..Offer::new(&self.model, b"card")
        };
        Ok(serve(lane, &offer, &mut Unobserved)?.0)
    }

    fn predicted(&self, role: Role, inferences: usize) -> Counts {
        let mut cost = CostModel::new(&self.revealed.graph, &self.wish.into(), role).unwrap();
        for _ in 0..inferences {
            cost.infer().unwrap();
        }
        let mut meter = cost.meter().clone();
        if role == Role::Server {
            meter.set(Phase::Setup, None);
            meter.message(Dir::Up, BYE);
        }
        meter.counts().clone()
    }
}

pub fn refusals(model: &FixedModel) -> [Option<Error>; 2] {
    [
        ServerModel::new(model.clone()).err(),
        CostModel::new(&model.graph, &WISH.into(), Role::Client).err(),
    ]
}
