use super::messages::{BLOCK, CHUNK, chunks};
use super::{Circuit, weights};
use crate::request::{REQUEST_LEN, STATUS_LEN};
use crate::work::{Account, Unit, WorkLog};
use sordino_wire::{Dir, Meter, Phase, Role};

/// Predicts the bytes, messages and rounds of a garbled session after its handshake. Equal to
/// what either party's lane meters.
pub struct GarbledCost<'a> {
    circuit: &'a Circuit,
    account: Account,
}

impl<'a> GarbledCost<'a> {
    /// A session as seen by `role`: the weights down, their fingerprint up.
    pub fn new(circuit: &'a Circuit, role: Role) -> Self {
        let mut account = Account::new(role);
        account.set(Phase::Setup, None);
        for n in chunks(weights::len(&circuit.graph)) {
            account.meter.message(Dir::Down, n);
        }
        account.meter.message(Dir::Up, circuit.fingerprint().len());
        account.meter.message(Dir::Down, STATUS_LEN);
        Self { circuit, account }
    }

    /// Adds the making of one circuit: its tables up.
    pub fn prepare(&mut self) {
        self.account.set(Phase::Offline, None);
        self.account.meter.message(Dir::Up, REQUEST_LEN);
        self.account.meter.message(Dir::Down, STATUS_LEN);
        let rows = self.circuit.rows();
        let whole = rows / (CHUNK / BLOCK) as u64;
        for _ in 0..whole {
            self.account.meter.message(Dir::Up, CHUNK);
        }
        let rest = rows as usize % (CHUNK / BLOCK);
        if rest > 0 {
            self.account.meter.message(Dir::Up, rest * BLOCK);
        }
        self.account.meter.message(Dir::Down, STATUS_LEN);
        for (layer, work) in (0..).zip(self.circuit.layer_work()) {
            self.account.set(Phase::Offline, Some(layer));
            let mut add = |unit, n| self.account.work.add(Role::Client, unit, n);
            add(Unit::RowGarbled, work.rows);
            add(Unit::LabelProduct, work.products);
            add(Unit::LabelDigit, work.digits);
        }
    }

    /// Adds one inference on a circuit made before: one round online.
    pub fn infer(&mut self) {
        self.account.set(Phase::Offline, None);
        self.account.meter.message(Dir::Up, REQUEST_LEN);
        self.account.meter.message(Dir::Down, STATUS_LEN);
        self.account.set(Phase::Online, None);
        self.account.meter.message(Dir::Up, self.circuit.input_labels() * BLOCK);
        self.account.meter.message(Dir::Down, self.circuit.output_labels() * BLOCK);
        for (layer, work) in (0..).zip(self.circuit.layer_work()) {
            self.account.set(Phase::Online, Some(layer));
            let mut add = |unit, n| self.account.work.add(Role::Server, unit, n);
            add(Unit::GateEvaluated, work.gates);
            add(Unit::LabelProduct, work.products);
            add(Unit::LabelDigit, work.digits);
        }
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.account.meter
    }

    /// What both parties compute for what was predicted so far.
    pub fn work(&self) -> &WorkLog {
        &self.account.work
    }
}
