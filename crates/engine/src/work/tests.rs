#![allow(clippy::unwrap_used)]
use super::*;
use crate::session::{BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish};
use crate::twoparty::{CostModel, Settings};
use sordino_graph::fixed::{
    ConvShape, Edge, EdgeId, Finish, FixedGraph, FixedNode, FixedOp, Function, WeightId,
};

const WISH: Wish = Wish {
    backend: BackendChoice::TwoParty,
    supply: SupplyChoice::SoftSpoken(4),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Transfer,
    winograd: true,
};

/// A convolution and a rectifier on so many channels.
fn graph(channels: u32) -> FixedGraph {
    let edge = |name: &str, frac| Edge {
        name: name.into(),
        shape: vec![1, channels, 8, 8],
        frac,
        divisor: 1,
        ring: 24,
        lo: -1000,
        hi: 1000,
    };
    let conv = ConvShape {
        cin: channels,
        h: 8,
        w: 8,
        cout: channels,
        kernel: [3; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pads: [1; 4],
        groups: 1,
    };
    let linear =
        FixedOp::Linear { conv, weights: WeightId(0), weight_bits: 8, weight_frac: 6, sums: None };
    let relu = FixedOp::Activate { shift: 6, function: Function::Relu, flips: None };
    let node = |name: &str, op, input, output| FixedNode {
        name: name.into(),
        op,
        inputs: vec![EdgeId(input)],
        output: EdgeId(output),
    };
    FixedGraph {
        name: "g".into(),
        edges: vec![edge("x", 8), edge("y", 14), edge("z", 8)],
        nodes: vec![node("conv", linear, 0, 1), node("relu", relu, 1, 2)],
        input: EdgeId(0),
        output: EdgeId(2),
        finish: Finish::None,
    }
}

fn model(graph: &FixedGraph, wish: Wish) -> CostModel<'_> {
    CostModel::new(graph, &Settings::from(wish), Role::Client).unwrap()
}

const BOTH: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn every_transfer_is_sent_and_received() {
    let graph = graph(4);
    for (supply, [sent, received]) in [
        (SupplyChoice::SoftSpoken(2), [Unit::SoftSpoken2Sent, Unit::SoftSpoken2Received]),
        (SupplyChoice::SoftSpoken(8), [Unit::SoftSpoken8Sent, Unit::SoftSpoken8Received]),
    ] {
        let mut model = model(&graph, Wish { supply, ..WISH });
        model.infer().unwrap();
        let work = model.work().total();
        let sum = |unit| BOTH.map(|party| work.amount(party, unit)).iter().sum::<u64>();
        assert!(model.transfers() > 0);
        assert_eq!((sum(sent), sum(received)), (model.transfers(), model.transfers()));
    }
    // Ferret makes more than it is asked for.
    let mut model = model(&graph, Wish { supply: SupplyChoice::Ferret, ..WISH });
    model.infer().unwrap();
    let work = model.work().total();
    let made = BOTH.map(|party| {
        work.amount(party, Unit::FerretSent) + work.amount(party, Unit::SoftSpoken8Sent)
    });
    assert!(made.iter().sum::<u64>() >= model.transfers());
}

#[test]
fn layers_sum_to_the_whole_and_have_their_own_kind_of_work() {
    let graph = graph(4);
    for linear in [LinearChoice::Transfer, LinearChoice::Lattice] {
        let mut model = model(&graph, Wish { linear, ..WISH });
        model.infer().unwrap();
        let mut sum = Work::default();
        model.work().works().values().for_each(|work| sum += work);
        assert_eq!(sum, model.work().total());
        let online = |layer| &model.work().works()[&(Phase::Online, Some(layer))];
        let used = |unit| online(1).amount(Role::Server, unit);
        assert!(
            used(Unit::TableSent) > 0
                && used(Unit::LatticeRead) + used(Unit::MatrixRowReceived) == 0
        );
        let lattice = online(0).amount(Role::Server, Unit::LatticeRead) > 0;
        assert_eq!(lattice, linear == LinearChoice::Lattice);
        assert_eq!(online(0).amount(Role::Server, Unit::Product) > 0, !lattice);
        assert_eq!(sum.amount(Role::Client, Unit::Base), 1);
    }
}

#[test]
fn what_is_prepared_and_what_is_left_is_the_same_work() {
    let mut graph = graph(4);
    graph.nodes.remove(0);
    graph.input = EdgeId(1);
    let [mut live, mut prepared, mut rest] = [(); 3].map(|()| model(&graph, WISH));
    live.infer().unwrap();
    prepared.prepare().unwrap();
    rest.infer_prepared().unwrap();
    let mut both = prepared.work().total();
    both += &rest.work().total();
    assert_eq!(both, live.work().total());
}

#[test]
fn larger_layers_are_more_work() {
    for linear in [LinearChoice::Transfer, LinearChoice::Lattice] {
        let total = |channels, images| {
            let graph = graph(channels);
            let mut model = model(&graph, Wish { linear, ..WISH });
            model.infer_batch(images).unwrap();
            model.work().total()
        };
        let small = total(4, 1);
        for large in [total(8, 1), total(4, 3)] {
            for party in BOTH {
                for (_, unit, n) in small.of(party) {
                    assert!(large.amount(party, unit) >= n, "{unit:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_kept_adds_up_and_what_passes_is_the_most_of_its_kind() {
    let bare = Held::default().memory();
    let mut held = Held::default();
    held.keep(Role::Server, 100);
    held.keep(Role::Server, 20);
    held.pass_both(Passing::Step, 7);
    held.pass(Role::Server, Passing::Step, 5);
    held.pass(Role::Client, Passing::Values, 3);
    let found = held.memory();
    assert_eq!((found.server - bare.server, found.client - bare.client), (127, 10));
}
