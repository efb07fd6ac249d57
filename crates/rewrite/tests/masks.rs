//! Masks of rectifiers: graphs stay what they were, budgets are met, and the written network is
//! the trained one. Linear layers that are left without one between them are merged.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::ir::{Binary, Graph, Op, Tensor, Unary, ValueId, Window};
use sordino_graph::{float, load};
use sordino_rewrite::mask::{
    Choice, Cost, Granularity, Search, alive, choose, linearise, mask_relus, tidy, total,
};
use sordino_rewrite::train::{Rule, Samples, Schedule, Settings, Trainer, evaluate};
use sordino_rewrite::{Device, Error, Network, Work, merge_linear};
use std::cell::RefCell;

/// Two layers of 16 rectifiers.
fn graph() -> Graph {
    let mut build = Build::new(&[1, 4]);
    let gemm = || Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true };
    let mut x = ValueId(0);
    for inputs in [4, 16] {
        let (weight, bias) = (build.random(&[16, inputs]), build.random(&[16]));
        x = build.node(gemm(), &[x, weight, bias]);
        x = build.node(Op::Unary(Unary::Relu), &[x]);
    }
    let (weight, bias) = (build.random(&[2, 16]), build.random(&[2]));
    let x = build.node(gemm(), &[x, weight, bias]);
    build.finish(x)
}

/// Whether two entries have the same sign: no linear network can say.
fn samples(n: usize, seed: u64) -> Samples {
    let mut samples = Samples::new(&[1, 4]);
    for x in noise(seed, 4 * n).chunks(4) {
        samples.push(x, usize::from((x[0] > 0.0) == (x[1] > 0.0))).unwrap();
    }
    samples
}

fn run(graph: &Graph, seed: u64) -> Vec<f32> {
    let input = Tensor::f32(vec![1, 4], noise(seed, 4)).unwrap();
    float::run(graph, &[input]).unwrap()[0].as_f32().unwrap().to_vec()
}

#[test]
fn fresh_masks_change_nothing() {
    for granularity in [Granularity::Element, Granularity::Channel] {
        let (plain, mut masked) = (graph(), graph());
        let masks = mask_relus(&mut masked, granularity).unwrap();
        assert_eq!(total(&masks), 32);
        (0..20).for_each(|seed| assert_eq!(run(&plain, seed), run(&masked, seed)));
        tidy(&mut masked).unwrap();
        assert!(masked.nodes.iter().all(|n| n.op != Op::PRelu));
    }
}

#[test]
fn budgets_are_kept_by_every_choice() {
    let mut masked = graph();
    let masks = mask_relus(&mut masked, Granularity::Element).unwrap();
    let mut network = Network::new(masked, &Device::flex()).unwrap();
    for choice in [Choice::Largest, Choice::Random { seed: 3 }, Choice::Layers] {
        for budget in [0, 1, 16, 31, 32] {
            assert_eq!(choose(&mut network, &masks, budget, choice).unwrap(), budget);
            assert_eq!(alive(&network, &masks, 0.01).unwrap(), budget);
        }
        let refused = choose(&mut network, &masks, 33, choice);
        assert!(matches!(refused, Err(Error::Config(_))));
    }
    choose(&mut network, &masks, 16, Choice::Layers).unwrap();
    assert_eq!(network.read(masks[1].slope).unwrap(), vec![0.0; 16]);
    let mut graph = network.to_graph().unwrap();
    tidy(&mut graph).unwrap();
    let relus = graph.nodes.iter().filter(|n| n.op == Op::Unary(Unary::Relu)).count();
    assert_eq!((relus, graph.nodes.len()), (1, 4));
    (0..20).for_each(|seed| assert_eq!(run(&graph, seed), run(&network.to_graph().unwrap(), seed)));
}

#[test]
fn a_search_meets_its_budgets_and_writes_what_it_found() {
    let data = samples(600, 1);
    let base = Settings {
        batch: 50,
        rate: 0.01,
        rule: Rule::adam(),
        decay: 0.0,
        epochs: 30,
        ..Settings::default()
    };
    let mut original = Network::new(graph(), &Device::flex()).unwrap();
    original.initialise(1).unwrap();
    let mut trainer = Trainer::new(original, None, &data, base.clone()).unwrap();
    while !trainer.is_done() {
        trainer.advance().unwrap();
    }
    let original = trainer.into_network();
    let whole = evaluate(&original, &samples(300, 2), 100).unwrap();
    assert!(whole.right >= 280, "{whole:?}");
    let search = Search {
        granularity: Granularity::Element,
        pressure: 1e-3,
        growth: 1.3,
        interval: 12,
        pace: 0.1,
        mask_speed: 1.0,
        threshold: 0.01,
        soft: Settings { epochs: 200, schedule: Schedule::Constant, ..base.clone() },
        hard: base,
    };
    let mut points = Vec::new();
    linearise(&original, &data, &search, &[8, 20], &|_| Cost::ALIKE, &mut |_| {}, &mut |point| {
        points.push(point);
        Ok(())
    })
    .unwrap();
    assert_eq!(points.iter().map(|p| p.budget).collect::<Vec<_>>(), [20, 8]);
    for point in &points {
        let left = alive(&point.network, &point.masks, 0.01).unwrap();
        assert!(left == point.relus && left <= point.budget, "{left} of {}", point.budget);
        let score = evaluate(&point.network, &samples(300, 2), 100).unwrap();
        assert!(score.right >= 270, "{}: {score:?}", point.budget);
        let read = load(&point.network.to_onnx().unwrap()).unwrap();
        (0..20).for_each(|s| assert_eq!(run(&read, s), run(&point.network.to_graph().unwrap(), s)));
    }
}

fn values(graph: &Graph) -> Vec<f32> {
    let shape = graph.value(graph.inputs[0]).shape.clone();
    let input = noise(5, shape.iter().product());
    let input = Tensor::f32(shape, input).unwrap();
    float::run(graph, &[input]).unwrap()[0].as_f32().unwrap().to_vec()
}

/// Merges whatever is exact; how many layers went. The graph computes what it did.
fn merged(graph: &mut Graph) -> usize {
    let before = values(graph);
    let gone = merge_linear(graph, &|_| 1.0).unwrap();
    let after = values(graph);
    assert_eq!(before.len(), after.len());
    let largest = before.iter().fold(0f32, |a, v| a.max(v.abs()));
    for (got, want) in after.iter().zip(&before) {
        assert!((got - want).abs() <= 1e-5 * largest, "{got}, not {want}");
    }
    assert_eq!(values(&load(&sordino_graph::onnx::export(graph).unwrap()).unwrap()), after);
    gone
}

/// Kernel, stride, dilation, padding before and after, whether there is a bias.
type Axis = (usize, usize, usize, (usize, usize), bool);

fn two_convolutions(first: Axis, second: Axis, groups: usize) -> Graph {
    let mut build = Build::new(&[1, 4, 13, 11]);
    let mut x = ValueId(0);
    for ((kernel, stride, dilation, pads, bias), [outputs, inputs]) in
        [(first, [6, 4]), (second, [12, 6])]
    {
        let window = Window {
            kernel: vec![kernel, 1.max(kernel - 1)],
            stride: vec![stride, 1],
            dilation: vec![dilation, 1],
            pads: vec![pads, (pads.1, pads.0)],
        };
        let shape = [outputs, inputs / groups, window.kernel[0], window.kernel[1]];
        let mut operands = vec![x, build.random(&shape)];
        if bias {
            operands.push(build.random(&[outputs]));
        }
        x = build.node(Op::Conv { window, groups }, &operands);
    }
    build.finish(x)
}

#[test]
fn convolutions_are_merged_where_that_is_exact() {
    let none = (0, 0);
    let firsts = [
        (1, 1, 1, none, true),
        (3, 1, 1, (1, 1), true),
        (3, 2, 1, (1, 0), true),
        (2, 1, 2, (0, 2), false),
        (3, 2, 3, (2, 2), true),
    ];
    let seconds = [(1, 1, 1), (3, 1, 1), (2, 2, 1), (2, 1, 2)];
    for groups in [1, 2] {
        for first in firsts {
            for (kernel, stride, dilation) in seconds {
                let second = (kernel, stride, dilation, none, stride == 1);
                let mut graph = two_convolutions(first, second, groups);
                assert_eq!((merged(&mut graph), graph.nodes.len()), (1, 1), "{first:?} {second:?}");
            }
        }
        // Zeros around the second are zeros around the first.
        let plain = (1, 1, 1, none, false);
        let mut graph = two_convolutions(plain, (3, 2, 1, (1, 2), true), groups);
        assert_eq!(merged(&mut graph), 1);
    }
    // Here they are not.
    for first in [(1, 1, 1, none, true), (3, 1, 1, (1, 1), false), (1, 2, 1, none, false)] {
        let mut graph = two_convolutions(first, (3, 1, 1, (1, 1), true), 1);
        assert_eq!((merged(&mut graph), graph.nodes.len()), (0, 2), "{first:?}");
    }
}

/// Dense layers of 6, 5 and 3 outputs, with something after the second.
fn dense(after: Option<Op>) -> Graph {
    let mut build = Build::new(&[2, 4]);
    let mut x = ValueId(0);
    let layers = [([4, 6], false, 1.0, 1.0), ([6, 5], true, 0.5, 2.0), ([5, 3], false, -1.0, 1.0)];
    for (layer, ([inputs, outputs], trans_b, alpha, beta)) in layers.into_iter().enumerate() {
        let shape = if trans_b { [outputs, inputs] } else { [inputs, outputs] };
        let mut operands = vec![x, build.random(&shape)];
        if layer < 2 {
            operands.push(build.random(&[outputs]));
        }
        x = build.node(Op::Gemm { alpha, beta, trans_a: false, trans_b }, &operands);
        if let Some(op) = after.clone().filter(|_| layer == 1) {
            let operands = if matches!(op, Op::Binary(_)) { vec![x, x] } else { vec![x] };
            x = build.node(op, &operands);
        }
    }
    build.finish(x)
}

#[test]
fn dense_layers_are_merged_where_nothing_is_between() {
    let mut graph = dense(None);
    assert_eq!((merged(&mut graph), graph.nodes.len()), (2, 1));
    for op in [Op::Unary(Unary::Relu), Op::Binary(Binary::Add)] {
        let mut graph = dense(Some(op));
        assert_eq!((merged(&mut graph), graph.nodes.len()), (1, 3));
    }
    // What the caller reads stays.
    let mut graph = dense(None);
    graph.outputs.push(graph.nodes[0].outputs[0]);
    assert_eq!((merged(&mut graph), graph.nodes.len()), (1, 2));
}

#[test]
fn the_cost_decides_what_is_merged() {
    let work = |products, elements| Work { products, elements };
    let asked = RefCell::new(Vec::new());
    let none = |w| {
        asked.borrow_mut().push(w);
        // The merged layer is the first that is asked for.
        if asked.borrow().len() % 3 == 1 { 2.0 } else { 1.0 }
    };
    let mut graph = dense(None);
    let before = graph.clone();
    assert_eq!(merge_linear(&mut graph, &none).unwrap(), 0);
    assert_eq!(format!("{:?}", graph.nodes), format!("{:?}", before.nodes));
    // Two rows: the merged layer and both, for each pair of neighbours.
    let pairs = [
        [work(2 * 4 * 5, 10), work(2 * 4 * 6, 12), work(2 * 6 * 5, 10)],
        [work(2 * 6 * 3, 6), work(2 * 6 * 5, 10), work(2 * 5 * 3, 6)],
    ];
    assert_eq!(asked.into_inner(), pairs.concat());
    // A kernel of 5 x 3 where there were two of 3 x 2: more products, fewer elements.
    let axis = (3, 1, 1, (0, 0), true);
    let mut graph = two_convolutions(axis, axis, 1);
    let products = |w: Work| w.products as f64;
    assert_eq!(merge_linear(&mut graph, &products).unwrap(), 0);
    assert_eq!(merge_linear(&mut graph, &|w| w.elements as f64).unwrap(), 1);
}
