//! The garbled backend under test.

use super::{Counts, Deployed, Report};
use sordino_engine::garbled::{
    Circuit, EvaluatorModel, GarbledCost, GarbledLimits, GarbledOffer, GarblerSession, TableMemory,
    serve,
};
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::Unobserved;
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::FixedModel;
use sordino_store::{Id, Store};
use sordino_wire::{Dir, Lane, Meter, Phase, Role};
use std::path::PathBuf;
use std::sync::Arc;

pub const WISH: Wish = Wish {
    backend: BackendChoice::Garbled,
    supply: SupplyChoice::SoftSpoken(8),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Lattice,
    winograd: true,
};
pub const LIMITS: GarbledLimits =
    GarbledLimits { inferences: 100, circuits: 8, memory: TableMemory { resident: 1 << 30 } };
/// Tables are read from the store as they are used.
pub const STREAMED: GarbledLimits = GarbledLimits { memory: TableMemory { resident: 0 }, ..LIMITS };
/// Bytes of the good-bye that ends a session.
const BYE: usize = 21;

/// The garbler's and the evaluator's store.
pub struct Stores {
    dir: tempfile::TempDir,
    pub ours: Store,
    pub theirs: Store,
}

impl Default for Stores {
    fn default() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = |name| Store::open(&dir.path().join(name)).unwrap();
        let (ours, theirs) = (open("garbler"), open("evaluator"));
        Self { dir, ours, theirs }
    }
}

impl Stores {
    /// The evaluator's file of an entry.
    pub fn tables(&self, id: Id) -> PathBuf {
        self.file("evaluator", id)
    }

    /// The garbler's file of an entry.
    pub fn secret(&self, id: Id) -> PathBuf {
        self.file("garbler", id)
    }

    fn file(&self, party: &str, id: Id) -> PathBuf {
        self.dir.path().join(party).join("ready").join(id.to_string())
    }
}

#[derive(Clone, Copy)]
pub struct Options {
    pub stored: bool,
    pub limits: GarbledLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self { stored: false, limits: LIMITS }
    }
}

pub struct Garbled {
    model: Arc<(EvaluatorModel, FixedModel)>,
    options: Options,
    pub stores: Option<Stores>,
}

impl Garbled {
    pub fn new(model: &FixedModel, options: Options) -> Result<Self, Error> {
        let model = Arc::new((EvaluatorModel::new(model)?, model.clone()));
        Ok(Self::of(model, options))
    }

    fn of(model: Arc<(EvaluatorModel, FixedModel)>, options: Options) -> Self {
        Self { model, options, stores: options.stored.then(Stores::default) }
    }

    pub fn circuit(&self) -> &Circuit {
        self.model.0.circuit()
    }

    pub fn plain(&self) -> &FixedModel {
        &self.model.1
    }

    pub fn stores(&self) -> &Stores {
        self.stores.as_ref().unwrap()
    }

    pub fn connect(&self, lane: Lane) -> Result<GarblerSession<'_>, Error> {
        GarblerSession::connect(lane, WISH, self.stores.as_ref().map(|s| &s.ours), |_, _| Ok(()))
    }

    /// A session of a server with another store.
    pub fn serve_from(&self, lane: &mut Lane, store: Option<&Store>) -> Result<Meter, Error> {
        let limits = self.options.limits;
        let offer = GarbledOffer { model: &self.model.0, card: b"card", store, limits };
        serve(lane, &offer, &mut Unobserved)
    }
}

impl Deployed for Garbled {
    fn fresh(self: Arc<Self>) -> Arc<dyn Deployed> {
        match self.stores {
            None => self,
            Some(_) => Arc::new(Self::of(self.model.clone(), self.options)),
        }
    }

    fn reference(&self, input: &[u64]) -> Vec<u64> {
        run_clear(self.plain(), input).unwrap()
    }

    fn client(&self, lane: Lane, inputs: &[Vec<u64>]) -> Result<Report, Error> {
        let mut session = self.connect(lane)?;
        let infer = |x: &Vec<u64>| session.infer(x, &mut Silent);
        let outputs = inputs.iter().map(infer).collect::<Result<_, _>>()?;
        let disclosed = session.ledger().entries().map(|(d, n)| (d.describe(), n)).collect();
        Ok(Report { outputs, disclosed, meter: session.finish()? })
    }

    fn server(&self, lane: &mut Lane) -> Result<Meter, Error> {
        self.serve_from(lane, self.stores.as_ref().map(|s| &s.theirs))
    }

    fn predicted(&self, role: Role, inferences: usize) -> Counts {
        let outline = self.circuit().outline();
        let mut cost = GarbledCost::new(self.circuit().graph(), &outline, role);
        for _ in 0..inferences {
            cost.prepare();
            cost.infer();
        }
        let mut meter = cost.meter().clone();
        if role == Role::Server {
            meter.set(Phase::Offline, None);
            meter.message(Dir::Up, BYE);
        }
        meter.counts().clone()
    }
}

pub fn refusals(model: &FixedModel) -> [Option<Error>; 2] {
    [EvaluatorModel::new(model).err(), Circuit::new(model).err()]
}
