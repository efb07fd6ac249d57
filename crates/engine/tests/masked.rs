//! Rectifiers that are the identity in part: what is the identity is not compared.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Kind, inputs, mix, run};
use sordino_engine::session::{Truncation, Wish};
use sordino_engine::twoparty::CostModel;
use sordino_graph::fixed::residue::{self, LookupForm, ResidueOptions, Style};
use sordino_graph::fixed::{Calibration, FixedGraph, FixedModel, FixedOp, Function, quantise};
use sordino_graph::ir::{DType, Graph, Node, Op, Tensor, Unary, Value, ValueId, Window};
use sordino_wire::{Role, memory_pair};
use std::sync::Arc;

fn noise(seed: u64, n: usize) -> Vec<f32> {
    (0..n as u64).map(|i| (mix(seed, i) % 2001) as f32 / 1000.0 - 1.0).collect()
}

/// Three convolutions of `side` x `side` pictures; between them rectifiers of which every `every`th
/// stays, all of them where that is 0, or whole channels.
struct Net(Graph);

impl Net {
    fn value(&mut self, shape: &[usize], constant: Option<Vec<f32>>) -> ValueId {
        let constant = constant.map(|c| Arc::new(Tensor::f32(shape.to_vec(), c).unwrap()));
        let name = format!("v{}", self.0.values.len());
        self.0.values.push(Value { name, dtype: DType::F32, shape: shape.to_vec(), constant });
        ValueId(self.0.values.len() - 1)
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let y = self.value(shape, None);
        let inputs = inputs.iter().map(|&x| Some(x)).collect();
        let name = format!("n{}", self.0.nodes.len());
        self.0.nodes.push(Node { name, op, inputs, outputs: vec![y] });
        y
    }

    fn graph(side: usize, slopes: impl Fn(usize) -> Option<(Vec<usize>, Vec<f32>)>) -> Graph {
        let name = "masked".to_owned();
        let (inputs, outputs, nodes, values) = (vec![], vec![], vec![], vec![]);
        let mut net = Self(Graph { name, opset: 13, inputs, outputs, nodes, values });
        let mut x = net.value(&[1, 2, side, side], None);
        net.0.inputs.push(x);
        let shape = [1, 4, side, side];
        for (i, cin) in [2, 4, 4].into_iter().enumerate() {
            let window = Window {
                kernel: vec![3; 2],
                stride: vec![1; 2],
                dilation: vec![1; 2],
                pads: vec![(1, 1); 2],
            };
            let w = noise(i as u64, 4 * cin * 9);
            let w = net.value(&[4, cin, 3, 3], Some(w));
            x = net.node(Op::Conv { window, groups: 1 }, &[x, w], &shape);
            if i < 2 {
                x = match slopes(i) {
                    None => net.node(Op::Unary(Unary::Relu), &[x], &shape),
                    Some((of, values)) => {
                        let slope = net.value(&of, Some(values));
                        net.node(Op::PRelu, &[x, slope], &shape)
                    }
                };
            }
        }
        net.0.outputs.push(x);
        net.0
    }
}

/// Elements of which one in `every` is rectified.
fn elements(side: usize, every: u64) -> (Vec<usize>, Vec<f32>) {
    let slopes =
        (0..4 * side * side).map(|i| f32::from(u8::from(!mix(9, i as u64).is_multiple_of(every))));
    (vec![4, side, side], slopes.collect())
}

fn samples(side: usize) -> Vec<Tensor> {
    let shape = vec![1, 2, side, side];
    (0..20).map(|s| Tensor::f32(shape.clone(), noise(100 + s, 2 * side * side)).unwrap()).collect()
}

fn fixed(graph: &Graph, side: usize) -> FixedModel {
    let calibration = Calibration::run(graph, &samples(side)).unwrap();
    quantise(graph, &calibration, &Default::default()).unwrap()
}

#[test]
fn every_backend_equals_the_reference_and_sends_what_was_predicted() {
    let channels = || Some((vec![4, 1, 1], vec![0.0, 1.0, 0.0, 1.0]));
    let graphs = [
        Net::graph(6, |_| Some(elements(6, 4))),
        Net::graph(6, |i| if i == 0 { channels() } else { None }),
        Net::graph(6, |i| if i == 0 { Some((vec![1], vec![1.0])) } else { channels() }),
    ];
    for (i, graph) in graphs.iter().enumerate() {
        for kind in Kind::ALL {
            let model = match kind {
                Kind::Garbled => {
                    let form = |divisor| LookupForm { divisor, levels: 251, outputs: 127 };
                    let options = ResidueOptions::new(Style::Strict {
                        forms: [1651, 11557, 704977].map(form).to_vec(),
                        weight_bits: 9,
                    });
                    let calibration = Calibration::run(graph, &samples(6)).unwrap();
                    residue::quantise(graph, &calibration, &samples(6), &options).unwrap()
                }
                _ => fixed(graph, 6),
            };
            println!("{i} {kind:?}");
            let deployed = kind.deploy(&model, kind.wish()).unwrap();
            let inputs = inputs(&model, &[1, 2]);
            let (report, server) = run(&*deployed, &inputs, memory_pair()).unwrap();
            for (x, y) in inputs.iter().zip(&report.outputs) {
                assert_eq!(*y, deployed.reference(x));
            }
            for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
                assert_eq!(*meter.counts(), deployed.predicted(role, 2), "{role:?}");
            }
        }
    }
}

/// Bytes of both directions that layers of a kind send in one inference, and their elements.
fn bytes(graph: &FixedGraph, wish: Wish, kind: impl Fn(&FixedOp) -> bool) -> (u64, usize) {
    let mut cost = CostModel::new(graph, &wish.into(), Role::Client).unwrap();
    cost.infer().unwrap();
    let of_kind = |i: u32| kind(&graph.nodes[i as usize].op);
    let counts = cost.meter().counts().iter();
    let counts = counts.filter(|((_, layer), _)| layer.is_some_and(of_kind));
    let nodes = graph.nodes.iter().filter(|n| kind(&n.op));
    let elements = nodes.map(|n| graph.edges[n.output.0 as usize].len()).sum();
    (counts.map(|(_, c)| c.up + c.down).sum(), elements)
}

#[test]
fn bytes_of_rectifiers_fall_with_their_number() {
    let rectifies = |op: &FixedOp| matches!(op, FixedOp::Activate { function: Function::Relu, .. });
    let rounds =
        |op: &FixedOp| matches!(op, FixedOp::Activate { function: Function::Identity, .. });
    for truncation in [Truncation::Exact, Truncation::OneLsb] {
        let wish = Wish { truncation, ..Kind::TwoParty.wish() };
        let full = fixed(&Net::graph(32, |_| None), 32).graph;
        let (whole, all) = bytes(&full, wish, rectifies);
        assert_eq!(bytes(&full, wish, rounds), (0, 0));
        for every in [2, 4, 8] {
            let masked = fixed(&Net::graph(32, |_| Some(elements(32, every))), 32).graph;
            let (left, relus) = bytes(&masked, wish, rectifies);
            let share = relus as f64 / all as f64;
            let ratio = left as f64 / whole as f64;
            assert!((ratio / share - 1.0).abs() < 0.05, "{ratio} for {share} of the rectifiers");
            let (others, identities) = bytes(&masked, wish, rounds);
            assert_eq!(relus + identities, all);
            let each = [left as f64 / relus as f64, others as f64 / identities as f64];
            println!("{truncation:?}, 1 in {every}: {:.1} and {:.1} bytes", each[0], each[1]);
        }
    }
}
