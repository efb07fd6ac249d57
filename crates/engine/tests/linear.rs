//! What linear layers run on: the same words whatever is chosen, and no more bytes than the choice says.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, Kind, WISH, conv, inputs, run};
use sordino_engine::session::{LinearChoice, PaillierBits, SupplyChoice, Truncation, Wish};
use sordino_engine::twoparty::{CostModel, Method};
use sordino_graph::fixed::*;
use sordino_wire::{Meter, Phase, Role, memory_pair};

const CHOICES: [LinearChoice; 3] =
    [LinearChoice::Lattice, LinearChoice::Transfer, LinearChoice::Cheapest];

/// One inference: what it gives is the reference's, what it sends was predicted.
fn infer(model: &FixedModel, wish: Wish) -> Meter {
    let deployed = Kind::TwoParty.deploy(model, wish).unwrap();
    let inputs = inputs(model, &[3]);
    let (report, server) = run(&*deployed, &inputs, memory_pair()).unwrap();
    assert_eq!(report.outputs[0], deployed.reference(&inputs[0]), "{wish:?}");
    for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
        assert_eq!(*meter.counts(), deployed.predicted(role, 1), "{wish:?} {role:?}");
    }
    report.meter
}

/// Set-up, and everything, in bytes; and how the linear layers are computed.
fn plan(model: &FixedModel, wish: Wish) -> ([u64; 2], Vec<Method>) {
    let mut cost = CostModel::new(&model.graph, &wish.into(), Role::Client).unwrap();
    cost.infer().unwrap();
    let layers = 0..model.graph.nodes.len() as u32;
    let methods = layers.filter_map(|i| Some(cost.linear(i)?.method)).collect();
    let meter = cost.meter();
    ([meter.phase_total(Phase::Setup).bytes(), meter.total().bytes()], methods)
}

/// Gives the last linear layer weights of so few bits.
fn narrow(model: &mut FixedModel, bits: u32) {
    let node = model.graph.nodes.iter_mut().rev();
    let op = node.map(|n| &mut n.op).find(|op| matches!(op, FixedOp::Linear { .. })).unwrap();
    let FixedOp::Linear { weights, weight_bits, sums, .. } = op else { unreachable!() };
    (*weight_bits, *sums) = (bits, None);
    for w in &mut model.weights.layers[weights.0 as usize].kernel {
        *w = match bits {
            1 => -(*w & 1),
            _ => *w % 2,
        };
    }
    model.validate().unwrap();
}

fn dense(inputs: u32, outputs: u32) -> ConvShape {
    conv(inputs, 1, 1, outputs, 1, 1, 0)
}

/// Two 3x3 convolutions with an activation between them.
fn convolutions(side: u32) -> FixedModel {
    let mut b = Builder::new(&[1, 4, side, side], 22, 5);
    let x = b.linear(EdgeId(0), conv(4, side, side, 6, 3, 1, 1), 22);
    let x = b.activate(x, 8, Function::Relu, 20);
    b.linear(x, conv(6, side, side, 5, 3, 1, 0), 20);
    b.done()
}

#[test]
fn winograd_gives_the_same_words_for_fewer_bytes() {
    for (side, least) in [(24, 2.3), (6, 1.4)] {
        let model = convolutions(side);
        for supply in [SupplyChoice::SoftSpoken(8), SupplyChoice::Ferret] {
            let on = Wish { linear: LinearChoice::Transfer, supply, ..WISH };
            let off = Wish { winograd: false, ..on };
            let [with, without] = [on, off].map(|wish| infer(&model, wish));
            let linear = |m: &Meter| -> u64 {
                let of = |l: u32| m.counts().get(&(Phase::Online, Some(l))).unwrap().bytes();
                of(0) + of(2)
            };
            let saved = linear(&without) as f64 / linear(&with) as f64;
            assert!(saved > least, "{side}: {saved}");
            assert_eq!(plan(&model, off).1, [Method::Direct; 2]);
            assert!(matches!(plan(&model, on).1[0], Method::Winograd(_)));
        }
    }
}

#[test]
fn narrow_weights_need_neither_ciphertexts_nor_keys() {
    for bits in [1, 2] {
        let mut b = Builder::new(&[1, 96], 16, 9);
        b.linear(EdgeId(0), dense(96, 10), 16);
        let mut model = b.done();
        narrow(&mut model, bits);
        for supply in [SupplyChoice::SoftSpoken(8), SupplyChoice::Ferret] {
            let wish = |linear| Wish { linear, supply, ..WISH };
            let [lattice, transfer, cheapest] = CHOICES.map(|c| plan(&model, wish(c)));
            assert_eq!(cheapest, transfer);
            assert_eq!(cheapest.1, [Method::Direct]);
            assert!(3 * cheapest.0[1] < 2 * lattice.0[1], "{cheapest:?} {lattice:?}");
            assert!(cheapest.0[0] + 20_000 < lattice.0[0], "a key was sent");
            for linear in CHOICES {
                infer(&model, wish(linear));
            }
        }
    }
}

#[test]
fn a_network_may_have_layers_of_both_kinds() {
    let mut b = Builder::new(&[1, 8, 16, 16], 24, 4);
    let x = b.linear(EdgeId(0), conv(8, 16, 16, 8, 1, 1, 0), 24);
    let x = b.activate(x, 9, Function::Relu, 18);
    let pooled = common::pool(&[1, 8, 16, 16], 16, 16, [0; 4]);
    let x = b.pool(x, pooled, false);
    b.linear(x, dense(8, 4), 18);
    let mut model = b.done();
    narrow(&mut model, 2);
    let wish = |linear| Wish { linear, supply: SupplyChoice::SoftSpoken(8), ..WISH };
    let [lattice, transfer, cheapest] = CHOICES.map(|c| plan(&model, wish(c)));
    assert_eq!(cheapest.1, [Method::Lattice, Method::Direct]);
    assert!(cheapest.0[1] < lattice.0[1].min(transfer.0[1]));
    assert_eq!(lattice.1, [Method::Lattice; 2]);
    for linear in CHOICES {
        infer(&model, wish(linear));
    }
}

#[test]
fn one_lsb_is_off_by_one_at_most_on_whatever_layers_run() {
    let mut b = Builder::new(&[1, 3, 8, 8], 26, 2);
    b.input_range(-128, 127);
    let x = b.linear(EdgeId(0), conv(3, 8, 8, 4, 3, 1, 1), 26);
    b.activate(x, 6, Function::Relu, 22);
    let model = b.done();
    let signed = |w: u64| ((w << 42) as i64) >> 42;
    for linear in CHOICES {
        let wish = Wish { linear, truncation: Truncation::OneLsb, ..WISH };
        let deployed = Kind::TwoParty.deploy(&model, wish).unwrap();
        let inputs = inputs(&model, &[1]);
        let (report, _) = run(&*deployed, &inputs, memory_pair()).unwrap();
        for (got, want) in report.outputs[0].iter().zip(deployed.reference(&inputs[0])) {
            assert!((signed(*got) - signed(want)).abs() <= 1, "{linear:?}: {got} for {want}");
        }
    }
}

/// What would take hours or gigabytes is refused before anything is sent.
#[test]
fn layers_too_large_for_paillier_are_refused() {
    let refusal = |conv: ConvShape| {
        let mut b = Builder::new(&[1, conv.cin, conv.h, conv.w], 20, 1);
        b.linear(EdgeId(0), conv, 20);
        let linear = LinearChoice::Paillier(PaillierBits::N2048);
        let settings = Wish { linear, ..WISH }.into();
        CostModel::new(&b.done().graph, &settings, Role::Client).err().map(|e| e.to_string())
    };
    for large in [conv(64, 512, 512, 64, 3, 1, 1), conv(1, 1, 1, 1 << 19, 1, 1, 0)] {
        let Some(error) = refusal(large) else { panic!("it was planned") };
        assert!(error.contains("--linear lattice"), "{error}");
    }
    assert_eq!(refusal(conv(64, 56, 56, 64, 3, 1, 1)), None);
}

/// A layer whose patches would not fit in memory is refused before anything is sent.
#[test]
fn a_layer_too_large_for_transfers_is_refused() {
    let mut b = Builder::new(&[1, 1, 2000, 2000], 20, 1);
    b.linear(EdgeId(0), conv(1, 2000, 2000, 1, 5, 1, 2), 20);
    let graph = b.done().graph;
    let refusal =
        |linear| CostModel::new(&graph, &Wish { linear, ..WISH }.into(), Role::Client).err();
    let Some(error) = refusal(LinearChoice::Transfer) else { panic!("it was planned") };
    assert!(error.to_string().contains("--linear lattice"), "{error}");
    assert!(refusal(LinearChoice::Cheapest).is_none());
}
