//! Every operator: its results are the float executor's, sample by sample, and its derivatives are
//! those that finite differences give.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::float;
use sordino_graph::ir::{Binary, Graph, Op, PadMode, Reduce, Tensor, Unary, ValueId, Window};
use sordino_rewrite::{Array, Device, Network, Statistics};

const LEAD: usize = 3;

/// Away from 0, where rectifiers have no derivative.
fn inputs(n: usize) -> Vec<f32> {
    noise(7, n).iter().map(|v| v.signum() * (0.05 + 0.95 * v.abs())).collect()
}

/// Away from every multiple of 0.04 and from the bounds below: maxima, minima and limits have no
/// derivative there.
fn between(n: usize) -> Vec<f32> {
    noise(7, n).iter().map(|v| v.signum() * (0.06 + (v.abs() * 23.0).round() / 25.0)).collect()
}

fn check_between(name: &str, graph: Graph) {
    equal(name, &graph);
    differences(name, graph, Statistics::Stored, between);
}

fn check(name: &str, graph: Graph) {
    equal(name, &graph);
    differences(name, graph, Statistics::Stored, inputs);
}

fn equal(name: &str, graph: &Graph) {
    let shape = graph.value(graph.inputs[0]).shape.clone();
    let n: usize = shape.iter().product();
    let values: Vec<f32> = inputs(LEAD * n).iter().map(|v| positive(name, *v)).collect();
    let network = Network::new(graph.clone(), &Device::flex()).unwrap();
    let input = Array::from_values(values.clone(), LEAD, &shape, &Device::flex()).unwrap();
    let got = network.infer(&input).unwrap().values().unwrap();
    let mut want = Vec::new();
    for sample in values.chunks(n) {
        let input = Tensor::f32(shape.clone(), sample.to_vec()).unwrap();
        want.extend_from_slice(float::run(graph, &[input]).unwrap()[0].as_f32().unwrap());
    }
    assert_eq!(got.len(), want.len(), "{name}");
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{name} [{i}]: {got}, not {want}");
    }
}

/// Functions with a pole or a root at 0 get operands above it.
fn positive(name: &str, v: f32) -> f32 {
    if name.starts_with("above 0") { v.abs() + 0.2 } else { v }
}

fn differences(name: &str, graph: Graph, statistics: Statistics, inputs: fn(usize) -> Vec<f32>) {
    let shape = graph.value(graph.inputs[0]).shape.clone();
    let n = LEAD * shape.iter().product::<usize>();
    let values: Vec<f32> = inputs(n).iter().map(|v| positive(name, *v)).collect();
    let mut network = Network::new(graph, &Device::flex()).unwrap();
    let output = network.graph().value(network.graph().outputs[0]).shape.iter().product::<usize>();
    let weights = noise(3, LEAD * output);
    let array = |v: Vec<f32>| Array::from_values(v, LEAD, &shape, &Device::flex()).unwrap();
    let sum = |network: &Network, values: Vec<f32>| -> f64 {
        let found = network.sensitivities(&array(values), &weights, statistics).unwrap();
        found.output.iter().zip(&weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let found = network.sensitivities(&array(values.clone()), &weights, statistics).unwrap();
    for direction in 0..3 {
        let along = noise(100 + direction, n);
        let [up, down] = [1, -1].map(|sign| sum(&network, moved(&values, &along, sign as f32)));
        compare(&format!("{name} by its input"), &found.input, &along, up - down);
    }
    for (id, gradient) in &found.parameters {
        let own = network.read(*id).unwrap();
        let along = noise(200, own.len());
        let [up, down] = [1, -1].map(|sign| {
            network.write(*id, moved(&own, &along, sign as f32)).unwrap();
            sum(&network, values.clone())
        });
        network.write(*id, own).unwrap();
        compare(&format!("{name} by constant {}", id.0), gradient, &along, up - down);
    }
}

const STEP: f32 = 1e-3;

fn moved(values: &[f32], along: &[f32], sign: f32) -> Vec<f32> {
    values.iter().zip(along).map(|(v, d)| v + sign * STEP * d).collect()
}

fn compare(what: &str, gradient: &[f32], along: &[f32], difference: f64) {
    let terms = gradient.iter().zip(along).map(|(g, d)| f64::from(*g) * f64::from(*d));
    let scale: f64 = terms.clone().map(|t| t * t).sum::<f64>().sqrt();
    let (got, want) = (terms.sum::<f64>(), difference / (2.0 * f64::from(STEP)));
    assert!((got - want).abs() <= 1e-2 * (0.3 + scale), "{what}: {got}, not {want}");
}

fn window(kernel: &[usize], stride: usize, pads: &[(usize, usize)]) -> Window {
    let n = kernel.len();
    Window {
        kernel: kernel.into(),
        stride: vec![stride; n],
        dilation: vec![1; n],
        pads: pads.into(),
    }
}

fn one(input: &[usize], op: Op, constants: &[&[usize]]) -> Graph {
    let mut build = Build::new(input);
    let mut operands = vec![ValueId(0)];
    operands.extend(constants.iter().map(|shape| build.random(shape)));
    let y = build.node(op, &operands);
    build.finish(y)
}

#[test]
fn convolutions() {
    let conv = |w: Window, groups| Op::Conv { window: w, groups };
    let image = [1, 4, 7, 6];
    check("3x3", one(&image, conv(window(&[3, 3], 1, &[(1, 1); 2]), 1), &[&[5, 4, 3, 3], &[5]]));
    check("stride", one(&image, conv(window(&[3, 3], 2, &[(0, 1), (1, 0)]), 1), &[&[5, 4, 3, 3]]));
    check(
        "depthwise",
        one(&image, conv(window(&[3, 3], 1, &[(1, 1); 2]), 4), &[&[4, 1, 3, 3], &[4]]),
    );
    check("groups", one(&image, conv(window(&[1, 1], 1, &[(0, 0); 2]), 2), &[&[6, 2, 1, 1], &[6]]));
    let dilated = Window { dilation: vec![2, 1], ..window(&[2, 3], 1, &[(2, 0), (1, 1)]) };
    check("dilation", one(&image, conv(dilated, 1), &[&[3, 4, 2, 3], &[3]]));
    check("1-D", one(&[1, 3, 9], conv(window(&[3], 2, &[(1, 1)]), 1), &[&[4, 3, 3], &[4]]));
    let transposed = |groups, output_padding: [usize; 2]| Op::ConvTranspose {
        window: window(&[3, 3], 2, &[(1, 1), (0, 1)]),
        groups,
        output_padding: output_padding.into(),
    };
    check("transposed", one(&[1, 4, 3, 3], transposed(1, [0, 0]), &[&[4, 2, 3, 3], &[2]]));
    check("transposed, padded", one(&[1, 4, 3, 3], transposed(2, [1, 1]), &[&[4, 2, 3, 3], &[4]]));
}

#[test]
fn products() {
    let gemm = |alpha, beta, trans_a, trans_b| Op::Gemm { alpha, beta, trans_a, trans_b };
    check("gemm", one(&[1, 6], gemm(1.0, 1.0, false, true), &[&[4, 6], &[4]]));
    check("gemm, scaled", one(&[2, 6], gemm(0.5, 2.0, false, false), &[&[6, 4], &[2, 1]]));
    check("gemm, transposed", one(&[6, 2], gemm(1.0, 1.0, true, false), &[&[6, 4], &[]]));
    check("matmul", one(&[1, 3, 5], Op::MatMul, &[&[5, 4]]));
    check("matmul by a vector", one(&[3, 5], Op::MatMul, &[&[5]]));
    check("matmul in batches", one(&[2, 3, 5], Op::MatMul, &[&[2, 5, 4]]));
    let mut build = Build::new(&[2, 3, 5]);
    let turned = build.node(Op::Transpose { perm: vec![0, 2, 1] }, &[ValueId(0)]);
    let y = build.node(Op::MatMul, &[ValueId(0), turned]);
    check("product with itself", build.finish(y));
}

#[test]
fn normalisations() {
    let norm = |input: &[usize], op: Op| {
        let mut build = Build::new(input);
        let [scale, shift, mean] = [0; 3].map(|_| build.random(&[input[1]]));
        let variance = build.positive(&[input[1]]);
        let y = build.node(op, &[ValueId(0), scale, shift, mean, variance]);
        build.finish(y)
    };
    let batch = || norm(&[1, 4, 3, 3], Op::BatchNorm { epsilon: 1e-3 });
    check("batch norm", batch());
    differences("batch norm of the batch", batch(), Statistics::Batch, inputs);
    let dense = norm(&[1, 5], Op::BatchNorm { epsilon: 1e-2 });
    differences("dense batch norm of the batch", dense, Statistics::Batch, inputs);
    check("instance norm", one(&[1, 4, 3, 3], Op::InstanceNorm { epsilon: 1e-3 }, &[&[4], &[4]]));
    let layer = Op::LayerNorm { axis: 1, epsilon: 1e-3 };
    check("layer norm", one(&[2, 3, 4], layer, &[&[3, 4], &[4]]));
    for size in [3, 4] {
        let lrn = Op::Lrn { size, alpha: 0.5, beta: 0.75, bias: 1.0 };
        check("local response", one(&[1, 5, 2, 2], lrn, &[]));
    }
}

#[test]
fn activations() {
    let functions = [
        Unary::Relu,
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Clip { lo: -0.33, hi: 0.61 },
        Unary::Clip { lo: f32::NEG_INFINITY, hi: 0.4 },
        Unary::Sigmoid,
        Unary::HardSigmoid { alpha: 0.9, beta: 0.5 },
        Unary::HardSwish,
        Unary::Tanh,
        Unary::Elu { alpha: 0.7 },
        Unary::Selu { alpha: 1.6, gamma: 1.05 },
        Unary::Gelu { tanh: false },
        Unary::Gelu { tanh: true },
        Unary::Softplus,
        Unary::Softsign,
        Unary::Mish,
        Unary::Swish { alpha: 1.5 },
        Unary::Exp,
        Unary::Neg,
        Unary::Abs,
    ];
    for f in functions {
        check_between(&format!("{f:?}"), one(&[1, 3, 5], Op::Unary(f), &[]));
    }
    for f in [Unary::Log, Unary::Sqrt, Unary::Reciprocal] {
        check(&format!("above 0: {f:?}"), one(&[1, 3, 5], Op::Unary(f), &[]));
    }
    for slope in [&[1][..], &[4, 1, 1], &[4, 3, 2], &[1, 4, 3, 2]] {
        check("PRelu", one(&[1, 4, 3, 2], Op::PRelu, &[slope]));
    }
}

#[test]
fn large_operands_stay_finite() {
    for f in [Unary::Elu { alpha: 1.0 }, Unary::Softplus, Unary::Mish, Unary::Sigmoid] {
        let name = format!("{f:?}");
        let network = Network::new(one(&[1, 4], Op::Unary(f), &[]), &Device::flex()).unwrap();
        let far = vec![-200.0, -60.0, 60.0, 200.0];
        let input = Array::from_values(far, 1, &[1, 4], &Device::flex()).unwrap();
        let found = network.sensitivities(&input, &[1.0; 4], Statistics::Stored).unwrap();
        let finite = found.output.iter().chain(&found.input).all(|v| v.is_finite());
        assert!(finite, "{name}: {:?} {:?}", found.output, found.input);
    }
}

#[test]
fn two_operands() {
    for f in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min] {
        for other in [&[][..], &[4], &[3, 1], &[2, 3, 4], &[1, 2, 1, 1], &[2, 1, 4]] {
            check_between(&format!("{f:?} {other:?}"), one(&[1, 2, 3, 4], Op::Binary(f), &[other]));
        }
    }
    let mut build = Build::new(&[2, 1, 3]);
    let divisor = build.positive(&[4, 1]);
    let y = build.node(Op::Binary(Binary::Div), &[ValueId(0), divisor]);
    check("Div", build.finish(y));
    let mut build = Build::new(&[2, 3]);
    let exponent = build.constant(&[], vec![2.0]);
    let y = build.node(Op::Binary(Binary::Pow), &[ValueId(0), exponent]);
    check("above 0: Pow", build.finish(y));
    let mut build = Build::new(&[1, 3, 4]);
    let mean = build
        .node(Op::Reduce { kind: Reduce::Mean, axes: vec![2], keep_dims: true }, &[ValueId(0)]);
    let y = build.node(Op::Binary(Binary::Mul), &[ValueId(0), mean]);
    check("both of the input", build.finish(y));
}

#[test]
fn pooling() {
    let image = [1, 3, 7, 6];
    let cases = [
        window(&[2, 2], 2, &[(0, 0); 2]),
        window(&[3, 3], 2, &[(1, 1); 2]),
        window(&[3, 2], 2, &[(0, 1), (1, 0)]),
    ];
    for w in cases {
        check("max", one(&image, Op::MaxPool { window: w.clone() }, &[]));
        for count_include_pad in [true, false] {
            let op = Op::AveragePool { window: w.clone(), count_include_pad };
            check(&format!("mean {count_include_pad} {w:?}"), one(&image, op, &[]));
        }
    }
    check("1-D", one(&[1, 3, 9], Op::MaxPool { window: window(&[3], 2, &[(1, 1)]) }, &[]));
    check("global max", one(&image, Op::GlobalMaxPool, &[]));
    check("global mean", one(&image, Op::GlobalAveragePool, &[]));
}

#[test]
fn reductions() {
    for kind in [Reduce::Mean, Reduce::Sum, Reduce::Max, Reduce::Min] {
        for (axes, keep_dims) in [(vec![1], true), (vec![0, 2], false), (vec![1, 2], true)] {
            check(&format!("{kind:?}"), one(&[2, 3, 4], Op::Reduce { kind, axes, keep_dims }, &[]));
        }
    }
    for (axis, flatten) in [(0, false), (1, false), (2, false), (1, true)] {
        for log in [true, false] {
            check("softmax", one(&[2, 3, 4], Op::Softmax { axis, flatten, log }, &[]));
        }
    }
}

#[test]
fn movement() {
    let x = [2, 4, 3, 2];
    check("reshape", one(&x, Op::Reshape { shape: vec![3, 16] }, &[]));
    check("transpose", one(&x, Op::Transpose { perm: vec![2, 0, 3, 1] }, &[]));
    check("concat", one(&x, Op::Concat { axis: 1 }, &[&[2, 1, 3, 2]]));
    for mode in [PadMode::Constant, PadMode::Reflect, PadMode::Edge] {
        let pads = vec![(0, 0), (1, 2), (2, 0), (0, 1)];
        check(&format!("{mode:?}"), one(&x, Op::Pad { pads, mode, value: 0.5 }, &[]));
    }
    let pads = vec![(0, 0), (-1, 2), (1, -1), (0, 0)];
    check("crop", one(&x, Op::Pad { pads, mode: PadMode::Constant, value: 0.0 }, &[]));
    let slice =
        Op::Slice { starts: vec![0, 3, 0, 1], steps: vec![1, -2, 2, 1], shape: vec![2, 2, 2, 1] };
    check("slice", one(&x, slice, &[]));
    check("expand", one(&[2, 1, 3], Op::Expand { shape: vec![2, 2, 4, 3] }, &[]));
    check("tile", one(&x, Op::Tile { repeats: vec![1, 2, 1, 3] }, &[]));
    let index = vec![vec![0, 1], vec![0, 1, 2, 3], vec![0, 0, 1, 2, 2], vec![0, 0, 1, 1]];
    check("resize", one(&x, Op::ResizeNearest { index }, &[]));
    let space = |block, to_space, column_row| Op::DepthSpace { block, to_space, column_row };
    check("depth to space", one(&[1, 8, 2, 3], space(2, true, false), &[]));
    check("depth to space, by columns", one(&[1, 8, 2, 3], space(2, true, true), &[]));
    check("space to depth", one(&[1, 2, 4, 6], space(2, false, false), &[]));
    let mut build = Build::new(&x);
    let parts = build.nodes(Op::Split { axis: 1, sizes: vec![1, 3] }, &[ValueId(0)]);
    check("split", build.finish(parts[1]));
    let mut build = Build::new(&x);
    let indices = build.indices(vec![3, 0, -1, 3]);
    let y = build.node(Op::Gather { axis: 1 }, &[ValueId(0), indices]);
    check("gather", build.finish(y));
}
