//! Every operator the quantiser lowers, as a network of one or a few nodes, against the float
//! executor.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::net::{Net, noise, window};
use fixed_common::{clear, float, says_sums};
use sordino_graph::Error;
use sordino_graph::fixed::{
    Calibration, Finish, FixedModel, FixedOp, Function, QuantiseOptions, quantise,
};
use sordino_graph::ir::*;

impl Net {
    fn quantise(&self, options: &QuantiseOptions) -> Result<FixedModel, Error> {
        let c = Calibration::run(&self.0, &self.samples()).unwrap();
        quantise(&self.0, &c, options)
    }

    /// The integer network's outputs stay within `tolerance` of the float network's range.
    fn agrees(&self, tolerance: f32) -> FixedModel {
        let options = QuantiseOptions { act_bits: 14, weight_bits: 13, ..Default::default() };
        let m = self.quantise(&options).unwrap();
        for x in self.samples() {
            let (got, want) = (clear(&m, &x), float(&self.0, &x));
            let top = want.iter().fold(0.1f32, |m, v| m.max(v.abs()));
            assert_eq!(got.len(), want.len());
            for (g, w) in got.iter().zip(&want) {
                assert!((g - w).abs() <= tolerance * top, "{g} instead of {w}, {:#?}", m.graph);
            }
            let edge = &m.graph.edges[m.graph.input.0 as usize];
            let words = sordino_graph::fixed::encode_input(edge, x.as_f32().unwrap()).unwrap();
            assert_eq!(m.overflows(&words.words), []);
        }
        let bytes = m.graph.to_bytes().unwrap();
        assert_eq!(sordino_graph::fixed::FixedGraph::from_bytes(&bytes).unwrap(), m.graph);
        m
    }
}

const X: ValueId = ValueId(0);
const IMAGE: [usize; 4] = [1, 4, 6, 6];

fn count(m: &FixedModel, name: &str) -> usize {
    m.graph.nodes.iter().filter(|n| n.op.name() == name).count()
}

#[test]
fn unary_functions() {
    let functions = [
        (Unary::Relu, 1),
        (Unary::LeakyRelu { slope: 0.1 }, 2),
        (Unary::Clip { lo: 0.0, hi: 0.5 }, 1),
        (Unary::Clip { lo: -0.25, hi: 0.5 }, 1),
        (Unary::Clip { lo: f32::NEG_INFINITY, hi: 0.5 }, 1),
        (Unary::Clip { lo: -0.3, hi: f32::INFINITY }, 1),
        (Unary::HardSigmoid { alpha: 0.8, beta: 0.5 }, 1),
        (Unary::HardSwish, 1),
        (Unary::Neg, 0),
        (Unary::Abs, 1),
    ];
    for (f, activations) in functions {
        let mut net = Net::new(&IMAGE);
        let w = net.noise(&[4, 4, 1, 1], 1);
        let y = net.node(Op::Conv { window: window([1, 1], 1, 0), groups: 1 }, &[X, w], &IMAGE);
        net.node(Op::Unary(f.clone()), &[y], &IMAGE);
        let m = net.agrees(0.01);
        assert!(count(&m, "Activate") >= activations, "{f:?}");
    }
}

#[test]
fn refusals_name_the_node_and_what_to_do() {
    for op in [Op::Unary(Unary::Tanh), Op::Unary(Unary::Exp)] {
        let mut net = Net::new(&IMAGE);
        let y = net.node(op, &[X], &IMAGE);
        net.node(Op::Unary(Unary::Relu), &[y], &IMAGE);
        match net.quantise(&QuantiseOptions::default()).unwrap_err() {
            Error::Unsupported { node, hint, .. } => assert!(node == "n0" && !hint.is_empty()),
            e => panic!("{e}"),
        }
    }
}

#[test]
fn convolutions() {
    for (groups, cout, kernel, stride, pad) in
        [(1, 3, [3, 3], 1, 1), (2, 6, [3, 2], 2, 1), (4, 4, [3, 3], 1, 1), (1, 5, [1, 1], 2, 0)]
    {
        let mut net = Net::new(&IMAGE);
        let w = net.noise(&[cout, 4 / groups, kernel[0], kernel[1]], 2);
        let b = net.noise(&[cout], 3);
        let out = |k: usize| (6 + 2 * pad - k) / stride + 1;
        let shape = [1, cout, out(kernel[0]), out(kernel[1])];
        net.node(Op::Conv { window: window(kernel, stride, pad), groups }, &[X, w, b], &shape);
        net.agrees(0.002);
    }
}

/// Many filters say how large their sums are, where they move by one pixel; 28 say nothing.
#[test]
fn sums_of_filters() {
    let mut net = Net::new(&IMAGE);
    let mut x = X;
    for (cin, cout, step) in [(4, 7, 1), (7, 8, 1), (8, 4, 2)] {
        let w = net.noise(&[cout, cin, 3, 3], cout as u64);
        let conv = Op::Conv { window: window([3, 3], step, 1), groups: 1 };
        x = net.node(conv, &[x, w], &[1, cout, 6 / step, 6 / step]);
    }
    assert_eq!(says_sums(&net.agrees(0.01)), [false, true, false]);
}

#[test]
fn transposed_convolutions() {
    for (groups, stride, pad, extra) in [(1, 2, 0, 1), (2, 2, 1, 0), (1, 1, 2, 0), (1, 3, 0, 0)] {
        let mut net = Net::new(&IMAGE);
        let w = net.noise(&[4, 3, 3, 2], 2);
        let b = net.noise(&[3 * groups], 3);
        let out = |k: usize| 5 * stride + k + extra - 2 * pad;
        let op = Op::ConvTranspose {
            window: window([3, 2], stride, pad),
            groups,
            output_padding: vec![extra; 2],
        };
        net.node(op, &[X, w, b], &[1, 3 * groups, out(3), out(2)]);
        net.agrees(0.002);
    }
}

#[test]
fn one_dimension() {
    let mut net = Net::new(&[1, 3, 9]);
    let w = net.noise(&[5, 3, 3], 2);
    let one = Window { kernel: vec![3], stride: vec![2], dilation: vec![1], pads: vec![(1, 0)] };
    let y = net.node(Op::Conv { window: one.clone(), groups: 1 }, &[X, w], &[1, 5, 4]);
    let y = net.node(Op::Unary(Unary::Relu), &[y], &[1, 5, 4]);
    let pool = Window { stride: vec![1], pads: vec![(0, 0)], ..one };
    net.node(Op::MaxPool { window: pool }, &[y], &[1, 5, 2]);
    net.agrees(0.005);
}

#[test]
fn matrix_products() {
    for (rows, ta, tb) in [(1, false, true), (5, false, false), (5, true, true)] {
        let mut net = Net::new(&if ta { [8, 5] } else { [rows, 8] });
        let b = net.noise(if tb { &[3, 8] } else { &[8, 3] }, 2);
        let c = net.noise(&[3], 3);
        let op = Op::Gemm { alpha: 0.5, beta: 2.0, trans_a: ta, trans_b: tb };
        net.node(op, &[X, b, c], &[rows, 3]);
        net.agrees(0.002);
    }
    let mut net = Net::new(&[1, 2, 4, 8]);
    let b = net.noise(&[8, 3], 2);
    net.node(Op::MatMul, &[X, b], &[1, 2, 4, 3]);
    net.agrees(0.002);
    let mut net = Net::new(&[1, 4, 8]);
    let a = net.noise(&[3, 4], 2);
    net.node(Op::MatMul, &[a, X], &[1, 3, 8]);
    net.agrees(0.002);
}

#[test]
fn pools() {
    for (kernel, stride, pad) in [([2, 2], 2, 0), ([3, 3], 1, 1), ([3, 2], 2, 1)] {
        let out = |k: usize| (6 + 2 * pad - k) / stride + 1;
        let shape = [1, 4, out(kernel[0]), out(kernel[1])];
        let w = window(kernel, stride, pad);
        for op in [
            Op::MaxPool { window: w.clone() },
            Op::AveragePool { window: w.clone(), count_include_pad: true },
            Op::AveragePool { window: w.clone(), count_include_pad: false },
        ] {
            let mut net = Net::new(&IMAGE);
            net.node(op, &[X], &shape);
            net.agrees(0.005);
        }
    }
    for op in [Op::GlobalMaxPool, Op::GlobalAveragePool] {
        let mut net = Net::new(&IMAGE);
        net.node(op, &[X], &[1, 4, 1, 1]);
        net.agrees(0.005);
    }
    for kind in [Reduce::Mean, Reduce::Sum, Reduce::Max, Reduce::Min] {
        for (axes, out) in [(vec![2, 3], vec![1, 4]), (vec![1], vec![1, 6, 6])] {
            let mut net = Net::new(&IMAGE);
            net.node(Op::Reduce { kind, axes, keep_dims: false }, &[X], &out);
            net.agrees(0.01);
        }
    }
}

#[test]
fn the_divisor_of_a_last_average_is_the_data_owners() {
    let mut net = Net::new(&IMAGE);
    let y = net.node(Op::GlobalAveragePool, &[X], &[1, 4, 1, 1]);
    net.node(Op::Softmax { axis: 1, flatten: true, log: false }, &[y], &[1, 4, 1, 1]);
    let m = net.agrees(0.005);
    assert_eq!(m.graph.edges[m.graph.output.0 as usize].divisor, 9);
    assert_eq!(m.graph.finish, Finish::Softmax);
    assert_eq!(m.graph.nodes.len(), 1);
}

#[test]
fn a_rectifier_and_its_max_pool_run_in_the_cheaper_order() {
    for relu_first in [true, false] {
        for (stride, first) in [(2, "MaxPool"), (1, "Activate")] {
            let (kernel, side) = if stride == 2 { ([2, 2], 3) } else { ([3, 3], 4) };
            let mut net = Net::new(&IMAGE);
            let w = net.noise(&[4, 4, 1, 1], 1);
            let conv = Op::Conv { window: window([1, 1], 1, 0), groups: 1 };
            let mut y = net.node(conv, &[X, w], &IMAGE);
            let pooled = [1, 4, side, side];
            let pool = Op::MaxPool { window: window(kernel, stride, 0) };
            if relu_first {
                y = net.node(Op::Unary(Unary::Relu), &[y], &IMAGE);
                net.node(pool, &[y], &pooled);
            } else {
                y = net.node(pool, &[y], &pooled);
                net.node(Op::Unary(Unary::Relu), &[y], &pooled);
            }
            let m = net.agrees(0.005);
            let order: Vec<_> = m.graph.nodes.iter().map(|n| n.op.name()).collect();
            let of = |name: &str| order.iter().position(|o| *o == name).unwrap();
            let other = if first == "MaxPool" { "Activate" } else { "MaxPool" };
            assert!(of(first) < of(other), "{order:?}");
        }
    }
}

#[test]
fn arithmetic() {
    let functions = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min];
    for f in functions {
        for shape in [&[][..], &[4, 1, 1], &[6, 6]] {
            for swapped in [false, true] {
                let uniform_only = matches!(f, Binary::Max | Binary::Min) && !shape.is_empty();
                if uniform_only || (f == Binary::Div && swapped) {
                    continue;
                }
                let mut net = Net::new(&IMAGE);
                let c = net.noise(shape, 77);
                let inputs = if swapped { [c, X] } else { [X, c] };
                net.node(Op::Binary(f), &inputs, &IMAGE);
                net.agrees(0.01);
            }
        }
        if f == Binary::Div {
            continue;
        }
        let mut net = Net::new(&IMAGE);
        let w = net.noise(&[4, 4, 1, 1], 1);
        let conv = Op::Conv { window: window([1, 1], 1, 0), groups: 1 };
        let y = net.node(conv, &[X, w], &IMAGE);
        net.node(Op::Binary(f), &[y, X], &IMAGE);
        net.agrees(0.01);
        // Broadcasting between two values that depend on the input.
        let mut net = Net::new(&IMAGE);
        let y = net.node(Op::GlobalAveragePool, &[X], &[1, 4, 1, 1]);
        net.node(Op::Binary(f), &[X, y], &IMAGE);
        net.agrees(0.01);
    }
}

#[test]
fn a_polynomial_takes_one_product() {
    let mut net = Net::new(&IMAGE);
    let w = net.noise(&[4, 4, 1, 1], 1);
    let conv = Op::Conv { window: window([1, 1], 1, 0), groups: 1 };
    let x = net.node(conv.clone(), &[X, w], &IMAGE);
    let [a, b, c] = [0.1997, 0.5002, 0.1992].map(|v| net.floats(&[], &[v]));
    let square = net.node(Op::Binary(Binary::Mul), &[x, x], &IMAGE);
    let square = net.node(Op::Binary(Binary::Mul), &[square, a], &IMAGE);
    let linear = net.node(Op::Binary(Binary::Mul), &[x, b], &IMAGE);
    let sum = net.node(Op::Binary(Binary::Add), &[square, linear], &IMAGE);
    let y = net.node(Op::Binary(Binary::Add), &[sum, c], &IMAGE);
    let w = net.noise(&[4, 4, 1, 1], 5);
    net.node(conv, &[y, w], &IMAGE);
    let m = net.agrees(0.005);
    assert_eq!((count(&m, "Mul"), count(&m, "Linear")), (1, 2));
}

#[test]
fn movements() {
    let taken = [0i64, -1, 2];
    let moves: Vec<(Op, Vec<usize>)> = vec![
        (Op::Reshape { shape: vec![2, 72] }, vec![2, 72]),
        (Op::Transpose { perm: vec![0, 2, 3, 1] }, vec![1, 6, 6, 4]),
        (
            Op::Slice {
                starts: vec![0, 3, 0, 5],
                steps: vec![1, -1, 2, -2],
                shape: vec![1, 4, 3, 3],
            },
            vec![1, 4, 3, 3],
        ),
        (Op::Expand { shape: vec![3, 4, 6, 6] }, vec![3, 4, 6, 6]),
        (Op::Tile { repeats: vec![1, 2, 1, 3] }, vec![1, 8, 6, 18]),
        (
            Op::ResizeNearest {
                index: vec![vec![0], vec![0, 1, 2, 3], vec![0, 0, 1, 1], vec![5, 5]],
            },
            vec![1, 4, 4, 2],
        ),
        (Op::DepthSpace { block: 2, to_space: true, column_row: false }, vec![1, 1, 12, 12]),
        (Op::DepthSpace { block: 2, to_space: true, column_row: true }, vec![1, 1, 12, 12]),
        (Op::DepthSpace { block: 2, to_space: false, column_row: false }, vec![1, 16, 3, 3]),
    ];
    for (op, out) in moves {
        let mut net = Net::new(&IMAGE);
        net.node(op, &[X], &out);
        net.agrees(0.001);
    }
    for mode in [PadMode::Constant, PadMode::Reflect, PadMode::Edge] {
        let mut net = Net::new(&IMAGE);
        let pads = vec![(0, 0), (0, 0), (2, 1), (-1, 3)];
        net.node(Op::Pad { pads, mode, value: 0.25 }, &[X], &[1, 4, 9, 8]);
        net.agrees(0.001);
    }
    let mut net = Net::new(&IMAGE);
    let indices = net.integers(&[3], &taken);
    net.node(Op::Gather { axis: 1 }, &[X, indices], &[1, 3, 6, 6]);
    net.agrees(0.001);
}

#[test]
fn concatenation_of_different_scales_and_split() {
    let mut net = Net::new(&IMAGE);
    let big = net.floats(&[], &[40.0]);
    let y = net.node(Op::Binary(Binary::Mul), &[X, big], &IMAGE);
    let z = net.node(Op::GlobalAveragePool, &[X], &[1, 4, 1, 1]);
    let z = net.node(Op::Expand { shape: IMAGE.to_vec() }, &[z], &IMAGE);
    net.node(Op::Concat { axis: 1 }, &[X, y, z], &[1, 12, 6, 6]);
    net.agrees(0.005);

    let mut net = Net::new(&IMAGE);
    let a = net.node(Op::Split { axis: 1, sizes: vec![1, 3] }, &[X], &[1, 1, 6, 6]);
    let b = net.value(DType::F32, vec![1, 3, 6, 6], None);
    net.0.nodes[0].outputs.push(b);
    net.node(Op::Concat { axis: 1 }, &[b, a], &IMAGE);
    net.agrees(0.001);
}

#[test]
fn batch_norm_and_prelu_left_over() {
    let mut net = Net::new(&IMAGE);
    let y = net.node(Op::Unary(Unary::Relu), &[X], &IMAGE);
    let [s, b, m] = [1, 2, 3].map(|seed| net.noise(&[4], seed));
    let v = net.floats(&[4], &[0.5, 1.0, 2.0, 0.1]);
    let y = net.node(Op::BatchNorm { epsilon: 1e-5 }, &[y, s, b, m, v], &IMAGE);
    let slope = net.noise(&[4, 1, 1], 6);
    net.node(Op::PRelu, &[y, slope], &IMAGE);
    net.agrees(0.01);
}

#[test]
fn masked_rectifiers_compare_only_what_they_rectify() {
    let conv = Op::Conv { window: window([3, 3], 1, 1), groups: 1 };
    let element: Vec<f32> = (0..4 * 36).map(|i| f32::from(u8::from(i % 5 < 2))).collect();
    for (shape, slopes, rectified) in [
        (&[4, 6, 6][..], &element[..], 4 * 36 - element.iter().sum::<f32>() as usize),
        (&[4, 1, 1], &[0.0, 1.0, 1.0, 0.0], 2 * 36),
        (&[4, 1, 1], &[1.0; 4], 0),
        (&[1], &[0.0], 4 * 36),
    ] {
        let mut net = Net::new(&IMAGE);
        let w = net.noise(&[4, 4, 3, 3], 1);
        let y = net.node(conv.clone(), &[X, w], &IMAGE);
        let slope = net.floats(shape, slopes);
        let y = net.node(Op::PRelu, &[y, slope], &IMAGE);
        let w = net.noise(&[4, 4, 3, 3], 2);
        net.node(conv.clone(), &[y, w], &IMAGE);
        let m = net.agrees(0.005);
        let compared = m.graph.nodes.iter().filter_map(|n| match n.op {
            FixedOp::Activate { function: Function::Relu, .. } => Some(n.output),
            _ => None,
        });
        let compared = compared.map(|e| m.graph.edges[e.0 as usize].len());
        assert_eq!(compared.sum::<usize>(), rectified, "{shape:?}");
    }
}

#[test]
fn residual_sums_stay_at_the_accumulators_scale() {
    let mut net = Net::new(&IMAGE);
    let conv = Op::Conv { window: window([3, 3], 1, 1), groups: 1 };
    let w = net.noise(&[4, 4, 3, 3], 1);
    let y = net.node(conv.clone(), &[X, w], &IMAGE);
    let r = net.node(Op::Unary(Unary::Relu), &[y], &IMAGE);
    let w = net.noise(&[4, 4, 3, 3], 2);
    let y = net.node(conv, &[r, w], &IMAGE);
    let y = net.node(Op::Binary(Binary::Add), &[y, r], &IMAGE);
    net.node(Op::Unary(Unary::Relu), &[y], &IMAGE);
    let m = net.agrees(0.005);
    let ops: Vec<_> = m.graph.nodes.iter().map(|n| n.op.name()).collect();
    assert_eq!(ops, ["Linear", "Activate", "Linear", "Add", "Activate"]);
}

#[test]
fn networks_quantised_by_their_trainer() {
    let mut net = Net::new(&IMAGE);
    let q = |lo, hi| Op::QuantizeLinear { axis: None, lo, hi };
    let dq = Op::DequantizeLinear { axis: None };
    let (s, z) = (net.floats(&[], &[1.0 / 128.0]), net.integers(&[], &[0]));
    let x = net.node_of(q(-128, 127), &[X, s, z], &IMAGE, DType::I64);
    let x = net.node(dq.clone(), &[x, s, z], &IMAGE);
    let w = net.noise(&[4, 4, 3, 3], 1);
    let conv = Op::Conv { window: window([3, 3], 1, 1), groups: 1 };
    let y = net.node(conv, &[x, w], &IMAGE);
    // An unsigned output with zero point 0 rectifies.
    let (s, z) = (net.floats(&[], &[3.0 / 128.0]), net.integers(&[], &[0]));
    let y = net.node_of(q(0, 255), &[y, s, z], &IMAGE, DType::I64);
    let wq: Vec<i64> = noise(4 * 4, 5).iter().map(|v| (v * 127.0) as i64).collect();
    let wq = net.integers(&[4, 4, 1, 1], &wq);
    let (ws, wz) = (net.floats(&[], &[1.0 / 127.0]), net.integers(&[], &[0]));
    let (ys, yz) = (net.floats(&[], &[4.0 / 128.0]), net.integers(&[], &[0]));
    let op = Op::QLinearConv { window: window([1, 1], 1, 0), groups: 1, lo: -128, hi: 127 };
    let y = net.node_of(op, &[y, s, z, wq, ws, wz, ys, yz], &IMAGE, DType::I64);
    net.node(dq, &[y, ys, yz], &IMAGE);
    let m = net.agrees(0.03);
    assert_eq!(count(&m, "Linear"), 2);
    assert!(count(&m, "Activate") >= 1);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let mut net = Net::new(&IMAGE);
    net.node(Op::Unary(Unary::Relu), &[X], &IMAGE);
    let base = QuantiseOptions::default();
    for o in [
        QuantiseOptions { act_bits: 3, ..base.clone() },
        QuantiseOptions { weight_bits: 17, ..base.clone() },
        QuantiseOptions { margin: 0.5, ..base.clone() },
        QuantiseOptions { margin: f64::NAN, ..base.clone() },
        QuantiseOptions { max_ring: 65, ..base.clone() },
    ] {
        assert!(matches!(net.quantise(&o), Err(Error::Config(_))));
    }
    let mut net = Net::new(&IMAGE);
    let w = net.noise(&[4, 4, 3, 3], 1);
    net.node(Op::Conv { window: window([3, 3], 1, 1), groups: 1 }, &[X, w], &IMAGE);
    let o = QuantiseOptions { act_bits: 16, weight_bits: 16, max_ring: 16, ..base };
    assert!(matches!(net.quantise(&o), Err(Error::Limit(_))));
}
