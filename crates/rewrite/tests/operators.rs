//! Convolutions that are replaced: same shape, fewer products, and the same results where a form can give them.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::ir::{Graph, Op, Tensor, ValueId, Window};
use sordino_graph::{float, load, onnx};
use sordino_rewrite::operators::{Form, Observed, Site, draw, observe, replace, sites};

const CIN: usize = 8;
const COUT: usize = 12;

/// One convolution with these weights, of a kernel of this side.
fn network(weights: Vec<f32>, side: usize, stride: usize) -> Graph {
    let mut build = Build::new(&[1, CIN, 9, 7]);
    let weights = build.constant(&[COUT, CIN, side, side], weights);
    let bias = build.random(&[COUT]);
    let window = Window {
        kernel: vec![side; 2],
        stride: vec![stride; 2],
        dilation: vec![1; 2],
        pads: vec![(side / 2, side / 2); 2],
    };
    let result = build.node(Op::Conv { window, groups: 1 }, &[ValueId(0), weights, bias]);
    build.finish(result)
}

fn samples(n: usize) -> Vec<Tensor> {
    let one = |i| Tensor::f32(vec![1, CIN, 9, 7], noise(100 + i as u64, CIN * 63)).unwrap();
    (0..n).map(one).collect()
}

fn run(graph: &Graph, x: &Tensor) -> Vec<f32> {
    let result = float::run(graph, std::slice::from_ref(x)).unwrap();
    result[0].as_f32().unwrap().to_vec()
}

fn seen(graph: &Graph) -> (Site, Observed) {
    let mut sites = sites(graph);
    assert_eq!(sites.len(), 1);
    let observed = observe(graph, &sites, &samples(12)).unwrap().remove(0);
    (sites.remove(0), observed)
}

/// The graph with a form, and what it gets wrong.
fn replaced(graph: &Graph, form: Form) -> (Graph, f64) {
    let (site, observed) = seen(graph);
    let mut graph = graph.clone();
    let error = replace(&mut graph, &site, form, &observed).unwrap();
    (graph, error)
}

/// Products that the convolutions of a graph take.
fn products(graph: &Graph) -> u64 {
    let of = |node: &sordino_graph::ir::Node| match &node.op {
        Op::Conv { .. } => {
            let weights = graph.value(node.inputs[1].unwrap()).shape[1..].iter().product::<usize>();
            (weights * graph.value(node.outputs[0]).shape.iter().product::<usize>()) as u64
        }
        _ => 0,
    };
    graph.nodes.iter().map(of).sum()
}

#[test]
fn every_form_keeps_the_shape_and_counts_its_products() {
    for (side, stride) in [(3, 1), (3, 2), (1, 1), (5, 1)] {
        let graph = network(noise(1, COUT * CIN * side * side), side, stride);
        let (site, _) = seen(&graph);
        assert_eq!(products(&graph), site.products());
        let forms = site.forms();
        assert!(forms.len() >= 3, "{forms:?}");
        for form in forms {
            let (new, error) = replaced(&graph, form);
            assert!((0.0..1.0).contains(&error), "{form}: {error}");
            assert_eq!(products(&new), form.products(&site), "{form} {side} {stride}");
            assert!(form.products(&site) < site.products(), "{form}");
            let x = &samples(1)[0];
            assert_eq!(run(&new, x).len(), run(&graph, x).len(), "{form}");
            // As any runtime reads it.
            let read = load(&onnx::export(&new).unwrap()).unwrap();
            assert_eq!(run(&read, x), run(&new, x), "{form}");
        }
    }
}

/// Kernels that a form has exactly, by their entries.
fn exact(form: Form) -> Vec<f32> {
    let (u, v) = (noise(7, COUT * 64), noise(8, 64 * CIN * 9));
    let entry = |o: usize, c: usize, y: usize, x: usize| -> f32 {
        let t = 3 * y + x;
        match form {
            Form::Separable => u[o * CIN + c] * v[c * 9 + t],
            Form::LowRank { rank } => {
                (0..rank).map(|r| u[o * rank + r] * v[(r * CIN + c) * 9 + t]).sum()
            }
            Form::Crossed { rank } => {
                (0..rank).map(|r| u[(r * COUT + o) * 3 + y] * v[(r * CIN + c) * 3 + x]).sum()
            }
            Form::XOperator { groups } => {
                // The group of the channel that the shuffle brings here.
                let from = o % groups;
                let own = CIN / groups;
                if c / own == from { u[o * CIN + c] * v[o * 9 + t] } else { 0.0 }
            }
            // The second half are multiples of the first.
            Form::Ghost => {
                let (of, factor) = (o % (COUT / 2), if o < COUT / 2 { 1.0 } else { u[o] });
                factor * v[(of * CIN + c) * 9 + t]
            }
        }
    };
    let all = (0..COUT * CIN * 9).map(|i| entry(i / (CIN * 9), i / 9 % CIN, i / 3 % 3, i % 3));
    all.collect()
}

#[test]
fn what_a_form_can_give_it_gives() {
    for form in [
        Form::Separable,
        Form::LowRank { rank: 3 },
        Form::Crossed { rank: 2 },
        Form::XOperator { groups: 2 },
        Form::XOperator { groups: 4 },
        Form::Ghost,
    ] {
        for stride in [1, 2] {
            let graph = network(exact(form), 3, stride);
            let (new, error) = replaced(&graph, form);
            // Least squares hold weights a little to where they were: next to nothing.
            assert!(error < 1e-3, "{form}: {error}");
            for x in samples(14).split_off(12) {
                let (got, want) = (run(&new, &x), run(&graph, &x));
                let largest = want.iter().fold(0f32, |a, v| a.max(v.abs()));
                let off = got.iter().zip(&want).fold(0f32, |a, (g, w)| a.max((g - w).abs()));
                assert!(off < 0.05 * largest, "{form}: {off} of {largest}");
            }
        }
    }
}

#[test]
fn more_channels_between_are_nearer() {
    let graph = network(noise(3, COUT * CIN * 9), 3, 1);
    for form in [|rank| Form::LowRank { rank }, |rank| Form::Crossed { rank }] {
        let errors = [1, 2, 4, 8].map(|rank| replaced(&graph, form(rank)).1);
        assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
    }
}

#[test]
fn forms_that_cannot_be_are_refused() {
    let graph = network(noise(3, COUT * CIN), 1, 1);
    let (site, observed) = seen(&graph);
    for form in [
        Form::Separable,
        Form::Crossed { rank: 2 },
        Form::LowRank { rank: 0 },
        Form::XOperator { groups: 3 },
        Form::XOperator { groups: 1 },
    ] {
        let refused = replace(&mut graph.clone(), &site, form, &observed).unwrap_err().to_string();
        assert!(refused.contains("1x1, 8 to 12 channels"), "{refused}");
        assert!(refused.contains(&form.to_string()), "{refused}");
    }
    let none = observe(&graph, std::slice::from_ref(&site), &[]).err().unwrap();
    assert!(none.to_string().contains("no sample"));
    let (mut new, _) = replaced(&graph, Form::Ghost);
    let gone = replace(&mut new, &site, Form::Ghost, &observed).unwrap_err();
    assert!(gone.to_string().contains("not of this graph"), "{gone}");
}

#[test]
fn drawn_forms_vary_as_what_they_replace_and_follow_the_seed() {
    let weights = noise(7, COUT * CIN * 9);
    let graph = network(weights, 3, 1);
    let site = sites(&graph).remove(0);
    let variance = |graph: &Graph| {
        let all: Vec<f32> = samples(8).iter().flat_map(|x| run(graph, x)).collect();
        all.iter().map(|v| v * v).sum::<f32>() / all.len() as f32
    };
    let drawn = |seed| {
        let mut graph = graph.clone();
        draw(&mut graph, &site, Form::XOperator { groups: 4 }, seed).unwrap();
        graph
    };
    let (first, again, other) = (drawn(1), drawn(1), drawn(2));
    let x = &samples(1)[0];
    assert_eq!(run(&first, x), run(&again, x));
    assert_ne!(run(&first, x), run(&other, x));
    let ratio = variance(&first) / variance(&graph);
    assert!((0.25..4.0).contains(&ratio), "{ratio}");
    assert!(draw(&mut graph.clone(), &site, Form::XOperator { groups: 5 }, 1).is_err());
    let bytes = onnx::export(&first).unwrap();
    assert_eq!(run(&load(&bytes).unwrap(), x), run(&first, x));
}
