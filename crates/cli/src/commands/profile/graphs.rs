//! Small networks to be measured, of seeded weights.

use sordino_graph::fixed::{
    ConvShape, Edge, EdgeId, Finish, FixedGraph, FixedModel, FixedNode, FixedOp, LayerWeights,
    PoolShape, WeightId, Weights,
};

/// A network of one layer after the other.
pub(super) struct Builder(FixedModel);

impl Builder {
    /// An input of this shape, of values in a ring, `-most..=most` of them.
    pub(super) fn new(shape: [u32; 4], ring: u32, most: i64) -> Self {
        let graph = FixedGraph {
            name: "profile".into(),
            edges: vec![edge("input", shape, ring, most)],
            nodes: Vec::new(),
            input: EdgeId(0),
            output: EdgeId(0),
            finish: Finish::None,
        };
        Self(FixedModel { graph, weights: Weights::default() })
    }

    /// Adds an operator with a result of this shape, ring and range.
    pub(super) fn push(mut self, op: FixedOp, shape: [u32; 4], ring: u32, most: i64) -> Self {
        let graph = &mut self.0.graph;
        let name = format!("layer {}", graph.nodes.len());
        let (input, output) = (graph.output, EdgeId(graph.edges.len() as u32));
        let dropped = if let FixedOp::Activate { shift, .. } = op { shift as i32 } else { 0 };
        let frac = graph.edges[input.0 as usize].frac - dropped;
        graph.edges.push(Edge { frac, ..edge(&name, shape, ring, most) });
        graph.nodes.push(FixedNode { name, op, inputs: vec![input], output });
        graph.output = output;
        self
    }

    /// Adds a convolution with weights of magnitude up to `largest`.
    pub(super) fn conv(mut self, conv: ConvShape, largest: i32, ring: u32, most: i64) -> Self {
        let (h, w) = conv.output();
        let taps = conv.cin / conv.groups * conv.kernel[0] * conv.kernel[1];
        let kernel = weights((conv.cout * taps) as usize, largest);
        let bias = vec![1; conv.cout as usize];
        let weights = WeightId(self.0.weights.layers.len() as u32);
        let shape = [1, conv.cout, h, w];
        self.0.weights.layers.push(LayerWeights { kernel, bias });
        let weight_bits = 33 - (largest as u32).leading_zeros();
        let op = FixedOp::Linear { conv, weights, weight_bits, weight_frac: 0, sums: None };
        self.push(op, shape, ring, most)
    }

    pub(super) fn model(self) -> FixedModel {
        self.0
    }
}

fn edge(name: &str, shape: [u32; 4], ring: u32, most: i64) -> Edge {
    let (lo, hi) = (-most, most);
    Edge { name: name.into(), shape: shape.into(), frac: 0, divisor: 1, ring, lo, hi }
}

/// Of magnitude 1 to `largest`.
pub(super) fn weights(n: usize, largest: i32) -> Vec<i32> {
    let size = |i: usize| (words(i as u64) % largest as u64) as i32 + 1;
    (0..n).map(|i| if words(!(i as u64)) & 1 == 0 { size(i) } else { -size(i) }).collect()
}

/// Numbers that look random.
pub(super) fn words(i: u64) -> u64 {
    let z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

/// A square convolution of stride one that keeps the size.
pub(super) fn conv([cin, cout]: [u32; 2], size: u32, kernel: u32) -> ConvShape {
    ConvShape {
        cin,
        h: size,
        w: size,
        cout,
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pads: [kernel / 2; 4],
        groups: 1,
    }
}

/// Windows of two by two.
pub(super) fn halves(channels: u32, size: u32) -> PoolShape {
    PoolShape {
        channels,
        h: size,
        w: size,
        kernel: [2; 2],
        stride: [2; 2],
        dilation: [1; 2],
        pads: [0; 4],
    }
}
