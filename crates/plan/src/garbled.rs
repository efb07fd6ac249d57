use crate::{Cost, Group, Part};
use serde::Serialize;
use sordino_engine::Phase;
use sordino_engine::garbled::{LayerOutline, Outline};
use sordino_engine::work::{Memory, Work, WorkLog};
use sordino_graph::fixed::{FixedGraph, FixedNode};

/// Bytes of a table row.
const ROW: u64 = 16;

/// Tables of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerTables {
    /// Name of the layer.
    pub name: String,
    /// Its place among the nodes of the graph.
    #[serde(skip)]
    pub node: u32,
    /// What it is for.
    pub group: Group,
    /// Rows of tables.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is computed without the input.
    #[serde(skip)]
    pub offline_work: Work,
    /// With it.
    #[serde(skip)]
    pub online_work: Work,
}

/// What the garbled backend sends and stores for a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GarbledPlan {
    /// Once per session: the weights go to the client.
    pub setup: Cost,
    /// Per inference, without the input: a circuit's tables, and naming the circuit to be used.
    pub offline: Cost,
    /// Per inference, with the input: labels there and back.
    pub online: Cost,
    /// Rows of tables in a circuit.
    pub rows: u64,
    /// Bytes of a circuit, as sent and as stored by the server.
    pub table_bytes: u64,
    /// Layers that have tables; all others are free.
    pub layers: Vec<LayerTables>,
    /// In the order in which they are made: what is computed up to the tables of a layer, and their bytes.
    #[serde(skip)]
    pub(crate) making: Vec<(Work, u64)>,
    /// Entropy of the least secret offset, in bits.
    pub lambda: f64,
    /// What each party's process holds at most.
    pub memory: Memory,
    /// What is computed once per session.
    #[serde(skip)]
    pub setup_work: Work,
    /// Per inference, without the input.
    #[serde(skip)]
    pub offline_work: Work,
    /// With it.
    #[serde(skip)]
    pub online_work: Work,
}

impl GarbledPlan {
    /// Of a circuit of this outline whose making and use once costs `counts`.
    pub fn new(
        graph: &FixedGraph,
        outline: &Outline,
        counts: impl IntoIterator<Item = (Part, Cost)>,
    ) -> Self {
        let mut plan = Self {
            setup: Cost::default(),
            offline: Cost::default(),
            online: Cost::default(),
            rows: outline.rows(),
            table_bytes: outline.rows() * ROW,
            layers: layers(graph, outline),
            making: Vec::new(),
            lambda: f64::from(outline.lambda),
            memory: Memory::default(),
            setup_work: Work::default(),
            offline_work: Work::default(),
            online_work: Work::default(),
        };
        for (part, cost) in counts {
            match part {
                Part::Setup => plan.setup += cost,
                Part::Offline => plan.offline += cost,
                Part::Online => plan.online += cost,
            }
        }
        plan
    }

    /// Adds what is computed, so that [`Self::time`] can say how long it takes.
    #[must_use]
    pub fn with_work(mut self, work: &WorkLog) -> Self {
        self.memory = work.memory();
        let mut before = Work::default();
        for ((phase, layer), work) in work.works() {
            if *phase == Phase::Offline {
                before += work;
                if let Some(tables) = self.layers.iter().find(|l| Some(l.node) == *layer) {
                    self.making.push((std::mem::take(&mut before), tables.bytes));
                }
            }
            *match phase {
                Phase::Setup => &mut self.setup_work,
                Phase::Offline => &mut self.offline_work,
                Phase::Online => &mut self.online_work,
            } += work;
            let Some(layer) = self.layers.iter_mut().find(|l| Some(l.node) == *layer) else {
                continue;
            };
            match phase {
                Phase::Setup => {}
                Phase::Offline => layer.offline_work += work,
                Phase::Online => layer.online_work += work,
            }
        }
        self.making.push((before, 0));
        self
    }
}

fn layers(graph: &FixedGraph, outline: &Outline) -> Vec<LayerTables> {
    let nodes = (0..).zip(graph.nodes.iter().zip(&outline.layers));
    let layer = |(i, (node, layer)): (u32, (&FixedNode, &LayerOutline))| LayerTables {
        name: node.name.clone(),
        node: i,
        group: Group::of(&node.op),
        rows: layer.rows,
        bytes: layer.rows * ROW,
        offline_work: Work::default(),
        online_work: Work::default(),
    };
    nodes.filter(|(_, (_, layer))| layer.rows > 0).map(layer).collect()
}
