//! Models written layer by layer, with weights and inputs that follow from a seed.

use sordino_graph::fixed::semantics::encode;
use sordino_graph::fixed::*;

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

/// An edge whose range is its ring.
fn edge(name: &str, shape: &[u32], frac: i32, ring: u32) -> Edge {
    let (lo, hi) = (i64::MIN >> (64 - ring), i64::MAX >> (64 - ring));
    Edge { name: name.into(), shape: shape.into(), frac, divisor: 1, ring, lo, hi }
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
        let weight = |i| (mix(seed, i) % 255) as i32 - 127;
        let kernel: Vec<i32> = (0..u64::from(conv.cout * taps)).map(weight).collect();
        let bias =
            (0..u64::from(conv.cout)).map(|i| (mix(!seed, i) % 4001) as i64 - 2000).collect();
        let sums = KernelSums::apply_to(&conv).then(|| KernelSums::of(&kernel, 8));
        self.model.weights.layers.push(LayerWeights { kernel, bias });
        let frac = self.model.graph.edges[x.0 as usize].frac + 6;
        let shape = [1, conv.cout, h, w];
        let op = FixedOp::Linear { conv, weights: id, weight_bits: 8, weight_frac: 6, sums };
        self.push(op, &[x], &shape, frac, ring)
    }

    /// A linear layer whose bias is left out.
    pub fn linear_without_bias(&mut self, x: EdgeId, conv: ConvShape, ring: u32) -> EdgeId {
        let y = self.linear(x, conv, ring);
        if let Some(layer) = self.model.weights.layers.last_mut() {
            layer.bias.clear();
        }
        y
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
        let op = FixedOp::Activate { shift, function, flips: None };
        self.push(op, &[x], &e.shape, e.frac - shift as i32, ring)
    }

    /// A rectifier with `signs` secret signs.
    pub fn gate(&mut self, x: EdgeId, shift: u32, signs: u32, ring: u32) -> EdgeId {
        let e = self.model.graph.edges[x.0 as usize].clone();
        let id = WeightId(self.model.weights.layers.len() as u32);
        let bias = (0..u64::from(signs)).map(|i| (mix(self.seed, i) & 1) as i64).collect();
        self.model.weights.layers.push(LayerWeights { kernel: Vec::new(), bias });
        let op = FixedOp::Activate { shift, function: Function::Relu, flips: Some(id) };
        self.push(op, &[x], &e.shape, e.frac - shift as i32, ring)
    }

    /// Declares which values the input takes.
    pub fn input_range(&mut self, lo: i64, hi: i64) {
        self.range(EdgeId(0), lo, hi);
    }

    pub fn range(&mut self, x: EdgeId, lo: i64, hi: i64) {
        let edge = &mut self.model.graph.edges[x.0 as usize];
        (edge.lo, edge.hi) = (lo, hi);
    }

    pub fn sum(&mut self, x: [EdgeId; 2], shl: [u32; 2], subtract: bool, ring: u32) -> EdgeId {
        let e = self.model.graph.edges[x[0].0 as usize].clone();
        let frac = e.frac + shl[0] as i32;
        self.push(FixedOp::Add { shl, subtract }, &x, &e.shape, frac, ring)
    }

    pub fn rearrange(&mut self, x: EdgeId, r: Rearrange, shape: &[u32]) -> EdgeId {
        let e = self.model.graph.edges[x.0 as usize].clone();
        self.push(FixedOp::Rearrange(r), &[x], shape, e.frac, e.ring)
    }

    /// Maximum, or sum, over windows.
    pub fn pool(&mut self, x: EdgeId, pool: PoolShape, maximum: bool) -> EdgeId {
        let e = self.model.graph.edges[x.0 as usize].clone();
        let (h, w) = pool.output();
        let shape = [1, pool.channels, h, w];
        let op = if maximum { FixedOp::MaxPool(pool) } else { FixedOp::SumPool(pool) };
        self.push(op, &[x], &shape, e.frac, e.ring)
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

/// Words of the input's declared range: by default its ring, so that wrap-around is exercised too.
pub fn input(model: &FixedModel, seed: u64) -> Vec<u64> {
    let e = &model.graph.edges[model.graph.input.0 as usize];
    let span = (i128::from(e.hi) - i128::from(e.lo) + 1) as u128;
    let value = |i| i128::from(e.lo) + (u128::from(mix(seed, i)) % span) as i128;
    (0..e.len() as u64).map(|i| encode(value(i) as i64, e.ring)).collect()
}

pub fn inputs(model: &FixedModel, seeds: &[u64]) -> Vec<Vec<u64>> {
    seeds.iter().map(|&s| input(model, s)).collect()
}

pub fn pool(shape: &[u32], kernel: u32, stride: u32, pads: [u32; 4]) -> PoolShape {
    PoolShape {
        channels: shape[1],
        h: shape[2],
        w: shape[3],
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pads,
    }
}
