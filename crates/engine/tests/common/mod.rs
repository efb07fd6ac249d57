//! Small graphs that together use every operator, and a way to run both parties in one process.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use sordino_engine::session::{BackendChoice, Reveal, SupplyChoice, Wish};
use sordino_engine::twoparty::{ClientSession, Offer, ServerModel, Unobserved, serve};
use sordino_engine::{Error, Silent};
use sordino_graph::fixed::*;
use sordino_wire::{Lane, Meter};

/// Builds a model layer by layer.
pub struct Builder {
    model: FixedModel,
    seed: u64,
}

pub fn mix(seed: u64, i: u64) -> u64 {
    let mut z = seed.wrapping_add((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn edge(name: &str, shape: &[u32], frac: i32, ring: u32) -> Edge {
    let top = 1i64 << (ring - 1).min(62);
    Edge { name: name.into(), shape: shape.into(), frac, divisor: 1, ring, lo: -top, hi: top - 1 }
}

impl Builder {
    pub fn new(shape: &[u32], ring: u32, seed: u64) -> Self {
        let graph = FixedGraph {
            name: "test".into(),
            edges: vec![edge("input", shape, 8, ring)],
            nodes: Vec::new(),
            input: EdgeId(0),
            output: EdgeId(0),
            finish: Finish::None,
        };
        Self { model: FixedModel { graph, weights: Weights::default() }, seed }
    }

    pub fn push(
        &mut self,
        op: FixedOp,
        inputs: &[EdgeId],
        shape: &[u32],
        frac: i32,
        ring: u32,
    ) -> EdgeId {
        let g = &mut self.model.graph;
        let name = format!("{}", g.nodes.len());
        let output = EdgeId(g.edges.len() as u32);
        g.edges.push(edge(&name, shape, frac, ring));
        g.nodes.push(FixedNode { name, op, inputs: inputs.into(), output });
        g.output = output;
        output
    }

    pub fn linear(&mut self, x: EdgeId, conv: ConvShape, ring: u32) -> EdgeId {
        let (h, w) = conv.output();
        let taps = conv.cin / conv.groups * conv.kernel[0] * conv.kernel[1];
        let id = WeightId(self.model.weights.layers.len() as u32);
        let seed = self.seed ^ u64::from(id.0) << 32;
        let kernel =
            (0..u64::from(conv.cout * taps)).map(|i| (mix(seed, i) % 255) as i32 - 127).collect();
        let bias =
            (0..u64::from(conv.cout)).map(|i| (mix(!seed, i) % 4001) as i64 - 2000).collect();
        self.model.weights.layers.push(LayerWeights { kernel, bias });
        let frac = self.model.graph.edges[x.0 as usize].frac + 6;
        let shape = [1, conv.cout, h, w];
        let op = FixedOp::Linear { conv, weights: id, weight_bits: 8, weight_frac: 6 };
        self.push(op, &[x], &shape, frac, ring)
    }

    pub fn add_const(&mut self, x: EdgeId, ring: u32) -> EdgeId {
        let e = self.model.graph.edges[x.0 as usize].clone();
        let id = WeightId(self.model.weights.layers.len() as u32);
        let bias = (0..e.len() as u64).map(|i| (mix(77, i) % 100) as i64 - 50).collect();
        self.model.weights.layers.push(LayerWeights { kernel: Vec::new(), bias });
        self.push(FixedOp::AddConst { weights: id }, &[x], &e.shape, e.frac, ring)
    }

    pub fn activate(&mut self, x: EdgeId, shift: u32, function: Function, ring: u32) -> EdgeId {
        let e = self.model.graph.edges[x.0 as usize].clone();
        let op = FixedOp::Activate { shift, function };
        self.push(op, &[x], &e.shape, e.frac - shift as i32, ring)
    }

    pub fn shape(&self, x: EdgeId) -> Vec<u32> {
        self.model.graph.edges[x.0 as usize].shape.clone()
    }

    /// A table of quotients from the middle of its window.
    pub fn lookup(&mut self, x: EdgeId, divisor: u64, values: Vec<i64>, ring: u32) -> EdgeId {
        let shape = self.shape(x);
        let first = -(values.len() as i64 / 2);
        self.push(FixedOp::Lookup { divisor, first, values }, &[x], &shape, 8, ring)
    }

    pub fn rescale(
        &mut self,
        x: EdgeId,
        modulus: u64,
        divisor: u64,
        function: Function,
        ring: u32,
    ) -> EdgeId {
        let shape = self.shape(x);
        let operand = &mut self.model.graph.edges[x.0 as usize];
        operand.divisor = divisor as u32;
        let frac = operand.frac;
        self.push(FixedOp::Rescale { modulus, divisor, function }, &[x], &shape, frac, ring)
    }

    pub fn done(self) -> FixedModel {
        self.model.validate().unwrap();
        self.model
    }
}

pub fn conv(cin: u32, h: u32, w: u32, cout: u32, k: u32, stride: u32, pad: u32) -> ConvShape {
    ConvShape {
        cin,
        h,
        w,
        cout,
        kernel: [k, k],
        stride: [stride, stride],
        dilation: [1, 1],
        pads: [pad; 4],
        groups: 1,
    }
}

/// Words over the whole ring, so that wrap-around is exercised too.
pub fn input(model: &FixedModel, seed: u64) -> Vec<u64> {
    let e = &model.graph.edges[model.graph.input.0 as usize];
    (0..e.len() as u64).map(|i| mix(seed, i) & (u64::MAX >> (64 - e.ring))).collect()
}

pub const WISH: Wish = Wish {
    backend: BackendChoice::TwoParty,
    supply: SupplyChoice::SoftSpoken(4),
    reveal: Reveal::Logits,
};

pub struct Run {
    pub outputs: Vec<Vec<u64>>,
    pub client: Meter,
    pub server: Meter,
    pub disclosed: Vec<(&'static str, u64)>,
}

/// Both parties over the given lanes.
pub fn run(
    model: FixedModel,
    wish: Wish,
    inputs: &[Vec<u64>],
    lanes: (Lane, Lane),
) -> Result<Run, Error> {
    let model = ServerModel::new(model)?;
    let (client_lane, mut server_lane) = lanes;
    std::thread::scope(|s| {
        let server = s.spawn(|| {
            let offer =
                Offer { model: &model, card: b"card", label_only: false, max_inferences: u64::MAX };
            serve(&mut server_lane, &offer, &mut Unobserved)
        });
        let mut client = ClientSession::connect(client_lane, wish, |_| Ok(()))?;
        let mut outputs = Vec::new();
        for x in inputs {
            outputs.push(client.infer(x, &mut Silent)?);
        }
        let disclosed = client.ledger().entries().map(|(d, n)| (d.describe(), n)).collect();
        let client = client.finish()?;
        let (server, _) = server.join().unwrap()?;
        Ok(Run { outputs, client, server, disclosed })
    })
}
