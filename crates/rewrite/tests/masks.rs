//! Masks of rectifiers: graphs stay what they were, budgets are met, and the written network is
//! the trained one.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::ir::{Graph, Op, Tensor, Unary, ValueId};
use sordino_graph::{float, load};
use sordino_rewrite::mask::{
    Choice, Granularity, Search, alive, choose, linearise, mask_relus, tidy, total,
};
use sordino_rewrite::train::{Rule, Samples, Schedule, Settings, Trainer, evaluate};
use sordino_rewrite::{Device, Error, Network};

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
    linearise(&original, &data, &search, &[8, 20], &|_| 1.0, &mut |_| {}, &mut |point| {
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
