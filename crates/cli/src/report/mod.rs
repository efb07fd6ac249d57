//! What a run cost, for people and for machines.

mod garbled;
mod process;
mod progress;
mod table;

pub use garbled::GarbledReport;
pub use process::{cpu_seconds, peak_bytes, thread_seconds};
pub use progress::{Garbling, Watch};
pub use sordino_plan::Forecast;
pub use table::{bytes, counted, seconds};

use serde::Serialize;
use sordino_engine::Clock;
use sordino_graph::fixed::{FixedGraph, FixedOp, Function};
use sordino_wire::{Count, Meter, Phase};
use std::collections::BTreeMap;

/// Messages of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bytes from client to server.
    pub up: u64,
    /// Bytes from server to client.
    pub down: u64,
    /// Messages both ways.
    pub messages: u64,
    /// Waits for an answer.
    pub rounds: u64,
}

impl Traffic {
    fn add(&mut self, count: &Count) {
        self.up += count.up;
        self.down += count.down;
        self.messages += count.messages;
        self.rounds += count.rounds;
    }

    fn join(&mut self, other: &Self) {
        self.up += other.up;
        self.down += other.down;
        self.messages += other.messages;
        self.rounds += other.rounds;
    }
}

/// Cost of a session of either backend.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Account {
    /// Of the two-party backend.
    TwoParty(Report),
    /// Of the garbled backend.
    Garbled(GarbledReport),
}

impl Account {
    /// A table for people.
    pub fn table(&self) -> String {
        match self {
            Self::TwoParty(report) => report.table(),
            Self::Garbled(report) => report.table(),
        }
    }
}

/// Cost of all layers of one kind, or of what is outside layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// Kind of layer.
    pub kind: String,
    /// How many layers.
    pub layers: usize,
    /// Input-independent part.
    pub offline: Traffic,
    /// The rest.
    pub online: Traffic,
    /// Wall time of the input-independent part.
    pub offline_seconds: f64,
    /// Wall time of the rest.
    pub online_seconds: f64,
}

/// An inference's share of a session, without set-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Each {
    /// Bytes both ways.
    pub bytes: u64,
    /// Rounds; a batch shares them.
    pub rounds: f64,
    /// Inferences per second of wall time.
    pub per_second: f64,
}

/// Cost of a session, all inferences together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Inferences in the session.
    pub inferences: u64,
    /// Keys and base transfers.
    pub setup: Traffic,
    /// Per kind of layer.
    pub rows: Vec<Row>,
    /// What does not depend on inputs.
    pub offline: Traffic,
    /// The rest.
    pub online: Traffic,
    /// Everything.
    pub total: Traffic,
    /// For one inference, if there was any.
    pub each: Option<Each>,
    /// Wall time of set-up.
    pub setup_seconds: f64,
    /// Wall time of the part that does not depend on inputs.
    pub offline_seconds: f64,
    /// Wall time of the rest.
    pub online_seconds: f64,
    /// Processor time of this process, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory of this process, where the system tells.
    pub peak_memory: Option<u64>,
}

impl Report {
    /// From what a lane metered and how long layers took.
    pub fn new(graph: &FixedGraph, meter: &Meter, clock: &Clock, inferences: u64) -> Self {
        let mut rows: BTreeMap<(usize, &'static str), Row> = BTreeMap::new();
        for node in &graph.nodes {
            rows.entry(kind(&node.op)).or_default().layers += 1;
        }
        let key = |layer: Option<u32>| {
            let node = layer.and_then(|l| graph.nodes.get(l as usize));
            node.map_or((usize::MAX, "request and result"), |n| kind(&n.op))
        };
        let mut report = Self {
            inferences,
            peak_memory: peak_bytes(),
            cpu_seconds: cpu_seconds(),
            ..Self::default()
        };
        for ((phase, layer), count) in meter.counts() {
            report.total.add(count);
            match phase {
                Phase::Setup => report.setup.add(count),
                Phase::Offline => rows.entry(key(*layer)).or_default().offline.add(count),
                Phase::Online => rows.entry(key(*layer)).or_default().online.add(count),
            }
        }
        for ((phase, layer), spent) in clock.spent() {
            let spent = spent.as_secs_f64();
            match phase {
                Phase::Setup => report.setup_seconds += spent,
                Phase::Offline => rows.entry(key(*layer)).or_default().offline_seconds += spent,
                Phase::Online => rows.entry(key(*layer)).or_default().online_seconds += spent,
            }
        }
        for row in rows.values() {
            report.offline.join(&row.offline);
            report.online.join(&row.online);
            report.offline_seconds += row.offline_seconds;
            report.online_seconds += row.online_seconds;
        }
        report.each = report.of_one();
        report.rows =
            rows.into_iter().map(|((_, kind), row)| Row { kind: kind.into(), ..row }).collect();
        report
    }
}

impl Report {
    fn of_one(&self) -> Option<Each> {
        let (off, on) = (&self.offline, &self.online);
        let seconds = self.offline_seconds + self.online_seconds;
        (self.inferences > 0).then(|| Each {
            bytes: (off.up + off.down + on.up + on.down) / self.inferences,
            rounds: (off.rounds + on.rounds) as f64 / self.inferences as f64,
            per_second: self.inferences as f64 / seconds.max(f64::MIN_POSITIVE),
        })
    }
}

/// Order in reports, and the name of a kind of layer.
fn kind(op: &FixedOp) -> (usize, &'static str) {
    match op {
        FixedOp::Linear { conv, .. } if conv.h * conv.w * conv.kernel[0] * conv.kernel[1] == 1 => {
            (1, "dense")
        }
        FixedOp::Linear { .. } => (0, "convolution"),
        FixedOp::Activate { function: Function::Identity, .. }
        | FixedOp::Rescale { function: Function::Identity, .. } => (3, "rescale"),
        FixedOp::Activate { .. } | FixedOp::Rescale { .. } => (2, "ReLU and rescale"),
        FixedOp::Lookup { .. } => (2, "lookup table"),
        FixedOp::MaxPool(_) => (4, "max pool"),
        FixedOp::Mul => (5, "product"),
        FixedOp::ArgMax => (6, "arg max"),
        FixedOp::SumPool(_)
        | FixedOp::Add { .. }
        | FixedOp::AddConst { .. }
        | FixedOp::Concat { .. }
        | FixedOp::Rearrange(_) => (7, "local"),
    }
}
