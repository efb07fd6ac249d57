//! What the garbled backend's quantiser makes of each operator, against the float executor.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::net::{Net, noise, window};
use fixed_common::{clear, float, says_sums};
use sordino_graph::Error;
use sordino_graph::fixed::residue::{
    LookupForm, RangeMode, RescaleForm, ResidueOptions, Style, quantise,
};
use sordino_graph::fixed::{
    Calibration, FixedGraph, FixedModel, FixedOp, Function, encode_input, semantics,
};
use sordino_graph::ir::*;

const X: ValueId = ValueId(0);
const IMAGE: [usize; 4] = [1, 4, 6, 6];

fn forms() -> Vec<LookupForm> {
    [13 * 127, 7 * 13 * 127, 7 * 13 * 61 * 127, 7 * 13 * 61 * 127 * 29]
        .map(|divisor| LookupForm { divisor, levels: 251, outputs: 127 })
        .to_vec()
}

fn strict() -> ResidueOptions {
    ResidueOptions::new(Style::Strict { forms: forms(), weight_bits: 9 })
}

fn dash(modulus: u64, divisor: u64) -> ResidueOptions {
    ResidueOptions::new(Style::DashCompat(RescaleForm { modulus, divisor }))
}

fn made(net: &Net, options: &ResidueOptions) -> Result<FixedModel, Error> {
    let samples = net.samples();
    let c = Calibration::run(&net.0, &samples).unwrap();
    quantise(&net.0, &c, &samples, options)
}

/// The outputs stay within `tolerance` of the float network's largest on average.
fn agrees(net: &Net, options: &ResidueOptions, tolerance: f32) -> FixedModel {
    let m = made(net, options).unwrap();
    for x in net.samples() {
        let (got, want) = (clear(&m, &x), float(&net.0, &x));
        let top = want.iter().fold(0.1f32, |m, v| m.max(v.abs()));
        let error = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).sum::<f32>();
        let error = error / want.len() as f32;
        assert!(error <= tolerance * top, "{error} off {top}: {:#?}", m.graph.nodes);
        let edge = &m.graph.edges[m.graph.input.0 as usize];
        let words = encode_input(edge, x.as_f32().unwrap()).unwrap();
        assert_eq!(m.overflows(&words.words), []);
    }
    let bytes = m.graph.to_bytes().unwrap();
    assert_eq!(FixedGraph::from_bytes(&bytes).unwrap(), m.graph);
    m
}

fn count(m: &FixedModel, name: &str) -> usize {
    m.graph.nodes.iter().filter(|n| n.op.name() == name).count()
}

fn conv(net: &mut Net, x: ValueId, cin: usize, cout: usize, seed: u64) -> ValueId {
    let w = net.noise(&[cout, cin, 3, 3], seed);
    let b = net.noise(&[cout], seed + 50);
    net.node(Op::Conv { window: window([3, 3], 1, 1), groups: 1 }, &[x, w, b], &[1, cout, 6, 6])
}

fn unary(net: &mut Net, x: ValueId, f: Unary, channels: usize) -> ValueId {
    net.node(Op::Unary(f), &[x], &[1, channels, 6, 6])
}

#[test]
fn sums_of_filters() {
    let mut net = Net::new(&IMAGE);
    let y = conv(&mut net, X, 4, 8, 1);
    let y = unary(&mut net, y, Unary::Relu, 8);
    conv(&mut net, y, 8, 3, 2);
    assert_eq!(says_sums(&agrees(&net, &strict(), 0.05)), [true, false]);
}

#[test]
fn any_function_of_one_value_is_one_table() {
    let functions = [
        Unary::Relu,
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Clip { lo: 0.0, hi: 2.0 },
        Unary::Clip { lo: -1.0, hi: 2.0 },
        Unary::Sigmoid,
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::Tanh,
        Unary::Elu { alpha: 1.0 },
        Unary::Gelu { tanh: false },
        Unary::Softplus,
        Unary::Mish,
        Unary::Abs,
    ];
    for f in functions {
        let mut net = Net::new(&IMAGE);
        let y = conv(&mut net, X, 4, 5, 1);
        let y = unary(&mut net, y, f.clone(), 5);
        conv(&mut net, y, 5, 3, 2);
        let m = agrees(&net, &strict(), 0.02);
        assert_eq!((count(&m, "Lookup"), count(&m, "Linear")), (1, 2), "{f:?}");
    }
}

#[test]
fn a_product_with_a_function_of_itself_is_one_table() {
    // x * sigmoid(x), and x * clip(x + 3, 0, 6) / 6, as exporters write them.
    let mut net = Net::new(&IMAGE);
    let y = conv(&mut net, X, 4, 5, 1);
    let s = unary(&mut net, y, Unary::Sigmoid, 5);
    let y = net.node(Op::Binary(Binary::Mul), &[y, s], &[1, 5, 6, 6]);
    let y = conv(&mut net, y, 5, 4, 2);
    let (three, six) = (net.floats(&[], &[3.0]), net.floats(&[], &[6.0]));
    let s = net.node(Op::Binary(Binary::Add), &[y, three], &IMAGE);
    let s = unary(&mut net, s, Unary::Clip { lo: 0.0, hi: 6.0 }, 4);
    let y = net.node(Op::Binary(Binary::Mul), &[y, s], &IMAGE);
    let y = net.node(Op::Binary(Binary::Div), &[y, six], &IMAGE);
    conv(&mut net, y, 4, 3, 3);
    let m = agrees(&net, &strict(), 0.03);
    assert_eq!((count(&m, "Lookup"), count(&m, "Linear")), (2, 3));
}

#[test]
fn products_of_two_values_are_refused() {
    let mut net = Net::new(&IMAGE);
    let a = conv(&mut net, X, 4, 4, 1);
    let b = conv(&mut net, X, 4, 4, 2);
    net.node(Op::Binary(Binary::Mul), &[a, b], &IMAGE);
    let e = made(&net, &strict()).unwrap_err();
    assert!(matches!(&e, Error::Unsupported { why, .. } if why.contains("product")), "{e}");
}

#[test]
fn maxima_are_taken_of_table_results() {
    let mut net = Net::new(&IMAGE);
    let y = conv(&mut net, X, 4, 5, 1);
    let y = net.node(Op::MaxPool { window: window([2, 2], 2, 0) }, &[y], &[1, 5, 3, 3]);
    let y = net.node(Op::Unary(Unary::Relu), &[y], &[1, 5, 3, 3]);
    let w = net.noise(&[3, 5, 3, 3], 4);
    net.node(Op::Conv { window: window([3, 3], 1, 0), groups: 1 }, &[y, w], &[1, 3, 1, 1]);
    for options in [strict(), dash(7 * 13 * 29 * 53 * 61, 29)] {
        let m = agrees(&net, &options, 0.05);
        let names: Vec<&str> = m.graph.nodes.iter().map(|n| n.op.name()).collect();
        assert!(matches!(names[..], ["Linear", "Lookup" | "Rescale", "MaxPool", "Linear"]));
    }
}

/// A residual block before and one after activation, a concatenation, and average pools.
fn branches() -> Net {
    let mut net = Net::new(&IMAGE);
    let shape = IMAGE;
    let y = conv(&mut net, X, 4, 4, 1);
    let r = unary(&mut net, y, Unary::Relu, 4);
    let z = conv(&mut net, r, 4, 4, 2);
    let y = net.node(Op::Binary(Binary::Add), &[y, z], &shape);
    let r = unary(&mut net, y, Unary::Relu, 4);
    let z = conv(&mut net, r, 4, 4, 3);
    let y = net.node(Op::Binary(Binary::Add), &[z, r], &shape);
    let y = unary(&mut net, y, Unary::Relu, 4);
    let a = conv(&mut net, y, 4, 2, 4);
    let a = unary(&mut net, a, Unary::Relu, 2);
    let b = conv(&mut net, y, 4, 3, 5);
    let y = net.node(Op::Concat { axis: 1 }, &[a, b], &[1, 5, 6, 6]);
    let pool = Op::AveragePool { window: window([2, 2], 2, 0), count_include_pad: false };
    let y = net.node(pool, &[y], &[1, 5, 3, 3]);
    let w = net.noise(&[3, 5, 3, 3], 6);
    net.node(Op::Conv { window: window([3, 3], 1, 0), groups: 1 }, &[y, w], &[1, 3, 1, 1]);
    net
}

#[test]
fn sums_concatenations_and_average_pools_agree() {
    let m = agrees(&branches(), &strict(), 0.08);
    for n in &m.graph.nodes {
        let units: Vec<(i32, u32)> = n
            .inputs
            .iter()
            .map(|e| &m.graph.edges[e.0 as usize])
            .map(|e| (e.frac, e.divisor))
            .collect();
        assert!(units.iter().all(|u| *u == units[0]), "{} joins {units:?}", n.name);
    }
    assert_eq!(count(&m, "Add"), 2);
}

#[test]
fn dash_compatible_networks_agree_with_and_without_rescaling() {
    let mut net = Net::new(&IMAGE);
    let y = conv(&mut net, X, 4, 6, 1);
    let y = unary(&mut net, y, Unary::Relu, 6);
    let y = conv(&mut net, y, 6, 6, 2);
    let y = conv(&mut net, y, 6, 4, 3);
    let y = unary(&mut net, y, Unary::Relu, 4);
    conv(&mut net, y, 4, 3, 4);
    let m = agrees(&net, &dash(13 * 29 * 53 * 59 * 61 * 127, 29), 0.05);
    assert_eq!((count(&m, "Rescale"), count(&m, "Linear")), (3, 4));
    let wide = 7 * 13 * 29 * 31 * 53 * 59 * 61 * 127;
    let m = agrees(&net, &dash(wide, 1), 0.02);
    // Without rescaling nothing stands between two linear layers.
    assert_eq!((count(&m, "Rescale"), count(&m, "Linear")), (2, 4));
    let relu = |op: &FixedOp| match op {
        FixedOp::Rescale { function, divisor, .. } => *function == Function::Relu && *divisor == 1,
        _ => true,
    };
    assert!(m.graph.nodes.iter().all(|n| relu(&n.op)));
    agrees(&branches(), &dash(wide, 1), 0.04);

    let y = unary(&mut net, X, Unary::Tanh, 4);
    conv(&mut net, y, 4, 3, 9);
    assert!(matches!(made(&net, &dash(wide, 1)), Err(Error::Unsupported { .. })));
    assert!(matches!(made(&branches(), &dash(257, 1)), Err(Error::Limit(_))));
}

/// The most hostile inputs: every element at an end of the input's range.
fn extremes(m: &FixedModel, seed: u64) -> Vec<u64> {
    let e = &m.graph.edges[m.graph.input.0 as usize];
    let end = |v: f32| if v < 0.0 { e.lo } else { e.hi };
    noise(e.len(), seed).into_iter().map(|v| semantics::encode(end(v), e.ring)).collect()
}

#[test]
fn proven_ranges_never_wrap() {
    let mut net = Net::new(&IMAGE);
    let y = conv(&mut net, X, 4, 4, 1);
    let r = unary(&mut net, y, Unary::Relu, 4);
    let z = conv(&mut net, r, 4, 4, 2);
    let y = net.node(Op::Binary(Binary::Add), &[z, r], &IMAGE);
    let y = unary(&mut net, y, Unary::Relu, 4);
    conv(&mut net, y, 4, 3, 3);
    for mut options in [strict(), dash(7 * 13 * 29 * 53 * 61 * 127 * 127, 29)] {
        options.range = RangeMode::Proof;
        let m = agrees(&net, &options, 0.15);
        for seed in 0..200 {
            let found = m.overflows(&extremes(&m, seed));
            assert_eq!(found, [], "{options:?}");
        }
    }
    // The same inputs do leave a calibrated window.
    let m = made(&net, &strict()).unwrap();
    assert!((0..200).any(|seed| !m.overflows(&extremes(&m, seed)).is_empty()));
}

#[test]
fn a_proof_that_leaves_no_levels_is_refused_with_a_way_out() {
    let mut net = Net::new(&[1, 256, 6, 6]);
    let y = conv(&mut net, X, 256, 64, 1);
    unary(&mut net, y, Unary::Relu, 64);
    let tiny = LookupForm { divisor: 7, levels: 31, outputs: 31 };
    let style = Style::Strict { forms: vec![tiny], weight_bits: 3 };
    let options = ResidueOptions { range: RangeMode::Proof, ..ResidueOptions::new(style) };
    let e = made(&net, &options).unwrap_err().to_string();
    assert!(e.contains("use the calibrated range"), "{e}");
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let net = branches();
    let strict_with =
        |forms, weight_bits| ResidueOptions::new(Style::Strict { forms, weight_bits });
    let form = forms()[0];
    let bad = [
        strict_with(vec![], 7),
        strict_with(forms(), 2),
        strict_with(vec![LookupForm { levels: 252, ..form }], 7),
        strict_with(vec![LookupForm { divisor: 0, ..form }], 7),
        strict_with(vec![form, LookupForm { outputs: 61, ..form }], 7),
        dash(256, 1),
        dash(257, 257),
        ResidueOptions { input_bits: 1, ..strict() },
        ResidueOptions { range: RangeMode::Calibrated { margin: 0.5 }, ..strict() },
        ResidueOptions { max_modulus: u64::MAX, ..strict() },
    ];
    for options in bad {
        assert!(matches!(made(&net, &options), Err(Error::Config(_))), "{options:?}");
    }
    let c = Calibration::run(&net.0, &net.samples()).unwrap();
    assert!(matches!(quantise(&net.0, &c, &[], &strict()), Err(Error::Config(_))));
}
