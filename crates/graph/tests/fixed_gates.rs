//! Batch normalisations before rectifiers, as comparisons with secret signs.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::net::{Net, window};
use fixed_common::{clear, float};
use proptest::prelude::*;
use sordino_graph::fixed::{Calibration, FixedModel, FixedOp, QuantiseOptions, quantise};
use sordino_graph::ir::*;

const IMAGE: [usize; 4] = [1, 6, 6, 6];

fn count(m: &FixedModel, name: &str) -> usize {
    m.graph.nodes.iter().filter(|n| n.op.name() == name).count()
}

/// Largest error of the integer network on the samples it was calibrated on, over the largest
/// output.
fn error(net: &Net, m: &FixedModel) -> f32 {
    let mut worst = 0f32;
    for x in net.samples() {
        let (got, want) = (clear(m, &x), float(&net.0, &x));
        let top = want.iter().fold(0.1f32, |m, v| m.max(v.abs()));
        let differences = got.iter().zip(&want).map(|(g, w)| (g - w).abs() / top);
        worst = differences.fold(worst, f32::max);
    }
    worst
}

/// `relu(gamma * x + beta)` per channel.
fn normalised(net: &mut Net, gamma: &[f32], beta: &[f32]) -> ValueId {
    let (s, b) = (net.floats(&[6], gamma), net.floats(&[6], beta));
    let (m, v) = (net.floats(&[6], &[0.0; 6]), net.floats(&[6], &[1.0; 6]));
    let op = Op::BatchNorm { epsilon: 0.0 };
    let y = net.node(op, &[ValueId(0), s, b, m, v], &IMAGE);
    net.node(Op::Unary(Unary::Relu), &[y], &IMAGE)
}

fn quantised(net: &Net) -> FixedModel {
    let options = QuantiseOptions { act_bits: 14, weight_bits: 13, ..Default::default() };
    let m = quantise(&net.0, &Calibration::run(&net.0, &net.samples()).unwrap(), &options).unwrap();
    let bytes = m.graph.to_bytes().unwrap();
    assert_eq!(sordino_graph::fixed::FixedGraph::from_bytes(&bytes).unwrap(), m.graph);
    for x in net.samples() {
        let edge = &m.graph.edges[m.graph.input.0 as usize];
        let words = sordino_graph::fixed::encode_input(edge, x.as_f32().unwrap()).unwrap().words;
        assert_eq!(m.overflows(&words), []);
    }
    m
}

/// The readers that take factors and offsets: a padded convolution with steps, a grouped one, and
/// means before a dense layer.
fn reader(net: &mut Net, y: ValueId, which: usize) {
    match which {
        0 => {
            let w = net.noise(&[3, 6, 3, 2], 1);
            let b = net.noise(&[3], 2);
            let mut window = window([3, 2], 2, 1);
            (window.dilation, window.pads) = (vec![1, 2], vec![(1, 0), (2, 1)]);
            net.node(Op::Conv { window, groups: 1 }, &[y, w, b], &[1, 3, 3, 4]);
        }
        1 => {
            let w = net.noise(&[4, 3, 1, 1], 1);
            let op = Op::Conv { window: window([1, 1], 1, 0), groups: 2 };
            net.node(op, &[y, w], &[1, 4, 6, 6]);
        }
        _ => {
            let average =
                Op::AveragePool { window: window([2, 3], 1, 0), count_include_pad: false };
            let y = net.node(average, &[y], &[1, 6, 5, 4]);
            let y = net.node(Op::Reshape { shape: vec![1, 6, 20] }, &[y], &[1, 6, 20]);
            let y = net.node(Op::GlobalAveragePool, &[y], &[1, 6, 1]);
            let y = net.node(Op::Reshape { shape: vec![1, 6] }, &[y], &[1, 6]);
            let (w, b) = (net.noise(&[6, 5], 1), net.noise(&[5], 2));
            let op = Op::Gemm { alpha: 0.5, beta: 2.0, trans_a: false, trans_b: false };
            net.node(op, &[y, w, b], &[1, 5]);
        }
    }
}

#[test]
fn every_kind_of_channel_in_front_of_every_reader() {
    // Positive and negative factors, nearly and exactly constant channels of either sign, and
    // one that stays positive.
    let gamma = [1.0, -0.8, 1e-7, -1e-7, 0.0, -0.2];
    let beta = [0.2, 0.1, 0.3, -0.4, 0.5, 0.9];
    for which in 0..3 {
        let mut net = Net::new(&IMAGE);
        let y = normalised(&mut net, &gamma, &beta);
        reader(&mut net, y, which);
        let m = quantised(&net);
        let e = error(&net, &m);
        assert!(e < 0.004, "reader {which}: {e}");
        // Nothing but the reader is linear.
        assert_eq!((count(&m, "Linear"), count(&m, "Activate")), (1, 1));
        let flips = m.graph.nodes.iter().find_map(|n| match n.op {
            FixedOp::Activate { flips, .. } => flips,
            _ => None,
        });
        let signs = &m.weights.layers[flips.unwrap().0 as usize].bias;
        assert_eq!(signs, &[0, 1, 0, 1, 0, 1]);
        // The widest channel's range decides, not the smallest factor's.
        let layers = m.graph.report();
        let compared = layers.iter().filter(|l| l.comparisons > 0).map(|l| l.ring_in);
        assert!(compared.max().unwrap() <= 17);
    }
}

#[test]
fn other_readers_need_the_normalised_value() {
    let residual = |net: &mut Net, y: ValueId| {
        let w = net.noise(&[6, 6, 1, 1], 1);
        let op = Op::Conv { window: window([1, 1], 1, 0), groups: 1 };
        let z = net.node(op, &[y, w], &IMAGE);
        net.node(Op::Binary(Binary::Add), &[z, y], &IMAGE);
    };
    let output = |_: &mut Net, _: ValueId| {};
    for reader in [&residual as &dyn Fn(&mut Net, ValueId), &output] {
        let mut net = Net::new(&IMAGE);
        let y = normalised(&mut net, &[1.0, -0.8, 0.5, 2.0, -3.0, 0.1], &[0.1; 6]);
        reader(&mut net, y);
        let m = quantised(&net);
        assert_eq!(count(&m, "AddConst"), 0);
        assert!(error(&net, &m) < 0.004);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_normalisation(
        gamma in prop::array::uniform6(-2f32..2.0), beta in prop::array::uniform6(-1f32..1.0),
        which in 0usize..3,
    ) {
        let mut net = Net::new(&IMAGE);
        let y = normalised(&mut net, &gamma, &beta);
        reader(&mut net, y, which);
        prop_assert!(error(&net, &quantised(&net)) < 0.01);
    }
}
