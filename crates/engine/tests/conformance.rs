//! One suite over every private backend: the revealed output equals the reference, bit for bit,
//! and each layer sends exactly what was predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, Run, WISH, conv, input, mix, run};
use proptest::prelude::*;
use sordino_engine::Backend;
use sordino_engine::run_clear;
use sordino_engine::session::{Reveal, SupplyChoice, Wish};
use sordino_engine::twoparty::{CostModel, ServerModel, TwoPartyBackend, with_label};
use sordino_graph::fixed::*;
use sordino_wire::{Count, Meter, Phase, Role, memory_pair};

fn conforms(model: FixedModel, wish: Wish, seeds: &[u64]) -> Run {
    let revealed = FixedModel {
        graph: match wish.reveal {
            Reveal::Logits => model.graph.clone(),
            Reveal::Label => with_label(&model.graph),
        },
        weights: model.weights.clone(),
    };
    let inputs: Vec<_> = seeds.iter().map(|&s| input(&model, s)).collect();
    let got = run(model, wish, &inputs, memory_pair()).unwrap();
    for (x, y) in inputs.iter().zip(&got.outputs) {
        assert_eq!(*y, run_clear(&revealed, x).unwrap());
    }
    for (meter, role) in [(&got.client, Role::Client), (&got.server, Role::Server)] {
        let mut cost = CostModel::new(&revealed.graph, &wish.into(), role).unwrap();
        for _ in &inputs {
            cost.infer().unwrap();
        }
        assert_eq!(without_bye(meter, role), *cost.meter().counts(), "{role:?}");
    }
    got
}

/// The server also meters the good-bye that ends a session.
fn without_bye(
    meter: &Meter,
    role: Role,
) -> std::collections::BTreeMap<(Phase, Option<u32>), Count> {
    let mut counts = meter.counts().clone();
    if role == Role::Server {
        let online = counts.get_mut(&(Phase::Online, None)).unwrap();
        online.up -= 9;
        online.messages -= 1;
        online.rounds -= 1;
    }
    counts
}

fn small_cnn() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 9, 9], 20, 1);
    let x = b.linear(EdgeId(0), conv(2, 9, 9, 5, 3, 1, 1), 20);
    let x = b.activate(x, 7, Function::Relu, 22);
    let y = b.linear(x, conv(5, 9, 9, 5, 3, 1, 1), 22);
    let wide = b.activate(x, 0, Function::Identity, 22);
    let shape = [1, 5, 9, 9];
    let y = b.push(FixedOp::Add { shl: [0, 6], subtract: false }, &[y, wide], &shape, 13, 22);
    let y = b.activate(y, 8, Function::ReluMax { hi: 900 }, 16);
    let pool = PoolShape {
        channels: 5,
        h: 9,
        w: 9,
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [1, 0, 0, 1],
    };
    let (h, w) = pool.output();
    let y = b.push(FixedOp::MaxPool(pool), &[y], &[1, 5, h, w], 5, 16);
    let y = b.activate(y, 0, Function::Relu, 21);
    let y = b.linear(y, conv(5 * h * w, 1, 1, 7, 1, 1, 0), 21);
    b.activate(y, 4, Function::Identity, 30);
    b.done()
}

#[test]
fn a_residual_network() {
    let got = conforms(small_cnn(), WISH, &[1, 2, 3]);
    assert_eq!(got.disclosed, [("the output scores, to the data owner", 21)]);
}

#[test]
fn a_label_only() {
    let wish = Wish { reveal: Reveal::Label, ..WISH };
    let got = conforms(small_cnn(), wish, &[4, 5]);
    assert_eq!(got.disclosed, [("the index of the best class, to the data owner", 2)]);
}

#[test]
fn every_supply() {
    let soft_spoken = [1, 2, 8].map(SupplyChoice::SoftSpoken);
    for supply in soft_spoken.into_iter().chain([SupplyChoice::Ferret]) {
        conforms(small_cnn(), Wish { supply, ..WISH }, &[6]);
    }
}

#[test]
fn movement_and_sums() {
    let mut b = Builder::new(&[1, 3, 6, 8], 24, 3);
    let move_to = |b: &mut Builder, r, from, shape: &[u32]| {
        b.push(FixedOp::Rearrange(r), &[from], shape, 8, 24)
    };
    let t =
        move_to(&mut b, Rearrange::Transpose { perm: vec![0, 1, 3, 2] }, EdgeId(0), &[1, 3, 8, 6]);
    let pads = vec![(0, 0), (0, 1), (-1, 2), (1, -2)];
    let p = move_to(&mut b, Rearrange::Pad { pads, value: -3 }, t, &[1, 4, 9, 5]);
    let s = move_to(
        &mut b,
        Rearrange::Slice { starts: vec![0, 3, 8, 0], steps: vec![1, -1, -2, 1] },
        p,
        &[1, 4, 4, 4],
    );
    let d = move_to(&mut b, Rearrange::Dilate { step: [2, 3] }, s, &[1, 4, 7, 10]);
    let g = move_to(&mut b, Rearrange::Take { axis: 1, indices: vec![3, 0, 0] }, d, &[1, 3, 7, 10]);
    let pool = PoolShape {
        channels: 3,
        h: 7,
        w: 10,
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [0; 4],
    };
    let (h, w) = pool.output();
    let q = b.push(FixedOp::SumPool(pool), &[g], &[1, 3, h, w], 8, 24);
    let k = b.add_const(q, 23);
    let shape = [1, 6, h, w];
    let c = b.push(FixedOp::Concat { axis: 1, shl: vec![1, 1] }, &[q, k], &shape, 9, 22);
    let m = b.push(FixedOp::Mul, &[c, c], &shape, 18, 22);
    let n = b.push(FixedOp::Mul, &[c, m], &shape, 27, 20);
    let z = b.push(FixedOp::Add { shl: [0, 18], subtract: true }, &[n, c], &shape, 27, 20);
    let n = 6 * h * w;
    b.push(FixedOp::Rearrange(Rearrange::Reshape), &[z], &[1, n], 27, 19);
    conforms(b.done(), WISH, &[7, 8]);
}

#[test]
fn grouped_strided_and_dilated_convolutions() {
    let mut b = Builder::new(&[1, 4, 11, 10], 25, 9);
    let c = ConvShape {
        dilation: [2, 1],
        pads: [1, 2, 0, 1],
        groups: 2,
        ..conv(4, 11, 10, 6, 3, 2, 0)
    };
    let (h, w) = c.output();
    let x = b.linear(EdgeId(0), c, 25);
    let x = b.activate(x, 9, Function::Relu, 24);
    let x = b.linear(x, ConvShape { groups: 6, ..conv(6, h, w, 6, 3, 1, 1) }, 24);
    b.activate(x, 6, Function::Identity, 12);
    conforms(b.done(), WISH, &[10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every function, shift and pair of rings, over values of the whole ring.
    #[test]
    fn activations(ring in 3u32..=64, shift in 0u32..40, to in 2u32..=64, which in 0usize..3, seed: u64) {
        let shift = shift.min(ring - 2);
        let top = (ring - shift - 1).min(to - 1);
        let hi = (mix(seed, 0) >> 2) as i64 & ((1 << top) - 1) | 1;
        let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }][which];
        let mut b = Builder::new(&[1, 70], ring, seed);
        b.activate(EdgeId(0), shift, f, to);
        conforms(b.done(), WISH, &[seed]);
    }
}

/// Tables and rescalings work on residues, which this backend does not have.
#[test]
fn twoparty_refuses_graphs_of_the_garbled_backend() {
    let ops = [
        FixedOp::Lookup { divisor: 7, first: -1, values: vec![0, 0, 1] },
        FixedOp::Rescale { modulus: 21, divisor: 1, function: Function::Relu },
    ];
    for op in ops {
        let name = op.name();
        let mut b = Builder::new(&[1, 4], 16, 1);
        b.push(op, &[EdgeId(0)], &[1, 4], 8, 16);
        let model = b.done();
        let refusals = [
            ServerModel::new(model.clone()).err().unwrap(),
            CostModel::new(&model.graph, &WISH.into(), Role::Client).err().unwrap(),
            TwoPartyBackend.supports(&model.graph).unwrap_err(),
        ];
        for e in refusals {
            let text = e.to_string();
            assert!(text.contains("only the garbled backend") && text.contains(name), "{text}");
        }
        assert_eq!(run_clear(&model, &[0, 10, 21, 65535]).unwrap().len(), 4);
    }
}
