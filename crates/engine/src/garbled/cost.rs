use super::messages::{BLOCK, CHUNK, chunks};
use super::{Outline, weights};
use crate::request::{REQUEST_LEN, STATUS_LEN};
use crate::work::{Account, Passing, Stage, Unit, WEIGHT, WorkLog};
use sordino_garble::GROUP_ROWS;
use sordino_graph::fixed::{Edge, FixedGraph};
use sordino_wire::{Dir, Meter, Phase, Role};

/// Bytes of the labels of an element before and after a layer, about: four of some 128 digits.
const LABELS: usize = 512;
/// Bytes of tables that are garbled before the first of them is sent, at most.
pub const GARBLED: usize = GROUP_ROWS * BLOCK;
/// Those that may wait to be sent.
const QUEUED: usize = 64 << 20;

/// Predicts the bytes, messages and rounds of a garbled session after its handshake. Equal to
/// what either party's lane meters.
pub struct GarbledCost<'a> {
    outline: &'a Outline,
    account: Account,
}

impl<'a> GarbledCost<'a> {
    /// A session as seen by `role`, its circuit being of this graph and outline: the weights down, their fingerprint up.
    pub fn new(graph: &FixedGraph, outline: &'a Outline, role: Role) -> Self {
        let mut account = Account::new(role);
        account.set(Phase::Setup, None);
        for n in chunks(weights::len(graph)) {
            account.meter.message(Dir::Down, n);
        }
        account.meter.message(Dir::Up, outline.fingerprint.len());
        account.meter.message(Dir::Down, STATUS_LEN);
        account.work.add_both(Unit::Session, 1);
        account.work.add(Role::Client, Unit::CircuitWeight, graph.kernel_len());
        let widest = graph.edges.iter().map(Edge::len).max().unwrap_or(0);
        let layer = outline.layers.iter().map(|l| l.rows as usize * BLOCK).max().unwrap_or(0);
        let held = &mut account.work.held;
        held.keep(Role::Server, outline.rows() as usize * BLOCK + WEIGHT * graph.kernel_len());
        held.keep(Role::Client, WEIGHT * graph.kernel_len());
        // Labels of a layer's operands and results, and those within its gadgets.
        held.pass_both(Passing::Values, LABELS * widest + layer / 11);
        held.pass(Role::Client, Passing::Step, layer.min(GARBLED) + layer.min(QUEUED));
        Self { outline, account }
    }

    /// Adds the making of one circuit: its tables up.
    pub fn prepare(&mut self) {
        self.account.set(Phase::Offline, None);
        self.account.meter.message(Dir::Up, REQUEST_LEN);
        self.account.meter.message(Dir::Down, STATUS_LEN);
        let rows = self.outline.rows();
        let whole = rows / (CHUNK / BLOCK) as u64;
        for _ in 0..whole {
            self.account.meter.message(Dir::Up, CHUNK);
        }
        let rest = (rows % (CHUNK / BLOCK) as u64) as usize;
        if rest > 0 {
            self.account.meter.message(Dir::Up, rest * BLOCK);
        }
        self.account.meter.message(Dir::Down, STATUS_LEN);
        for (layer, work) in (0..).zip(&self.outline.layers) {
            self.account.set(Phase::Offline, Some(layer));
            // Rows are sent as they are made.
            let mut add = |unit, n| {
                self.account.work.add_in(Stage::Making, Role::Client, unit, n as usize);
            };
            add(Unit::RowGarbled, work.rows);
            add(Unit::GateGarbled, work.gates);
            add(Unit::LabelProduct, work.products);
            add(Unit::LabelDigit, work.digits);
            self.account.work.add(Role::Server, Unit::RowKept, work.rows as usize);
        }
    }

    /// Adds one inference on a circuit made before: one round online.
    pub fn infer(&mut self) {
        self.account.set(Phase::Offline, None);
        self.account.meter.message(Dir::Up, REQUEST_LEN);
        self.account.meter.message(Dir::Down, STATUS_LEN);
        self.account.set(Phase::Online, None);
        self.account.meter.message(Dir::Up, self.outline.input_labels as usize * BLOCK);
        self.account.meter.message(Dir::Down, self.outline.output_labels as usize * BLOCK);
        for (layer, work) in (0..).zip(&self.outline.layers) {
            self.account.set(Phase::Online, Some(layer));
            let mut add = |unit, n| self.account.work.add(Role::Server, unit, n as usize);
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
