//! Graphs as a hostile peer might send them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sordino_graph::fixed::{
    ConvShape, Edge, EdgeId, Finish, FixedGraph, FixedModel, FixedNode, FixedOp, Function,
    KernelSums, LayerWeights, PoolShape, Rearrange, WeightId, Weights, semantics,
};

fn edge(shape: &[u32], frac: i32, ring: u32) -> Edge {
    let name = "edge".into();
    Edge { name, shape: shape.to_vec(), frac, divisor: 1, ring, lo: -100, hi: 100 }
}

/// Convolution, activation with signs, max pool, padding, concatenation, product, table and rescaling.
fn sample() -> FixedModel {
    let conv = ConvShape {
        cin: 1,
        h: 4,
        w: 4,
        cout: 2,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1, 1, 1, 1],
        groups: 1,
    };
    let pool = PoolShape {
        channels: 2,
        h: 4,
        w: 4,
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [0; 4],
    };
    let sums = Some(KernelSums::worst(4));
    let linear =
        FixedOp::Linear { conv, weights: WeightId(0), weight_bits: 4, weight_frac: 3, sums };
    let ops = [
        (linear, vec![0]),
        (
            FixedOp::Activate { shift: 3, function: Function::Relu, flips: Some(WeightId(1)) },
            vec![1],
        ),
        (FixedOp::MaxPool(pool), vec![2]),
        (
            FixedOp::Rearrange(Rearrange::Pad {
                pads: vec![(0, 0), (0, 0), (1, 0), (0, 1)],
                value: 3,
            }),
            vec![3],
        ),
        (FixedOp::Concat { axis: 1, shl: vec![0, 1] }, vec![4, 5]),
        (FixedOp::Mul, vec![6, 6]),
        (FixedOp::Lookup { divisor: 91, first: -1, values: vec![-7, 0, 3, 9] }, vec![7]),
        (FixedOp::Rescale { modulus: 4095, divisor: 5, function: Function::Relu }, vec![8]),
    ];
    let edges = vec![
        edge(&[1, 1, 4, 4], 2, 16),
        edge(&[1, 2, 4, 4], 5, 16),
        edge(&[1, 2, 4, 4], 2, 12),
        edge(&[1, 2, 2, 2], 2, 12),
        edge(&[1, 2, 3, 3], 2, 12),
        edge(&[1, 2, 3, 3], 1, 11),
        edge(&[1, 4, 3, 3], 2, 12),
        edge(&[1, 4, 3, 3], 4, 12),
        Edge { divisor: 15, ..edge(&[1, 4, 3, 3], -2, 12) },
        Edge { divisor: 3, ..edge(&[1, 4, 3, 3], -2, 12) },
    ];
    let node = |op: FixedOp, inputs: Vec<u32>, output| FixedNode {
        name: "node".into(),
        op,
        inputs: inputs.into_iter().map(EdgeId).collect(),
        output: EdgeId(output),
    };
    let mut nodes = Vec::new();
    for (op, inputs) in ops {
        if nodes.len() == 4 {
            // The second operand of the concatenation: half of the first.
            let op = FixedOp::Activate { shift: 1, function: Function::Identity, flips: None };
            nodes.push(node(op, vec![4], 5));
        }
        let output = inputs.iter().max().unwrap() + 1;
        nodes.push(node(op, inputs, output));
    }
    let graph = FixedGraph {
        name: "sample".into(),
        edges,
        nodes,
        input: EdgeId(0),
        output: EdgeId(9),
        finish: Finish::None,
    };
    let kernel = (0..18).map(|i| i % 16 - 8).collect();
    let layer = LayerWeights { kernel, bias: vec![5, -5] };
    let signs = LayerWeights { kernel: vec![], bias: vec![1, 0] };
    let weights = Weights { layers: vec![layer, signs] };
    FixedModel { graph, weights }
}

#[test]
fn the_sample_is_valid_and_survives_encoding() {
    let m = sample();
    m.validate().unwrap();
    let bytes = m.graph.to_bytes().unwrap();
    let back = FixedGraph::from_bytes(&bytes).unwrap();
    assert_eq!(back, m.graph);
    assert_eq!(back.hash().unwrap(), m.graph.hash().unwrap());
    let y = semantics::run(&m.graph, &m.weights, vec![1; 16]);
    assert_eq!(y.len(), 36);
}

#[test]
fn truncated_and_extended_bytes_are_refused() {
    let bytes = sample().graph.to_bytes().unwrap();
    for n in 0..bytes.len() {
        assert!(FixedGraph::from_bytes(&bytes[..n]).is_err());
    }
    assert!(FixedGraph::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

type Change = fn(&mut FixedGraph);

fn table(g: &mut FixedGraph, change: fn(&mut u64, &mut i64, &mut Vec<i64>)) {
    if let FixedOp::Lookup { divisor, first, values } = &mut g.nodes[7].op {
        change(divisor, first, values);
    }
}

fn residues(g: &mut FixedGraph, change: fn(&mut u64, &mut u64, &mut Function)) {
    if let FixedOp::Rescale { modulus, divisor, function } = &mut g.nodes[8].op {
        change(modulus, divisor, function);
    }
}

/// What the rules above refuse must not already be refused for another reason.
#[test]
fn tables_and_rescalings_within_the_rules_are_accepted() {
    let changes: [Change; 4] = [
        |g| table(g, |d, _, v| (*d, *v) = ((1 << 62) / 251 - 1, vec![0; 251])),
        |g| table(g, |d, f, _| (*d, *f) = (1 << 31, -(1 << 31))),
        |g| residues(g, |m, _, _| *m = 9),
        |g| residues(g, |_, _, f| *f = Function::ReluMax { hi: 9 }),
    ];
    for change in changes {
        let mut g = sample().graph;
        change(&mut g);
        g.validate().unwrap();
    }
}

#[test]
fn values_outside_a_window_are_counted() {
    let mut m = sample();
    for e in &mut m.graph.edges {
        (e.lo, e.hi) = (i64::MIN, i64::MAX);
    }
    assert_eq!(m.graph.nodes[7].op.window(), Some((-91 - 45, 91 * 3 - 46)));
    let input: Vec<u64> = (0..16).collect();
    let mut seen = Vec::new();
    semantics::run_with(&m.graph, &m.weights, input.clone(), |id, words| {
        if id == EdgeId(7) {
            seen = words.iter().map(|&v| semantics::wrap(v, 12)).collect();
        }
    });
    let outside = seen.iter().filter(|&&v| !(-136..=227).contains(&v)).count();
    assert!(outside > 0 && outside < seen.len());
    let found = m.overflows(&input);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].values, outside);
}

#[test]
fn every_rule_is_checked() {
    let changes: [(&str, Change); 37] = [
        ("signs of an identity", |g| {
            let flips = Some(WeightId(1));
            g.nodes[1].op = FixedOp::Activate { shift: 3, function: Function::Identity, flips };
        }),
        ("signs out of order", |g| {
            let flips = Some(WeightId(7));
            g.nodes[1].op = FixedOp::Activate { shift: 3, function: Function::Relu, flips };
        }),
        ("output beyond the edges", |g| g.output = EdgeId(99)),
        ("input beyond the edges", |g| g.input = EdgeId(99)),
        ("operand beyond the edges", |g| g.nodes[1].inputs = vec![EdgeId(99)]),
        ("result beyond the edges", |g| g.nodes[1].output = EdgeId(99)),
        ("read before written", |g| g.nodes.swap(0, 1)),
        ("written twice", |g| g.nodes[1].output = EdgeId(1)),
        ("edge nobody writes", |g| g.edges.push(g.edges[0].clone())),
        ("no operand", |g| g.nodes[1].inputs.clear()),
        ("ring of 1 bit", |g| g.edges[1].ring = 1),
        ("ring of 65 bits", |g| g.edges[0].ring = 65),
        ("local operator enlarging a ring", |g| g.edges[0].ring = 15),
        ("empty axis", |g| g.edges[3].shape[1] = 0),
        ("huge tensor", |g| g.edges[3].shape = vec![u32::MAX; 4]),
        ("divisor 0", |g| g.edges[0].divisor = 0),
        ("scales", |g| g.edges[1].frac = 4),
        ("huge fraction", |g| g.edges[0].frac = i32::MIN),
        ("shift beyond the ring", |g| {
            g.nodes[1].op = FixedOp::Activate { shift: 16, function: Function::Relu, flips: None }
        }),
        ("stride 0", |g| {
            if let FixedOp::Linear { conv, .. } = &mut g.nodes[0].op {
                conv.stride[0] = 0;
            }
        }),
        ("kernel sums of a layer without", |g| {
            if let FixedOp::Linear { conv, .. } = &mut g.nodes[0].op {
                (conv.dilation, conv.pads) = ([2, 2], [2; 4]);
            }
        }),
        ("kernel sums that no kernel has", |g| {
            if let FixedOp::Linear { sums, .. } = &mut g.nodes[0].op {
                *sums = Some(KernelSums::worst(5));
            }
        }),
        ("weights out of order", |g| {
            if let FixedOp::Linear { weights, .. } = &mut g.nodes[0].op {
                *weights = WeightId(1);
            }
        }),
        ("dilation that overflows", |g| {
            if let FixedOp::MaxPool(pool) = &mut g.nodes[2].op {
                pool.dilation[0] = u32::MAX;
            }
        }),
        ("table of one entry", |g| table(g, |_, _, v| v.truncate(1))),
        ("table of 252 entries", |g| table(g, |_, _, v| *v = vec![0; 252])),
        ("table with divisor 0", |g| table(g, |d, _, _| *d = 0)),
        ("period of 62 bits", |g| table(g, |d, _, _| *d = 1 << 60)),
        ("period that overflows", |g| table(g, |d, _, _| *d = u64::MAX)),
        ("first entry far away", |g| table(g, |_, f, _| *f = i64::MIN)),
        ("window far away", |g| table(g, |d, f, _| (*d, *f) = (1 << 40, 1 << 31))),
        ("entry beyond the ring", |g| table(g, |_, _, v| v[2] = 1 << 11)),
        ("enormous entry", |g| table(g, |_, _, v| v[2] = i64::MIN)),
        ("even modulus", |g| residues(g, |m, _, _| *m = 4096)),
        ("modulus 1", |g| residues(g, |m, d, _| (*m, *d) = (1, 1))),
        ("divisor that is not the scales'", |g| residues(g, |_, d, _| *d = 7)),
        ("results beyond the ring", |g| residues(g, |m, _, _| *m = (1 << 40) + 1)),
    ];
    for (what, change) in changes {
        let mut g = sample().graph;
        change(&mut g);
        assert!(g.validate().is_err(), "{what} was accepted");
    }
}

#[test]
fn weights_beyond_what_the_layer_declares_are_refused() {
    let refuse = |change: &dyn Fn(&mut FixedModel), what: &str| {
        let mut m = sample();
        change(&mut m);
        let text = m.validate().unwrap_err().to_string();
        assert!(text.contains(what), "{text}");
    };
    refuse(&|m| m.weights.layers[0].kernel[3] = 8, "more than 4 bits");
    let own = KernelSums::of(&sample().weights.layers[0].kernel, 4);
    let declare = |m: &mut FixedModel, bound| {
        if let FixedOp::Linear { sums, .. } = &mut m.graph.nodes[0].op {
            *sums = Some(bound);
        }
    };
    refuse(&|m| declare(m, KernelSums::of(&[0; 9], 4)), "sums of kernel entries");
    let mut m = sample();
    declare(&mut m, own);
    m.validate().unwrap();
}

/// Small graphs that would make a party reserve gigabytes.
#[test]
fn graphs_that_are_small_only_on_the_wire_are_refused() {
    let one = |op, out: &[u32]| FixedGraph {
        name: "bomb".into(),
        edges: vec![edge(&[1, 1, 1, 1], 0, 32), edge(out, 0, 32)],
        nodes: vec![FixedNode { name: "n".into(), op, inputs: vec![EdgeId(0)], output: EdgeId(1) }],
        input: EdgeId(0),
        output: EdgeId(1),
        finish: Finish::None,
    };
    let conv = ConvShape {
        cin: 1,
        h: 1,
        w: 1,
        cout: 1,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [65535, 65535],
        pads: [65535; 4],
        groups: 1,
    };
    let weights = WeightId(0);
    let linear = FixedOp::Linear { conv, weights, weight_bits: 8, weight_frac: 0, sums: None };
    let g = one(linear, &[1, 1, 1, 1]);
    let text = g.validate().unwrap_err().to_string();
    assert!(text.contains("padded operand"), "{text}");

    let mut g = one(FixedOp::Rearrange(Rearrange::Reshape), &[1, 1, 1, 1]);
    g.edges[0].shape = vec![1, 1, 300, 300];
    g.edges.truncate(1);
    g.nodes.clear();
    for i in 0..3u32 {
        let size = 300 - i * 10;
        let pool = PoolShape {
            channels: 1,
            h: size,
            w: size,
            kernel: [200, 200],
            stride: [1, 1],
            dilation: [1, 1],
            pads: [95, 95, 95, 94],
        };
        let (h, w) = pool.output();
        g.edges.push(edge(&[1, 1, h, w], 0, 32));
        g.nodes.push(FixedNode {
            name: format!("{i}"),
            op: FixedOp::MaxPool(pool),
            inputs: vec![EdgeId(i)],
            output: EdgeId(i + 1),
        });
    }
    g.output = EdgeId(3);
    let text = g.validate().unwrap_err().to_string();
    assert!(text.contains("windows"), "{text}");
}

#[test]
fn weights_that_do_not_fit_are_refused_without_being_shown() {
    let changes: [fn(&mut Weights); 9] = [
        |w| w.layers[1].bias[1] = 12345,
        |w| w.layers[1].bias[1] = -1,
        |w| w.layers[1].bias.push(1),
        |w| w.layers[1].kernel.push(1),
        |w| w.layers.clear(),
        |w| w.layers.push(LayerWeights::default()),
        |w| w.layers[0].kernel.truncate(17),
        |w| w.layers[0].bias.push(1),
        |w| w.layers[0].kernel[3] = 12345,
    ];
    for change in changes {
        let mut m = sample();
        change(&mut m.weights);
        let e = m.validate().unwrap_err().to_string();
        assert!(!e.contains("12345"));
    }
}

proptest! {
    /// Whatever the bytes, decoding ends, and what it accepts runs.
    #[test]
    fn mutated_bytes_never_panic(changes in prop::collection::vec((0usize..4096, any::<u8>()), 1..4)) {
        let m = sample();
        let mut bytes = m.graph.to_bytes().unwrap();
        for (at, value) in changes {
            let n = bytes.len();
            bytes[at % n] = value;
        }
        if let Ok(graph) = FixedGraph::from_bytes(&bytes) {
            let model = FixedModel { graph, weights: m.weights };
            let work: u64 = model.graph.report().iter().map(|l| l.elements + l.macs).sum();
            if model.validate().is_ok() && work < 1 << 20 {
                let n = model.graph.edges[model.graph.input.0 as usize].len();
                semantics::run(&model.graph, &model.weights, vec![1; n]);
            }
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = FixedGraph::from_bytes(&bytes);
    }
}
