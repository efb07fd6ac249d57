use super::messages::{BLOCK, CHUNK, chunks};
use super::{Circuit, weights};
use crate::request::{REQUEST_LEN, STATUS_LEN};
use sordino_wire::{Dir, Meter, Phase, Role};

/// Predicts the bytes, messages and rounds of a garbled session after its handshake. Equal to
/// what either party's lane meters.
pub struct GarbledCost<'a> {
    circuit: &'a Circuit,
    meter: Meter,
}

impl<'a> GarbledCost<'a> {
    /// A session as seen by `role`: the weights down, their fingerprint up.
    pub fn new(circuit: &'a Circuit, role: Role) -> Self {
        let mut meter = Meter::new(role);
        meter.set(Phase::Setup, None);
        for n in chunks(weights::len(&circuit.graph)) {
            meter.message(Dir::Down, n);
        }
        meter.message(Dir::Up, circuit.fingerprint().len());
        meter.message(Dir::Down, STATUS_LEN);
        Self { circuit, meter }
    }

    /// Adds the making of one circuit: its tables up.
    pub fn prepare(&mut self) {
        self.meter.set(Phase::Offline, None);
        self.meter.message(Dir::Up, REQUEST_LEN);
        self.meter.message(Dir::Down, STATUS_LEN);
        let rows = self.circuit.rows();
        let whole = rows / (CHUNK / BLOCK) as u64;
        for _ in 0..whole {
            self.meter.message(Dir::Up, CHUNK);
        }
        let rest = rows as usize % (CHUNK / BLOCK);
        if rest > 0 {
            self.meter.message(Dir::Up, rest * BLOCK);
        }
        self.meter.message(Dir::Down, STATUS_LEN);
    }

    /// Adds one inference on a circuit made before: one round online.
    pub fn infer(&mut self) {
        self.meter.set(Phase::Offline, None);
        self.meter.message(Dir::Up, REQUEST_LEN);
        self.meter.message(Dir::Down, STATUS_LEN);
        self.meter.set(Phase::Online, None);
        self.meter.message(Dir::Up, self.circuit.input_labels() * BLOCK);
        self.meter.message(Dir::Down, self.circuit.output_labels() * BLOCK);
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}
